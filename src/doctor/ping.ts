import { randomBytes } from 'node:crypto';
import { isGrpcCancelledError, isGrpcDeadlineError, WorkflowFailedError, type Client, type WorkflowHandle } from '@temporalio/client';
import * as z from 'zod';
import { timeOf } from '../client/history.js';
import { livePollers } from '../client/pollers.js';
import { TASK_QUEUES } from '../contract/names.js';
import { PING_WORKFLOW_TYPE, type PingOrder, type PingReport } from '../contract/ping.js';

/** The workflow waits five seconds for each queue; a worker that loads its code needs a moment more. */
const RESULT_MS = 10_000;
/** Where no worker has asked for work for a while, none is likely to in this time; it is tried all the same. */
const UNLIKELY_MS = 2_500;
/** Nobody reads the result later: a ping that no worker takes goes by itself. */
const EXECUTION_TIMEOUT = '20 seconds';
const ANSWER_MS = 5_000;

/** Fields that a later version of the workers adds are left out. */
const reportSchema: z.ZodType<PingReport> = z.object({
  queues: z.array(
    z.object({
      queue: z.string(),
      round_trip_ms: z.number().optional(),
      error: z.string().optional(),
      worker: z.string().optional(),
      version: z.string().optional(),
      store_id: z.string().optional(),
      providers: z.array(z.string()).optional(),
    }),
  ),
});

export interface Pinged {
  /** Undefined: no worker answered in time. */
  report?: PingReport;
  /** A worker took the workflow and could not run it. */
  misunderstood: boolean;
  /** How far the clock of the server is ahead of ours, below zero: behind; 0 when the difference is less than one call takes. */
  clockAheadSeconds: number;
}

/** Starts `imagePing` and waits for its result. It is no job and shows up in no list. Errors are Temporal's own. */
export async function pingWorkers(client: Client, providers: readonly string[]): Promise<Pinged> {
  const order: PingOrder = { providers: [...providers] };
  const likely = (await livePollers(client, TASK_QUEUES.jobs, 'workflow', ANSWER_MS)).length > 0;
  const before = Date.now();
  const handle = await soon(client, () =>
    client.workflow.start(PING_WORKFLOW_TYPE, {
      workflowId: `doctor-${randomBytes(8).toString('hex')}`,
      taskQueue: TASK_QUEUES.jobs,
      args: [order],
      workflowExecutionTimeout: EXECUTION_TIMEOUT,
      staticSummary: 'a sign of life of the workers',
    }),
  );
  const after = Date.now();
  const { workflowExecutionInfo: info } = await describe(client, handle);
  const started = timeOf(info?.startTime)?.getTime() ?? before;
  const clockAheadSeconds = (started < before ? started - before : Math.max(0, started - after)) / 1000;
  const report = await resultOf(client, handle, likely ? RESULT_MS : UNLIKELY_MS);
  if (report) return { report, misunderstood: false, clockAheadSeconds };
  const { events } = await soon(client, () => handle.fetchHistory());
  await soon(client, () => handle.terminate('nobody waits for this ping any more')).catch(() => undefined);
  // A worker that hangs takes the task, too, and lets it time out.
  return { misunderstood: (events ?? []).some((event) => event.workflowTaskFailedEventAttributes), clockAheadSeconds };
}

async function soon<T>({ connection }: Client, work: () => Promise<T>): Promise<T> {
  return await connection.withDeadline(Date.now() + ANSWER_MS, work);
}

async function describe(client: Client, { workflowId }: WorkflowHandle): ReturnType<typeof client.workflowService.describeWorkflowExecution> {
  const { namespace } = client.options;
  return await soon(client, () => client.workflowService.describeWorkflowExecution({ namespace, execution: { workflowId } }));
}

async function resultOf({ connection }: Client, handle: WorkflowHandle, ms: number): Promise<PingReport | undefined> {
  try {
    const result: unknown = await connection.withDeadline(Date.now() + ms, () => handle.result());
    return reportSchema.parse(result);
  } catch (thrown) {
    // A deadline may reach the server first, which then tells it as a cancellation.
    if (isGrpcDeadlineError(thrown) || isGrpcCancelledError(thrown) || thrown instanceof WorkflowFailedError) return undefined;
    throw thrown;
  }
}
