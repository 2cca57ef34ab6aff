import type { Account } from '../accounts/account.js';
import type { AttemptKey, AttemptRecord } from '../blobs/attempts.js';
import type { Accepted } from '../contract/plan.js';
import type { Generator } from '../generators/generator.js';
import type { ActivityDependencies } from './dependencies.js';
import { unaborted } from './heartbeats.js';
import { closing } from './settle-attempt.js';
import { storeResult } from './order-images.js';

export interface Polling {
  key: AttemptKey;
  generator: Generator;
  account: Account | undefined;
  accepted: Accepted;
}

/** The first polls come quickly (a ready picture is not kept waiting), then at the interval of the settings. */
const FIRST_POLL_MS = 50;

/**
 * Asks until the accepted request has ended, stores the pictures at once and closes the record.
 * `tick` is told of each answer, and may sleep itself or throw to stop.
 */
export async function pollUntilDone(
  deps: ActivityDependencies,
  { key, generator, account, accepted }: Polling,
  tick: (percent: number | undefined) => void,
  pause: (ms: number) => Promise<void> = (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
): Promise<AttemptRecord> {
  if (!generator.poll) throw new Error(`${generator.name} accepts requests but cannot be polled`);
  const longest = deps.settings.IMAGE_POLL_SECONDS * 1000;
  for (let wait = Math.min(FIRST_POLL_MS, longest); ; wait = Math.min(wait * 2, longest)) {
    const outcome = await generator.poll(accepted.handle, account);
    if (outcome.type === 'running') {
      tick(outcome.percent);
      await pause(wait);
      continue;
    }
    return unaborted(async () => {
      const end = outcome.type === 'done' ? await storeResult(deps, outcome, generator) : { ...outcome, state: 'unusable' as const };
      return deps.attempts.change(key, accepted.attempt, (now) => (now.state === 'done' ? undefined : { ...now, ...closing(end) }));
    }, deps.logger);
  }
}
