import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Worker } from '@temporalio/worker';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { clock } from '../../src/doctor/checks/clock.js';
import { waitingJobs } from '../../src/doctor/checks/waiting-jobs.js';
import { workers } from '../../src/doctor/checks/workers.js';
import type { DoctorContext } from '../../src/doctor/context.js';
import type { Finding } from '../../src/doctor/finding.js';
import { pingWorkers, type Pinged } from '../../src/doctor/ping.js';
import { hasMovableJob } from '../../src/local/idle.js';
import { VERSION } from '../../src/version.js';
import { newAccount, picture, run, seen, submittedWith, until, useEngine } from './job-support.js';

const BUNDLE = fileURLToPath(new URL('../../dist/workflow-bundle.js', import.meta.url));

/** What the checks see when the ping answered so. */
function contextOf(engine: ReturnType<ReturnType<typeof useEngine>>, pinged: Pinged): DoctorContext {
  return {
    env: {},
    platform: process.platform,
    nodeVersion: process.versions.node,
    settings: { ...engine.settings, remote: true },
    cwd: '/',
    clientRoots: [],
    store: engine.store,
    stack: undefined,
    temporal: { state: 'answers', client: engine.client, address: engine.env.address, namespace: 'default' },
    workers: async () => ({ by: 'ping', pinged }),
  };
}

/** Until lists and counts know the open job. */
async function visible({ client }: ReturnType<ReturnType<typeof useEngine>>): Promise<void> {
  await until(async () => (await client.workflow.count('WorkflowType = "imageJob" AND ExecutionStatus = "Running"')).count === 1 || undefined, 'the job to be counted');
}

async function found(check: typeof workers, context: DoctorContext): Promise<readonly Finding[]> {
  return await check.look(context);
}

describe('the ping of a worker', () => {
  const engine = useEngine();
  afterEach(() => void jest.restoreAllMocks());

  it('comes back from every queue, with who answered', async () => {
    const { report, misunderstood, clockAheadSeconds } = await pingWorkers(engine().client, ['local', 'openai']);
    expect(report?.queues.map(({ queue }) => queue)).toEqual(['image-upload', 'image-collect', 'image-store', 'image-submit-local', 'image-submit-openai']);
    for (const queue of report?.queues ?? []) {
      expect(queue).toMatchObject({ version: VERSION, store_id: engine().store.id, providers: ['openai'], worker: expect.stringMatching(/^\d+@/) });
      expect(queue.round_trip_ms).toBeLessThan(5_000);
    }
    expect({ misunderstood, clockAheadSeconds }).toEqual({ misunderstood: false, clockAheadSeconds: 0 });
    expect(JSON.stringify(report)).not.toContain(engine().account.key);
  });

  it('pings the queue of `local` for whoever names nothing that can be pinged', async () => {
    const { client } = engine();
    for (const [index, args] of [[], [null], [{ providers: 'x' }], [{ providers: [7, 'x'.repeat(200)] }]].entries()) {
      const result: unknown = await client.workflow.execute('imagePing', { workflowId: `ping-${index}`, taskQueue: 'image-jobs', args });
      expect(result).toMatchObject({ queues: [{}, {}, {}, { queue: 'image-submit-local' }] });
    }
  });

  it('tells of a queue that nobody serves', async () => {
    const pinged = await pingWorkers(engine().client, ['nobody']);
    expect(pinged.report?.queues.at(-1)).toEqual({ queue: 'image-submit-nobody', error: 'no worker answered within 5 seconds' });
    expect(await found(workers, contextOf(engine(), pinged))).toContainEqual(expect.objectContaining({ level: 'warning', message: expect.stringContaining('image-submit-nobody') }));
  });

  it('tells of a worker with another store', async () => {
    const pinged = await pingWorkers(engine().client, []);
    const context = contextOf(engine(), pinged);
    expect((await found(workers, context)).map(({ level }) => level)).toEqual(['ok', 'ok']);
    const other = new Proxy(engine().store, { get: (target, name): unknown => (name === 'id' ? 'another' : Reflect.get(target, name, target)) });
    expect(await found(workers, { ...context, store: other })).toContainEqual(expect.objectContaining({ level: 'error', remedy: expect.stringContaining('IMAGE_BLOB_STORE') }));
  });

  it('tells of a clock that differs', async () => {
    const { now } = Date;
    jest.spyOn(Date, 'now').mockImplementation(() => now() + 30_000);
    const pinged = await pingWorkers(engine().client, []);
    jest.restoreAllMocks();
    expect(pinged.clockAheadSeconds).toBeLessThan(-25);
    expect(await found(clock, contextOf(engine(), pinged))).toMatchObject([{ level: 'warning', message: expect.stringMatching(/(29|30) seconds behind/) }]);
    expect(await found(clock, contextOf(engine(), await pingWorkers(engine().client, [])))).toMatchObject([{ level: 'ok' }]);
  });

  it('leaves nothing that a job is, and disturbs none', async () => {
    const job = run(engine(), picture('a red kite'));
    const pings = await Promise.all(Array.from({ length: 5 }, async () => await pingWorkers(engine().client, ['openai'])));
    expect(pings.every(({ report }) => report?.queues.every(({ error }) => error === undefined))).toBe(true);
    expect(await job).toMatchObject({ status: 'completed' });
  });

  it('finds a job that waits for a key', async () => {
    const context = contextOf(engine(), await pingWorkers(engine().client, []));
    expect(await found(waitingJobs, context)).toMatchObject([{ level: 'ok', message: 'No job is open.' }]);
    const input = await submittedWith(await newAccount(engine()), engine(), 'keyless', picture('a red kite'));
    await engine().start('keyless', input);
    await seen(engine(), 'keyless', ({ stage }) => stage === 'waiting_for_key');
    await visible(engine());
    const [finding] = await found(waitingJobs, context);
    expect(finding).toMatchObject({ level: 'warning', message: expect.stringMatching(/^1 job waits for a key, the oldest for \d+ seconds\. Waiting for the key of account/) });
    await engine().client.workflow.getHandle('keyless').terminate();
  });
});

describe('the ping without a worker', () => {
  const engine = useEngine({}, false);

  it('is given up soon, and goes', async () => {
    const pinged = await pingWorkers(engine().client, []);
    expect(pinged).toMatchObject({ misunderstood: false });
    expect(pinged.report).toBeUndefined();
    const context = contextOf(engine(), pinged);
    expect(await found(workers, context)).toMatchObject([{ level: 'error', remedy: expect.stringContaining(' worker') }]);
    const running = { namespace: 'default', query: 'WorkflowType = "imagePing" AND ExecutionStatus = "Running"' };
    // The list follows a little later.
    await until(async () => (await engine().client.workflowService.listWorkflowExecutions(running)).executions.length === 0, 'the ping to go');
  });

  it('does not keep a local stack from being idle', async () => {
    const { client, env } = engine();
    await client.workflow.start('imagePing', { workflowId: 'doctor-1', taskQueue: 'image-jobs', args: [] });
    expect(await hasMovableJob(env.connection, 'default')).toBe(false);
    await client.workflow.getHandle('doctor-1').terminate();
  });

  it('finds a job that waits for a worker', async () => {
    await engine().start('waits', picture('a red kite', { provider: 'local' }));
    await visible(engine());
    const context = contextOf(engine(), await pingWorkers(engine().client, []));
    expect(await found(waitingJobs, context)).toMatchObject([{ level: 'warning', message: expect.stringMatching(/^1 job waits for a worker, the oldest for \d+ seconds/) }]);
  });

  it('meets a worker of another version, which does not know it', async () => {
    const code = (await readFile(BUNDLE, 'utf8')).replaceAll('imagePing', 'imagePong');
    const { nativeConnection } = engine().env;
    const worker = await Worker.create({ connection: nativeConnection, namespace: 'default', taskQueue: 'image-jobs', workflowBundle: { code } });
    const running = worker.run();
    try {
      const pinged = await pingWorkers(engine().client, []);
      expect(pinged.report).toBeUndefined();
      expect(await found(workers, contextOf(engine(), pinged))).toMatchObject([{ level: 'warning', message: expect.stringContaining('could not run it') }]);
    } finally {
      worker.shutdown();
      await running;
    }
  });
});
