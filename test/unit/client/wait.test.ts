import { describe, expect, it } from '@jest/globals';
import { CloseWatch, waitForJobs, type Look } from '../../../src/client/wait.js';
import type { WaitOptions } from '../../../src/client/job-api.js';

/** Jobs by ID: whether each is done, and how often it was looked at. */
function jobs(done: Record<string, boolean>, stuck = false): { look: (jobId: string) => Promise<Look>; looks: Map<string, number> } {
  const looks = new Map<string, number>();
  return {
    looks,
    look: async (jobId) => {
      looks.set(jobId, (looks.get(jobId) ?? 0) + 1);
      const isDone = done[jobId] === true;
      return { record: { ok: false, job_id: jobId, status: isDone ? 'completed' : 'running', done: isDone, message: '' }, stuck };
    },
  };
}

/** A watch that cannot reach Temporal: nothing wakes the waiter. */
const silent = (): CloseWatch => new CloseWatch(async () => undefined);

/** A watch to which every job has closed already. */
class Closed extends CloseWatch {
  override watch(): { closed: Promise<void>; release: () => void } {
    return { closed: this.#closed, release: () => undefined };
  }
  readonly #closed = Promise.resolve();
}

const wait = (more: Partial<WaitOptions>): WaitOptions => ({ jobIds: ['a', 'b', 'c'], until: 'all', timeoutSeconds: 2, ...more });

describe('a wait for several jobs', () => {
  it('does not spin when one had ended, nor when one was closed and runs again', async () => {
    for (const watch of [silent(), new Closed(async () => undefined)]) {
      const { look, looks } = jobs({ a: true });
      const result = await waitForJobs(wait({}), watch, look);
      expect(result).toMatchObject({ pending: ['b', 'c'], timedOut: true });
      // Two seconds have room for the first look, one that the close event woke, and those in turns.
      expect(looks.get('b')).toBeLessThanOrEqual(5);
    }
  });

  it('`any` ignores what had ended before, unless all had', async () => {
    const some = jobs({ a: true });
    const waiting = waitForJobs(wait({ until: 'any' }), silent(), some.look);
    expect(await waiting).toMatchObject({ timedOut: true, pending: ['b', 'c'] });
    const all = jobs({ a: true, b: true, c: true });
    expect(await waitForJobs(wait({ until: 'any' }), silent(), all.look)).toMatchObject({ timedOut: false, pending: [] });
  });

  it('ends early when nothing can move', async () => {
    const { look, looks } = jobs({ a: true }, true);
    const early = await waitForJobs(wait({ timeoutSeconds: 600 }), silent(), look);
    expect(early).toMatchObject({ pending: ['b', 'c'], timedOut: false, stuck: true });
    expect(looks.get('b')).toBe(1);
    // Also when its time is over: what would call again at once is told the same.
    expect(await waitForJobs(wait({ timeoutSeconds: 0 }), silent(), look)).toMatchObject({ timedOut: false, stuck: true });
    expect(await waitForJobs(wait({ timeoutSeconds: 0 }), silent(), jobs({}).look)).not.toHaveProperty('stuck');
  });

  it('looks less often the more jobs are waited for', async () => {
    const watch = silent();
    const { look, looks } = jobs({});
    const ids = Array.from({ length: 100 }, (_, index) => String(index));
    await Promise.all(ids.map((jobId) => waitForJobs(wait({ jobIds: [jobId], timeoutSeconds: 1.5 }), watch, look)));
    // The first look and the one for the answer; alone, each would be looked at three times. Those that come first may not know yet how many there are.
    const all = [...looks.values()].reduce((sum, one) => sum + one, 0);
    expect(all / ids.length).toBeLessThan(2.5);
    expect(watch.size).toBe(0);
  });

  it('ends when the call is cancelled, and no job with it', async () => {
    const { look } = jobs({});
    const call = new AbortController();
    const waiting = waitForJobs(wait({ timeoutSeconds: 600, signal: call.signal }), silent(), look);
    call.abort();
    expect(await waiting).toMatchObject({ timedOut: true, pending: ['a', 'b', 'c'] });
  });
});
