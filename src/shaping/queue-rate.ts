import { isGrpcServiceError, type Client } from '@temporalio/client';
import { submitQueue, type ProviderName } from '../contract/names.js';

/** Values of Temporal's TaskQueueType and of two gRPC statuses. */
const ACTIVITY_QUEUE = 2;
const UNIMPLEMENTED = 12;
const PERMISSION_DENIED = 7;

/**
 * Sets (undefined: removes) the rate of a provider's submits on the Temporal server, for all workers at once and without
 * a restart. The server keeps it, so it outlives whoever set it. False: this server or this key cannot do that.
 */
export async function setQueueRate({ workflowService, options }: Client, provider: ProviderName, requestsPerMinute: number | undefined): Promise<boolean> {
  try {
    await workflowService.updateTaskQueueConfig({
      namespace: options.namespace,
      identity: options.identity,
      taskQueue: submitQueue(provider),
      taskQueueType: ACTIVITY_QUEUE,
      updateQueueRateLimit: {
        ...(requestsPerMinute === undefined ? {} : { rateLimit: { requestsPerSecond: requestsPerMinute / 60 } }),
        reason: 'durable-image-mcp limits',
      },
    });
    return true;
  } catch (error) {
    if (isGrpcServiceError(error) && (error.code === UNIMPLEMENTED || error.code === PERMISSION_DENIED)) return false;
    throw error;
  }
}

/** Jobs that wait for their turn at a provider, as the server counts them: approximate. */
export async function backlogOf({ workflowService, options }: Client, provider: ProviderName): Promise<number | undefined> {
  try {
    const described = await workflowService.describeTaskQueue({
      namespace: options.namespace,
      taskQueue: { name: submitQueue(provider) },
      taskQueueType: ACTIVITY_QUEUE,
      reportStats: true,
    });
    const count = described.stats?.approximateBacklogCount;
    return count === undefined || count === null ? undefined : Number(count);
  } catch (error) {
    if (isGrpcServiceError(error)) return undefined;
    throw error;
  }
}
