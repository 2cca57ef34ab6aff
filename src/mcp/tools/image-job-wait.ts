import * as z from 'zod';
import type { WaitResult } from '../../client/job-api.js';
import { JobFailure } from '../../contract/errors.js';
import { jobId } from '../fields.js';
import { inOneLine, isOk, presentJob, withoutEmpty } from '../present.js';
import { thumbnailsOf } from '../thumbnails.js';
import { read, unknownJob, type ToolDefinition } from '../tool.js';

const inputSchema = z.strictObject({
  job_id: jobId.optional(),
  job_ids: z.array(jobId).min(1).max(20).optional().describe('several jobs at once'),
  until: z.enum(['all', 'any']).optional().describe('default all'),
  timeout_seconds: z.number().min(0).optional().describe('default and ceiling depend on the client'),
});

export const imageJobWait: ToolDefinition = {
  name: 'image_job_wait',
  title: 'Wait for jobs',
  description:
    'Wait until a job ends and answer its record with the paths of the pictures. If it still runs when the time is over (timed_out: true), call this again with the same job_id; never start the job again. If it still runs with timed_out: false, nothing moves until the user acts: tell the user, and do not call again before. Several job_ids: jobs, pending, timed_out.',
  inputSchema,
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  async handler(rawArguments, context) {
    const { values, warnings } = read(inputSchema, rawArguments);
    const ids = [...new Set([...(values.job_id === undefined ? [] : [values.job_id]), ...(values.job_ids ?? [])])];
    if (ids.length === 0 || ids.length > 20) throw wrongNumber(ids.length);

    context.report(`waiting for ${ids.join(', ')}`);
    const jobs = await context.jobs();
    const timeoutSeconds = await context.waitSeconds(values.timeout_seconds);
    context.signal.throwIfAborted();
    const waited = await jobs.wait({
      jobIds: ids,
      until: values.until ?? 'all',
      timeoutSeconds,
      signal: context.signal,
      onUpdate: (updated) => context.report(updated.map(inOneLine).join('; ')),
    });
    const { records, timedOut } = waited;
    const [first] = records;
    if (first !== undefined && records.every(({ status }) => status === 'unknown')) return unknownJob(ids.join(', '));
    const attachments = await thumbnailsOf(records, jobs, context);
    if (ids.length === 1 && first !== undefined) {
      return { record: presentJob(first, { view: 'brief', polled: true, extra: { timed_out: timedOut }, warnings }), attachments };
    }
    return { record: severalJobs(waited, warnings), attachments };
  },
};

const STUCK_NEXT_STEP =
  'nothing pending moves by itself: tell the user to do what image_job_status of each says; then call image_job_wait with the pending job_ids; do not submit them again';

function severalJobs({ records, pending, timedOut, stuck }: WaitResult, warnings: string[]): Record<string, unknown> {
  const jobs = records.map((record) => {
    const { next_step, poll_after_seconds, ...job } = presentJob(record, { view: 'brief', polled: true });
    // What to do next is said once for all that run.
    return record.status === 'running' ? job : withoutEmpty({ ...job, next_step, poll_after_seconds });
  });
  const next = stuck ? STUCK_NEXT_STEP : 'call image_job_wait with the pending job_ids; do not submit them again';
  return {
    ok: records.every((record) => isOk(record, true)),
    jobs,
    pending,
    timed_out: timedOut,
    ...withoutEmpty({ next_step: pending.length > 0 ? next : undefined, warnings }),
  };
}

function wrongNumber(number: number): JobFailure {
  const message = number === 0 ? 'is required (or job_ids)' : `and job_ids name ${number} jobs; at most 20 at once`;
  return new JobFailure({
    code: 'INVALID_ARGUMENT',
    message: `job_id: ${message}`,
    nextStep: 'Correct the arguments and call again.',
    problems: [{ field: 'job_id', code: 'INVALID_ARGUMENT', message }],
  });
}
