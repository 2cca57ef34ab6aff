import { isGrpcServiceError, type Client } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';
import { WORKFLOW_TYPE } from '../contract/names.js';
import { isNotFound } from './describe-job.js';
import { timeOf } from './history.js';

type Run = temporal.api.workflow.v1.IWorkflowExecutionInfo;

const GRPC = { permissionDenied: 7, unimplemented: 12 } as const;

/** `running`: the job runs (again), and nothing was deleted; `refused`: this Temporal does not let us delete. */
export type Forgetting = 'forgotten' | 'running' | 'refused';

/**
 * Deletes the closed runs of an image job from Temporal, each by its own ID, so that a run that begins meanwhile is not
 * touched; workflows of other types stay. The server does it at once, or within minutes when they have just closed.
 */
export async function deleteClosedRuns(client: Client, jobId: string): Promise<Forgetting> {
  const { workflowService, options } = client;
  const latest = await latestJobRun(client, jobId);
  if (latest && !closedAt(latest)) return 'running';
  const runs = [...(latest ? [latest] : []), ...(await earlierRuns(client, jobId))];
  const runIds = new Set(runs.flatMap(({ execution }) => execution?.runId ?? []));
  for (const runId of runIds) {
    try {
      const workflowExecution = { workflowId: jobId, runId };
      await workflowService.deleteWorkflowExecution({ namespace: options.namespace, workflowExecution });
    } catch (error) {
      if (isRefusal(error)) return 'refused';
      if (!isNotFound(error)) throw error;
    }
  }
  return 'forgotten';
}

/** The latest run under the ID, when it is an image job's. */
export async function latestJobRun({ workflowService, options }: Client, workflowId: string): Promise<Run | undefined> {
  try {
    const { namespace } = options;
    const { workflowExecutionInfo: run } = await workflowService.describeWorkflowExecution({ namespace, execution: { workflowId } });
    return run?.type?.name === WORKFLOW_TYPE ? run : undefined;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** When a run closed; undefined while it is open, which a paused one is. */
export function closedAt({ closeTime }: Run): Date | undefined {
  return timeOf(closeTime);
}

/** Only visibility knows the runs before the latest, and its filters have no way to say every ID: those go with the namespace's retention. */
async function earlierRuns({ workflowService, options }: Client, jobId: string): Promise<Run[]> {
  if (/["'`\\]/.test(jobId)) return [];
  const query = `WorkflowId = "${jobId}" AND WorkflowType = "${WORKFLOW_TYPE}"`;
  const { executions } = await workflowService.listWorkflowExecutions({ namespace: options.namespace, query, pageSize: 100 });
  return executions.filter((run) => closedAt(run) !== undefined);
}

function isRefusal(error: unknown): boolean {
  return isGrpcServiceError(error) && (error.code === GRPC.permissionDenied || error.code === GRPC.unimplemented);
}
