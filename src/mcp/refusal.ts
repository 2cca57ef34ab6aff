import { randomBytes } from 'node:crypto';
import { JobFailure, type JobError } from '../contract/errors.js';
import type { ToolContext } from './tool.js';

/** What a caller is told of an error: a defect is a reference that only the log explains. */
export function refusalOf(error: unknown, call: string, context: Pick<ToolContext, 'logError'> & { signal?: AbortSignal }): JobError {
  if (error instanceof JobFailure) return error.toJobError();
  if (context.signal?.aborted) return CANCELLED_CALL;
  const reference = randomBytes(4).toString('hex');
  context.logError(`internal error ${reference} in ${call}`, error);
  return {
    code: 'INTERNAL',
    message: `Something unexpected happened in this server (reference ${reference}).`,
    next_step: 'A started job goes on: look with image_job_status. The log on stderr has the details under this reference.',
    retryable: false,
  };
}

const CANCELLED_CALL: JobError = {
  code: 'CANCELLED',
  message: 'This call was cancelled; no job was.',
  next_step: 'Call image_job_wait with the job_id to go on waiting.',
  retryable: true,
};
