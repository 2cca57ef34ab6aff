/** The stable error codes of the public interface. */
export const ERROR_CODES = [
  'INVALID_ARGUMENT',
  'REFERENCE_UNREADABLE',
  'UNSUPPORTED_IMAGE',
  'LIMIT_EXCEEDED',
  'INVALID_STATE',
  'NOT_FOUND',
  'PERMISSION_DENIED',
  'IDEMPOTENCY_CONFLICT',
  'STARTING',
  'TEMPORAL_UNAVAILABLE',
  'STORE_UNAVAILABLE',
  'PROVIDER_NOT_CONFIGURED',
  'PROVIDER_AUTH',
  'PROVIDER_QUOTA',
  'PROVIDER_RATE_LIMITED',
  'PROVIDER_REJECTED',
  'PROVIDER_TIMEOUT',
  'PROVIDER_UNAVAILABLE',
  'CONTENT_REFUSED',
  'NO_IMAGE',
  'MAYBE_BILLED',
  'RESULT_EXPIRED',
  'DEADLINE_EXCEEDED',
  'CANCELLED',
  'INTERNAL',
] as const;
export type ErrorCode = (typeof ERROR_CODES)[number];

export interface Problem {
  field: string;
  code: ErrorCode;
  message: string;
}

/** What a reader of a failed job or a refused call gets; the wire form, so snake_case. */
export interface JobError {
  code: ErrorCode;
  message: string;
  next_step: string;
  retryable: boolean;
  retry_after_seconds?: number;
  problems?: Problem[];
  provider_status?: number;
}

/** What may have been charged: nothing, certainly something, or nobody can tell. */
export type Billing = 'none' | 'billed' | 'maybe';

export interface JobFailureOptions {
  code: ErrorCode;
  /** One sentence that says what happened. */
  message: string;
  /** One sentence that says what to do next. */
  nextStep: string;
  retryable?: boolean;
  retryAfterSeconds?: number;
  problems?: Problem[];
  providerStatus?: number;
  billing?: Billing;
  cause?: unknown;
}

/** The one error class of the product: every layer throws it, each boundary translates it. */
export class JobFailure extends Error {
  override readonly name = 'JobFailure';
  readonly code: ErrorCode;
  readonly nextStep: string;
  readonly retryable: boolean;
  readonly retryAfterSeconds?: number;
  readonly problems?: Problem[];
  readonly providerStatus?: number;
  readonly billing?: Billing;

  constructor(options: JobFailureOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code;
    this.nextStep = options.nextStep;
    this.retryable = options.retryable ?? false;
    if (options.retryAfterSeconds !== undefined) this.retryAfterSeconds = options.retryAfterSeconds;
    if (options.problems !== undefined) this.problems = options.problems;
    if (options.providerStatus !== undefined) this.providerStatus = options.providerStatus;
    if (options.billing !== undefined) this.billing = options.billing;
  }

  /** The wire form of this failure. */
  toJobError(): JobError {
    const error: JobError = {
      code: this.code,
      message: this.message,
      next_step: this.nextStep,
      retryable: this.retryable,
    };
    if (this.retryAfterSeconds !== undefined) error.retry_after_seconds = this.retryAfterSeconds;
    if (this.problems !== undefined) error.problems = this.problems;
    if (this.providerStatus !== undefined) error.provider_status = this.providerStatus;
    return error;
  }
}

/** Several problems together are one INVALID_ARGUMENT; a single one keeps its own code. */
export function failureOfProblems(problems: readonly Problem[], nextStep: string): JobFailure {
  const [first] = problems;
  if (first === undefined) throw new Error('failureOfProblems needs at least one problem');
  const only = problems.length === 1;
  return new JobFailure({
    code: only ? first.code : 'INVALID_ARGUMENT',
    message: only
      ? `${first.field}: ${first.message}`
      : `${problems.length} problems: ${problems.map((p) => `${p.field}: ${p.message}`).join('; ')}`,
    nextStep,
    problems: [...problems],
  });
}
