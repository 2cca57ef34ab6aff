import { JobFailure } from '../contract/errors.js';
import { collectionScheduleId } from '../contract/collection.js';
import { STORE_MEMO } from './collection-schedule.js';
import { isNotFound } from './describe-job.js';
import { decode } from './history.js';
import type { Connected } from './temporal.js';

const PAGE = 100;

/**
 * The stores of this Temporal's workers, when this one is not among them: each worker puts the collection of its store on a
 * Schedule, which says so without asking any of them. Empty where no worker has come yet. Errors are Temporal's own.
 */
export async function otherStores({ client, namespace }: Connected, storeId: string): Promise<string[]> {
  const { workflowService } = client;
  try {
    await workflowService.describeSchedule({ namespace, scheduleId: collectionScheduleId(storeId) });
    return [];
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  const { schedules } = await workflowService.listSchedules({ namespace, maximumPageSize: PAGE });
  const prefix = collectionScheduleId('');
  return (schedules ?? []).flatMap(({ scheduleId, memo }) => {
    if (!scheduleId?.startsWith(prefix)) return [];
    const url = decode(memo?.fields?.[STORE_MEMO]);
    return [typeof url === 'string' ? url : `the store ${scheduleId.slice(prefix.length)}`];
  });
}

/** The refusal of a client whose files no worker would find. */
export function otherStore(own: string, others: readonly string[]): JobFailure {
  return new JobFailure({
    code: 'STORE_UNAVAILABLE',
    message: `This client keeps its files in ${own}, and the workers of this Temporal use ${others.join(', ')}: they would not find them. Nothing was started.`,
    nextStep: 'Set IMAGE_BLOB_STORE of this client to the store of the workers. To move to a new store, start a worker with it first.',
    retryable: true,
  });
}
