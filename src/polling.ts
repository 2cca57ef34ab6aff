import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import { TASK_QUEUES } from './contract/names.js';

const { TaskQueueType } = proto.temporal.api.enums.v1;
/** An open question of a worker ends after a minute and is asked again at once. */
const STALE_MS = 75_000;
/** An orchestrator may ask more often than Temporal has to be asked. */
const REMEMBERED_MS = 2_000;
const LIMIT_MS = 5_000;

const QUEUES = [
  { name: TASK_QUEUES.jobs, type: TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW },
  { name: TASK_QUEUES.upload, type: TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY },
  { name: TASK_QUEUES.collect, type: TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY },
  { name: TASK_QUEUES.store, type: TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY },
];

/**
 * Whether Temporal has this very worker, by its identity, among those that ask for work at every queue that each job needs: the
 * only proof that does not come from the worker itself.
 */
export class Polling {
  #asked = -Infinity;
  #problem: Promise<string | undefined> = Promise.resolve(undefined);

  constructor(
    private readonly client: Client,
    private readonly identity: string,
  ) {}

  /** In a sentence, why it is not; undefined when it is. */
  problem(): Promise<string | undefined> {
    if (performance.now() - this.#asked > REMEMBERED_MS) {
      this.#asked = performance.now();
      this.#problem = this.#look().catch((error: unknown) => `Temporal does not answer: ${error instanceof Error ? error.message : String(error)}.`);
    }
    return this.#problem;
  }

  async #look(): Promise<string | undefined> {
    const { connection, workflowService, options } = this.client;
    const since = Date.now() - STALE_MS;
    const missing = await connection.withDeadline(Date.now() + LIMIT_MS, () =>
      Promise.all(
        QUEUES.map(async ({ name, type }) => {
          const { pollers } = await workflowService.describeTaskQueue({ namespace: options.namespace, taskQueue: { name }, taskQueueType: type });
          const own = (pollers ?? []).some(({ identity, lastAccessTime }) => identity === this.identity && Number(lastAccessTime?.seconds ?? 0) * 1000 > since);
          return own ? [] : [name];
        }),
      ),
    );
    const names = missing.flat();
    return names.length === 0 ? undefined : `This worker does not ask for work at ${names.join(', ')}.`;
  }
}
