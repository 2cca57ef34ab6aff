import type { Client } from '@temporalio/client';
import { livePollers } from './client/pollers.js';
import { TASK_QUEUES } from './contract/names.js';

/** An orchestrator may ask more often than Temporal has to be asked. */
const REMEMBERED_MS = 2_000;
const LIMIT_MS = 5_000;

const QUEUES = [
  { name: TASK_QUEUES.jobs, type: 'workflow' },
  { name: TASK_QUEUES.upload, type: 'activity' },
  { name: TASK_QUEUES.collect, type: 'activity' },
  { name: TASK_QUEUES.store, type: 'activity' },
] as const;

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
    const asks = async ({ name, type }: (typeof QUEUES)[number]): Promise<boolean> => (await livePollers(this.client, name, type, LIMIT_MS)).includes(this.identity);
    const found = await Promise.all(QUEUES.map(asks));
    const missing = QUEUES.filter((_, index) => !found[index]).map(({ name }) => name);
    return missing.length === 0 ? undefined : `This worker does not ask for work at ${missing.join(', ')}.`;
  }
}
