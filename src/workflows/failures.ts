import { ActivityFailure, ApplicationFailure, isCancellation, TimeoutFailure } from '@temporalio/workflow';
import type { Billing, ErrorCode, JobError } from '../contract/errors.js';

export interface ItemFailure {
  jobError: JobError;
  billing: Billing;
}

/** What an activity's failure says in its details; written by src/activities/boundary.ts. */
export interface FailureDetails {
  error: JobError;
  billing: Billing;
}

function isFailureDetails(value: unknown): value is FailureDetails {
  return typeof value === 'object' && value !== null && 'error' in value && 'billing' in value;
}

/** The error of a failed activity. One that carries no details is a fault of ours: INTERNAL. */
export function errorOf(error: unknown): ItemFailure {
  if (error instanceof JobEndedError) return error.failure;
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof ApplicationFailure) {
    const details: unknown = cause.details?.[0];
    if (isFailureDetails(details)) return { jobError: details.error, billing: details.billing };
  }
  const timedOut = cause instanceof TimeoutFailure;
  return {
    jobError: {
      code: 'INTERNAL',
      message: timedOut ? 'A step of the job ran out of time.' : messageOf(cause),
      next_step: 'Look at the workflow in the Temporal Web UI, then call image_job_retry.',
      retryable: true,
    },
    // Nobody can tell what happened before an unknown fault.
    billing: 'maybe',
  };
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : 'The job failed for an unknown reason.';
}

/**
 * Whether a step ended because the job is being cancelled: also one that failed or lost its worker meanwhile, which
 * Temporal does not try again then. What it may have cost is in its attempt record.
 */
export function isCutOff(error: unknown): boolean {
  return isCancellation(error) || (error instanceof ActivityFailure && error.retryState === 'CANCEL_REQUESTED');
}

/** An end that the workflow itself found, not an activity. */
export class JobEndedError extends Error {
  constructor(readonly failure: ItemFailure) {
    super(failure.jobError.message);
  }
}

/** Endings that no other provider would turn better: the input itself is at fault, or a person must decide. */
const NOT_FOR_ANOTHER: readonly ErrorCode[] = ['INVALID_ARGUMENT', 'PERMISSION_DENIED', 'CANCELLED', 'DEADLINE_EXCEEDED', 'MAYBE_BILLED'];

/** A fallback may follow only when nothing can have been charged. */
export function certainlyUnpaid(code: ErrorCode, billing: Billing): boolean {
  return billing === 'none' && !NOT_FOR_ANOTHER.includes(code);
}
