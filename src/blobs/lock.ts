import { randomUUID } from 'node:crypto';
import { lstat, open, readlink, symlink, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';
import { unlessAbsent } from './durable-folder.js';
import { InLine } from './in-line.js';
import { isRunning, thisProcess } from './process-identity.js';
import { errnoOf, unavailable } from './store-failure.js';

/** Another host's lock counts as abandoned after this; a write takes milliseconds. */
const ABANDONED_AFTER_MS = 60_000;
/** A holder that was held up longer than this gives its write up, well before another host may take the lock over. */
const LONGEST_HOLD_MS = 30_000;
/** Longer than it takes to see that another host's holder is gone. */
const LONGEST_WAIT_MS = 90_000;

const ownerSchema = z.object({ token: z.string(), pid: z.number().int(), host: z.string(), start: z.string() });
type Owner = z.infer<typeof ownerSchema>;

export interface HeldLock {
  /** To be called right before the write that the lock protects; throws STORE_UNAVAILABLE when it came too late. */
  check(): void;
}

/**
 * Locks between the processes that share a folder. A lock is a symbolic link whose target is its owner as JSON
 * {token, pid, host, start}: making one is exclusive, atomic and complete in one call, so that no half-written lock can exist.
 */
export class Locks {
  readonly #folder: string;
  /** Waiters of this process wait without touching the disk. */
  readonly #line = new InLine();

  /** The folder must exist whenever a lock is taken. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Runs the work while holding the lock of that name (a file name), one at a time among all processes. */
  hold<T>(name: string, work: (lock: HeldLock) => Promise<T>): Promise<T> {
    return this.#line.wait(name, () => this.#holdFile(name, work));
  }

  async #holdFile<T>(name: string, work: (lock: HeldLock) => Promise<T>): Promise<T> {
    const path = join(this.#folder, name);
    const since = await this.#take(name);
    const late = (): boolean => Math.abs(Date.now() - since) > LONGEST_HOLD_MS;
    try {
      return await work({
        check: () => {
          if (late()) {
            throw unavailable(`A write to ${this.#folder} was held up for too long.`, 'Nothing was written; it is tried again.');
          }
        },
      });
    } finally {
      // A late holder may have lost the lock to another host already: it leaves the file to be judged by the others.
      if (!late()) await unlessAbsent(unlink(path));
    }
  }

  /** Returns when the lock is ours, with the time before it became so. */
  async #take(name: string): Promise<number> {
    const path = join(this.#folder, name);
    const owner: Owner = { token: randomUUID(), ...(await thisProcess()) };
    const target = JSON.stringify(owner);
    const waitsSince = Date.now();
    for (let pause = 1; ; pause = Math.min(pause * 1.5, 20)) {
      const since = Date.now();
      try {
        await symlink(target, path);
        return since;
      } catch (error) {
        if (errnoOf(error) !== 'EEXIST') throw error;
      }
      const other = await readOwner(path);
      if (other === undefined) continue;
      if (await this.#isAbandoned(path, other)) {
        await this.#remove(name, other);
        continue;
      }
      if (Date.now() - waitsSince > LONGEST_WAIT_MS) {
        throw unavailable(
          `Process ${other.pid} on ${other.host.split(' ')[0]} has been holding a lock of the blob store for over a minute: ${path}.`,
          'Look whether that process hangs; the job goes on by itself when it ends.',
        );
      }
      await delay(pause * (0.5 + Math.random()));
    }
  }

  /**
   * Removes an abandoned lock, and never one that somebody made after it: whoever wants to remove the lock with this token
   * must hold the lock named after the token, so that there is one remover at a time, and it looks again first.
   */
  async #remove(name: string, abandoned: Owner): Promise<void> {
    await this.#holdFile(`over-${abandoned.token}`, async () => {
      const path = join(this.#folder, name);
      if ((await readOwner(path))?.token === abandoned.token) await unlink(path);
    });
  }

  async #isAbandoned(path: string, owner: Owner): Promise<boolean> {
    if (owner.host === (await thisProcess()).host) return !(await isRunning(owner));
    const made = await unlessAbsent(lstat(path));
    return made !== undefined && (await this.#clock()) - made.mtimeMs > ABANDONED_AFTER_MS;
  }

  /** The time by the clock that dates the lock files, which on a shared folder is another machine's. */
  async #clock(): Promise<number> {
    const path = join(this.#folder, `clock-${randomUUID()}`);
    const file = await open(path, 'wx', 0o600);
    try {
      return (await file.stat()).mtimeMs;
    } finally {
      await file.close();
      await unlink(path);
    }
  }
}

async function readOwner(path: string): Promise<Owner | undefined> {
  const target = await unlessAbsent(readlink(path));
  return target === undefined ? undefined : ownerSchema.parse(JSON.parse(target));
}
