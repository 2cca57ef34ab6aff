import { setTimeout as sleep } from 'node:timers/promises';
import { isGrpcCancelledError, isGrpcDeadlineError } from '@temporalio/client';
import type { JobRecord } from '../contract/record.js';
import type { WaitOptions, WaitResult } from './job-api.js';
import type { Connected } from './temporal.js';

/** One long poll for the close event of each job, shared by all who wait for it in this process. */
export class CloseWatch {
  readonly #watched = new Map<string, { closed: Promise<void>; waiters: number; abort: AbortController }>();

  constructor(private readonly connect: () => Promise<Connected | undefined>) {}

  /** Jobs that somebody in this process waits for now. */
  get size(): number {
    return this.#watched.size;
  }

  /** Settles when the job has closed (or cannot be watched: then the reader looks again). `release` when done waiting. */
  watch(jobId: string): { closed: Promise<void>; release: () => void } {
    let entry = this.#watched.get(jobId);
    if (!entry) {
      const abort = new AbortController();
      entry = { closed: this.#poll(jobId, abort.signal), waiters: 0, abort };
      this.#watched.set(jobId, entry);
    }
    const held = entry;
    held.waiters += 1;
    return {
      closed: held.closed,
      release: () => {
        held.waiters -= 1;
        if (held.waiters > 0) return;
        held.abort.abort();
        if (this.#watched.get(jobId) === held) this.#watched.delete(jobId);
      },
    };
  }

  async #poll(jobId: string, signal: AbortSignal): Promise<void> {
    const connected = await this.connect().catch(() => undefined);
    if (!connected) return never(signal);
    const { client, connection } = connected;
    while (!signal.aborted) {
      try {
        // One of its own for each poll: the SDK leaves a listener at the signal of every call.
        const reply = await connection.withAbortSignal(AbortSignal.any([signal]), () =>
          connection.withDeadline(Date.now() + LONG_POLL_MS, () =>
            client.workflowService.getWorkflowExecutionHistory({
              namespace: connected.namespace,
              execution: { workflowId: jobId },
              waitNewEvent: true,
              historyEventFilterType: CLOSE_EVENT,
              skipArchival: true,
            }),
          ),
        );
        if ((reply.history?.events?.length ?? 0) > 0) return;
      } catch (error) {
        if (isGrpcCancelledError(error)) return;
        // An answer that did not come in time means that the job still runs; any other fault is the reader's to tell.
        if (!isGrpcDeadlineError(error)) return never(signal);
      }
    }
  }
}

const CLOSE_EVENT = 2;
/** The server answers after 20 seconds at the latest; longer means that it is gone. */
const LONG_POLL_MS = 30_000;

async function never(signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Between two looks at a running job: what is seen only by looking (no worker, a missing key) is told within it. */
const LOOK_FIRST_MS = 1000;
const LOOK_LONGEST_MS = 5000;
/** Each job that is waited for takes so much of the pause: all of them together look at most this often, and the end is told by the watch. */
const LOOK_SHARE_MS = 100;

/** One look at a job. */
export interface Look {
  record: JobRecord;
  /** Nothing will move by itself. */
  stuck: boolean;
}

/**
 * Waits for one or all of the jobs, at most timeoutSeconds. Ends early, and says so, when nothing can move any more.
 * `any` ignores jobs that had ended before the call, unless all had.
 */
export async function waitForJobs(
  options: WaitOptions,
  watch: CloseWatch,
  look: (jobId: string) => Promise<Look>,
): Promise<WaitResult> {
  const { jobIds, until, signal, onUpdate } = options;
  const deadline = Date.now() + options.timeoutSeconds * 1000;
  const watched = jobIds.map((jobId) => watch.watch(jobId));
  let endedBefore: ReadonlySet<string> | undefined;
  /** What has woken us once: a job that was closed and is not done (it runs again) is looked at in turns from then on. */
  const told = new Set<Promise<void>>();
  try {
    for (let pause = LOOK_FIRST_MS; ; pause = Math.min(pause * 1.5, LOOK_LONGEST_MS)) {
      const looks = await Promise.all(jobIds.map(look));
      const records = looks.map(({ record }) => record);
      const pending = looks.filter(({ record }) => !record.done);
      const pendingIds = pending.map(({ record }) => record.job_id);
      const result = (timedOut: boolean): WaitResult => ({ records, pending: pendingIds, timedOut });
      endedBefore ??= new Set(records.filter((record) => record.done).map((record) => record.job_id));
      onUpdate?.(records);

      const before = endedBefore;
      const newlyDone = records.some((record) => record.done && !before.has(record.job_id));
      if (pending.length === 0 || (until === 'any' && newlyDone)) return result(false);
      if (pending.every(({ stuck }) => stuck)) return { ...result(false), stuck: true };
      const left = deadline - Date.now();
      if (left <= 0 || signal?.aborted) return result(true);
      const open = watched.filter((one, index) => !records[index]?.done && !told.has(one.closed)).map(({ closed }) => closed);
      for (const closed of open) void closed.then(() => told.add(closed));
      await firstOf(open, Math.min(Math.max(pause, watch.size * LOOK_SHARE_MS), left), signal);
    }
  } finally {
    for (const { release } of watched) release();
  }
}

async function firstOf(closed: Promise<void>[], ms: number, signal: AbortSignal | undefined): Promise<void> {
  const stop = new AbortController();
  const pause = sleep(ms, undefined, { signal: signal ? AbortSignal.any([signal, stop.signal]) : stop.signal });
  await Promise.race([...closed, pause.catch(() => undefined)]);
  stop.abort();
}
