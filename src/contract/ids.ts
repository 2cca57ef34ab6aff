import { createHash, randomBytes } from 'node:crypto';

/** A new job ID: `img-` and 128 random bits as 32 lower-case hex characters. */
export function newJobId(): string {
  return `img-${randomBytes(16).toString('hex')}`;
}

/**
 * The job ID of an idempotency key: the first 128 bits of SHA-256 over tenant and key.
 * The tenant is empty over stdio. A NUL byte separates the two, so that no pair collides with another.
 */
export function jobIdForKey(tenant: string, idempotencyKey: string): string {
  const digest = createHash('sha256').update(`${tenant}\0${idempotencyKey}`).digest('hex');
  return `img-${digest.slice(0, 32)}`;
}

/** A program may choose any ID of 1 to 255 printable characters. */
export function isJobId(value: string): boolean {
  return value.length >= 1 && value.length <= 255 && !/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u.test(value);
}
