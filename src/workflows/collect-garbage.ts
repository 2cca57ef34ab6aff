import { proxyActivities } from '@temporalio/workflow';
import type { CollectionActivities, CollectionOrder, CollectionReport } from '../contract/collection.js';
import { TASK_QUEUES } from '../contract/names.js';

/**
 * The collection that a store's Schedule starts. Its result is the numbers. It is no job: other type, other ID, and
 * nothing waits for it; the local stack may end in its middle, and it goes on with the next start.
 */
export async function imageGarbageCollection(order: CollectionOrder): Promise<CollectionReport> {
  const { collectGarbage } = proxyActivities<CollectionActivities>({
    taskQueue: TASK_QUEUES.store,
    // A million blobs on a slow disk; the next day's collection is skipped while this one runs.
    startToCloseTimeout: '12 hours',
    // Beats leave every five seconds (src/activities/collect-garbage.ts).
    heartbeatTimeout: '30 seconds',
    // A store that is away is asked again until the activity itself gives up (IMAGE_RETRY_HOURS).
    retry: { initialInterval: '10 seconds', maximumInterval: '10 minutes', backoffCoefficient: 2 },
    summary: 'remove what no job needs',
  });
  return collectGarbage(order);
}
