import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../log.js';
import type { ChildStatus } from './protocol.js';

export interface RunningChild {
  pid: number;
  /** How it ended, in a few words; never rejects. */
  ended: Promise<string>;
  stop(): Promise<void>;
}

export interface KeptChildOptions {
  name: string;
  /** Starts it and resolves when it works; rejects with an Error that says why it does not, or when the signal aborts. */
  start: (signal: AbortSignal) => Promise<RunningChild>;
  onChange: () => void;
  logger: Logger;
}

/** Dying again within this is a crash loop: then each restart waits longer. */
const STABLE_MS = 30_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 30_000;

/** Keeps one child process running: restarts it at once when it dies, and more slowly when it keeps dying. */
export class KeptChild {
  readonly #options: KeptChildOptions;
  readonly #stopping = new AbortController();
  #status: ChildStatus = { state: 'waiting', since: new Date().toISOString(), restarts: 0 };
  #child: RunningChild | undefined;
  #starting: Promise<RunningChild> | undefined;
  #keeping: Promise<void> | undefined;

  constructor(options: KeptChildOptions) {
    this.#options = options;
  }

  get status(): ChildStatus {
    return this.#status;
  }

  /** Resolves when it works for the first time; rejects when that fails, and then nothing is kept. */
  async start(): Promise<void> {
    this.#change('starting');
    this.#starting = this.#options.start(this.#stopping.signal);
    try {
      this.#child = await this.#starting;
    } catch (error) {
      this.#change('stopped', wordsOf(error));
      throw error;
    }
    if (this.#stopping.signal.aborted) return;
    this.#change('running');
    this.#keeping = this.#keep(this.#child);
  }

  /** The same without waiting, and a first start that fails is repeated like any other; the status tells how it goes. */
  keep(): void {
    this.start().catch(() => {
      this.#keeping = this.#keep(undefined);
    });
  }

  /** Ends the child, so that a new one takes its place. */
  async renew(): Promise<void> {
    await this.#child?.stop();
  }

  /** Ends it for good, and returns when it is gone. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const started = await this.#starting?.catch(() => undefined);
    await (this.#keeping ? this.#child : started)?.stop();
    await this.#keeping;
    this.#child = undefined;
    this.#change('stopped');
  }

  async #keep(first: RunningChild | undefined): Promise<void> {
    let child: RunningChild | undefined = first;
    let startedAt = Date.now();
    let failures = 0;
    while (!this.#stopping.signal.aborted) {
      const how: string = child ? await child.ended : (this.#status.problem ?? 'not started');
      // Its pid may soon be another's.
      this.#child = undefined;
      if (this.#stopping.signal.aborted) return;
      if (Date.now() - startedAt > STABLE_MS) failures = 0;
      const pause = failures === 0 ? 0 : Math.min(FIRST_PAUSE_MS * 2 ** (failures - 1), LONGEST_PAUSE_MS);
      failures += 1;
      this.#options.logger.warn({ child: this.#options.name, how, pause_ms: pause }, 'A process of the stack ended; it is restarted');
      this.#change('restarting', how, this.#status.restarts + 1);
      await delay(pause, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
      if (this.#stopping.signal.aborted) return;
      startedAt = Date.now();
      child = await this.#restart();
    }
  }

  async #restart(): Promise<RunningChild | undefined> {
    try {
      const child = await this.#options.start(this.#stopping.signal);
      this.#child = child;
      if (this.#stopping.signal.aborted) await child.stop();
      else this.#change('running');
      return child;
    } catch (error) {
      this.#child = undefined;
      this.#change('restarting', wordsOf(error));
      return undefined;
    }
  }

  #change(state: ChildStatus['state'], problem?: string, restarts = this.#status.restarts): void {
    const pid = state === 'running' ? this.#child?.pid : undefined;
    this.#status = {
      state,
      since: new Date().toISOString(),
      restarts,
      ...(pid === undefined ? {} : { pid }),
      ...(problem === undefined ? {} : { problem }),
    };
    this.#options.onChange();
  }
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
