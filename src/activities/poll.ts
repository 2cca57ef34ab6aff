import type { Account } from '../accounts/account.js';
import type { AttemptKey, AttemptRecord } from '../blobs/attempts.js';
import type { Accepted } from '../contract/plan.js';
import { JobFailure } from '../contract/errors.js';
import type { Generator, PollOutcome } from '../generators/generator.js';
import type { ActivityDependencies } from './dependencies.js';
import { unaborted } from './heartbeats.js';
import { closing } from './settle-attempt.js';
import { storeResult } from './order-images.js';

export interface Polling {
  key: AttemptKey;
  generator: Generator;
  account: Account | undefined;
  accepted: Accepted;
  /** When the request was sent, ISO 8601. */
  since: string | undefined;
}

/** The first polls come quickly (a ready picture is not kept waiting), then at the interval of the settings. */
const FIRST_POLL_MS = 50;

/**
 * Asks until the accepted request has ended, stores the pictures at once and closes the record.
 * `tick` is told of each answer, and may sleep itself or throw to stop.
 */
export async function pollUntilDone(
  deps: ActivityDependencies,
  { key, generator, account, accepted, since }: Polling,
  tick: (percent: number | undefined) => void,
  pause: (ms: number) => Promise<void> = (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
): Promise<AttemptRecord> {
  if (!generator.poll) throw new Error(`${generator.name} accepts requests but cannot be polled`);
  const longest = deps.settings.IMAGE_POLL_SECONDS * 1000;
  for (let wait = Math.min(FIRST_POLL_MS, longest); ; wait = Math.min(wait * 2, longest)) {
    const outcome = await generator.poll(accepted.handle, account);
    if (outcome.type === 'running' && !isOver(since, deps)) {
      tick(outcome.percent);
      await pause(wait);
      continue;
    }
    return close(deps, { key, generator, accepted }, outcome.type === 'running' ? neverEnded(generator, outcome.message) : outcome);
  }
}

/** No provider works on one picture for a day. */
function isOver(since: string | undefined, deps: ActivityDependencies): boolean {
  return since !== undefined && Date.now() - Date.parse(since) > deps.settings.IMAGE_RETRY_HOURS * 3_600_000;
}

function neverEnded(generator: Generator, word: string | undefined): PollOutcome & { type: 'ended' } {
  const failure = new JobFailure({
    code: 'PROVIDER_TIMEOUT',
    message: `${generator.name} took the request and has not ended it in all this time${word === undefined ? '' : ` (it says "${word}")`}.`,
    nextStep: 'Look at the account of the provider; ask the user, then call image_job_retry with acknowledge_possible_double_charge.',
  });
  return { type: 'ended', failure, billing: 'maybe' };
}

/** Stores the pictures at once and closes the record. */
async function close(
  deps: ActivityDependencies,
  { key, generator, accepted }: Pick<Polling, 'key' | 'generator' | 'accepted'>,
  outcome: Exclude<PollOutcome, { type: 'running' }>,
): Promise<AttemptRecord> {
  return unaborted(async () => {
    const end = outcome.type === 'done' ? await storeResult(deps, outcome, generator) : { ...outcome, state: 'unusable' as const };
    return deps.attempts.change(key, accepted.attempt, (now) => (now.state === 'done' ? undefined : { ...now, ...closing(end) }));
  }, deps.logger);
}
