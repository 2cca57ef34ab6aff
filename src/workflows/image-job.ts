import {
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  defineQuery,
  setCurrentDetails,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import { JOB_QUERY } from '../contract/names.js';
import type { JobInput, Unchecked } from '../contract/input.js';
import type { GenerationOrder, ItemOutcome, Plan, PlannedItem } from '../contract/plan.js';
import type { JobRecord } from '../contract/record.js';
import { activitiesOf, cancelActivities, endActivities, uploadActivities } from './activity-options.js';
import { certainlyUnpaid, errorOf, isCutOff } from './failures.js';
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
  let [target, ...fallbacks] = plan.targets;
  if (item.error) return { item: item.item, provider: target.provider, error: item.error, billing: 'none' };
  for (;;) {
    try {
      return await makeItemAt(plan, { picture: plan.picture, target, item, fallbacks, deadline_at: state.deadlineAt() }, state);
    } catch (error) {
      if (isCutOff(error)) throw error;
      const { jobError, billing } = errorOf(error);
      const [next, ...others] = certainlyUnpaid(jobError.code, billing) ? fallbacks : [];
      if (!next) return { item: item.item, provider: target.provider, error: jobError, billing };
      state.fellBack(target, next, jobError);
      target = next;
      fallbacks = others;
    }
  }
}

async function makeItemAt(plan: Plan, order: GenerationOrder, state: JobState): Promise<ItemOutcome> {
  const { item, target } = order;
  const activities = activitiesOf(plan.timing);
  const summary = state.itemSummary(item, target);
  state.enter('generating');
  state.ordered(order);
  const submitted = await activities.submit(target.provider, summary).submitGeneration(order);
  if (submitted.state === 'done') {
    return { item: item.item, provider: target.provider, generated: submitted, billing: target.free ? 'none' : 'billed' };
  }
  const generated = await activities.collect(summary).collectGeneration({ order, accepted: submitted });
  return { item: item.item, provider: target.provider, generated, billing: 'billed' };
}

/** The endings without success. Runs where no cancellation reaches, so that the record is always written first. */
async function endWithout(error: unknown, state: JobState, deadlinePassed: boolean): Promise<never> {
  const cutOff = isCutOff(error);
  const timing = state.timing();
  if (cutOff && timing) {
    const { cancelGeneration } = cancelActivities(timing);
    await Promise.all(
      state.open().map(async (order) => state.cutOff(order, await cancelGeneration(order).catch(() => undefined))),
    );
  }
  const status = cutOff && !deadlinePassed ? 'cancelled' : 'failed';
  state.failedWith(cutOff ? state.cancellationError(deadlinePassed) : errorOf(error));
  const record = state.ended(await writeEnd(state, status));
  if (status === 'cancelled') throw withoutStack(new CancelledFailure(record.message));
  throw withoutStack(
    ApplicationFailure.create({
      type: record.error?.code ?? 'INTERNAL',
      message: record.error?.message ?? record.message,
      nonRetryable: true,
      details: [record],
    }),
  );
}

/** The record says why; a stack would only name folders of the machine that built this. */
function withoutStack<T extends Error>(failure: T): T {
  failure.stack = '';
  return failure;
}

/** Writes the record into the job's manifest. A store that stays away does not change how the job ends. */
async function writeEnd(state: JobState, status: 'failed' | 'cancelled'): Promise<JobRecord> {
  const { storeOutputs, recordEnd } = endActivities(state.timing());
  if (state.hasImages()) {
    try {
      // Paid pictures are kept, also when their siblings were cut off.
      return await storeOutputs(state.storeOrder(status));
    } catch {
      // Damaged or gone: the attempt records still say what was bought.
    }
  }
  const record = state.record(new Date(), status);
  await recordEnd({ record }).catch(() => undefined);
  return record;
}
