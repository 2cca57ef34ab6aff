import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Client, ScheduleOverlapPolicy, type ScheduleHandle } from '@temporalio/client';
import { pino } from 'pino';
import { collectGarbage, type CollectedGarbage } from '../../src/blobs/garbage-collection.js';
import { deleteClosedRuns } from '../../src/client/closed-runs.js';
import { ensureCollectionSchedule, keepCollectionSchedule } from '../../src/client/collection-schedule.js';
import { jobRuns } from '../../src/client/job-runs.js';
import { COLLECTION_WORKFLOW_TYPE, collectionScheduleId, type CollectionReport } from '../../src/contract/collection.js';
import { newJobId } from '../../src/contract/ids.js';
import { TASK_QUEUES, WORKFLOW_TYPE } from '../../src/contract/names.js';
import { hasMovableJob } from '../../src/local/idle.js';
import { startEngine, until, type Engine } from '../support/engine.js';

jest.setTimeout(120_000);

type DescribeRequest = Parameters<Client['workflowService']['describeSchedule']>[0];

const DAY_MS = 24 * 3_600_000;

let engine: Engine;
/** Jobs whose runs were deleted; the server takes its time. */
const forgotten: string[] = [];
let stopWorker: () => Promise<void>;

beforeAll(async () => {
  // A run that has just closed is deleted only when this queue has written down how far it is, which takes half a minute by default.
  const often = ['visibility', 'transfer'].map((queue) => `history.${queue}ProcessorUpdateAckInterval="1s"`);
  engine = await startEngine({}, often);
});
beforeEach(() => {
  stopWorker = engine.startWorker();
});
afterEach(() => stopWorker());
afterAll(() => engine?.close());

function schedule(): ScheduleHandle {
  return engine.client.schedule.getHandle(collectionScheduleId(engine.store.id));
}

/** The Schedule of a worker that runs. */
async function scheduled(): Promise<ScheduleHandle> {
  await until(async () => (await schedule().describe().catch(() => undefined)) && true, 'the Schedule');
  return schedule();
}

/** Triggers the Schedule and gives the result of the workflow that it starts. */
async function collected(): Promise<CollectionReport> {
  const before = new Set((await collections()).map(({ workflowId }) => workflowId));
  await (await scheduled()).trigger(ScheduleOverlapPolicy.ALLOW_ALL);
  const workflowId = await until(
    async () => (await collections()).map((one) => one.workflowId).find((id) => !before.has(id)),
    'the collection',
  );
  return engine.client.workflow.getHandle<() => Promise<CollectionReport>>(workflowId).result();
}

async function collections(): Promise<{ workflowId: string; status: string }[]> {
  const found: { workflowId: string; status: string }[] = [];
  for await (const { workflowId, status } of engine.client.workflow.list({ query: `WorkflowType = "${COLLECTION_WORKFLOW_TYPE}"` })) {
    found.push({ workflowId, status: status.name });
  }
  return found;
}

function pathOf(digest: string): string {
  const store = engine.settings.blobStore.replace(/^file:/, '');
  return join(store, 'sha256', digest.slice(0, 2), digest.slice(2));
}

/** As a worker has it. */
function native(): Client {
  return new Client({ connection: engine.env.nativeConnection });
}

/** As if it had been stored so many days ago. */
async function age(digest: string, days: number): Promise<void> {
  const then = new Date(Date.now() - days * DAY_MS);
  await utimes(pathOf(digest), then, then);
}

/** A completed job of that prompt; in its manifest it ended so many days from now. */
async function jobOf(prompt: string, inDays = 0): Promise<{ jobId: string; digest: string }> {
  const jobId = newJobId();
  await engine.start(jobId, { kind: 'image_generate', prompt, provider: 'local', size: '64x64' });
  const digest = (await engine.ended(jobId)).result?.saved[0]?.sha256 ?? '';
  const ended = new Date(Date.now() + inDays * DAY_MS).toISOString();
  await engine.manifests.update(jobId, (stands) => ({ ...stands, ended_at: ended }));
  return { jobId, digest };
}

/** A collection with a retention of ten days, so many days from now. */
function collectedIn(days: number): Promise<CollectedGarbage> {
  const { store, manifests, client, env } = engine;
  const runs = jobRuns(client, manifests, env.address);
  const now = () => new Date(Date.now() + days * DAY_MS);
  return collectGarbage({ store, manifests, retention: { namespace: 'default', days: 10, runs }, now });
}

describe('the Schedule', () => {
  it('exists once with several workers, daily, without overlap, and makes up for what was missed', async () => {
    const others = [engine.startWorker(), engine.startWorker()];
    const { spec, policies, action, state } = await (await scheduled()).describe();
    expect(spec.intervals).toEqual([expect.objectContaining({ every: DAY_MS })]);
    expect(spec.jitter).toBe(2 * 3_600_000);
    expect(policies.overlap).toBe('SKIP');
    expect(policies.catchupWindow).toBe(365 * DAY_MS);
    expect(action).toMatchObject({ workflowType: 'imageGarbageCollection', taskQueue: 'image-jobs', args: [{ store_id: engine.store.id }] });
    expect(state.paused).toBe(false);
    await Promise.all(others.map((stop) => stop()));
  });

  it('starts a collection, whose result is the numbers', async () => {
    const { sha256: garbage } = await engine.store.putBlob(Buffer.from('garbage'));
    await age(garbage, 2);
    expect(await collected()).toEqual({
      examined: expect.any(Number),
      removed: 1,
      freed_bytes: 7,
      temporary_files_removed: 0,
      expired_jobs: 0,
      ended_jobs: 0,
      workflows_deleted: 0,
      workflows_left: 0,
      unreadable: 0,
      unreadable_documents: [],
    });
    expect(await engine.store.statBlob(garbage)).toBeUndefined();
  });

  it('stays paused, with its note, after a worker was restarted', async () => {
    await (await scheduled()).pause('by an operator');
    await stopWorker();
    stopWorker = engine.startWorker();
    await engine.start('after the restart', { kind: 'image_generate', prompt: 'x', provider: 'local', size: '64x64' });
    await engine.ended('after the restart');
    await ensureCollectionSchedule(native(), engine.store.id, engine.settings.blobStore);
    expect((await schedule().describe()).state).toMatchObject({ paused: true, note: 'by an operator' });
    await schedule().unpause('');
  });

  it('of an older version is updated and keeps its pause; of this or a newer one it stays as a person set it', async () => {
    await redefined(99);
    await ensureCollectionSchedule(native(), engine.store.id, engine.settings.blobStore);
    expect((await schedule().describe()).spec.intervals?.[0]?.every).toBe(7 * DAY_MS);

    await redefined(0);
    await ensureCollectionSchedule(native(), engine.store.id, engine.settings.blobStore);
    const day = await schedule().describe();
    expect(day.spec.intervals?.[0]?.every).toBe(DAY_MS);
    expect(day.state).toMatchObject({ paused: true, note: 'not now' });
    await schedule().unpause('');
  });

  it('that an operator pauses in the middle of an update stays paused', async () => {
    await redefined(0);
    await schedule().unpause('');
    const client = native();
    const ask = client.workflowService.describeSchedule.bind(client.workflowService);
    jest.spyOn(client.workflowService, 'describeSchedule').mockImplementationOnce(async (request: DescribeRequest) => {
      const seen = await ask(request);
      await schedule().pause('just now');
      return seen;
    });
    await ensureCollectionSchedule(client, engine.store.id, engine.settings.blobStore);
    // Whichever came last: the update was made against what stood before the pause.
    await ensureCollectionSchedule(native(), engine.store.id, engine.settings.blobStore);
    const { state, spec } = await schedule().describe();
    expect(state).toMatchObject({ paused: true, note: 'just now' });
    expect(spec.intervals?.[0]?.every).toBe(DAY_MS);
    await schedule().unpause('');
  });

  it('that cannot be made is one warning with a remedy, and no failure', async () => {
    const warnings: string[] = [];
    const logger = pino({ level: 'warn' }, { write: (line: string) => void warnings.push(line) });
    const client = native();
    jest.spyOn(client.workflowService, 'createSchedule').mockImplementationOnce(async () => {
      throw Object.assign(new Error('7 PERMISSION_DENIED: not allowed'), { code: 7, details: 'not allowed', metadata: {} });
    });
    const { settings, store } = engine;
    await keepCollectionSchedule({ client, storeId: store.id, settings, logger, signal: new AbortController().signal });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/could not be put on a Schedule.* gc --data-dir /);
  });
});

/** The Schedule as another version made it: weekly, and paused. */
async function redefined(definition: number): Promise<void> {
  await (await scheduled()).update((now) => ({
    ...now,
    spec: { intervals: [{ every: '7 days' }] },
    action: { ...now.action, memo: { definition } },
    state: { ...now.state, paused: true, note: 'not now' },
  }));
}

describe('retention', () => {
  it('makes a job expired and deletes its workflow; another job with the same picture still has it', async () => {
    const old = await jobOf('one picture');
    const same = await jobOf('one picture', 5);
    expect(old.digest).toBe(same.digest);
    const gone = await jobOf('another picture');
    expect(await collectedIn(9)).toMatchObject({ expired: 0 });
    const { expired, workflowsDeleted, workflowsLeft } = await collectedIn(11);
    expect(expired).toBeGreaterThanOrEqual(2);
    expect({ workflowsDeleted, workflowsLeft }).toEqual({ workflowsDeleted: expired, workflowsLeft: 0 });
    for (const { jobId } of [old, gone]) {
      expect(await engine.manifests.read(jobId)).toMatchObject({
        state: 'deleted',
        deletion: { reason: 'retention', workflow_deleted: true },
      });
    }
    expect((await engine.manifests.read(same.jobId))?.record?.status).toBe('completed');
    expect(await engine.store.getBlob(same.digest)).toBeDefined();
    expect(await engine.store.statBlob(gone.digest)).toBeUndefined();
    forgotten.push(old.jobId, gone.jobId);
    expect(await closedRunsOf(same.jobId)).toBe(1);
  });

  it('leaves jobs that run, or run again, also when only Temporal knows it', async () => {
    const again = await jobOf('runs again');
    await stopWorker();
    await engine.start('waits for a worker', { kind: 'image_generate', prompt: 'x', provider: 'local', size: '64x64' });
    // As a program does, which does not ask the store.
    await engine.start(again.jobId, { kind: 'image_generate', prompt: 'runs again', provider: 'local', size: '64x64' });
    await collectedIn(11);
    expect((await engine.manifests.read(again.jobId))?.state).toBe('ended');
    stopWorker = engine.startWorker();
    expect((await engine.ended(again.jobId)).result?.saved[0]?.sha256).toBe(again.digest);
    expect((await engine.ended('waits for a worker')).status).toBe('completed');
  });

  it('counts from the last run, also when nobody wrote its end down', async () => {
    const { jobId } = await jobOf('ended again', -20);
    await collectedIn(9);
    expect((await engine.manifests.read(jobId))?.state).toBe('ended');
    await collectedIn(11);
    expect((await engine.manifests.read(jobId))?.state).toBe('deleted');
  });

  it('writes down the end of a job that an operator terminated', async () => {
    const jobId = newJobId();
    engine.fake.fault({ kind: 'never_done' });
    await engine.start(jobId, { kind: 'image_generate', prompt: 'x', provider: 'openai' });
    await until(async () => (await engine.read(jobId)).stage === 'generating' || undefined, 'the request');
    await engine.client.workflow.getHandle(jobId).terminate('enough');
    const earlier = new Date(Date.now() - 2 * 3_600_000).toISOString();
    await engine.manifests.update(jobId, (stands) => ({ ...stands, created_at: earlier }));
    expect(await collected()).toMatchObject({ ended_jobs: 1 });
    expect(await engine.manifests.read(jobId)).toMatchObject({ state: 'ended', record: { status: 'cancelled', billing: 'maybe' } });
  });
});

describe('a collection', () => {
  async function begin(workflowId: string, order: unknown) {
    const options = { workflowId, taskQueue: TASK_QUEUES.jobs, args: [order] as [unknown] };
    return engine.client.workflow.start<(given: unknown) => Promise<CollectionReport>>(COLLECTION_WORKFLOW_TYPE, options);
  }

  it('is for one store: a worker of another one leaves it alone, and says what to do', async () => {
    const { sha256: garbage } = await engine.store.putBlob(Buffer.from('of this store'));
    await age(garbage, 2);
    const other = await begin('of another store', { store_id: 'another' });
    const failure = await until(async () => {
      const { raw } = await other.describe();
      return raw.pendingActivities?.[0]?.lastFailure ?? undefined;
    }, 'the refusal');
    expect(failure).toMatchObject({ applicationFailureInfo: { type: 'STORE_UNAVAILABLE', nonRetryable: false } });
    expect(failure.message).toContain(`This collection is for the store another, and this worker uses ${engine.store.id}`);
    await other.terminate();
    await expect((await begin('of no store', {})).result()).rejects.toMatchObject({ cause: { cause: { type: 'INVALID_ARGUMENT' } } });
    expect(await engine.store.statBlob(garbage)).toBeDefined();
  });

  it('keeps no local stack from being idle', async () => {
    await stopWorker();
    const open = await begin('waits for a worker', { store_id: engine.store.id });
    await until(async () => (await runsOf('waits for a worker', '', COLLECTION_WORKFLOW_TYPE)) === 1 || undefined, 'the collection');
    expect(await hasMovableJob(engine.env.connection, 'default')).toBe(false);
    stopWorker = engine.startWorker();
    expect((await open.result()).unreadable).toBe(0);
  });
});

describe('deleting closed runs', () => {
  it('deletes each of them, but none while the job runs, and never a workflow of another type', async () => {
    const input = { kind: 'image_generate', prompt: 'x', provider: 'local', size: '64x64' };
    const jobId = "it's a job";
    for (let run = 0; run < 2; run += 1) {
      await engine.start(jobId, input);
      await engine.ended(jobId);
    }
    const other = await engine.client.workflow.start('somethingElse', { workflowId: 'other', taskQueue: TASK_QUEUES.jobs });
    await other.terminate();
    expect(await deleteClosedRuns(engine.client, 'other')).toBe('forgotten');
    expect((await other.describe()).status.name).toBe('TERMINATED');

    const plain = newJobId();
    await engine.start(plain, input);
    await engine.ended(plain);
    await stopWorker();
    await engine.start(plain, input);
    await until(async () => (await runsOf(plain)) === 2 || undefined, 'both runs');
    expect(await deleteClosedRuns(engine.client, plain)).toBe('running');
    expect((await engine.client.workflow.getHandle(plain).describe()).status.name).toBe('RUNNING');
    stopWorker = engine.startWorker();
    await engine.ended(plain);
    await until(async () => (await closedRunsOf(plain)) === 2 || undefined, 'both ends');
    expect(await deleteClosedRuns(engine.client, plain)).toBe('forgotten');
    forgotten.push(plain);
    expect((await other.describe()).status.name).toBe('TERMINATED');
    // An ID with a quote cannot be looked up in lists: its latest run goes.
    expect(await deleteClosedRuns(engine.client, jobId)).toBe('forgotten');
  });
});

it('Temporal forgets deleted runs, all of them, and to delete them again is no failure', async () => {
  expect(forgotten).toHaveLength(3);
  for (const jobId of forgotten) {
    await until(async () => (await runsOf(jobId)) === 0 || undefined, 'the deletion', 90);
    expect(await deleteClosedRuns(engine.client, jobId)).toBe('forgotten');
  }
});

/** Runs that visibility knows. */
async function runsOf(jobId: string, also = '', type = WORKFLOW_TYPE): Promise<number> {
  const { count } = await engine.client.workflow.count(`WorkflowId = "${jobId}" AND WorkflowType = "${type}"${also}`);
  return count;
}

function closedRunsOf(jobId: string): Promise<number> {
  return runsOf(jobId, ' AND ExecutionStatus != "Running"');
}
