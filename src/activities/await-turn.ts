import { JobFailure } from '../contract/errors.js';
import type { ProviderName } from '../contract/names.js';
import type { SubmitOutcome } from '../generators/generator.js';
import { takeTurn } from '../shaping/pace.js';
import { pause, pausedUntil } from '../shaping/pauses.js';
import { Waiting } from './boundary.js';
import type { ActivityDependencies } from './dependencies.js';

/** A turn that is nearer is waited for in the slot; a later one is asked for again, and holds none. */
const NEAR_MS = 2000;
/** Those who waited for the same moment do not all come in it. */
const SPREAD_MS = 3000;
const SPREAD = 0.2;
/** Whoever asks for longer says it again to the next one. */
const LONGEST_PAUSE_SECONDS = 3600;

/**
 * Before a request: nobody sends to an account that the provider asked to leave alone for a while, and with a strict rate each
 * request has a moment of its own. Throws Waiting, which is a retry of the activity and no end of the job.
 */
export async function awaitTurn(deps: ActivityDependencies, provider: ProviderName, account: string | undefined): Promise<void> {
  const until = await pausedUntil(deps.store, provider, account);
  if (until) {
    const waitMs = until.getTime() - Date.now();
    throw waitingAt(provider, spread(waitMs), `${provider} asked to wait until ${until.toISOString()}`);
  }
  const { requestsPerMinute } = deps.limits.of(provider);
  if (!deps.settings.IMAGE_STRICT_RATE || requestsPerMinute === undefined) return;
  const { mine, waitMs } = await takeTurn(deps.store, provider, requestsPerMinute, NEAR_MS);
  if (!mine) throw waitingAt(provider, spread(waitMs), `the rate of ${requestsPerMinute} requests a minute is used up`);
  await new Promise((resolve) => setTimeout(resolve, waitMs));
}

/** A provider that named a delay is left alone by the whole queue of that account, until then. */
export async function heedDelay(deps: ActivityDependencies, provider: ProviderName, account: string | undefined, outcome: SubmitOutcome): Promise<void> {
  if (outcome.type !== 'not_billed') return;
  const { code, retryAfterSeconds } = outcome.failure;
  if (code !== 'PROVIDER_RATE_LIMITED' || retryAfterSeconds === undefined) return;
  await pause(deps.store, provider, account, new Date(Date.now() + Math.min(retryAfterSeconds, LONGEST_PAUSE_SECONDS) * 1000));
}

function spread(waitMs: number): number {
  return waitMs + Math.random() * Math.min(SPREAD_MS, waitMs * SPREAD);
}

function waitingAt(provider: ProviderName, waitMs: number, why: string): Waiting {
  const seconds = Math.max(0.05, waitMs / 1000);
  const failure = new JobFailure({
    code: 'PROVIDER_RATE_LIMITED',
    message: `Nothing was sent: ${why}.`,
    nextStep: `Nothing to do: it is sent when ${provider} takes it again.`,
    retryable: true,
    billing: 'none',
  });
  return new Waiting(failure.code, failure.message, seconds, failure);
}
