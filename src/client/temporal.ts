import { Client, type Connection } from '@temporalio/client';
import { connectTemporal } from './connect.js';
import { livePollers } from './pollers.js';
import type { Settings } from '../config.js';
import { JobFailure } from '../contract/errors.js';
import { TASK_QUEUES, type ProviderName } from '../contract/names.js';
import type { LocalStack, StackAddress, StackStatus } from '../local/stack-client.js';
import { workerCommand } from '../own-command.js';
import { readTemporalConfig } from '../temporal-config.js';

export interface WorkerState {
  /** `coming`: none works at this moment, but one is being started; `none`: nothing will move by itself. */
  state: 'alive' | 'coming' | 'none';
  /** What to do when it is not alive, or what happens. */
  message?: string;
}

/** A Temporal that answers. */
export interface Connected {
  client: Client;
  connection: Connection;
  namespace: string;
  address: string;
  uiUrl?: string;
  /** The local stack's database: a manifest names the one that its job was started in. */
  databaseId?: string;
  /** The accounts of the stack's credentials file. */
  credentials?: readonly { provider: ProviderName; id: string }[];
  worker(): Promise<WorkerState>;
}

/** Where jobs run: the local stack, or a Temporal of the settings. */
export interface Temporal {
  /** The one that answers now; starts the local stack where there is none. STARTING, or TEMPORAL_UNAVAILABLE with the address. */
  connect(timeoutMs: number): Promise<Connected>;
  /** The same without starting anything; undefined when nothing answers. */
  connectIfRunning(): Promise<Connected | undefined>;
  /** The local stack as it stands; undefined with a Temporal of the settings. */
  stackState(): Promise<StackStatus | undefined>;
  close(): Promise<void>;
}

/** For what can do without. */
const IF_RUNNING_MS = 2000;
const LEAST_CONNECT_MS = 300;

export function remoteTemporal(settings: Settings, env: NodeJS.ProcessEnv): Temporal {
  let connected: Promise<Connected> | undefined;
  const open = async (timeoutMs: number): Promise<Connected> => {
    const { address, namespace, connection: options } = readTemporalConfig(settings, env);
    try {
      const connection = await connectTemporal({ ...options, connectTimeout: timeoutMs });
      const client = new Client({ connection, namespace });
      return { client, connection, namespace, address, worker: () => remoteWorkers(client, settings) };
    } catch (error) {
      throw unavailable(address, error);
    }
  };
  return {
    connect(timeoutMs) {
      connected ??= open(timeoutMs).catch((error: unknown) => {
        connected = undefined;
        throw error;
      });
      return connected;
    },
    connectIfRunning() {
      return this.connect(IF_RUNNING_MS).catch(() => undefined);
    },
    stackState: async () => undefined,
    async close() {
      const opened = await connected?.catch(() => undefined);
      await opened?.connection.close();
    },
  };
}

export function localTemporal(stack: LocalStack): Temporal {
  let current: Connected | undefined;
  let asking: Promise<WorkerState> | undefined;
  /** Looks at many jobs in one moment are one question to the supervisor. */
  const worker = (): Promise<WorkerState> =>
    (asking ??= workerOf(stack).finally(() => {
      asking = undefined;
    }));
  const use = async (found: StackAddress, timeoutMs: number): Promise<Connected> => {
    if (current && current.address === found.address && current.databaseId === found.databaseId) {
      // The accounts of the credentials file may have changed.
      current = { ...current, ...found };
      return current;
    }
    await current?.connection.close().catch(() => undefined);
    const connection = await connectTemporal({ address: found.address, connectTimeout: timeoutMs }).catch((error: unknown) => {
      throw unavailable(found.address, error);
    });
    const client = new Client({ connection, namespace: found.namespace });
    const connected: Connected = { client, connection, ...found, worker };
    current = connected;
    return connected;
  };
  return {
    async connect(timeoutMs) {
      const deadline = Date.now() + timeoutMs;
      const found = await stack.ensure(timeoutMs);
      return use(found, Math.max(deadline - Date.now(), LEAST_CONNECT_MS));
    },
    async connectIfRunning() {
      const found = await stack.connectIfRunning();
      return found ? use(found, IF_RUNNING_MS) : undefined;
    },
    stackState: () => stack.state(),
    async close() {
      await current?.connection.close().catch(() => undefined);
      await stack.close();
    },
  };
}

/** A worker of the stack that was restarted this often and still does not run needs a person. */
const RESTARTS_IN_VAIN = 5;

async function workerOf(stack: LocalStack): Promise<WorkerState> {
  const { worker } = await stack.state();
  if (worker.state === 'running') return { state: 'alive' };
  const why = worker.problem === undefined ? '' : ` (${worker.problem})`;
  const message = `The worker of the local stack is being ${worker.restarts > 0 ? 'restarted' : 'started'}${why}.`;
  return { state: worker.restarts > RESTARTS_IN_VAIN ? 'none' : 'coming', message };
}

/** The answer takes milliseconds. */
const POLLERS_MS = 2000;

async function remoteWorkers(client: Client, settings: Settings): Promise<WorkerState> {
  if ((await livePollers(client, TASK_QUEUES.jobs, 'workflow', POLLERS_MS)).length > 0) return { state: 'alive' };
  return {
    state: 'none',
    message: `No worker polls the task queue ${TASK_QUEUES.jobs}; start one with: ${workerCommand(settings)}`,
  };
}

export function unavailable(address: string, cause: unknown): JobFailure {
  return new JobFailure({
    code: 'TEMPORAL_UNAVAILABLE',
    message: `Temporal at ${address} does not answer.`,
    nextStep: 'Check the address and that the server runs, then call again.',
    retryable: true,
    cause,
  });
}
