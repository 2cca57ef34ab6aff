import { createHmac, timingSafeEqual } from 'node:crypto';
import { canonicalJson } from '../contract/canonical.js';
import type { JobInput } from '../contract/input.js';

/**
 * What the process of a call decided (its save folder, its accounts) travels in the job's input, which any program with
 * access to Temporal could write. The seal, an HMAC-SHA256 with the data folder's salt over the job ID and the canonical input, shows
 * that a client of this data folder wrote it; without it these fields are not believed.
 */
export function sealInput(salt: Buffer, jobId: string, input: JobInput): JobInput {
  if (!input.frozen) return input;
  return { ...input, frozen: { ...input.frozen, seal: sealOf(salt, jobId, input) } };
}

export function isSealed(salt: Buffer, jobId: string, input: JobInput): boolean {
  const given = Buffer.from(input.frozen?.seal ?? '');
  const expected = Buffer.from(sealOf(salt, jobId, input));
  return given.length === expected.length && timingSafeEqual(given, expected);
}

function sealOf(salt: Buffer, jobId: string, input: JobInput): string {
  const { seal: _, ...frozen } = { seal: undefined, ...input.frozen };
  return createHmac('sha256', salt).update(`${jobId}\0${canonicalJson({ ...input, frozen })}`).digest('hex').slice(0, 32);
}
