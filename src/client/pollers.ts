import type { Client } from '@temporalio/client';

/** A worker asks a queue for work once a minute at least; a list of pollers keeps the dead for minutes, so that only the age of a poll says anything. */
const POLL_AGE_MS = 75_000;
/** temporal.api.enums.v1.TaskQueueType */
const TYPE = { workflow: 1, activity: 2 } as const;

/** The identities of the workers that ask a task queue for work at this time, as Temporal has them; waits for the answer `withinMs` at most. */
export async function livePollers(client: Client, queue: string, type: keyof typeof TYPE, withinMs: number): Promise<string[]> {
  const { namespace } = client.options;
  const { pollers } = await client.connection.withDeadline(Date.now() + withinMs, () =>
    client.workflowService.describeTaskQueue({ namespace, taskQueue: { name: queue }, taskQueueType: TYPE[type] }),
  );
  const since = Date.now() - POLL_AGE_MS;
  return (pollers ?? []).filter(({ lastAccessTime }) => Number(lastAccessTime?.seconds ?? 0) * 1000 > since).map(({ identity }) => identity ?? '');
}
