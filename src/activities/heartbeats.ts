import { activityInfo, heartbeat } from '@temporalio/activity';
import { JobFailure } from '../contract/errors.js';
import type { GenerationProgress } from '../contract/plan.js';
import type { Logger } from '../log.js';

/**
 * Heartbeats at a quarter of the timeout, so that three may get lost before a living worker counts as dead.
 * `say` sends new details at once; the same details go on being sent.
 */
export function beatWhile(timeoutSeconds: number): {
  say: (progress: GenerationProgress) => void;
  /** What the next beat is to say; nothing is sent now. */
  prepare: (progress: GenerationProgress) => void;
  stop: () => void;
} {
  // What an earlier attempt said stands until this one says more: it may be the only place that knows a handle.
  let details: unknown = activityInfo().heartbeatDetails;
  const beat = (): void => heartbeat(details);
  const timer = setInterval(beat, (timeoutSeconds * 1000) / 4);
  return {
    say(progress) {
      details = progress;
      beat();
    },
    prepare(progress) {
      details = progress;
    },
    stop: () => clearInterval(timer),
  };
}

/**
 * Writes down what was paid for, however long the store is away: giving up here would lose a handle. Ends only
 * with success or with a fault that is not the store's; Temporal's start-to-close timeout bounds it from outside.
 */
export async function unaborted<T>(write: () => Promise<T>, logger: Logger): Promise<T> {
  for (let delay = 100; ; delay = Math.min(delay * 2, 5000)) {
    try {
      return await write();
    } catch (error) {
      if (!(error instanceof JobFailure) || error.code !== 'STORE_UNAVAILABLE') throw error;
      logger.warn({ err: error.message }, 'the store is away while a paid reply is being written down');
      await new Promise((resolve) => setTimeout(resolve, delay));
    }
  }
}
