import { describe, expect, it } from '@jest/globals';
import { newJobId } from '../../src/contract/ids.js';
import { cancels, exported, keyOf, leaveOpen, picture, reset, run, seen, states, submits, until, useEngine } from './job-support.js';

/** The states of the pay-once table, and what a later attempt does with each. Senders have twenty seconds here. */
const get = useEngine({ IMAGE_SUBMIT_TIMEOUT_SECONDS: '20' });

describe('without a record', () => {
  it('exactly one request is sent, and its record is the last thing before it', async () => {
    const engine = get();
    engine.fake.fault({ kind: 'hang' });
    const jobId = newJobId();
    const input = picture('a lamp');
    await engine.start(jobId, input);
    const sent = await engine.fake.waitForRequest(({ path }) => path === '/v1/responses');
    const open = await engine.attempts.latest(keyOf(jobId, input));
    expect(open).toMatchObject({ state: 'open', n: 0, nonce: sent.attempt, account: engine.account.id });
    engine.fake.release();

    const record = await engine.ended(jobId);
    expect(record).toMatchObject({ ok: true, status: 'completed', billing: 'billed' });
    expect(engine.fake.ledger().total).toBe(1);
    expect(await states(engine, jobId)).toEqual(['done']);
    expect(engine.fake.violations).toEqual([]);
  });
});

describe('an open record', () => {
  it('of a living sender is waited for, and its result is used', async () => {
    const engine = get();
    engine.fake.fault({ kind: 'hang' });
    const jobId = newJobId();
    await engine.start(jobId, picture('a kettle'));
    await engine.fake.waitForRequest(({ path }) => path === '/v1/responses');
    await reset(engine, jobId);
    await seen(engine, jobId, ({ message }) => message.includes('its reply is not known'));
    expect(submits(engine)).toHaveLength(1);
    engine.fake.release();

    expect(await engine.ended(jobId)).toMatchObject({ status: 'completed', billing: 'billed' });
    expect(engine.fake.ledger().total).toBe(1);
    expect(await states(engine, jobId)).toEqual(['done']);
  });

  it('whose sender is gone is never sent again: MAYBE_BILLED at its end, not before', async () => {
    const engine = get();
    const jobId = newJobId();
    const input = picture('a boat');
    const key = await leaveOpen(engine, jobId, input, 1500);
    await engine.start(jobId, input);
    const waiting = await seen(engine, jobId, ({ message }) => message.includes('its reply is not known'));
    expect(waiting).toMatchObject({ status: 'running', stage: 'generating' });
    expect((await engine.attempts.latest(key))?.state).toBe('open');

    const record = await engine.ended(jobId);
    expect(record).toMatchObject({ ok: false, status: 'failed', billing: 'maybe', error: { code: 'MAYBE_BILLED', next_step: 'ask the user' } });
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse((await engine.attempts.latest(key))?.gives_up_at ?? ''));
    expect(await states(engine, jobId)).toEqual(['ambiguous']);
    expect(engine.fake.requests).toEqual([]);
  });

  it('that was given up long ago is judged at once', async () => {
    const engine = get();
    const jobId = newJobId();
    const input = picture('a bridge');
    await leaveOpen(engine, jobId, input, -60_000);
    await engine.start(jobId, input);
    expect(await engine.ended(jobId)).toMatchObject({ status: 'failed', error: { code: 'MAYBE_BILLED' } });
    expect(engine.fake.requests).toEqual([]);
  });
});

describe('an accepted record', () => {
  it('leads to collect, without another submit', async () => {
    const engine = get();
    const { client, fake } = engine;
    const first = await run(engine, picture('a mill'));
    const handle = fake.ledger().entries[0]?.id;
    // The same request is known at the provider; the job that finds its record never sends one.
    const jobId = newJobId();
    const input = picture('a mill');
    const key = await leaveOpen(engine, jobId, input, 20_000);
    await engine.attempts.change(key, 0, (now) => ({ ...now, state: 'accepted', handle }));
    await engine.start(jobId, input);

    expect(await engine.ended(jobId)).toMatchObject({ status: 'completed', billing: 'billed' });
    expect(submits(engine)).toHaveLength(1);
    expect(fake.ledger().total).toBe(1);
    expect(await states(engine, jobId)).toEqual(['done']);
    expect(first.result?.saved).toHaveLength(1);
    const { events } = await client.workflow.getHandle(jobId).fetchHistory();
    const scheduled = events?.flatMap((event) => event.activityTaskScheduledEventAttributes?.activityType?.name ?? []);
    expect(scheduled).toEqual(['uploadReferences', 'submitGeneration', 'collectGeneration', 'storeOutputs']);
  });
});

describe('a done record', () => {
  it('is used by the same job again: no request at all, the same picture', async () => {
    const engine = get();
    const jobId = newJobId();
    const input = picture('a clock');
    await engine.start(jobId, input);
    const first = await engine.ended(jobId);
    const asked = engine.fake.requests.length;

    await engine.start(jobId, input);
    const again = await engine.ended(jobId);
    expect(again.temporal?.run_id).not.toBe(first.temporal?.run_id);
    expect(again).toMatchObject({ status: 'completed', billing: 'billed' });
    expect(again.result?.saved[0]?.sha256).toBe(first.result?.saved[0]?.sha256);
    expect(engine.fake.requests).toHaveLength(asked);
  });

  it('is used after a reset of the workflow, from the first step or from the submit', async () => {
    const engine = get();
    const jobId = newJobId();
    await engine.start(jobId, picture('a well'));
    const first = await engine.ended(jobId);
    const asked = engine.fake.requests.length;
    for (const step of ['uploadReferences', 'submitGeneration']) {
      await reset(engine, jobId, step);
      const again = await engine.ended(jobId);
      expect(again).toMatchObject({ status: 'completed', temporal: { workflow_id: jobId } });
      expect(again.result?.saved[0]?.sha256).toBe(first.result?.saved[0]?.sha256);
    }
    expect(engine.fake.requests).toHaveLength(asked);
  });

  it('whose picture is gone from the store is RESULT_EXPIRED, and nothing is sent', async () => {
    const engine = get();
    const jobId = newJobId();
    const input = picture('a fence');
    await engine.start(jobId, input);
    const first = await engine.ended(jobId);
    const asked = engine.fake.requests.length;
    await engine.store.deleteBlob(first.result?.saved[0]?.sha256 ?? '');

    await engine.start(jobId, input);
    expect(await engine.ended(jobId)).toMatchObject({ status: 'failed', billing: 'billed', error: { code: 'RESULT_EXPIRED' } });
    expect(engine.fake.requests).toHaveLength(asked);
  });

  it('does not stand for another input under the same ID', async () => {
    const engine = get();
    const jobId = newJobId();
    await engine.start(jobId, picture('a red door'));
    const red = await engine.ended(jobId);
    await engine.start(jobId, picture('a blue door'));
    const blue = await engine.ended(jobId);
    expect(engine.fake.ledger().by_prompt).toEqual({ 'a red door': 1, 'a blue door': 1 });
    expect(await exported(red)).toEqual([red.result?.saved[0]?.sha256]);
    expect(await exported(blue)).toEqual([blue.result?.saved[0]?.sha256]);
    expect(blue.result?.saved[0]?.sha256).not.toBe(red.result?.saved[0]?.sha256);
    // What does not shape the picture is the same input.
    await engine.start(jobId, picture('a red door', { tags: ['door'], priority: 1, deadline_seconds: 300 }));
    expect((await engine.ended(jobId)).result?.saved[0]?.sha256).toBe(red.result?.saved[0]?.sha256);
    expect(engine.fake.ledger().total).toBe(2);
  });
});

describe('two workers', () => {
  it('at work on the same jobs buy each picture once', async () => {
    const engine = get();
    const stop = engine.startWorker();
    const jobIds = Array.from({ length: 6 }, () => newJobId());
    await Promise.all(jobIds.map((jobId, index) => engine.start(jobId, picture(`chair ${index}`, { n: 2 }))));
    await until(() => submits(engine).length > 2 || undefined, 'the first requests');
    await Promise.all(jobIds.map((jobId) => reset(engine, jobId)));
    const records = await Promise.all(jobIds.map((jobId) => engine.ended(jobId)));
    expect(records.map(({ status }) => status)).toEqual(jobIds.map(() => 'completed'));
    expect(engine.fake.ledger().total).toBe(12);
    expect(Object.values(engine.fake.ledger().by_prompt)).toEqual(jobIds.map(() => 2));
    expect(cancels(engine)).toEqual([]);
    await stop();
  });
});
