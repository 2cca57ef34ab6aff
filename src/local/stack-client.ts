import { spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { AccountFields } from '../accounts/account.js';
import { thisProcess } from '../blobs/process-identity.js';
import type { Settings } from '../config.js';
import { JobFailure } from '../contract/errors.js';
import type { ProviderName } from '../contract/names.js';
import type { Logger } from '../log.js';
import { readClaim } from './claim.js';
import { cleanEnvironment } from './clean-environment.js';
import { compareVersions } from './compare-versions.js';
import { ControlConnection, isStackAlive, stackFileOf } from './control-client.js';
import { prepareDataFolder } from './data-folder.js';
import { readDatabase } from './database.js';
import { openLog } from './log-file.js';
import { savedPorts } from './ports.js';
import { stackStatusSchema, type StackStatus, type StopReason } from './protocol.js';

export type { StackStatus } from './protocol.js';

export interface StackAddress {
  /** host:port of the Temporal frontend. */
  address: string;
  namespace: string;
  uiUrl: string;
  databaseId: string;
  /** The accounts of the credentials file that the stack knows: a client may use them without having their keys. */
  credentials: { provider: ProviderName; id: string; base_url: string }[];
}

export interface LocalStackOptions {
  settings: Settings;
  logger: Logger;
  /** Of this package: a newer one replaces an older stack. */
  version: string;
  /** The environment that the settings were read from. */
  env?: NodeJS.ProcessEnv;
  /** How to start a supervisor, without --data-dir; by default this package's own command. */
  superviseCommand?: readonly [string, ...string[]];
}

const LOOK_AGAIN_MS = 50;
/** A look at the state is part of other answers: one that does not come is left out. */
const STATE_MS = 2_000;
/** A client that lost its stack brings it back within this, or leaves it to the next call. */
const RESTORE_MS = 60_000;

/**
 * The local stack as its clients see it: plain sockets and files, nothing of Temporal is loaded. While connected, this
 * client keeps the stack from being idle, and starts it again at once when its supervisor dies.
 */
export class LocalStack {
  readonly #options: LocalStackOptions;
  readonly #waiters = new Set<() => void>();
  #connection: ControlConnection | undefined;
  #connecting: Promise<boolean> | undefined;
  #status: StackStatus | undefined;
  #accounts: AccountFields[] = [];
  /** A supervisor that we started is on its way, or runs. */
  #spawned = false;
  /** It has answered since: whatever it ends with then, it was not its start that failed. */
  #served = false;
  #spawnCode: number | undefined;
  #replacedFailed = false;
  #closed = false;

  constructor(options: LocalStackOptions) {
    this.#options = options;
  }

  /**
   * The stack when it can take jobs; starts it where there is none. Rejects with STARTING when it is not ready in time
   * (its preparation goes on without us), or with the failure that its preparation ended with.
   */
  async ensure(timeoutMs: number): Promise<StackAddress> {
    refuseWindows();
    const deadline = Date.now() + timeoutMs;
    if (!this.#connection) await prepareDataFolder(this.#options.settings.dataDir);
    for (;;) {
      const address = await within(deadline - Date.now(), this.#step());
      if (address) return address;
      const left = deadline - Date.now();
      if (left <= 0) throw startingFailure(this.#status);
      await this.#change(Math.min(left, LOOK_AGAIN_MS));
    }
  }

  /** The stack when it runs and is ready; starts nothing. */
  async connectIfRunning(): Promise<StackAddress | undefined> {
    try {
      return (await this.#connect()) ? addressOf(this.#status) : undefined;
    } catch (error) {
      // A newer stack refuses us; only a call that needs it must say so.
      if (error instanceof JobFailure) return undefined;
      throw error;
    }
  }

  /** Hands the accounts of this process to the stack, now or as soon as it runs, and again after it was restarted. */
  async announce(accounts: readonly AccountFields[]): Promise<void> {
    this.#accounts = [...accounts];
    await this.#connection?.request({ method: 'accounts', accounts: this.#accounts }).catch(() => undefined);
  }

  /** The state at this moment; `stopped` when nothing runs. Starts nothing. */
  async state(): Promise<StackStatus> {
    const { dataDir } = this.#options.settings;
    const connection = this.#connection ?? (await ControlConnection.open(dataDir));
    try {
      if (connection) return stackStatusSchema.parse(await connection.request({ method: 'status' }, STATE_MS));
    } catch (error) {
      this.#options.logger.debug({ reason: String(error) }, 'The local stack ended while it was asked');
    } finally {
      if (connection !== this.#connection) connection?.close();
    }
    return await stoppedStatus(dataDir, this.#options.version);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#connection?.close();
    await this.#connecting?.catch(() => undefined);
    this.#connection?.close();
  }

  /** One look: an address, or nothing yet. */
  async #step(): Promise<StackAddress | undefined> {
    if (!(await this.#connect())) {
      await this.#spawn();
      return undefined;
    }
    const status = this.#status;
    const connection = this.#connection;
    if (!status || !connection || status.state === 'stopping') return undefined;
    if (compareVersions(this.#options.version, status.versions.package) > 0) {
      this.#options.logger.info({ older: status.versions.package }, 'An older local stack is asked to finish');
      return await this.#replace(connection, status);
    }
    if (status.state === 'failed' && !this.#spawned && !this.#replacedFailed) {
      // Its environment is another client's: this one's may name what was missing there. Once, lest two replace each other.
      this.#replacedFailed = true;
      this.#options.logger.info('A local stack that could not be prepared is replaced');
      return await this.#replace(connection, status);
    }
    if (status.state === 'failed') {
      const answer = await connection.request({ method: 'prepare' }).catch(() => undefined);
      // It has just ended.
      if (answer === undefined) return undefined;
      const now = stackStatusSchema.parse(answer);
      this.#status = now;
      if (now.state === 'failed') throw failureOf(now);
      return undefined;
    }
    if (status.state === 'ready') this.#replacedFailed = false;
    return addressOf(status);
  }

  async #replace(connection: ControlConnection, status: StackStatus): Promise<undefined> {
    await connection.request({ method: 'down', reason: 'replaced' }).catch(() => undefined);
    this.#status = { ...status, state: 'stopping' };
  }

  async #connect(): Promise<boolean> {
    if (this.#connection) return true;
    this.#connecting ??= this.#open().finally(() => {
      this.#connecting = undefined;
    });
    return await this.#connecting;
  }

  async #open(): Promise<boolean> {
    let reason: StopReason | undefined;
    let opened: ControlConnection | undefined;
    const connection = await ControlConnection.open(this.#options.settings.dataDir, {
      status: (status) => {
        // A stack that was told to end stays so for us.
        if (this.#status?.state !== 'stopping') this.#status = status;
        this.#wake();
      },
      stopping: (why) => {
        reason = why;
        if (this.#status) this.#status = { ...this.#status, state: 'stopping' };
      },
      closed: () => {
        if (opened && this.#connection === opened) this.#lost(reason);
      },
    });
    if (!connection) return false;
    opened = connection;
    connection.keepProcessAlive(false);
    try {
      const status = stackStatusSchema.parse(await connection.request({ method: 'hello', version: this.#options.version }));
      if (this.#accounts.length > 0) await connection.request({ method: 'accounts', accounts: this.#accounts });
      if (this.#closed) throw new Error('closed');
      this.#status = status;
      this.#connection = connection;
      this.#served = true;
      return true;
    } catch (error) {
      connection.close();
      if (error instanceof JobFailure) throw error;
      return false;
    }
  }

  #lost(reason: StopReason | undefined): void {
    this.#connection = undefined;
    this.#status = undefined;
    this.#wake();
    if (this.#closed || (reason !== undefined && reason !== 'signal')) return;
    this.#options.logger.warn('The local stack was lost; it is started again');
    void this.#restore();
  }

  async #restore(): Promise<void> {
    for (const deadline = Date.now() + RESTORE_MS; !this.#closed; await this.#change(LOOK_AGAIN_MS)) {
      try {
        await this.ensure(deadline - Date.now());
        return;
      } catch (error) {
        if (error instanceof JobFailure && error.retryable && Date.now() < deadline) continue;
        const reason = error instanceof Error ? error.message : String(error);
        this.#options.logger.error({ reason }, 'The local stack could not be started again');
        return;
      }
    }
  }

  /** Starts a supervisor unless one that we started is still on its way. Of several only one stays. */
  async #spawn(): Promise<void> {
    if (this.#spawned) return;
    const { settings, env, superviseCommand } = this.#options;
    const code = this.#spawnCode;
    this.#spawnCode = undefined;
    if (code !== undefined) await this.#explainExit(code);
    // Another call may have come first.
    if (this.#spawned || this.#closed) return;
    this.#spawned = true;
    this.#served = false;
    const [program, ...args] = superviseCommand ?? ownCommand();
    const log = openLog(settings.dataDir, 'supervisor');
    const child = spawn(program, [...args, '--data-dir', settings.dataDir], {
      cwd: '/',
      detached: true,
      env: cleanEnvironment(env ?? process.env, settings),
      stdio: ['ignore', log.descriptor, log.descriptor],
    });
    closeSync(log.descriptor);
    child.unref();
    child.once('exit', (exitCode) => this.#ended(exitCode ?? 1));
    child.once('error', () => this.#ended(1));
  }

  #ended(code: number): void {
    this.#spawned = false;
    this.#spawnCode = this.#served ? undefined : code;
    this.#wake();
  }

  /** Our supervisor has ended and yet nothing answers: because it failed, or because another one hangs. */
  async #explainExit(code: number): Promise<void> {
    const { dataDir } = this.#options.settings;
    const file = await readClaim(stackFileOf(dataDir));
    if (file && (await isStackAlive(file, (await thisProcess()).host)) === 'hangs') {
      // Another supervisor would not help: the next call looks again, too.
      this.#spawnCode = code;
      throw new JobFailure({
        code: 'TEMPORAL_UNAVAILABLE',
        message: `The supervisor of the local stack (process ${file.pid}) does not answer; nothing was started.`,
        nextStep: `End it and try again: kill -9 ${file.pid}`,
        retryable: true,
      });
    }
    if (code === 0) return;
    throw new JobFailure({
      code: 'TEMPORAL_UNAVAILABLE',
      message: `The supervisor of the local stack ended with exit code ${code}; nothing was started.`,
      nextStep: `Look into ${dataDir}/logs/supervisor.log, then try again.`,
      retryable: true,
    });
  }

  #wake(): void {
    for (const waiter of this.#waiters) waiter();
  }

  /** Returns when something changed, or after that time. */
  async #change(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#waiters.delete(done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#waiters.add(done);
    });
  }
}

/** The result, or undefined when it takes longer: a supervisor that hangs must not hold a call. */
async function within<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function ownCommand(): readonly [string, ...string[]] {
  return [process.execPath, fileURLToPath(new URL('../cli.js', import.meta.url)), 'supervise'];
}

function refuseWindows(): void {
  if (process.platform !== 'win32') return;
  throw new JobFailure({
    code: 'TEMPORAL_UNAVAILABLE',
    message: 'The local stack runs on Linux and macOS; nothing was started.',
    nextStep: 'Set TEMPORAL_ADDRESS to a Temporal server, or use this program inside WSL.',
  });
}

function addressOf(status: StackStatus | undefined): StackAddress | undefined {
  if (status?.state !== 'ready') return undefined;
  const { address, namespace, ui_url: uiUrl, database_id: databaseId } = status;
  if (address === undefined || uiUrl === undefined || databaseId === undefined) return undefined;
  const credentials = status.accounts
    .filter(({ source }) => source === 'credentials')
    .map(({ provider, id, base_url }) => ({ provider, id, base_url }));
  return { address, namespace, uiUrl, databaseId, credentials };
}

function startingFailure(status: StackStatus | undefined): JobFailure {
  const stopping = status?.state === 'stopping';
  const progress = stopping
    ? { step: 'the earlier stack finishes its requests', percent: 0 }
    : (status?.preparation ?? { step: 'starting its supervisor', percent: 0 });
  const { step, percent } = progress;
  const left = 'seconds_left' in progress ? progress.seconds_left : undefined;
  const about = left === undefined ? '' : `, about ${Math.ceil(left)} seconds left`;
  const retryAfterSeconds = Math.min(Math.max(Math.ceil(left ?? 2), 1), 30);
  return new JobFailure({
    code: 'STARTING',
    message: `The local stack is being prepared: ${step}, ${Math.floor(percent)} %${about}; nothing was started.`,
    nextStep: `Call again in ${retryAfterSeconds} seconds.`,
    retryable: true,
    retryAfterSeconds,
  });
}

function failureOf({ error }: StackStatus): JobFailure {
  if (!error) return new JobFailure({ code: 'INTERNAL', message: 'The local stack failed.', nextStep: 'Look into its logs.' });
  const { code, message, next_step: nextStep, retryable } = error;
  return new JobFailure({ code, message, nextStep, retryable });
}

async function stoppedStatus(dataDir: string, version: string): Promise<StackStatus> {
  const [ports, database] = await Promise.all([savedPorts(dataDir), readDatabase(dataDir)]);
  const stopped = { state: 'stopped' as const, since: new Date().toISOString(), restarts: 0 };
  return {
    state: 'stopped',
    namespace: 'default',
    ...(ports ? { ports } : {}),
    pids: {},
    versions: { package: version, ...(database ? { temporal_server: database.server_version } : {}) },
    data_dir: dataDir,
    ...(database ? { database_id: database.database_id } : {}),
    server: stopped,
    worker: stopped,
    clients: 0,
    accounts: [],
    messages: [],
  };
}
