import { defaultPayloadConverter } from '@temporalio/common';
import { describe, expect, it } from '@jest/globals';
import { tombstone } from '../../src/blobs/manifests.js';
import { newJobId } from '../../src/contract/ids.js';
import type { JobRecord } from '../../src/contract/record.js';
import type { Engine } from '../support/engine.js';
import { cancels, exported, picture, seen, states, submits, until, useEngine, withOwnAccount, withoutStore } from './job-support.js';

/** Replies that come after the record was given up, after one second here. */
const get = useEngine({ IMAGE_SUBMIT_TIMEOUT_SECONDS: '1', IMAGE_SYNC_SUBMIT_TIMEOUT_SECONDS: '1' });

const LATE = "The provider's reply came after the job had given it up; its image was collected then.";

/** A job whose one request is held beyond its time; its record when it has ended. */
async function givenUp(engine: Engine, jobId: string, input: Record<string, unknown>): Promise<JobRecord> {
  engine.fake.fault({ kind: 'hang' });
  await engine.start(jobId, input);
  const record = await engine.ended(jobId);
  expect(await states(engine, jobId)).toContain('ambiguous');
  return record;
}

function lastState(engine: Engine, jobId: string, state: string): Promise<true> {
  return until(async () => (await states(engine, jobId)).at(-1) === state || undefined, `${jobId} to be ${state}`);
}

describe('a reply after the job has ended MAYBE_BILLED', () => {
  it.each([
    ['that accepts', true],
    ['that brings the picture', false],
  ])('%s completes the job under its ID', async (_name, background) => {
    const engine = get();
    engine.fake.settings.background_supported = background;
    const jobId = newJobId();
    const record = await givenUp(engine, jobId, await withOwnAccount(engine, jobId, picture('a dune')));
    expect(record).toMatchObject({ status: 'failed', error: { code: 'MAYBE_BILLED' } });
    engine.fake.release();

    const completed = await seen(engine, jobId, ({ status }) => status === 'completed');
    expect(completed).toMatchObject({ ok: true, billing: 'billed', warnings: [LATE] });
    expect(completed.temporal?.run_id).not.toBe(record.temporal?.run_id);
    expect((await engine.manifests.read(jobId))?.record).toMatchObject({ status: 'completed', warnings: [LATE] });
    expect((await states(engine, jobId)).at(-1)).toBe('done');
    expect(engine.fake.ledger().total).toBe(1);
  });

  it('is collected by the next run when the provider cannot be asked at once', async () => {
    const engine = get();
    const jobId = newJobId();
    await givenUp(engine, jobId, picture('a reef'));
    engine.fake.fault({ kind: 'server_error', on: 'poll' });
    engine.fake.release();
    expect(await seen(engine, jobId, ({ status }) => status === 'completed')).toMatchObject({ billing: 'billed', warnings: [LATE] });
    expect(engine.fake.ledger().total).toBe(1);
  });

  it('brings the third of three pictures', async () => {
    const engine = get();
    const jobId = newJobId();
    const record = await givenUp(engine, jobId, picture('three boats', { n: 3 }));
    expect(record).toMatchObject({ status: 'completed', billing: 'maybe', message: '2 images ready, 1 failed.' });
    engine.fake.release();
    const whole = await seen(engine, jobId, ({ result }) => result?.saved.length === 3);
    expect(whole).toMatchObject({ status: 'completed', billing: 'billed', message: '3 images ready.', warnings: [LATE] });
    expect(await exported(whole)).toEqual(whole.result?.saved.map(({ sha256 }) => sha256));
    expect(engine.fake.ledger().total).toBe(3);
  });
});

describe('a late reply does not revive a job', () => {
  it('that was cancelled while its request was under way', async () => {
    const engine = get();
    engine.fake.fault({ kind: 'hang' });
    const jobId = newJobId();
    await engine.start(jobId, picture('a gulf'));
    await engine.fake.waitForRequest(({ path }) => path === '/v1/responses');
    await engine.client.workflow.getHandle(jobId).cancel();
    const cancelled = await engine.ended(jobId);
    expect(cancelled).toMatchObject({ ok: false, status: 'cancelled', error: { code: 'CANCELLED' }, billing: 'maybe' });
    expect((await engine.manifests.read(jobId))?.record).toMatchObject({ status: 'cancelled', billing: 'maybe' });
    engine.fake.release();

    // The picture is paid now, so it is collected; another run of the job would find it.
    await lastState(engine, jobId, 'done');
    await settled();
    expect((await engine.read(jobId)).temporal?.run_id).toBe(cancelled.temporal?.run_id);
    await engine.start(jobId, picture('a gulf'));
    expect(await engine.ended(jobId)).toMatchObject({ status: 'completed', billing: 'billed', warnings: [LATE] });
    expect(engine.fake.ledger().total).toBe(1);
  });

  it('that was deleted', async () => {
    const engine = get();
    const jobId = newJobId();
    const record = await givenUp(engine, jobId, picture('a fjord'));
    await engine.manifests.update(jobId, tombstone);
    engine.fake.release();
    await lastState(engine, jobId, 'done');
    await settled();
    expect(await engine.read(jobId)).toMatchObject({ status: 'failed', temporal: { run_id: record.temporal?.run_id } });
    expect(engine.fake.ledger().total).toBe(1);
  });
});

describe('the store is away when the reply comes', () => {
  it('the handle leaves in a heartbeat, and is written down when the store is back', async () => {
    const engine = get();
    engine.fake.fault({ kind: 'hang' });
    const jobId = newJobId();
    await engine.start(jobId, picture('a lagoon'));
    await engine.fake.waitForRequest(({ path }) => path === '/v1/responses');
    const restore = await withoutStore(engine);
    engine.fake.release();
    const handle = engine.fake.ledger().entries[0]?.id;
    await until(async () => (await heartbeatOf(engine, jobId))?.includes(`"${handle}"`) || undefined, 'the handle in a heartbeat');
    await restore();

    expect(await engine.ended(jobId)).toMatchObject({ status: 'completed', billing: 'billed' });
    expect(await states(engine, jobId)).toEqual(['done']);
    expect(engine.fake.ledger().total).toBe(1);
    expect(cancels(engine)).toEqual([]);
  });

  it('before the record is made nothing is sent; the job waits for the store', async () => {
    const engine = get();
    engine.fake.fault({ kind: 'rate_limited', retry_after: '1' });
    const jobId = newJobId();
    await engine.start(jobId, picture('a strait'));
    await seen(engine, jobId, ({ stage }) => stage === 'rate_limited');
    const restore = await withoutStore(engine);
    await seen(engine, jobId, ({ message }) => message.includes('is gone: its store.json is missing'));
    expect(submits(engine)).toHaveLength(1);
    await restore();
    expect(await engine.ended(jobId)).toMatchObject({ status: 'completed', billing: 'billed' });
    expect(engine.fake.ledger().total).toBe(1);
  });
});

async function heartbeatOf(engine: Engine, jobId: string): Promise<string | undefined> {
  const { raw } = await engine.client.workflow.getHandle(jobId).describe();
  const payload = raw.pendingActivities?.[0]?.heartbeatDetails?.payloads?.[0];
  return payload ? JSON.stringify(defaultPayloadConverter.fromPayload(payload)) : undefined;
}

/** Whatever would follow a late reply has had its chance. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 300));
}
