import { ActivityCancellationType, proxyActivities, type ActivityOptions } from '@temporalio/workflow';
import { TASK_QUEUES, submitQueue } from '../contract/names.js';
import type { JobActivities, Timing } from '../contract/plan.js';

/** One block an activity: where it runs and how long it may take. The numbers are settings, explained in src/config.ts. */

/**
 * Said explicitly: the SDK's documentation calls waiting the default, but an unset type does not wait. A submit that is
 * not waited for would leave its handle behind, and nobody would stop the request at the provider.
 */
const { WAIT_CANCELLATION_COMPLETED, TRY_CANCEL } = ActivityCancellationType;

/** No number of attempts ends an activity: it ends itself, by a failure that is final or after IMAGE_RETRY_HOURS. */
function retries(timing: Timing): NonNullable<ActivityOptions['retry']> {
  return {
    initialInterval: timing.retryInitialSeconds * 1000,
    maximumInterval: timing.retryMaximumSeconds * 1000,
    backoffCoefficient: 2,
  };
}

/**
 * Before the plan no setting of the worker is known, so these are numbers of the code. Fetching and decoding ten large
 * references takes a minute at worst; a heartbeat leaves every two seconds, so a dead worker is noticed in ten.
 */
export function uploadActivities(summary: string): Pick<JobActivities, 'uploadReferences'> {
  return proxyActivities<JobActivities>({
    taskQueue: TASK_QUEUES.upload,
    startToCloseTimeout: '15 minutes',
    heartbeatTimeout: '10 seconds',
    retry: { initialInterval: '1 second', maximumInterval: '1 minute', backoffCoefficient: 2 },
    cancellationType: WAIT_CANCELLATION_COMPLETED,
    summary,
  });
}

export function activitiesOf(timing: Timing): {
  submit(provider: string, summary: string): Pick<JobActivities, 'submitGeneration'>;
  collect(summary: string): Pick<JobActivities, 'collectGeneration'>;
  store(summary: string): Pick<JobActivities, 'storeOutputs'>;
} {
  const retry = retries(timing);
  return {
    submit: (provider, summary) =>
      proxyActivities<JobActivities>({
        taskQueue: submitQueue(provider),
        startToCloseTimeout: timing.submitStartToCloseSeconds * 1000,
        heartbeatTimeout: timing.submitHeartbeatSeconds * 1000,
        retry,
        cancellationType: WAIT_CANCELLATION_COMPLETED,
        summary,
      }),
    collect: (summary) =>
      proxyActivities<JobActivities>({
        taskQueue: TASK_QUEUES.collect,
        startToCloseTimeout: timing.collectStartToCloseSeconds * 1000,
        heartbeatTimeout: timing.collectHeartbeatSeconds * 1000,
        retry,
        // The provider is told at once; the poll learns of it by itself.
        cancellationType: TRY_CANCEL,
        summary,
      }),
    store: (summary) =>
      proxyActivities<JobActivities>({
        taskQueue: TASK_QUEUES.store,
        startToCloseTimeout: timing.storeStartToCloseSeconds * 1000,
        heartbeatTimeout: Math.min(10_000, timing.storeStartToCloseSeconds * 1000),
        retry,
        // What is nearly there is finished; two of them would write the same manifest.
        cancellationType: WAIT_CANCELLATION_COMPLETED,
        summary,
      }),
  };
}

/** A person waits for the end of a cancelled job: an outage at the provider holds it for three short attempts, then the possible charge is told. */
export function cancelActivities(timing: Timing): Pick<JobActivities, 'cancelGeneration'> {
  return proxyActivities<JobActivities>({
    taskQueue: TASK_QUEUES.store,
    startToCloseTimeout: '20 seconds',
    retry: { ...retries(timing), maximumAttempts: 3 },
  });
}

/** After a cancellation or a failure; also before there is a plan. */
export function endActivities(timing: Timing | undefined): Pick<JobActivities, 'recordEnd' | 'storeOutputs'> {
  return proxyActivities<JobActivities>({
    taskQueue: TASK_QUEUES.store,
    startToCloseTimeout: (timing?.storeStartToCloseSeconds ?? 120) * 1000,
    retry: timing ? retries(timing) : { initialInterval: '1 second', maximumInterval: '1 minute', backoffCoefficient: 2 },
  });
}
