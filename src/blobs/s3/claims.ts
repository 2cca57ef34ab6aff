import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';
import { InLine } from '../in-line.js';
import { jsonOrUndefined } from '../json-documents.js';
import { LOCKS } from '../keys.js';
import type { HeldLock } from '../lock.js';
import { isRunning, thisProcess } from '../process-identity.js';
import { unavailable } from '../store-failure.js';
import type { ListedObject, S3Objects } from './objects.js';

const FOLDER = `${LOCKS}/`;
/** A holder that was held up longer than this gives its write up. */
const LONGEST_HOLD_MS = 10_000;
/** A claim of this age counts as that of a process that died. By the server's clock, and later than its holder gives up by more than a request takes. */
const ABANDONED_AFTER_MS = 25_000;

/** Whose claim it is, so that one of a process of this machine that died is known at once. */
const ownerSchema = z.object({ pid: z.number().int(), host: z.string(), start: z.string() });

/**
 * Locks between processes on any S3 server that shows at once what was written, with no more than writes, lists and deletions: a
 * claim is an object of one's own; who sees no other claim after writing one's own holds the lock. Of two that claim at once the
 * later one sees the other's, so both never hold; when both see each other, both step back and try again after a random pause.
 * Needed where no condition of S3 says what is meant (delete this blob unless it was stored again), and for documents at servers
 * whose conditional writes are not known to exclude each other.
 */
export class Claims {
  readonly #objects: S3Objects;
  readonly #longestWaitMs: number;
  readonly #line = new InLine();

  constructor(objects: S3Objects, lockSeconds: number) {
    this.#objects = objects;
    this.#longestWaitMs = lockSeconds * 1000;
  }

  /** Runs the work while holding the lock of that name, one at a time among all processes. */
  hold<T>(name: string, work: (lock: HeldLock) => Promise<T>): Promise<T> {
    return this.#line.wait(name, async () => {
      const { claim, since } = await this.#take(name);
      const late = (): boolean => performance.now() - since > LONGEST_HOLD_MS;
      try {
        return await work({
          check: () => {
            if (!late()) return;
            throw unavailable(`A write to ${this.#objects.place.url} was held up for too long.`, 'Nothing was written; it is tried again.');
          },
        });
      } finally {
        // One that stays is taken for abandoned soon.
        await this.#objects.delete(claim).catch(() => undefined);
      }
    });
  }

  /** Removes claims that nobody took away, and gives their number. */
  async sweep(olderThan: Date): Promise<number> {
    let removed = 0;
    for await (const { key, modifiedAt } of this.#objects.list(FOLDER)) {
      if (modifiedAt >= olderThan) continue;
      await this.#objects.delete(key);
      removed += 1;
    }
    return removed;
  }

  async #take(name: string): Promise<{ claim: string; since: number }> {
    const waitsSince = performance.now();
    const owner = Buffer.from(JSON.stringify(await thisProcess()));
    for (let pause = 10; ; pause = Math.min(pause * 2, 400)) {
      const claim = `${FOLDER}${name}/${randomUUID()}`;
      const since = performance.now();
      await this.#objects.put(claim, owner);
      const claims: ListedObject[] = [];
      for await (const one of this.#objects.list(`${FOLDER}${name}/`)) claims.push(one);
      const own = claims.find(({ key }) => key === claim);
      if (own !== undefined && claims.length === 1) return { claim, since };

      await this.#objects.delete(claim);
      for (const other of claims) {
        if (own && other !== own && (await this.#isAbandoned(other, own))) await this.#objects.delete(other.key);
      }
      if (performance.now() - waitsSince > this.#longestWaitMs) {
        throw unavailable(
          `Another process holds a lock of the blob store ${this.#objects.place.url} for too long: ${FOLDER}${name}/.`,
          'Look whether a process hangs; the job goes on by itself when it ends.',
        );
      }
      await delay(pause * Math.random());
    }
  }

  async #isAbandoned(other: ListedObject, own: ListedObject): Promise<boolean> {
    if (own.modifiedAt.getTime() - other.modifiedAt.getTime() > ABANDONED_AFTER_MS) return true;
    const found = await this.#objects.get(other.key);
    const { data: owner } = ownerSchema.safeParse(found && jsonOrUndefined(found.bytes.toString('utf8')));
    return owner !== undefined && owner.host === (await thisProcess()).host && !(await isRunning(owner));
  }
}
