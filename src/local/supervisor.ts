import { randomBytes } from 'node:crypto';
import { access } from 'node:fs/promises';
import { readSalt } from '../accounts/salt.js';
import { thisProcess } from '../blobs/process-identity.js';
import type { Settings } from '../config.js';
import { JobFailure } from '../contract/errors.js';
import type { Logger } from '../log.js';
import { claimFile, readClaim, releaseClaim, writeWhole } from './claim.js';
import { cleanEnvironment } from './clean-environment.js';
import { compareVersions } from './compare-versions.js';
import { isStackAlive, stackFileOf } from './control-client.js';
import { listenControl, removeDeadSocket, type ControlServer, type Peer } from './control-server.js';
import { prepareDataFolder } from './data-folder.js';
import { databasePath } from './database.js';
import { endProcess, serversOfDatabase } from './processes.js';
import type { ControlRequest, StackFile, StackIdentity, StackStatus, StopReason } from './protocol.js';
import { StackAccounts } from './stack-accounts.js';
import { Stack } from './stack.js';

export interface SupervisorOptions {
  settings: Settings;
  version: string;
  env: NodeJS.ProcessEnv;
  workerCommand: readonly [string, ...string[]];
  logger: Logger;
}

const LOOK_MS = 5_000;
/** A failed preparation is told for this long before another try, and kept for clients for that long. */
const RETRY_FAILED_MS = 15_000;
const KEEP_FAILED_MS = 120_000;
const STATUS_EVENT_MS = 100;

/** Runs the stack of a data folder until it is ended; returns at once when another process does so already. */
export async function runSupervisor(options: SupervisorOptions): Promise<void> {
  const dataDir = await prepareDataFolder(options.settings.dataDir);
  await new Supervisor(options, dataDir, await readSalt(dataDir)).run();
}

class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #dataDir: string;
  readonly #nonce = randomBytes(16).toString('hex');
  readonly #accounts: StackAccounts;
  readonly #stack: Stack;
  /** Those who said hello. */
  readonly #clients = new Set<Peer>();
  readonly #startedAt = new Date().toISOString();
  #control: ControlServer | undefined;
  #reason: StopReason | undefined;
  #busyAt = Date.now();
  #failedAt = 0;
  #finish = (): void => {};
  #statusTimer: NodeJS.Timeout | undefined;

  constructor(options: SupervisorOptions, dataDir: string, salt: Buffer) {
    this.#options = options;
    this.#dataDir = dataDir;
    const { settings, version, workerCommand, logger } = options;
    this.#accounts = new StackAccounts(settings, salt, (text) => this.#stack.message(text));
    this.#stack = new Stack({
      settings,
      dataDir,
      version,
      env: cleanEnvironment(options.env, settings),
      workerCommand,
      accounts: this.#accounts,
      logger,
      onChange: () => this.#changed(),
    });
    this.#accounts.registry.onChange(() => this.#changed());
  }

  async run(): Promise<void> {
    const { logger } = this.#options;
    // Listening comes first: whoever sees our stack.json can ask us.
    this.#control = await this.#listen();
    const claim = stackFileOf(this.#dataDir);
    const self = await this.#stackFile();
    const result = await claimFile(claim, self, async (owner) => (await isStackAlive(owner, self.host)) !== 'dead');
    if (!result.claimed) {
      logger.info({ pid: result.owner.pid }, 'Another process runs the stack of this data folder');
      await this.#control.close();
      return;
    }
    const ended = new Promise<void>((resolve) => {
      this.#finish = resolve;
    });
    this.#listenToSignals();
    if (result.previous) await removeDeadSocket(result.previous.socket);
    await this.#endOrphans();
    await this.#accounts.readFile();
    const looking = setInterval(() => void this.#look(), Math.min(LOOK_MS, this.#idleMs / 4));
    const preparing = this.#prepare();
    await ended;

    clearInterval(looking);
    clearTimeout(this.#statusTimer);
    await this.#stack.stop();
    await preparing;
    await releaseClaim(claim, (file) => file.nonce === this.#nonce);
    await this.#control.close();
    logger.info({ reason: this.#reason }, 'The local stack ended');
  }

  async #listen(): Promise<ControlServer> {
    return await listenControl(
      {
        request: async (request, peer) => await this.#answer(request, peer),
        closed: (peer) => {
          if (this.#clients.delete(peer)) this.#changed();
        },
      },
      this.#options.logger,
    );
  }

  async #answer(request: ControlRequest, peer: Peer): Promise<StackIdentity | StackStatus | null> {
    switch (request.method) {
      case 'identify':
        return { nonce: this.#nonce, version: this.#options.version, pid: process.pid };
      case 'status':
        return this.#status();
      case 'hello':
        this.#refuseOlder(request.version);
        this.#clients.add(peer);
        this.#busyAt = Date.now();
        if (this.#reason !== undefined) peer.send({ event: 'stopping', reason: this.#reason });
        this.#changed();
        return this.#status();
      case 'accounts':
        this.#accounts.announce(request.accounts);
        return null;
      case 'prepare':
        if (this.#stack.phase === 'failed' && Date.now() - this.#failedAt > RETRY_FAILED_MS) void this.#prepare();
        return this.#status();
      case 'down':
        // The answer first.
        setImmediate(() => this.#end(request.reason));
        return null;
    }
  }

  #refuseOlder(version: string): void {
    const own = this.#options.version;
    if (compareVersions(version, own) >= 0) return;
    throw new JobFailure({
      code: 'TEMPORAL_UNAVAILABLE',
      message: `The local stack runs durable-image-mcp ${own}, and this process is the older ${version}; nothing was started.`,
      nextStep: `Restart this MCP client, so that it uses version ${own}.`,
    });
  }

  async #prepare(): Promise<void> {
    await this.#stack.prepare();
    if (this.#stack.phase === 'failed') this.#failedAt = Date.now();
    if (this.#stack.phase === 'prepared') await writeWhole(stackFileOf(this.#dataDir).path, await this.#stackFile());
  }

  async #stackFile(): Promise<StackFile> {
    const { ports, versions } = this.#stack.status();
    const { temporal_cli, temporal_server } = versions;
    return {
      ...(await thisProcess()),
      nonce: this.#nonce,
      socket: this.#control?.path ?? '',
      version: this.#options.version,
      started_at: this.#startedAt,
      ...(ports ? { ports } : {}),
      ...(temporal_cli !== undefined && temporal_server !== undefined ? { versions: { temporal_cli, temporal_server } } : {}),
    };
  }

  /** A server that outlived its supervisor would share its database with ours. */
  async #endOrphans(): Promise<void> {
    for (const pid of await serversOfDatabase(databasePath(this.#dataDir))) {
      this.#options.logger.warn({ pid }, 'A Temporal server of a supervisor that is gone is ended');
      await endProcess(pid);
    }
  }

  /** Every few seconds: is the folder still ours, did the credentials file change, is anybody here? */
  async #look(): Promise<void> {
    if (this.#reason !== undefined) return;
    try {
      const file = await readClaim(stackFileOf(this.#dataDir));
      if (file?.nonce !== this.#nonce) {
        this.#end('folder');
        return;
      }
      await this.#keepSocket(file);
      await this.#accounts.readFile();
      await this.#endWhenIdle();
    } catch (error) {
      this.#options.logger.warn({ reason: String(error) }, 'The look around the stack failed');
    }
  }

  /** Cleaners of temporary folders remove sockets too. */
  async #keepSocket(file: StackFile): Promise<void> {
    const there = await access(file.socket).then(
      () => true,
      () => false,
    );
    if (there) return;
    const lost = this.#control;
    this.#control = await this.#listen();
    await writeWhole(stackFileOf(this.#dataDir).path, await this.#stackFile());
    await lost?.close();
  }

  async #endWhenIdle(): Promise<void> {
    const failed = this.#stack.phase === 'failed';
    if (this.#clients.size > 0 || this.#stack.phase === 'preparing' || (!failed && (await this.#stack.isBusy()))) {
      this.#busyAt = Date.now();
      return;
    }
    const limit = failed ? Math.min(KEEP_FAILED_MS, this.#idleMs) : this.#idleMs;
    if (this.#clients.size === 0 && Date.now() - this.#busyAt >= limit) this.#end('idle');
  }

  get #idleMs(): number {
    return this.#options.settings.IMAGE_STACK_IDLE_MINUTES * 60_000;
  }

  #listenToSignals(): void {
    for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      process.on(name, () => {
        // The second time without waiting; the children end with us.
        if (this.#reason !== undefined) process.exit(1);
        this.#end('signal');
      });
    }
  }

  #end(reason: StopReason): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    for (const client of this.#clients) client.send({ event: 'stopping', reason });
    this.#finish();
  }

  #status(): StackStatus {
    return { ...this.#stack.status(), clients: this.#clients.size };
  }

  /** Many changes in a row are one event. */
  #changed(): void {
    this.#statusTimer ??= setTimeout(() => {
      this.#statusTimer = undefined;
      const status = this.#status();
      for (const client of this.#clients) client.send({ event: 'status', status });
    }, STATUS_EVENT_MS);
  }
}
