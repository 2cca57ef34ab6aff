import type { JobFailure } from '../../contract/errors.js';
import { unavailable } from '../store-failure.js';

interface Explanation {
  what: string;
  remedy: string;
}

const BUCKET: Explanation = { what: 'has no such bucket', remedy: 'Create or restore the bucket, or correct IMAGE_BLOB_STORE' };
const KEYS: Explanation = { what: 'does not accept these credentials', remedy: 'Correct AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the AWS profile' };
const ACCESS: Explanation = { what: 'does not let these credentials in', remedy: 'Allow them to read, write, list and delete objects there' };
const REGION: Explanation = { what: 'lies in another region', remedy: 'Set AWS_REGION to the region of the bucket' };
const SPACE: Explanation = { what: 'has no space left', remedy: 'Free some space there, or raise its quota' };
const AWAY: Explanation = { what: 'cannot be reached', remedy: 'Start the S3 server, or correct AWS_ENDPOINT_URL_S3' };
const OTHER: Explanation = { what: 'cannot be spoken with', remedy: 'Correct AWS_ENDPOINT_URL_S3: its scheme (http or https), host and port' };
const BUSY: Explanation = { what: 'does not work at the moment', remedy: 'Look at the S3 server, and whether IMAGE_BLOB_STORE is right' };

/** By the error code of S3, of the operating system, or the SDK's own name. */
const EXPLANATIONS: Readonly<Record<string, Explanation>> = {
  NoSuchBucket: BUCKET,
  InvalidAccessKeyId: KEYS,
  // What versitygw says to a key that it does not know.
  XAdminUserNotFound: KEYS,
  SignatureDoesNotMatch: KEYS,
  ExpiredToken: KEYS,
  InvalidToken: KEYS,
  CredentialsProviderError: {
    what: 'needs credentials, and there are none',
    remedy: 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE',
  },
  RequestTimeTooSkewed: { what: 'refuses requests because the clocks differ', remedy: 'Set the clock of this machine' },
  AccessDenied: ACCESS,
  AllAccessDisabled: ACCESS,
  PermanentRedirect: REGION,
  AuthorizationHeaderMalformed: REGION,
  IllegalLocationConstraintException: REGION,
  InsufficientStorage: SPACE,
  QuotaExceeded: SPACE,
  TimeoutError: { what: 'does not answer', remedy: AWAY.remedy },
  AbortError: { what: 'does not answer', remedy: AWAY.remedy },
  ECONNREFUSED: AWAY,
  ECONNRESET: AWAY,
  EPIPE: AWAY,
  ETIMEDOUT: AWAY,
  ENOTFOUND: AWAY,
  EAI_AGAIN: AWAY,
  EHOSTUNREACH: AWAY,
  EPROTO: OTHER,
  EndpointError: OTHER,
  ENETUNREACH: AWAY,
};

/** Codes of Node for a URL that is none, an answer that is no HTTP, and a certificate that is not trusted. */
const OF_NODE = /^(?:ERR_|HPE_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_)/;

/**
 * A failure of the store as STORE_UNAVAILABLE, retryable; every other error as it is. The words are ours: what a server answers may
 * repeat the access key.
 */
export function s3Failure(error: unknown, place: string): unknown {
  const name = nameOf(error);
  const status = statusOf(error);
  const found = (name === undefined ? undefined : byName(name)) ?? (status === undefined ? undefined : byStatus(status));
  if (found === undefined) return error;
  return s3Unavailable(place, found, name ?? `HTTP ${status}`, error);
}

function s3Unavailable(place: string, { what, remedy }: Explanation, name: string, cause: unknown): JobFailure {
  return unavailable(`The blob store ${place} ${what} (${name}).`, `${remedy}; jobs go on by themselves afterwards.`, cause);
}

function byName(name: string): Explanation | undefined {
  return EXPLANATIONS[name] ?? (OF_NODE.test(name) ? OTHER : undefined);
}

function byStatus(status: number): Explanation | undefined {
  if (status === 301 || status === 307) return REGION;
  if (status === 401 || status === 403) return ACCESS;
  if (status >= 400) return BUSY;
  return undefined;
}

/** S3's error code: the SDK makes it the error's name; those of the system keep it in `code`, or only in their words when the SDK has wrapped them. */
function nameOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  if ('code' in error && typeof error.code === 'string' && byName(error.code) !== undefined) return error.code;
  const [word = ''] = error instanceof Error ? (/\b(?:E[A-Z_]{4,}|TimeoutError)\b/.exec(error.message) ?? []) : [];
  if (word in EXPLANATIONS) return word;
  return 'name' in error && typeof error.name === 'string' && /^\w{1,60}$/.test(error.name) ? error.name : undefined;
}

/** The HTTP status of an answer of S3; undefined for what is none. */
export function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('$metadata' in error)) return undefined;
  const { $metadata: metadata } = error;
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined;
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined;
}

/** Whether a failure of the store says that its bucket is absent. */
export function isNoSuchBucket(failure: unknown): boolean {
  return failure instanceof Error && failure.cause instanceof Error && failure.cause.name === 'NoSuchBucket';
}
