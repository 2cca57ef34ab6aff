import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { pino } from 'pino';
import { Account } from '../../src/accounts/account.js';
import { AccountRegistry } from '../../src/accounts/registry.js';
import { readSalt } from '../../src/accounts/salt.js';
import { Attempts, type AttemptRecord } from '../../src/blobs/attempts.js';
import { Manifests } from '../../src/blobs/manifests.js';
import type { BlobStore } from '../../src/blobs/blob-store.js';
import { openBlobStore } from '../../src/blobs/open-store.js';
import { describeJob } from '../../src/client/describe-job.js';
import { readSettings, type Settings } from '../../src/config.js';
import { SEARCH_ATTRIBUTES, TASK_QUEUES, WORKFLOW_TYPE } from '../../src/contract/names.js';
import type { JobRecord } from '../../src/contract/record.js';
import { runWorker } from '../../src/worker.js';
import { installRuntime } from '../../src/worker-runtime.js';
import { startFakeOpenAi, type FakeOpenAi } from './fake-openai.js';
import { temporalBinary } from './temporal-binary.js';

/** Waits of seconds become tenths, so that a test sees every timeout. */
const SHORT_WAITS = {
  IMAGE_SUBMIT_TIMEOUT_SECONDS: '2',
  IMAGE_SYNC_SUBMIT_TIMEOUT_SECONDS: '2',
  IMAGE_SUBMIT_LISTEN_SECONDS: '20',
  IMAGE_SUBMIT_HEARTBEAT_SECONDS: '2',
  IMAGE_COLLECT_HEARTBEAT_SECONDS: '2',
  IMAGE_POLL_SECONDS: '0.1',
  IMAGE_RETRY_INITIAL_SECONDS: '0.1',
  IMAGE_RETRY_MAX_SECONDS: '0.5',
  IMAGE_WAITING_POLL_SECONDS: '0.2',
};

/** A real Temporal server, a real worker of all queues, a real store and a fake OpenAI; in this process. */
export interface Engine {
  env: TestWorkflowEnvironment;
  client: Client;
  fake: FakeOpenAi;
  settings: Settings;
  store: BlobStore;
  manifests: Manifests;
  attempts: Attempts;
  accounts: AccountRegistry;
  account: Account;
  folder: string;
  startWorker(): () => Promise<void>;
  /** Starts the workflow as any program would. */
  start(jobId: string, input: Record<string, unknown>): Promise<void>;
  /** The end of the job as a reader sees it. */
  ended(jobId: string): Promise<JobRecord>;
  /** The job as it stands, read as the client does. */
  read(jobId: string): Promise<JobRecord>;
  records(jobId: string): Promise<AttemptRecord[]>;
  close(): Promise<void>;
}

const logger = pino({ level: process.env['TEST_LOG'] ?? 'silent' }, pino.destination(2));
let runtimeInstalled = false;

/** Once a process, before the first server: the logs of Temporal's native code are quiet then. */
export function runtimeForTests(): void {
  if (!runtimeInstalled) installRuntime(logger);
  runtimeInstalled = true;
}

/** With settings of its own, and dynamic configuration of the server as `key=value`. */
export async function startEngine(overrides: Record<string, string> = {}, dynamicConfig: readonly string[] = []): Promise<Engine> {
  runtimeForTests();
  const folder = await mkdtemp(join(tmpdir(), 'durable-image-engine-'));
  const settings = readSettings({
    ...SHORT_WAITS,
    IMAGE_DATA_DIR: join(folder, 'data'),
    IMAGE_SAVE_ROOT: join(folder, 'pictures'),
    IMAGE_LOG_LEVEL: 'silent',
    ...overrides,
  });
  const [env, fake, store, salt] = await Promise.all([
    TestWorkflowEnvironment.createLocal({
      server: {
        executable: { type: 'existing-path', path: await temporalBinary() },
        searchAttributes: Object.entries(SEARCH_ATTRIBUTES).map(([name, type]) => defineSearchAttributeKey(name, type)),
        log: { format: 'json', level: 'error' },
        extraArgs: dynamicConfig.flatMap((value) => ['--dynamic-config-value', value]),
      },
    }),
    startFakeOpenAi(),
    openBlobStore(settings.blobStore),
    readSalt(settings.dataDir),
  ]);
  const account = new Account({ provider: 'openai', baseUrl: fake.url, key: 'sk-canary-of-the-engine' }, salt);
  const accounts = new AccountRegistry();
  accounts.add(account, 'credentials');
  const manifests = new Manifests(store);
  const attempts = new Attempts(store);
  const { client } = env;
  const stops: (() => Promise<void>)[] = [];

  const engine: Engine = {
    env,
    client,
    fake,
    settings,
    store,
    manifests,
    attempts,
    accounts,
    account,
    folder,
    startWorker() {
      const control = new AbortController();
      const running = runWorker({
        address: env.address,
        namespace: 'default',
        settings,
        accounts,
        logger,
        signal: control.signal,
      });
      const stop = async (): Promise<void> => {
        control.abort();
        await running;
      };
      stops.push(stop);
      return stop;
    },
    async start(jobId, input) {
      await client.workflow.start(WORKFLOW_TYPE, { workflowId: jobId, taskQueue: TASK_QUEUES.jobs, args: [input] });
    },
    async ended(jobId) {
      await client.workflow
        .getHandle(jobId)
        .result()
        .catch(() => undefined);
      return engine.read(jobId);
    },
    async read(jobId) {
      const described = await describeJob(
        {
          client,
          connection: env.connection,
          namespace: 'default',
          address: env.address,
          worker: async () => ({ state: 'alive' }),
        },
        jobId,
      );
      if (!described) throw new Error(`${jobId} is not in Temporal`);
      return described.record;
    },
    records: (jobId) => attempts.list({ namespace: 'default', workflowId: jobId }),
    async close() {
      fake.release();
      await Promise.all(stops.map((stop) => stop()));
      await env.teardown();
      await fake.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
  return engine;
}

/** Waits until a condition holds, at most that long. */
export async function until<T>(look: () => Promise<T | undefined> | T | undefined, what: string, seconds = 30): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
