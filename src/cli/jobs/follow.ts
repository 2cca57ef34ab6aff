import { setTimeout as delay } from 'node:timers/promises';
import type { JobApi, WaitResult } from '../../client/job-api.js';
import { JobFailure } from '../../contract/errors.js';
import { followProgress } from './progress.js';

export interface FollowOptions {
  jobIds: string[];
  until: 'all' | 'any';
  /** Absent: until the end, however long that takes. */
  timeoutSeconds?: number;
  /** Ends the wait, never a job. */
  signal: AbortSignal;
}

/** One wait of the client; the next one goes on from there. */
const WAIT_SECONDS = 3600;
/** Where nothing can move by itself, or nobody answers, somebody may help meanwhile. */
const LOOK_AGAIN_MS = 1000;

/**
 * Waits for jobs and shows on stderr how they go. A wait of the client ends early when nothing moves by itself (no worker,
 * no key): a person is told, and can mend that while this goes on waiting.
 */
export async function follow(jobs: JobApi, { jobIds, until, timeoutSeconds, signal }: FollowOptions): Promise<WaitResult> {
  const deadline = Date.now() + (timeoutSeconds ?? Number.POSITIVE_INFINITY) * 1000;
  const progress = followProgress();
  let endedBefore: ReadonlySet<string> | undefined;
  let result: WaitResult | undefined;
  try {
    for (;;) {
      const left = deadline - Date.now();
      const waited = await waitOnce(left);
      if (waited) {
        result = waited;
        const before = endedBefore ?? new Set<string>();
        const newlyDone = waited.records.some((record) => record.done && !before.has(record.job_id));
        const over = !waited.timedOut && !waited.stuck;
        if (over || waited.pending.length === 0 || (until === 'any' && newlyDone)) return { ...waited, timedOut: false };
      }
      if (result && (signal.aborted || Date.now() >= deadline)) return { ...result, timedOut: true };
      const pause = Math.max(0, Math.min(LOOK_AGAIN_MS, deadline - Date.now()));
      await delay(pause, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    progress.end();
  }

  /** Undefined when nobody answered; told, and asked again. */
  async function waitOnce(leftMs: number): Promise<WaitResult | undefined> {
    try {
      return await jobs.wait({
        jobIds,
        until,
        timeoutSeconds: Math.min(Math.max(leftMs, 0) / 1000, WAIT_SECONDS),
        signal,
        onUpdate: (records) => {
          endedBefore ??= new Set(records.filter(({ done }) => done).map(({ job_id }) => job_id));
          progress.update(records);
        },
      });
    } catch (error) {
      if (!(error instanceof JobFailure) || !error.retryable || signal.aborted || Date.now() >= deadline) throw error;
      progress.note(`${error.code}: ${error.message}`);
      return undefined;
    }
  }
}
