import { describe, expect, it } from '@jest/globals';
import { newJobId } from '../../src/contract/ids.js';
import { freePort } from '../support/free-port.js';
import { startFakeOpenAi, type FaultInput } from '../support/fake-openai.js';
import { picture, reset, run, seen, states, submits, until, useEngine, withOwnAccount } from './job-support.js';

/** What becomes of the one request of a record, and what follows from it. */
const get = useEngine();

describe('certainly not billed: the next record is opened, one request is billed in the end', () => {
  it('429 with a delay: the job says so and waits for it', async () => {
    const engine = get();
    engine.fake.fault({ kind: 'rate_limited', retry_after: '2' });
    const jobId = newJobId();
    await engine.start(jobId, picture('a quay'));
    const waiting = await seen(engine, jobId, ({ stage }) => stage === 'rate_limited');
    expect(waiting.message).toMatch(/^Waiting until \d\d:\d\d:\d\d: rate limit at openai\.$/);
    expect(waiting).toMatchObject({ status: 'running', attempt: 2 });
    expect(waiting.billing).toBeUndefined();

    expect(await engine.ended(jobId)).toMatchObject({ status: 'completed', billing: 'billed' });
    const [refused, billed] = submits(engine);
    const notBefore = Date.parse((await engine.records(jobId))[0]?.not_before ?? '');
    expect(billed?.at).toBeGreaterThanOrEqual(notBefore);
    expect(refused?.attempt).not.toBe(billed?.attempt);
    expect(await states(engine, jobId)).toEqual(['not_billed', 'done']);
    expect(engine.fake.ledger().total).toBe(1);
  });

  it('503 in the form of OpenAI, twice', async () => {
    const engine = get();
    engine.fake.fault({ kind: 'overloaded', times: 2 });
    const jobId = newJobId();
    await engine.start(jobId, picture('a pier'));
    expect(await engine.ended(jobId)).toMatchObject({ status: 'completed', billing: 'billed' });
    expect(await states(engine, jobId)).toEqual(['not_billed', 'not_billed', 'done']);
    expect(new Set(submits(engine).map(({ attempt }) => attempt)).size).toBe(3);
    expect(engine.fake.ledger().total).toBe(1);
  });

  it('nothing listens: it is tried again until somebody does', async () => {
    const engine = get();
    const port = await freePort();
    const jobId = newJobId();
    await engine.start(jobId, await withOwnAccount(engine, jobId, picture('a mole'), `http://127.0.0.1:${port}/v1`));
    await until(async () => (await states(engine, jobId)).length > 1 || undefined, 'a second record');
    const fake = await startFakeOpenAi({ port });
    try {
      expect(await engine.ended(jobId)).toMatchObject({ status: 'completed', billing: 'billed' });
      const ended = await states(engine, jobId);
      expect(ended.slice(0, -1).every((state) => state === 'not_billed')).toBe(true);
      expect(ended.at(-1)).toBe('done');
      expect(fake.ledger().total).toBe(1);
      expect(engine.fake.requests).toEqual([]);
    } finally {
      await fake.close();
    }
  });

  const refusals: [string, FaultInput, string][] = [
    ['401', { kind: 'unauthorized' }, 'PROVIDER_AUTH'],
    ['403', { kind: 'forbidden' }, 'PROVIDER_AUTH'],
    ['429 without credit', { kind: 'quota' }, 'PROVIDER_QUOTA'],
    ['a refusal of the prompt', { kind: 'moderation' }, 'CONTENT_REFUSED'],
    ['400', { kind: 'reply', status: 400, body: '{"error":{"message":"no","type":"invalid_request_error","param":"size","code":null}}' }, 'PROVIDER_REJECTED'],
  ];
  it.each(refusals)('%s ends the job unpaid; the same job again opens the next record', async (_name, fault, code) => {
    const engine = get();
    engine.fake.fault(fault);
    const jobId = newJobId();
    const input = picture(`a gate ${code}`);
    await engine.start(jobId, input);
    const refused = await engine.ended(jobId);
    expect(refused).toMatchObject({ ok: false, status: 'failed', billing: 'none', error: { code } });
    expect(await states(engine, jobId)).toEqual(['not_billed']);
    expect(JSON.stringify(refused)).not.toContain(engine.account.key);

    await engine.start(jobId, input);
    expect(await engine.ended(jobId)).toMatchObject({ status: 'completed', billing: 'billed' });
    expect(await states(engine, jobId)).toEqual(['not_billed', 'done']);
    expect(engine.fake.ledger().total).toBe(1);
  });

  it('background mode is refused: the synchronous form follows under a record of its own', async () => {
    const engine = get();
    engine.fake.settings.background_supported = false;
    const jobId = newJobId();
    await engine.start(jobId, await withOwnAccount(engine, jobId, picture('a sluice')));
    const record = await engine.ended(jobId);
    expect(record).toMatchObject({ status: 'completed', billing: 'billed' });
    const records = await engine.records(record.job_id);
    expect(records.map(({ state, form }) => [state, form])).toEqual([
      ['not_billed', 'background'],
      ['done', 'synchronous'],
    ]);
    expect(engine.fake.ledger().total).toBe(1);
  });
});

describe('ambiguous: MAYBE_BILLED, and never a second request', () => {
  const losses: [string, FaultInput, number][] = [
    ['the connection is reset before a reply', { kind: 'drop' }, 0],
    ['the reply is lost', { kind: 'reply_lost' }, 1],
    ['500 without a body', { kind: 'server_error', body: '' }, 0],
    ['500 in the form of OpenAI', { kind: 'server_error' }, 0],
    ['503 of a gateway', { kind: 'reply', status: 503, body: '<html>upstream</html>' }, 0],
    ['a 200 that cannot be read', { kind: 'unreadable' }, 1],
    ['a 200 that breaks off', { kind: 'truncated_body' }, 1],
    ['a 200 without an id', { kind: 'no_id' }, 1],
    ['a redirect', { kind: 'reply', status: 307, headers: { location: '/v1/responses' } }, 0],
  ];
  it.each(losses)('%s', async (name, fault, billed) => {
    const engine = get();
    engine.fake.fault(fault);
    const jobId = newJobId();
    const input = picture(`a tower, ${name}`, { fallback: ['local'] });
    await engine.start(jobId, input);
    const record = await engine.ended(jobId);
    expect(record).toMatchObject({ ok: false, status: 'failed', billing: 'maybe' });
    expect(record.error).toMatchObject({ code: 'MAYBE_BILLED', next_step: 'ask the user', retryable: false });
    expect(record.result).toBeUndefined();
    expect(await states(engine, jobId)).toEqual(['ambiguous']);

    await engine.start(jobId, input);
    expect(await engine.ended(jobId)).toMatchObject({ status: 'failed', error: { code: 'MAYBE_BILLED' } });
    await reset(engine, jobId);
    expect(await engine.ended(jobId)).toMatchObject({ status: 'failed', error: { code: 'MAYBE_BILLED' } });
    expect(submits(engine)).toHaveLength(1);
    expect(engine.fake.ledger().total).toBe(billed);
    expect(await states(engine, jobId)).toEqual(['ambiguous']);
  });

  it('one of three: the others are kept, and the job says what may have been charged', async () => {
    const engine = get();
    engine.fake.fault({ kind: 'reply_lost' });
    const record = await run(engine, picture('three hats', { n: 3, fallback: ['local'] }));
    expect(record).toMatchObject({ ok: true, status: 'completed', billing: 'maybe', message: '2 images ready, 1 failed.' });
    expect(record.result?.saved).toHaveLength(2);
    expect(record.result?.generative).toBeUndefined();
    expect(record.warnings?.join()).toMatch(/image \d: MAYBE_BILLED/);
    expect((await states(engine, record.job_id)).sort()).toEqual(['ambiguous', 'done', 'done']);
    expect(engine.fake.ledger().total).toBe(3);
    expect(submits(engine)).toHaveLength(3);
  });
});

describe('taken and ended without a usable picture: paid or nobody knows, so never another purchase', () => {
  const ends: [string, FaultInput, string, string][] = [
    ['a refusal in words', { kind: 'refusal' }, 'CONTENT_REFUSED', 'maybe'],
    ['an empty output', { kind: 'empty' }, 'NO_IMAGE', 'maybe'],
    ['a failure after acceptance', { kind: 'failed' }, 'PROVIDER_UNAVAILABLE', 'maybe'],
    ['the header of a picture and nothing else', { kind: 'image', image_base64: Buffer.from('89504e470d0a1a0a', 'hex').toString('base64') }, 'NO_IMAGE', 'billed'],
  ];
  it.each(ends)('%s', async (name, fault, code, billing) => {
    const engine = get();
    for (const background of [true, false]) {
      engine.fake.reset();
      engine.fake.settings.background_supported = background;
      // Without background mode the first request, which is refused, uses up one.
      engine.fake.fault({ ...fault, times: background ? 1 : 2 });
      const jobId = newJobId();
      const input = await withOwnAccount(engine, jobId, picture(`a raft, ${name}`, { fallback: ['local'] }));
      for (const turn of ['first', 'again']) {
        await engine.start(jobId, input);
        const record = await engine.ended(jobId);
        expect({ turn, ...record }).toMatchObject({ turn, ok: false, status: 'failed', billing, error: { code } });
        expect(engine.fake.ledger().total).toBe(1);
      }
    }
  });
});

describe('a fallback', () => {
  it('follows a certainly unpaid refusal', async () => {
    const engine = get();
    engine.fake.fault({ kind: 'unauthorized' });
    const record = await run(engine, picture('a cliff', { fallback: ['local'] }));
    expect(record).toMatchObject({ status: 'completed', billing: 'none', result: { generative: false } });
    expect(record.message).toMatch(/^PREVIEW, no image model is configured/);
    expect(record.warnings?.join()).toMatch(/openai did not take it \(PROVIDER_AUTH: .*local was used instead/);
    expect(engine.fake.ledger().total).toBe(0);
  });
});
