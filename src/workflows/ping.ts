import { ActivityFailure, isCancellation, proxyActivities, TimeoutFailure } from '@temporalio/workflow';
import { submitQueue } from '../contract/names.js';
import { MOST_PINGED_PROVIDERS, PINGED_QUEUES, type PingActivities, type PingedQueue, type PingReport } from '../contract/ping.js';

/** A worker that lives takes a task within milliseconds; one that is busy with pictures within a second or two. */
const ANSWER_SECONDS = 5;

/**
 * Asks one worker of each activity queue for a sign of life, all at once. It is no job: other type, other ID, nothing waits for it, and
 * the local stack may end in its middle. That its first task runs shows that workflows are served, too.
 */
export async function imagePing(given: unknown): Promise<PingReport> {
  const queues = [...PINGED_QUEUES, ...providersOf(given).map(submitQueue)];
  return { queues: await Promise.all(queues.map(pingQueue)) };
}

/** Any program may start this workflow: what is no list of names counts as none. */
function providersOf(given: unknown): string[] {
  const asked: unknown = typeof given === 'object' && given !== null && 'providers' in given ? given.providers : undefined;
  const names = Array.isArray(asked) ? asked.filter((name): name is string => typeof name === 'string' && name.length <= 100) : [];
  return names.length === 0 ? ['local'] : [...new Set(names)].slice(0, MOST_PINGED_PROVIDERS);
}

async function pingQueue(queue: string): Promise<PingedQueue> {
  const { ping } = proxyActivities<PingActivities>({
    taskQueue: queue,
    scheduleToCloseTimeout: `${ANSWER_SECONDS} seconds`,
    // A second try would only hide that the first was lost.
    retry: { maximumAttempts: 1 },
    summary: 'a sign of life',
  });
  const from = Date.now();
  try {
    const pong = await ping();
    return { queue, round_trip_ms: Date.now() - from, ...pong };
  } catch (error) {
    if (isCancellation(error)) throw error;
    return { queue, error: reasonOf(error) };
  }
}

function reasonOf(error: unknown): string {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof TimeoutFailure) return `no worker answered within ${ANSWER_SECONDS} seconds`;
  return cause instanceof Error ? cause.message : 'the ping failed';
}
