import { activityInfo, ApplicationFailure, CancelledFailure, CompleteAsyncError } from '@temporalio/activity';
import { ApplicationFailureCategory } from '@temporalio/common';
import { JobFailure, type JobError } from '../contract/errors.js';
import type { FailureDetails } from '../workflows/failures.js';

/** A pause, not an end: the activity looks again after it, and holds no slot meanwhile. */
export class Waiting extends Error {
  constructor(
    /** One of WAITING, or the error code of a refusal that can get better. */
    readonly type: string,
    message: string,
    readonly seconds: number,
    readonly failure?: JobFailure,
  ) {
    super(message);
  }
}

/** A fault of ours is tried again this often: it may be a passing one, but it is never tried for ever. */
const ATTEMPTS_AT_AN_UNKNOWN_FAULT = 5;

/**
 * The one place where errors become Temporal failures: type = stable code, details[0] = {error, billing}.
 * A retryable failure becomes final once it was retried for `retryHours`.
 */
export function asActivityFailure(error: unknown, retryHours: number): unknown {
  if (error instanceof CancelledFailure || error instanceof CompleteAsyncError || error instanceof ApplicationFailure) {
    return error;
  }
  const info = activityInfo();
  if (error instanceof Waiting) {
    const late = error.failure !== undefined && triedFor(info) > retryHours * 3600;
    return plainFailure({
      type: error.type,
      message: error.message,
      nonRetryable: late,
      nextRetryDelay: Math.max(1, Math.round(error.seconds * 1000)),
      category: ApplicationFailureCategory.BENIGN,
      ...(error.failure ? { details: [detailsOf(error.failure)] } : {}),
    });
  }
  if (error instanceof JobFailure) {
    const final = !error.retryable || triedFor(info) > retryHours * 3600;
    return plainFailure({
      type: error.code,
      message: error.message,
      nonRetryable: final,
      nextRetryDelay: error.retryAfterSeconds === undefined ? undefined : Math.max(1, error.retryAfterSeconds * 1000),
      details: [detailsOf(error)],
    });
  }
  const unknown = new JobFailure({
    code: 'INTERNAL',
    message: `A step of the job failed: ${error instanceof Error ? error.message : 'unknown fault'}.`,
    nextStep: 'Look at the worker log, then call image_job_retry.',
    retryable: true,
    billing: 'maybe',
  });
  return ApplicationFailure.create({
    type: 'INTERNAL',
    message: unknown.message,
    nonRetryable: info.attempt >= ATTEMPTS_AT_AN_UNKNOWN_FAULT,
    details: [detailsOf(unknown)],
    cause: error instanceof Error ? error : undefined,
  });
}

/** Without a stack: it says nothing of a refusal, fills the Web UI and names this machine's folders. */
function plainFailure(options: Parameters<typeof ApplicationFailure.create>[0]): ApplicationFailure {
  const failure = ApplicationFailure.create(options);
  failure.stack = '';
  return failure;
}

/**
 * Work on an order whose attempt record may stand for a charge: a failure that says nothing of billing (the store is away,
 * a worker of another version) leaves that open, so that no fallback and no new start buys the picture again.
 */
export async function mayBeCharged<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof JobFailure) || error.billing !== undefined) throw error;
    const { code, message, nextStep, retryable, retryAfterSeconds, problems, providerStatus } = error;
    throw new JobFailure({
      code,
      message,
      nextStep,
      retryable,
      retryAfterSeconds,
      problems,
      providerStatus,
      billing: 'maybe',
      cause: error,
    });
  }
}

function detailsOf(failure: JobFailure): FailureDetails {
  const error: JobError = failure.toJobError();
  return { error, billing: failure.billing ?? 'none' };
}

function triedFor(info: { attempt: number; scheduledTimestampMs: number }): number {
  return info.attempt > 1 ? (Date.now() - info.scheduledTimestampMs) / 1000 : 0;
}
