import { createServer } from 'node:http';
import { ApplicationFailure, WorkflowFailedError } from '@temporalio/client';
import { describe, expect, it } from '@jest/globals';
import { newJobId } from '../../src/contract/ids.js';
import { jobRecordSchema, type JobRecord } from '../../src/contract/record.js';
import type { Engine } from '../support/engine.js';
import { cancels, holdManifest, newAccount, picture, run, seen, states, submits, submittedWith, until, useEngine, withOwnAccount } from './job-support.js';

/** How a job ends, as its workflow, its manifest and its readers tell it. */
const get = useEngine({ IMAGE_SUBMIT_TIMEOUT_SECONDS: '20' });

async function manifestRecord(engine: Engine, jobId: string): Promise<JobRecord | undefined> {
  const manifest = await engine.manifests.read(jobId);
  expect(manifest?.state).toBe('ended');
  return manifest?.record;
}

function statusOf(engine: Engine, jobId: string): Promise<string> {
  return engine.client.workflow.getHandle(jobId).describe().then(({ status }) => status.name);
}

async function activitiesOf(engine: Engine, jobId: string): Promise<{ scheduled: string[]; cancelled: number }> {
  const { events } = await engine.client.workflow.getHandle(jobId).fetchHistory();
  const scheduled = events?.flatMap((event) => event.activityTaskScheduledEventAttributes?.activityType?.name ?? []) ?? [];
  return { scheduled, cancelled: events?.filter((event) => event.activityTaskCancelRequestedEventAttributes).length ?? 0 };
}

describe('a workflow ends', () => {
  it('completed with the record, which is also in the manifest', async () => {
    const engine = get();
    const jobId = newJobId();
    await engine.start(jobId, picture('a loaf'));
    const result: unknown = await engine.client.workflow.getHandle(jobId).result();
    const record = jobRecordSchema.parse(result);
    expect(record).toMatchObject({ ok: true, job_id: jobId, status: 'completed', done: true, provider: 'openai' });
    expect(await manifestRecord(engine, jobId)).toEqual(record);
    expect((await engine.manifests.read(jobId))?.output_pins).toContain(record.result?.saved[0]?.sha256);
  });

  it('failed with type = error code and details[0] = the record', async () => {
    const engine = get();
    engine.fake.fault({ kind: 'moderation' });
    const jobId = newJobId();
    await engine.start(jobId, picture('a knife'));
    const failure: unknown = await engine.client.workflow.getHandle(jobId).result().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(WorkflowFailedError);
    const cause = failure instanceof WorkflowFailedError ? failure.cause : undefined;
    expect(cause).toBeInstanceOf(ApplicationFailure);
    expect(cause).toMatchObject({ type: 'CONTENT_REFUSED', nonRetryable: true });
    const record = jobRecordSchema.parse(cause instanceof ApplicationFailure ? cause.details?.[0] : undefined);
    expect(record).toMatchObject({ ok: false, job_id: jobId, status: 'failed', done: true, billing: 'none', error: { code: 'CONTENT_REFUSED' } });
    expect(await manifestRecord(engine, jobId)).toEqual(record);
  });

  it('terminated by an operator: cancelled, and the provider may still bill', async () => {
    const engine = get();
    engine.fake.fault({ kind: 'never_done' });
    const jobId = newJobId();
    await engine.start(jobId, picture('a moat'));
    await engine.fake.waitForRequest(({ method }) => method === 'GET');
    await engine.client.workflow.getHandle(jobId).terminate('maintenance');
    const record = await engine.read(jobId);
    expect(record).toMatchObject({ ok: false, status: 'cancelled', done: true, billing: 'maybe', error: { code: 'CANCELLED' } });
    expect(record.message).toContain('terminated by an operator (maintenance)');
  });
});

describe('cancelled', () => {
  it('before the first step', async () => {
    const engine = get();
    const jobId = newJobId();
    await engine.client.workflow.signalWithStart('imageJob', {
      workflowId: jobId,
      taskQueue: 'image-jobs',
      args: [picture('a nest')],
      signal: 'nothing',
      startDelay: '0.3 seconds',
    });
    await engine.client.workflow.getHandle(jobId).cancel();
    expect(await engine.ended(jobId)).toMatchObject({ status: 'cancelled', error: { code: 'CANCELLED' } });
    expect(submits(engine)).toEqual([]);
    expect(await engine.records(jobId)).toEqual([]);
  });

  it('while the provider makes it wait: nothing was billed', async () => {
    const engine = get();
    engine.fake.fault({ kind: 'rate_limited', retry_after: '60' });
    const jobId = newJobId();
    // Nothing is sent to its account for that minute.
    await engine.start(jobId, await withOwnAccount(engine, jobId, picture('a hive')));
    await seen(engine, jobId, ({ stage }) => stage === 'rate_limited');
    await engine.client.workflow.getHandle(jobId).cancel();
    await engine.ended(jobId);
    expect(await statusOf(engine, jobId)).toBe('CANCELLED');
    expect(await manifestRecord(engine, jobId)).toMatchObject({ status: 'cancelled', billing: 'none', error: { code: 'CANCELLED' } });
    expect(submits(engine)).toHaveLength(1);
    expect(cancels(engine)).toEqual([]);
  });

  it('while a request is under way: it is never aborted, its handle is recorded, then the provider is told, once', async () => {
    const engine = get();
    engine.fake.fault({ kind: 'hang' });
    const jobId = newJobId();
    await engine.start(jobId, picture('a cave'));
    await engine.fake.waitForRequest(({ path }) => path === '/v1/responses');
    await engine.client.workflow.getHandle(jobId).cancel();
    await seen(engine, jobId, ({ message }) => message.startsWith('Cancelling.'));
    await until(async () => (await activitiesOf(engine, jobId)).cancelled === 1 || undefined, 'the cancellation to reach the submit');
    expect((await activitiesOf(engine, jobId)).scheduled).toEqual(['uploadReferences', 'submitGeneration']);
    expect(await states(engine, jobId)).toEqual(['open']);
    engine.fake.release();

    await engine.ended(jobId);
    expect(await statusOf(engine, jobId)).toBe('CANCELLED');
    const handle = engine.fake.ledger().entries[0]?.id;
    expect(await engine.records(jobId)).toMatchObject([{ state: 'accepted', handle }]);
    expect(cancels(engine).map(({ path }) => path)).toEqual([`/v1/responses/${handle}/cancel`]);
    const record = await manifestRecord(engine, jobId);
    expect(record).toMatchObject({ status: 'cancelled', billing: 'maybe' });
    expect(record?.warnings).toEqual(['The provider was told to stop; it may still bill what it had done.']);
  });

  it('while a refusal is under way: cancelled and unpaid, not failed', async () => {
    const engine = get();
    const gateway = await startRefusingGateway();
    const jobId = newJobId();
    const account = await newAccount(engine, gateway.url);
    engine.accounts.add(account, 'client');
    await engine.start(jobId, await submittedWith(account, engine, jobId, picture('a lair', { fallback: ['local'] })));
    await gateway.asked;
    await engine.client.workflow.getHandle(jobId).cancel();
    await seen(engine, jobId, ({ message }) => message.startsWith('Cancelling.'));
    gateway.refuse();
    await engine.ended(jobId);
    expect(await statusOf(engine, jobId)).toBe('CANCELLED');
    expect(await states(engine, jobId)).toEqual(['not_billed']);
    expect(await manifestRecord(engine, jobId)).toMatchObject({ status: 'cancelled', billing: 'none', error: { code: 'CANCELLED' } });
    await gateway.close();
  });

  it('while the provider is asked for the picture', async () => {
    const engine = get();
    engine.fake.fault({ kind: 'never_done' });
    const jobId = newJobId();
    await engine.start(jobId, picture('a den'));
    await engine.fake.waitForRequest(({ method }) => method === 'GET');
    await engine.client.workflow.getHandle(jobId).cancel();
    await engine.ended(jobId);
    expect(await manifestRecord(engine, jobId)).toMatchObject({ status: 'cancelled', billing: 'maybe' });
    expect(cancels(engine)).toHaveLength(1);
  });

  it('while the provider is away: the end is not held up, the possible charge is told', async () => {
    const engine = get();
    engine.fake.fault({ kind: 'never_done' }, { kind: 'server_error', on: 'cancel', times: 10 });
    const jobId = newJobId();
    await engine.start(jobId, picture('a burrow'));
    await engine.fake.waitForRequest(({ method }) => method === 'GET');
    await engine.client.workflow.getHandle(jobId).cancel();
    await engine.ended(jobId);
    const record = await manifestRecord(engine, jobId);
    expect(record).toMatchObject({ status: 'cancelled', billing: 'maybe' });
    expect(record?.warnings).toEqual(['openai could not be asked to stop; it may still bill.']);
    expect(cancels(engine)).toHaveLength(3);
  });

  it('when one of two pictures is there: it is kept', async () => {
    const engine = get();
    engine.fake.fault({ kind: 'never_done' });
    const jobId = newJobId();
    await engine.start(jobId, picture('two nests', { n: 2 }));
    await seen(engine, jobId, ({ progress }) => progress?.completed === 1);
    await engine.client.workflow.getHandle(jobId).cancel();
    await engine.ended(jobId);
    const record = await manifestRecord(engine, jobId);
    expect(record).toMatchObject({ ok: false, status: 'cancelled', billing: 'maybe', error: { code: 'CANCELLED' } });
    expect(record?.result?.saved).toHaveLength(1);
    expect(cancels(engine)).toHaveLength(1);
  });

  it('while the pictures are being stored: what is nearly there is finished', async () => {
    const engine = get();
    const jobId = newJobId();
    engine.fake.fault({ kind: 'hang', on: 'poll' });
    engine.fake.settings.complete_after_polls = 1;
    await engine.start(jobId, picture('a coop'));
    await engine.fake.waitForRequest(({ method }) => method === 'GET');
    const letGo = await holdManifest(engine, jobId);
    engine.fake.release();
    await seen(engine, jobId, ({ stage }) => stage === 'storing');
    await engine.client.workflow.getHandle(jobId).cancel();
    await seen(engine, jobId, ({ message }) => message.startsWith('Cancelling.'));
    letGo();
    expect(await engine.ended(jobId)).toMatchObject({ ok: true, status: 'completed', billing: 'billed' });
    expect(await manifestRecord(engine, jobId)).toMatchObject({ status: 'completed' });
    expect(cancels(engine)).toEqual([]);
  });
});

describe('deadline_seconds', () => {
  it('ends a job that waits, as failed; the provider is told', async () => {
    const engine = get();
    engine.fake.fault({ kind: 'never_done' });
    const record = await run(engine, picture('a tarn', { deadline_seconds: 1 }));
    expect(record).toMatchObject({ ok: false, status: 'failed', billing: 'maybe', error: { code: 'DEADLINE_EXCEEDED', retryable: true } });
    expect(await statusOf(engine, record.job_id)).toBe('FAILED');
    expect(await manifestRecord(engine, record.job_id)).toMatchObject({ status: 'failed', error: { code: 'DEADLINE_EXCEEDED' } });
    expect(cancels(engine)).toHaveLength(1);
  });

  it('ends a job that nothing was sent for, unpaid', async () => {
    const engine = get();
    engine.fake.fault({ kind: 'rate_limited', retry_after: '60' });
    const jobId = newJobId();
    await engine.start(jobId, await withOwnAccount(engine, jobId, picture('a brook', { deadline_seconds: 1 })));
    expect(await engine.ended(jobId)).toMatchObject({ status: 'failed', billing: 'none', error: { code: 'DEADLINE_EXCEEDED' } });
  });

  it('leaves a job alone that is done in time', async () => {
    const engine = get();
    expect(await run(engine, picture('a creek', { deadline_seconds: 60 }))).toMatchObject({ status: 'completed' });
  });
});

describe('waiting for a key', () => {
  it('a job waits for the account that it was submitted with, and completes when it comes', async () => {
    const engine = get();
    const jobId = newJobId();
    const account = await newAccount(engine);
    await engine.start(jobId, await submittedWith(account, engine, jobId, picture('a lock')));
    const waiting = await seen(engine, jobId, ({ stage }) => stage === 'waiting_for_key');
    expect(waiting.message).toContain(`Waiting for the key of account ${account.id} of openai. Start the client that submitted this job`);
    expect(engine.fake.requests).toEqual([]);
    engine.accounts.add(account, 'client');
    expect(await engine.ended(jobId)).toMatchObject({ status: 'completed', billing: 'billed' });
    expect(engine.fake.ledger().by_key).toEqual({ [account.key]: 1 });
  });
});

/** Takes one request and answers it with 429 when it is told to. */
async function startRefusingGateway(): Promise<{ url: string; asked: Promise<void>; refuse(): void; close(): Promise<unknown> }> {
  let refuse = (): void => undefined;
  let tell = (): void => undefined;
  const asked = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      refuse = () => response.writeHead(429, { 'retry-after': '60' }).end();
      tell();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const close = (): Promise<unknown> => new Promise((resolve) => server.close(resolve));
  return { url: `http://127.0.0.1:${address.port}/v1`, asked, refuse: () => refuse(), close };
}
