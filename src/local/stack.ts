import { setTimeout as delay } from 'node:timers/promises';
import type { Settings } from '../config.js';
import { JobFailure } from '../contract/errors.js';
import type { Logger } from '../log.js';
import { databasePath, openDatabase, type Database } from './database.js';
import { hasMovableJob } from './idle.js';
import { KeptChild } from './kept-child.js';
import { choosePorts, type Ports } from './ports.js';
import type { Progress, StackStatus } from './protocol.js';
import type { StackAccounts } from './stack-accounts.js';
import { findTemporalBinary, type TemporalBinary } from './temporal-binary.js';
import { NAMESPACE, ServerEndedError, startServer, type RunningServer } from './temporal-server.js';
import { startWorker } from './worker-child.js';

export interface StackOptions {
  settings: Settings;
  /** Real path of the data folder. */
  dataDir: string;
  version: string;
  /** The cleaned environment of the children. */
  env: NodeJS.ProcessEnv;
  workerCommand: readonly [string, ...string[]];
  accounts: StackAccounts;
  logger: Logger;
  onChange: () => void;
}

/** Recovering thousands of manifests goes on behind the first new job. */
const RECOVERY_BEFORE_READY_MS = 20_000;
const MESSAGES_KEPT = 20;

/** The two processes of a data folder and what is known of them. */
export class Stack {
  readonly #options: StackOptions;
  readonly #ending = new AbortController();
  readonly #startedAt = new Date().toISOString();
  readonly #server: KeptChild;
  readonly #worker: KeptChild;
  readonly #messages: string[] = [];
  #phase: 'preparing' | 'prepared' | 'failed' | 'stopping' = 'preparing';
  #progress: Progress = { step: 'looking for the Temporal server', percent: 0 };
  #error: JobFailure | undefined;
  #binary: TemporalBinary | undefined;
  #ports: Ports | undefined;
  #database: Database | undefined;
  #recovered: string | undefined;
  #damaged = false;
  #running: RunningServer | undefined;

  constructor(options: StackOptions) {
    this.#options = options;
    const { logger, onChange } = options;
    this.#server = new KeptChild({ name: 'temporal', logger, onChange, start: (signal) => this.#startServer(signal) });
    this.#worker = new KeptChild({ name: 'worker', logger, onChange, start: (signal) => this.#startWorker(signal) });
  }

  get phase(): 'preparing' | 'prepared' | 'failed' | 'stopping' {
    return this.#phase;
  }

  /** Gets the server running, and the worker after it. Never rejects: a failure is its state. */
  async prepare(): Promise<void> {
    this.#phase = 'preparing';
    this.#error = undefined;
    try {
      this.#binary ??= await this.#findBinary();
      this.#tell({ step: 'starting the Temporal server', percent: 90 });
      await this.#server.start().catch(async (error: unknown) => {
        // Once more: a damaged database is set aside then, and a port that was taken in between is another.
        if (!(error instanceof ServerEndedError)) throw error;
        await this.#server.start();
      });
      if (this.#ending.signal.aborted) return;
      this.#phase = 'prepared';
      this.#worker.keep();
    } catch (error) {
      if (this.#ending.signal.aborted) return;
      this.#phase = 'failed';
      this.#error = error instanceof JobFailure ? error : startFailure(error, this.#options.dataDir);
      this.#options.logger.error({ reason: this.#error.message }, 'The local stack could not be prepared');
    }
    this.#options.onChange();
  }

  /** Lets the worker finish what is paid for, then ends the server. */
  async stop(): Promise<void> {
    this.#phase = 'stopping';
    this.#ending.abort();
    this.#options.onChange();
    await this.#worker.stop();
    await this.#server.stop();
  }

  /** Whether a job could go on by itself; also when nobody can tell at the moment. */
  async isBusy(): Promise<boolean> {
    if (!this.#running || this.#server.status.state !== 'running') return true;
    return await hasMovableJob(this.#running.connection, NAMESPACE).catch(() => true);
  }

  message(text: string): void {
    this.#options.logger.warn(text);
    if (this.#messages.at(-1) === text) return;
    this.#messages.push(text);
    if (this.#messages.length > MESSAGES_KEPT) this.#messages.shift();
    this.#options.onChange();
  }

  /** Without the number of clients, which the stack does not know. */
  status(): Omit<StackStatus, 'clients'> {
    const { version, dataDir, accounts } = this.#options;
    const server = this.#server.status;
    const worker = this.#worker.status;
    const phase = this.#phase;
    const restarting = phase === 'prepared' && server.state !== 'running';
    const state = phase !== 'prepared' ? phase : restarting ? 'preparing' : 'ready';
    const address = this.#ports && `127.0.0.1:${this.#ports.grpc}`;
    return {
      state,
      ...(address === undefined ? {} : { address }),
      namespace: NAMESPACE,
      ...(this.#ports ? { ui_url: `http://127.0.0.1:${this.#ports.ui}`, ports: this.#ports } : {}),
      pids: {
        supervisor: process.pid,
        ...(server.pid === undefined ? {} : { temporal: server.pid }),
        ...(worker.pid === undefined ? {} : { worker: worker.pid }),
      },
      versions: {
        package: version,
        ...(this.#binary ? { temporal_cli: this.#binary.version.cli, temporal_server: this.#binary.version.server } : {}),
      },
      ...(this.#binary ? { temporal_binary: this.#binary.path } : {}),
      data_dir: dataDir,
      ...(this.#database ? { database_id: this.#database.database_id } : {}),
      started_at: this.#startedAt,
      server,
      worker,
      ...(this.#phase === 'preparing' ? { preparation: this.#progress } : {}),
      ...(restarting ? { preparation: { step: 'restarting the Temporal server', percent: 90, seconds_left: 2 } } : {}),
      accounts: accounts.registry.list(),
      messages: [...this.#messages],
      ...(this.#error ? { error: errorOf(this.#error) } : {}),
    };
  }

  async #findBinary(): Promise<TemporalBinary> {
    const { settings, env, logger } = this.#options;
    return await findTemporalBinary({
      settings,
      env,
      logger,
      onProgress: (progress) => this.#tell({ ...progress, percent: Math.min(progress.percent, 89) }),
      onMessage: (text) => this.message(text),
      signal: this.#ending.signal,
    });
  }

  async #startServer(signal: AbortSignal): Promise<RunningServer> {
    const { dataDir, env } = this.#options;
    if (!this.#binary) throw new Error('the temporal program is not known yet');
    const opened = await openDatabase(dataDir, this.#binary.version.server, this.#damaged);
    this.#database = opened.database;
    const before = this.#ports;
    const { ports, messages } = await choosePorts(dataDir);
    this.#ports = ports;
    for (const text of [...opened.messages, ...messages]) this.message(text);
    try {
      const server = await startServer({ binary: this.#binary.path, dataDir, databasePath: databasePath(dataDir), ports, env, signal });
      this.#running = server;
      this.#damaged = false;
    } catch (error) {
      this.#damaged = error instanceof ServerEndedError && error.damagedDatabase;
      throw error;
    }
    if (before && before.grpc !== ports.grpc) void this.#worker.renew();
    await this.#recover(opened.database, signal);
    return this.#running;
  }

  /** Once a database: writes the ends of closed jobs, starts lost ones again. Its failure is no reason to refuse new jobs. */
  async #recover({ database_id: databaseId }: Database, signal: AbortSignal): Promise<void> {
    if (this.#recovered === databaseId) return;
    const { settings, logger } = this.#options;
    const address = `127.0.0.1:${this.#ports?.grpc}`;
    const recovering = import('../client/recover.js')
      .then(async ({ recoverJobs }) => await recoverJobs({ address, namespace: NAMESPACE, settings, databaseId, logger }))
      .then((count) => {
        this.#recovered = databaseId;
        if (count > 0) this.message(`${count} open ${count === 1 ? 'job was' : 'jobs were'} started again.`);
        return count;
      })
      .catch((error: unknown) => {
        this.message(`Open jobs could not be looked through: ${error instanceof Error ? error.message : String(error)}`);
      });
    await Promise.race([recovering, delay(RECOVERY_BEFORE_READY_MS, undefined, { signal, ref: false }).catch(() => undefined)]);
  }

  async #startWorker(signal: AbortSignal): ReturnType<typeof startWorker> {
    const { dataDir, env, workerCommand, accounts, settings } = this.#options;
    return await startWorker({
      command: workerCommand,
      dataDir,
      env,
      address: `127.0.0.1:${this.#ports?.grpc}`,
      namespace: NAMESPACE,
      accounts: accounts.registry,
      drainMs: (settings.IMAGE_SYNC_SUBMIT_TIMEOUT_SECONDS + settings.IMAGE_SUBMIT_LISTEN_SECONDS + 30) * 1000,
      signal,
    });
  }

  #tell(progress: Progress): void {
    this.#progress = progress;
    this.#options.onChange();
  }
}

function startFailure(error: unknown, dataDir: string): JobFailure {
  return new JobFailure({
    code: 'TEMPORAL_UNAVAILABLE',
    message: `The local stack could not be started: ${error instanceof Error ? error.message : String(error)}.`,
    nextStep: `Look into the logs in ${dataDir}/logs, then try again.`,
    retryable: true,
    cause: error,
  });
}

function errorOf(failure: JobFailure): NonNullable<StackStatus['error']> {
  const { code, message, next_step, retryable } = failure.toJobError();
  return { code, message, next_step, retryable };
}
