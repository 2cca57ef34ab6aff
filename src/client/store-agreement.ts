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
  return (await storesOf({ client, namespace })).map(({ url, id }) => url ?? `the store ${id}`);
}

interface KnownStore {
  id: string;
  url: string | undefined;
  scheduleId: string;
}

/** The stores that workers of this namespace have worked with. Errors are Temporal's own. */
async function storesOf({ client, namespace }: Pick<Connected, 'client' | 'namespace'>): Promise<KnownStore[]> {
  const { schedules } = await client.workflowService.listSchedules({ namespace, maximumPageSize: PAGE });
  const prefix = collectionScheduleId('');
  return (schedules ?? []).flatMap(({ scheduleId, memo }) => {
    if (!scheduleId?.startsWith(prefix)) return [];
    const url = decode(memo?.fields?.[STORE_MEMO]);
    return [{ id: scheduleId.slice(prefix.length), url: typeof url === 'string' ? url : undefined, scheduleId }];
  });
}

/**
 * Refuses a place that does not hold the store any more which workers have had there, but none or a new one: what the store knew of purchases
 * is lost, and jobs could buy again. Errors are Temporal's own.
 */
export async function refuseLostStore(connected: Pick<Connected, 'client' | 'namespace'>, place: string, foundId: string | undefined): Promise<void> {
  const known = (await storesOf(connected)).filter(({ url }) => url === place);
  const [lost] = known;
  if (!lost || known.some(({ id }) => id === foundId)) return;
  throw new JobFailure({
    code: 'STORE_UNAVAILABLE',
    message: `The store ${lost.id} is gone from ${place}: workers of this Temporal have used it there, and now there is ${foundId === undefined ? 'none' : `the new store ${foundId}`}.`,
    nextStep: `Restore it from its backup; only to go on without it: temporal schedule delete --schedule-id ${lost.scheduleId}`,
    retryable: true,
  });
}

/** The refusal of a client whose files no worker would find. */
export function otherStore(own: string, others: readonly string[]): JobFailure {
  if (others.includes(own)) {
    return new JobFailure({
      code: 'STORE_UNAVAILABLE',
      message: `The store that the workers of this Temporal have had at ${own} is gone from there; a new one stands in its place. Nothing was started.`,
      nextStep: 'Restore it from its backup, or ask who runs the workers.',
      retryable: true,
    });
  }
  return new JobFailure({
    code: 'STORE_UNAVAILABLE',
    message: `This client keeps its files in ${own}, and the workers of this Temporal use ${others.join(', ')}: they would not find them. Nothing was started.`,
    nextStep: 'Set IMAGE_BLOB_STORE of this client to the store of the workers. To move to a new store, start a worker with it first.',
    retryable: true,
  });
}
