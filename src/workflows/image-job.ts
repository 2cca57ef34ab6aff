import {
  ApplicationFailure,
  CancellationScope,
  defineQuery,
  isCancellation,
  setCurrentDetails,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import { JOB_QUERY } from '../contract/names.js';
import type { JobInput, Unchecked } from '../contract/input.js';
import type { AcceptedOrder, ItemOutcome, Plan, PlannedItem, Target } from '../contract/plan.js';
import type { JobRecord } from '../contract/record.js';
import { activitiesOf, endActivities, uploadActivities } from './activity-options.js';
import { certainlyUnpaid, errorOf } from './failures.js';
import { JobState } from './job-state.js';

/** Beyond it the input is refused anyway (src/contract/input.ts). */
const LONGEST_DEADLINE_SECONDS = 7 * 24 * 3600;

/**
 * One image job: references in, pictures bought once, pictures out. Its ID is the job_id.
 * Completed: returns the record. Failed: ApplicationFailure with type = error code and details[0] = the record.
 */
export async function imageJob(given: unknown): Promise<JobRecord> {
  const { workflowId, runId, namespace, runStartTime } = workflowInfo();
  // Any program may start this workflow: the first activity checks the whole input, until then nothing is believed.
  const input: Unchecked<JobInput> = typeof given === 'object' && given !== null ? given : {};
  const state = new JobState({ workflowId, runId, namespace, startedAt: runStartTime }, input, setCurrentDetails);
  setHandler(defineQuery<JobRecord>(JOB_QUERY), () => state.record(new Date()));

  const work = new CancellationScope();
  const deadline = new CancellationScope();
  let deadlinePassed = false;
  const limit = input.deadline_seconds;
  if (typeof limit === 'number' && limit > 0 && limit <= LONGEST_DEADLINE_SECONDS) {
    const left = runStartTime.getTime() + limit * 1000 - Date.now();
    const passing = deadline.run(async () => {
      await sleep(Math.max(1, left));
      deadlinePassed = true;
      work.cancel();
    });
    // Cancelled when the job ends before it.
    passing.catch(() => undefined);
  }

  try {
    return await work.run(() => produce(given, state));
  } catch (error) {
    return await CancellationScope.nonCancellable(() => endWithout(error, state, deadlinePassed));
  } finally {
    deadline.cancel();
  }
}

async function produce(input: unknown, state: JobState): Promise<JobRecord> {
  state.enter('uploading');
  const plan = await uploadActivities(state.uploadSummary()).uploadReferences(input);
  state.planned(plan);
  // All of them are awaited, also when one is cut off: a sibling's request may still be in flight, and it counts.
  const ends = await Promise.allSettled(plan.items.map(async (item) => state.finished(await makeItem(plan, item, state))));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;

  if (!state.hasImages()) throw state.failureOfItems();
  state.enter('storing');
  const { storeOutputs } = activitiesOf(plan.timing).store(state.storeSummary());
  return state.ended(await storeOutputs(state.storeOrder('completed')));
}

/** One picture at the first target that takes it; a fallback follows only an outcome that is certainly unpaid. */
async function makeItem(plan: Plan, item: PlannedItem, state: JobState): Promise<ItemOutcome> {
  const [first, ...fallbacks] = plan.targets;
  if (item.error) return { item: item.item, provider: first.provider, error: item.error, billing: 'none' };
  let target: Target = first;
  for (;;) {
    try {
      return await makeItemAt(plan, item, target, state);
    } catch (error) {
      if (isCancellation(error)) throw error;
      const { jobError, billing } = errorOf(error);
      const next = certainlyUnpaid(jobError.code, billing) ? fallbacks.shift() : undefined;
      if (!next) return { item: item.item, provider: target.provider, error: jobError, billing };
      state.fellBack(target, next, jobError);
      target = next;
    }
  }
}

async function makeItemAt(plan: Plan, item: PlannedItem, target: Target, state: JobState): Promise<ItemOutcome> {
  const order = { picture: plan.picture, target, item };
  const activities = activitiesOf(plan.timing);
  const summary = state.itemSummary(item, target);
  state.enter('generating');
  const submitted = await activities.submit(target.provider, summary).submitGeneration(order);
  if (submitted.state === 'done') {
    return { item: item.item, provider: target.provider, generated: submitted, billing: target.free ? 'none' : 'billed' };
  }
  const accepted: AcceptedOrder = { order, accepted: submitted };
  state.accepted(accepted);
  const generated = await activities.collect(summary).collectGeneration(accepted);
  state.collected(accepted);
  return { item: item.item, provider: target.provider, generated, billing: 'billed' };
}

/** The endings without success. Runs where no cancellation reaches, so that the record is always written first. */
async function endWithout(error: unknown, state: JobState, deadlinePassed: boolean): Promise<never> {
  const cancelled = isCancellation(error);
  const timing = state.timing();
  if (cancelled) {
    const { cancelGeneration } = endActivities(timing);
    await Promise.all(state.open().map(async (order) => state.cancelledAtProvider(order, await cancelGeneration(order))));
  }
  const status = cancelled && !deadlinePassed ? 'cancelled' : 'failed';
  state.failedWith(cancelled ? state.cancellationError(deadlinePassed) : errorOf(error));

  let record = state.record(new Date(), status);
  if (state.hasImages()) {
    // Paid pictures are kept, also when their siblings were cut off.
    record = await endActivities(timing).storeOutputs(state.storeOrder(status));
  } else {
    record = await endActivities(timing).recordEnd({ record });
  }
  state.ended(record);
  if (status === 'cancelled') throw error;
  throw ApplicationFailure.create({
    type: record.error?.code ?? 'INTERNAL',
    message: record.error?.message ?? record.message,
    nonRetryable: true,
    details: [record],
  });
}
