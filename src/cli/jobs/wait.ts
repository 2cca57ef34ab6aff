import { isJobId } from '../../contract/ids.js';
import { JobFailure } from '../../contract/errors.js';
import type { JobRecord } from '../../contract/record.js';
import { onInterrupt } from '../interrupt.js';
import { EXIT, print, printJson, tell } from '../output.js';
import { plain } from '../plain.js';
import { follow } from './follow.js';
import { withJobs } from './open.js';
import { printEnd } from './print-job.js';
import { asJson, exitOf, jobsCommand, unknownJob } from './words.js';

export interface WaitArguments {
  jobIds: readonly string[];
  any: boolean;
  timeoutSeconds?: number;
  json: boolean;
}

/** Waits for all of the jobs, or for any of them to end that had not ended before. Exit code 3 when one of those still runs. */
export async function wait(env: NodeJS.ProcessEnv, { jobIds, any, timeoutSeconds, json }: WaitArguments): Promise<number> {
  const ids = [...new Set(jobIds)];
  return await withJobs(env, async (jobs, settings) => {
    const before = await Promise.all(ids.map(async (id) => (isJobId(id) ? await jobs.status(id) : undefined)));
    // Told before, not after hours of waiting for the others.
    const missing = ids.filter((_, at) => (before[at]?.status ?? 'unknown') === 'unknown');
    if (missing.length > 0) throw unknownJob(settings, missing);
    const { signal, release } = onInterrupt();
    try {
      const until = any ? 'any' : 'all';
      const { records, pending, timedOut } = await follow(jobs, {
        jobIds: ids,
        until,
        signal,
        ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
      });
      if (json) printWaited(records, pending, timedOut);
      const ended = records.filter(({ done }) => done);
      if (!json) {
        for (const record of ended) {
          if (ids.length > 1) print(plain(`${record.job_id}: ${record.status}`));
          printEnd(record, settings);
        }
      }
      if (pending.length > 0) tell(`Still running; to go on waiting: ${jobsCommand(settings, 'wait', pending)}`);
      const endedBefore = new Set(before.flatMap((record) => (record?.done ? [record.job_id] : [])));
      return any && !timedOut ? exitOfAny(ended, endedBefore) : exitOfAll(records);
    } finally {
      release();
    }
  });
}

/** One ID: its record. Several: what image_job_wait answers. */
function printWaited(records: readonly JobRecord[], pending: readonly string[], timedOut: boolean): void {
  const jobs = records.map((record) => asJson(record, true));
  const [only] = jobs;
  if (only && jobs.length === 1) printJson({ ...only, timed_out: timedOut });
  else printJson({ ok: jobs.every(({ ok }) => ok), jobs, pending, timed_out: timedOut });
}

function exitOfAll(records: readonly JobRecord[]): number {
  if (records.some(({ status }) => status === 'running')) return EXIT.running;
  return records.every(({ status }) => status === 'completed') ? EXIT.done : EXIT.failed;
}

/** Those that ended meanwhile count, or, when none did, all that have ended. */
function exitOfAny(ended: readonly JobRecord[], endedBefore: ReadonlySet<string>): number {
  const newly = ended.filter(({ job_id: id }) => !endedBefore.has(id));
  return Math.max(...(newly.length > 0 ? newly : ended).map(exitOf));
}

/** Seconds of a person: a number, or one with s, m or h. */
export function readTimeout(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(s|m|h)?$/.exec(text.trim());
  const factor = { s: 1, m: 60, h: 3600 }[match?.[2] ?? 's'];
  if (!match || factor === undefined) {
    throw new JobFailure({
      code: 'INVALID_ARGUMENT',
      message: 'timeout: must be seconds, as in 90, 90s, 15m or 2h.',
      nextStep: 'Correct it, or leave it out to wait until the end.',
    });
  }
  return Number(match[1]) * factor;
}
