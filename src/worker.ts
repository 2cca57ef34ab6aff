import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Client } from '@temporalio/client';
import { NativeConnection, Runtime, Worker, type WorkerOptions, type WorkerTuner } from '@temporalio/worker';
import { readDatabase } from './local/database.js';
import { readSalt } from './accounts/salt.js';
import type { AccountRegistry } from './accounts/registry.js';
import { createActivities } from './activities/index.js';
import type { ActivityDependencies } from './activities/dependencies.js';
import { pingActivities } from './activities/ping.js';
import { Attempts } from './blobs/attempts.js';
import { Manifests } from './blobs/manifests.js';
import { openBlobStore } from './blobs/open-store.js';
import { keepCollectionSchedule } from './client/collection-schedule.js';
import { jobRuns } from './client/job-runs.js';
import { runAgain } from './client/run-again.js';
import { unavailable } from './client/temporal.js';
import type { Settings } from './config.js';
import { submitQueue, TASK_QUEUES } from './contract/names.js';
import { createGenerators } from './generators/index.js';
import { serveHealth } from './health.js';
import type { Logger } from './log.js';
import { createMetrics } from './metrics.js';
import { Polling } from './polling.js';
import { createNormaliser } from './references/normalise.js';
import { rememberingReferences } from './references/recent-references.js';
import type { AdjustableSlots } from './shaping/adjustable-slots.js';
import { WorkerLimits } from './shaping/keep-limits.js';

export interface RunWorkerOptions {
  address: string;
  namespace: string;
  /** TLS, API key and the like of a remote Temporal. */
  connection?: Parameters<typeof NativeConnection.connect>[0];
  settings: Settings;
  accounts: AccountRegistry;
  logger: Logger;
  /** Where the exporter of the runtime tells its figures on loopback. */
  metricsPort?: number | undefined;
  onReady?: () => void;
  /** Aborting drains: no new work, requests in flight are finished, then the promise resolves. */
  signal: AbortSignal;
}

/** Of Worker Versioning, where it is used. */
const DEPLOYMENT = 'durable-image-mcp';

export const WORKFLOW_BUNDLE = fileURLToPath(new URL('../dist/workflow-bundle.js', import.meta.url));

/** Runs the worker of all queues until the signal aborts and everything in flight is written down. */
export async function runWorker(options: RunWorkerOptions): Promise<void> {
  const { address, namespace, signal } = options;
  const connection = await NativeConnection.connect({ ...options.connection, address }).catch((error: unknown) => {
    throw unavailable(address, error);
  });
  let health: Awaited<ReturnType<typeof startHealth>>;
  try {
    const client = new Client({ connection, namespace });
    // First: an address that cannot be listened on is told before any work is taken.
    health = await startHealth(options, client);
    const deps = await dependencies(options, client);
    const workers = await createWorkers(connection, deps);
    const stop = (): void => workers.forEach((worker) => worker.getState() === 'RUNNING' && worker.shutdown());
    signal.addEventListener('abort', stop, { once: true });
    const running = Promise.all(workers.map((worker) => worker.run()));
    if (signal.aborted) stop();
    else options.onReady?.();
    const limiting = deps.limits.keep(client, options.logger, signal);
    const scheduling = keepCollectionSchedule({ ...options, client, storeId: deps.store.id });
    await running;
    await Promise.all([scheduling, limiting]);
    // A reply that comes late is paid for like any other.
    await Promise.allSettled(deps.lateReplies);
  } finally {
    await health?.close();
    await connection.close();
  }
}

/** What this process is called among those that ask Temporal for work. */
const IDENTITY = `${process.pid}@${hostname()}`;

const DRAINING = 'This worker ends: it finishes what is in flight and asks for no more work.';

async function startHealth({ settings, metricsPort, logger, signal }: RunWorkerOptions, client: Client): Promise<{ close(): Promise<void> } | undefined> {
  const { IMAGE_WORKER_HEALTH_ADDRESS: address } = settings;
  if (address === undefined) return undefined;
  const polling = new Polling(client, IDENTITY);
  return serveHealth(address, { problem: async () => (signal.aborted ? DRAINING : await polling.problem()), metrics: async () => (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text() }, logger);
}

async function dependencies(options: RunWorkerOptions, client: Client): Promise<ActivityDependencies & { limits: WorkerLimits }> {
  const { settings, namespace, accounts, logger } = options;
  const store = await openBlobStore(settings.blobStore);
  const manifests = new Manifests(store);
  const databaseId = settings.remote ? undefined : (await readDatabase(settings.dataDir))?.database_id;
  const generators = createGenerators(settings);
  return {
    settings,
    namespace,
    store,
    limits: await WorkerLimits.read(store, settings, generators.keys()),
    manifests,
    attempts: new Attempts(store),
    generators,
    normaliser: rememberingReferences(createNormaliser({ concurrency: settings.IMAGE_DECODE_CONCURRENCY })),
    accounts,
    salt: await readSalt(settings.dataDir),
    local: settings.remote ? undefined : { databaseId },
    logger,
    metrics: createMetrics(Runtime.instance().metricMeter),
    lateReplies: new Set(),
    runAgain: (jobId) => runAgain(client, manifests, jobId, databaseId),
    runs: jobRuns(client, manifests, options.address),
  };
}

/** Collect waits more than it works, so it has slots in plenty: a paid result never queues behind anything. */
const COLLECT_SLOTS = 2000;
/** Writing pictures is short, but each holds its bytes in memory. */
const STORE_SLOTS = 20;
const UPLOAD_SLOTS = 20;

/** Of the many providers few are used at a time; three open questions hand out hundreds of submits a second. */
const SUBMIT_POLLS = 3;

/**
 * A job's next step is first offered to the worker that has the job in memory. When that one was killed, the job stands still for
 * this long (by default for ten seconds); any other worker reads its short history again in milliseconds.
 */
const STICKY_SECONDS = '1 second';

/** One worker a queue, so that no kind of work takes another's slots. */
async function createWorkers(connection: NativeConnection, deps: ActivityDependencies & { limits: WorkerLimits }): Promise<Worker[]> {
  const { settings, namespace } = deps;
  const activities = { ...createActivities(deps), ...pingActivities(deps) };
  const deployment = deploymentOf(settings);
  const heartbeatFlush = `${settings.IMAGE_SUBMIT_HEARTBEAT_SECONDS / 4} seconds` as const;
  const queue = (taskQueue: string, options: Partial<WorkerOptions>): Promise<Worker> =>
    Worker.create({
      connection,
      namespace,
      identity: IDENTITY,
      taskQueue,
      activities,
      ...deployment,
      maxHeartbeatThrottleInterval: heartbeatFlush,
      // A slow step that can be repeated elsewhere is not waited for.
      shutdownGraceTime: '2 seconds',
      ...options,
    });
  const submitGrace = Math.max(settings.IMAGE_SUBMIT_TIMEOUT_SECONDS, settings.IMAGE_SYNC_SUBMIT_TIMEOUT_SECONDS) + 60;
  const submits = [...deps.generators.keys()].map((provider) => {
    const { requestsPerMinute } = deps.limits.of(provider);
    return queue(submitQueue(provider), {
      tuner: withActivitySlots(deps.limits.slots(provider)),
      maxConcurrentActivityTaskPolls: SUBMIT_POLLS,
      // Until the server has the rate itself (src/shaping/keep-limits.ts), and where it cannot keep one.
      ...(requestsPerMinute === undefined ? {} : { maxTaskQueueActivitiesPerSecond: requestsPerMinute / 60 }),
      // A request in flight is never aborted: its reply is money.
      shutdownGraceTime: `${submitGrace} seconds`,
    });
  });
  return Promise.all([
    Worker.create({
      connection,
      namespace,
      identity: IDENTITY,
      taskQueue: TASK_QUEUES.jobs,
      workflowBundle: { codePath: WORKFLOW_BUNDLE },
      stickyQueueScheduleToStartTimeout: STICKY_SECONDS,
      ...deployment,
      ...slots(settings),
    }),
    queue(TASK_QUEUES.upload, slots(settings, UPLOAD_SLOTS)),
    queue(TASK_QUEUES.collect, { maxConcurrentActivityTaskExecutions: COLLECT_SLOTS }),
    queue(TASK_QUEUES.store, slots(settings, STORE_SLOTS)),
    ...submits,
  ]);
}

/** The deployment whose versions the builds of a worker are, when the settings name a build. */
function deploymentOf({ IMAGE_WORKER_BUILD_ID: buildId }: Settings): Pick<WorkerOptions, 'workerDeploymentOptions'> {
  if (buildId === undefined) return {};
  return { workerDeploymentOptions: { version: { deploymentName: DEPLOYMENT, buildId }, useWorkerVersioning: true, defaultVersioningBehavior: 'PINNED' } };
}

/** A number of slots of its own, or what all queues of this kind find free on the machine. */
function slots({ IMAGE_WORKER_TUNER: tuner }: Settings, activities?: number): Pick<WorkerOptions, 'tuner' | 'maxConcurrentActivityTaskExecutions'> {
  if (tuner === 'resources') return { tuner: { tunerOptions: { targetMemoryUsage: 0.8, targetCpuUsage: 0.9 } } };
  return activities === undefined ? {} : { maxConcurrentActivityTaskExecutions: activities };
}

/** The queue has activities only; of the other kinds the SDK wants a number all the same. */
function withActivitySlots(activityTaskSlotSupplier: AdjustableSlots): WorkerTuner {
  const none = { type: 'fixed-size', numSlots: 1 } as const;
  return { activityTaskSlotSupplier, workflowTaskSlotSupplier: none, localActivityTaskSlotSupplier: none, nexusTaskSlotSupplier: none };
}
