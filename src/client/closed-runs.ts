import { WORKFLOW_TYPE } from '../contract/names.js';
import { isNotFound, latestRun } from './describe-job.js';
import type { Connected } from './temporal.js';

/**
 * Deletes the closed runs of an image job from Temporal (the server does it within a minute); workflows of other types and a
 * run that is open stay.
 */
export async function deleteClosedRuns(connected: Connected, jobId: string): Promise<void> {
  const { client, namespace } = connected;
  const latest = await latestRun(connected, jobId);
  const runs = new Set(await earlierRuns(connected, jobId));
  if (latest?.isImageJob && !latest.running) runs.add(latest.runId);
  for (const runId of runs) {
    await client.workflowService
      .deleteWorkflowExecution({ namespace, workflowExecution: { workflowId: jobId, runId } })
      .catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      });
  }
}

/** Only visibility knows the runs before the latest, and its filters have no way to say every ID. */
async function earlierRuns({ client, namespace }: Connected, jobId: string): Promise<string[]> {
  if (/["\\]/.test(jobId)) return [];
  const query = `WorkflowId = '${jobId.replaceAll("'", "''")}' AND WorkflowType = '${WORKFLOW_TYPE}' AND ExecutionStatus != 'Running'`;
  const { executions } = await client.workflowService.listWorkflowExecutions({ namespace, query, pageSize: 100 });
  return executions.flatMap(({ execution }) => execution?.runId ?? []);
}
