import { createHash } from 'node:crypto';
import * as z from 'zod';
import type { AttemptIdentity } from './generator.js';
import type { Answer, Further, Question } from './http/protocol.js';
import { usableHandle } from './http/reading.js';

/**
 * A prediction whose answer was lost is found again in Replicate's list by its seed, which is ours where nobody asked for one. With
 * a seed of the caller's, or a model without one, nothing tells it from a sibling of the same input: then it stays unknown, since
 * taking the sibling would be worse. Inputs are listed for an hour. Source: predictions.list in Replicate's OpenAPI.
 */

/** Clocks differ: predictions of so many seconds before and after the sender's time are looked at. */
const CLOCK_SECONDS = 300;

const listSchema = z.looseObject({
  next: z.string().nullish(),
  results: z.array(
    z.looseObject({
      id: z.string(),
      input: z.record(z.string(), z.unknown()).nullish().catch(undefined),
      source: z.string().nullish().catch(undefined),
      created_at: z.string().nullish().catch(undefined),
    }),
  ),
});

/** A number of 31 bits that marks the request of an attempt, and that every model takes for a seed. */
export function seedOf(nonce: string): number {
  return 1 + (createHash('sha256').update(nonce).digest().readUInt32BE(0) % 0x7fff_ffff);
}

export function firstPage({ openedAt, givesUpAt }: AttemptIdentity): Question {
  const shifted = (at: string, seconds: number): string => new Date(Date.parse(at) + seconds * 1000).toISOString();
  const query = new URLSearchParams({
    ...(openedAt === undefined ? {} : { created_after: shifted(openedAt, -CLOCK_SECONDS) }),
    ...(givesUpAt === undefined ? {} : { created_before: shifted(givesUpAt, CLOCK_SECONDS) }),
  });
  return { method: 'GET', at: query.size === 0 ? '/predictions' : `/predictions?${query.toString()}` };
}

/** All pages of the time, newest first: only a single prediction with our mark is certainly ours. The website repeats inputs. */
export function search({ json }: Answer, attempt: AttemptIdentity, before: readonly string[]): string | undefined | Further<string | undefined> {
  const read = listSchema.safeParse(json);
  if (!read.success) return undefined;
  const { next, results } = read.data;
  const mine = results.filter(({ input, source }) => source !== 'web' && input?.['seed'] === seedOf(attempt.nonce)).map(({ id }) => id);
  const found = [...new Set([...before, ...mine])];
  const oldest = Date.parse(results.at(-1)?.created_at ?? '');
  const past = attempt.openedAt !== undefined && oldest < Date.parse(attempt.openedAt) - CLOCK_SECONDS * 1000;
  if (next && !past && found.length < 2 && URL.canParse(next)) {
    const at = `/predictions${new URL(next).search}`;
    return { type: 'further', question: { method: 'GET', at }, read: (answer) => search(answer, attempt, found) };
  }
  if (next && !past) return undefined;
  return found.length === 1 ? usableHandle(found[0]) : undefined;
}
