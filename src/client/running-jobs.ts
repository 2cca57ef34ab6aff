import { WORKFLOW_TYPE } from '../contract/names.js';
import { timeOf } from './history.js';
import { inTime } from './in-time.js';
import type { Connected } from './temporal.js';

const PAGE = 1000;
/** More than these are taken as running by their manifests. */
const MOST = 10_000;

/** The image jobs that Temporal has running: when each started (ISO 8601), by ID, the latest first. Visibility lags a little. */
export async function runningJobs(connected: Connected, deadline: number): Promise<Map<string, string>> {
  const { client, namespace } = connected;
  const found = new Map<string, string>();
  const query = `WorkflowType = '${WORKFLOW_TYPE}' AND ExecutionStatus = 'Running'`;
  let nextPageToken: Uint8Array | undefined;
  do {
    const asked = { namespace, query, pageSize: PAGE, nextPageToken };
    const page = await inTime(connected, deadline, () => client.workflowService.listWorkflowExecutions(asked));
    for (const { execution, startTime } of page.executions) {
      if (execution?.workflowId) found.set(execution.workflowId, (timeOf(startTime) ?? new Date(0)).toISOString());
    }
    nextPageToken = page.nextPageToken?.length ? page.nextPageToken : undefined;
  } while (nextPageToken && found.size < MOST);
  return found;
}
