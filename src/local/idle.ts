import type { Connection } from '@temporalio/client';
import { WAITING, WORKFLOW_TYPE } from '../contract/names.js';

/** More open jobs than this are not looked at one by one: some of them can surely move. */
const LOOKED_AT = 50;

/**
 * Whether a job could go on by itself. One whose every pending step waits for a key cannot: only a client brings it, and
 * a client starts the stack again. Costs one count, and one describe an open job.
 */
export async function hasMovableJob({ workflowService }: Connection, namespace: string): Promise<boolean> {
  const query = `WorkflowType = "${WORKFLOW_TYPE}" AND ExecutionStatus = "Running"`;
  const { count } = await workflowService.countWorkflowExecutions({ namespace, query });
  if (Number(count) === 0) return false;
  const { executions } = await workflowService.listWorkflowExecutions({ namespace, query, pageSize: LOOKED_AT });
  if (executions.length >= LOOKED_AT) return true;
  for (const { execution } of executions) {
    const { pendingActivities, pendingWorkflowTask, workflowExecutionInfo } = await workflowService.describeWorkflowExecution({
      namespace,
      execution: execution ?? null,
    });
    // Visibility lags: this one has ended.
    if (workflowExecutionInfo?.closeTime) continue;
    const waits = (pendingActivities ?? []).map((activity) => activity.lastFailure?.applicationFailureInfo?.type === WAITING.key);
    if (pendingWorkflowTask || waits.length === 0 || waits.includes(false)) return true;
  }
  return false;
}
