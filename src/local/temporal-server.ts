import { closeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Connection } from '@temporalio/client';
import { connectTemporal } from '../client/connect.js';
import { msToTs } from '@temporalio/common/lib/time.js';
import { SEARCH_ATTRIBUTES, WORKFLOW_TYPE } from '../contract/names.js';
import { spawnGuarded, type GuardedProcess } from './guarded-process.js';
import { openLog, tailOf } from './log-file.js';
import type { Ports } from './ports.js';

export const NAMESPACE = 'default';
/** Ninety days; the server's own default is three. */
const RETENTION_SECONDS = 90 * 24 * 3600;
/** A large database on a slow disk takes this long to open. */
const START_MS = 120_000;

/** Without the first four a task waits up to 50 ms on each hop; the last two make priorities and fairness count (research/measured). */
export const DYNAMIC_CONFIG = [
  'history.transferProcessorMaxPollRPS=10000',
  'history.transferProcessorMaxPollHostRPS=10000',
  'history.visibilityProcessorMaxPollRPS=1000',
  'history.timerProcessorMaxPollRPS=1000',
  'matching.useNewMatcher=true',
  'matching.enableFairness=true',
];

/** temporal.api.enums.v1.IndexedValueType */
export const INDEXED_VALUE_TYPE = { KEYWORD: 2, KEYWORD_LIST: 7 } as const;

export interface ServerOptions {
  binary: string;
  dataDir: string;
  databasePath: string;
  ports: Ports;
  env: NodeJS.ProcessEnv;
  signal: AbortSignal;
}

export interface RunningServer extends GuardedProcess {
  connection: Connection;
}

/** Starts the development server on its database and resolves when jobs can be started on it. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { ports, dataDir } = options;
  const log = openLog(dataDir, 'temporal');
  let server: GuardedProcess;
  try {
    server = await spawnGuarded(options.binary, serverArguments(options), { env: options.env, output: log.descriptor });
  } finally {
    closeSync(log.descriptor);
  }
  const dead = new AbortController();
  const ended = server.ended.then((how) => {
    dead.abort();
    return how;
  });
  let connection: Connection | undefined;
  try {
    const signal = AbortSignal.any([options.signal, dead.signal, AbortSignal.timeout(START_MS)]);
    connection = await connect(`127.0.0.1:${ports.grpc}`, signal);
    await setUpNamespace(connection, signal);
  } catch (error) {
    await connection?.close();
    if (!dead.signal.aborted) {
      await server.stop();
      throw new Error(`the Temporal server did not get ready; its log is ${log.path}`, { cause: error });
    }
    throw new ServerEndedError(await ended, log.path, await tailOf(log.path));
  }
  const opened = connection;
  return {
    ...server,
    connection,
    ended: ended.then(async (how) => {
      await opened.close();
      return how;
    }),
  };
}

/** The server ended before it was ready. */
export class ServerEndedError extends Error {
  override readonly name = 'ServerEndedError';
  readonly damagedDatabase: boolean;

  constructor(how: string, logPath: string, tail: string) {
    super(`the Temporal server ended (${how}) before it was ready; its log is ${logPath}`);
    // SQLite's own words for SQLITE_CORRUPT and SQLITE_NOTADB.
    this.damagedDatabase = /database disk image is malformed|file is not a database/.test(tail);
  }
}

function serverArguments({ databasePath, ports }: ServerOptions): string[] {
  return [
    'server',
    'start-dev',
    '--ip',
    '127.0.0.1',
    '--port',
    String(ports.grpc),
    '--ui-port',
    String(ports.ui),
    '--db-filename',
    databasePath,
    // A killed process loses nothing, a power cut the last commits: manifests start those jobs again.
    '--sqlite-pragma',
    'journal_mode=WAL',
    '--sqlite-pragma',
    'synchronous=NORMAL',
    ...DYNAMIC_CONFIG.flatMap((value) => ['--dynamic-config-value', value]),
    '--log-level',
    'warn',
  ];
}

async function connect(address: string, signal: AbortSignal): Promise<Connection> {
  for (;;) {
    try {
      return await connectTemporal({ address, connectTimeout: 1000 });
    } catch {
      await delay(30, undefined, { signal });
    }
  }
}

/** Retention and search attributes; repeats what a server that is still starting refuses. */
async function setUpNamespace(connection: Connection, signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      await keepHistory(connection);
      await registerSearchAttributes(connection);
      return;
    } catch (error) {
      signal.throwIfAborted();
      await delay(50, undefined, { signal }).catch(() => {
        throw error;
      });
    }
  }
}

async function keepHistory(connection: Connection): Promise<void> {
  const { config } = await connection.workflowService.describeNamespace({ namespace: NAMESPACE });
  if (Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0) === RETENTION_SECONDS) return;
  await connection.workflowService.updateNamespace({
    namespace: NAMESPACE,
    config: { workflowExecutionRetentionTtl: msToTs(RETENTION_SECONDS * 1000) },
  });
}

async function registerSearchAttributes(connection: Connection): Promise<void> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace: NAMESPACE });
  const missing = Object.entries(SEARCH_ATTRIBUTES).filter(([name]) => !(name in customAttributes));
  if (missing.length > 0) {
    await connection.operatorService.addSearchAttributes({
      namespace: NAMESPACE,
      searchAttributes: Object.fromEntries(missing.map(([name, type]) => [name, INDEXED_VALUE_TYPE[type]])),
    });
  }
  // A start that names an attribute which the server does not know yet is refused: it is ready when it knows them.
  const query = Object.keys(SEARCH_ATTRIBUTES).map((name) => `${name} = "x"`).join(' OR ');
  await connection.workflowService.countWorkflowExecutions({ namespace: NAMESPACE, query: `WorkflowType = "${WORKFLOW_TYPE}" AND (${query})` });
}
