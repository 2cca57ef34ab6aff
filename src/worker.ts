import { fileURLToPath } from 'node:url';
import { Client } from '@temporalio/client';
import { NativeConnection, Worker, type WorkerOptions } from '@temporalio/worker';
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
import type { Logger } from './log.js';
import { createNormaliser } from './references/normalise.js';
import { rememberingReferences } from './references/recent-references.js';

export interface RunWorkerOptions {
  address: string;
  namespace: string;
  /** TLS, API key and the like of a remote Temporal. */
  connection?: Parameters<typeof NativeConnection.connect>[0];
  settings: Settings;
  accounts: AccountRegistry;
  logger: Logger;
  onReady?: () => void;
  /** Aborting drains: no new work, requests in flight are finished, then the promise resolves. */
  signal: AbortSignal;
}

const BUNDLE = fileURLToPath(new URL('../dist/workflow-bundle.js', import.meta.url));

/** Runs the worker of all queues until the signal aborts and everything in flight is written down. */
export async function runWorker(options: RunWorkerOptions): Promise<void> {
  const { address, namespace, signal } = options;
  const connection = await NativeConnection.connect({ ...options.connection, address }).catch((error: unknown) => {
    throw unavailable(address, error);
  });
  try {
    const client = new Client({ connection, namespace });
    const deps = await dependencies(options, client);
    const workers = await createWorkers(connection, deps);
    const stop = (): void => workers.forEach((worker) => worker.getState() === 'RUNNING' && worker.shutdown());
    signal.addEventListener('abort', stop, { once: true });
    const running = Promise.all(workers.map((worker) => worker.run()));
    if (signal.aborted) stop();
    else options.onReady?.();
    const scheduling = keepCollectionSchedule({ ...options, client, storeId: deps.store.id });
    await running;
    await scheduling;
    // A reply that comes late is paid for like any other.
    await Promise.allSettled(deps.lateReplies);
  } finally {
    await connection.close();
  }
}

async function dependencies(options: RunWorkerOptions, client: Client): Promise<ActivityDependencies> {
  const { settings, namespace, accounts, logger } = options;
  const store = await openBlobStore(settings.blobStore);
  const manifests = new Manifests(store);
  const databaseId = settings.remote ? undefined : (await readDatabase(settings.dataDir))?.database_id;
  return {
    settings,
    namespace,
    store,
    manifests,
    attempts: new Attempts(store),
    generators: createGenerators(settings),
    normaliser: rememberingReferences(createNormaliser({ concurrency: settings.IMAGE_DECODE_CONCURRENCY })),
    accounts,
    salt: await readSalt(settings.dataDir),
    local: settings.remote ? undefined : { databaseId },
    logger,
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

/**
 * A job's next step is first offered to the worker that has the job in memory. When that one was killed, the job stands still for
 * this long (by default for ten seconds); any other worker reads its short history again in milliseconds.
 */
const STICKY_SECONDS = '1 second';

/** One worker a queue, so that no kind of work takes another's slots. */
async function createWorkers(connection: NativeConnection, deps: ActivityDependencies): Promise<Worker[]> {
  const { settings, namespace } = deps;
  const activities = { ...createActivities(deps), ...pingActivities(deps) };
  const heartbeatFlush = `${settings.IMAGE_SUBMIT_HEARTBEAT_SECONDS / 4} seconds` as const;
  const queue = (taskQueue: string, slots: number, options: Partial<WorkerOptions> = {}): Promise<Worker> =>
    Worker.create({
      connection,
      namespace,
      taskQueue,
      activities,
      maxConcurrentActivityTaskExecutions: slots,
      maxHeartbeatThrottleInterval: heartbeatFlush,
      // A slow step that can be repeated elsewhere is not waited for.
      shutdownGraceTime: '2 seconds',
      ...options,
    });
  const submitGrace = Math.max(settings.IMAGE_SUBMIT_TIMEOUT_SECONDS, settings.IMAGE_SYNC_SUBMIT_TIMEOUT_SECONDS) + 60;
  const submits = [...deps.generators.keys()].map((provider) =>
    // A request in flight is never aborted: its reply is money.
    queue(submitQueue(provider), settings.IMAGE_SUBMIT_CONCURRENCY, { shutdownGraceTime: `${submitGrace} seconds` }),
  );
  return Promise.all([
    Worker.create({
      connection,
      namespace,
      taskQueue: TASK_QUEUES.jobs,
      workflowBundle: { codePath: BUNDLE },
      stickyQueueScheduleToStartTimeout: STICKY_SECONDS,
    }),
    queue(TASK_QUEUES.upload, UPLOAD_SLOTS),
    queue(TASK_QUEUES.collect, COLLECT_SLOTS),
    queue(TASK_QUEUES.store, STORE_SLOTS),
    ...submits,
  ]);
}
