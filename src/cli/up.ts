import { setTimeout as delay } from 'node:timers/promises';
import { readAccounts } from '../accounts/environment.js';
import { readSettings } from '../config.js';
import { JobFailure } from '../contract/errors.js';
import { LocalStack, type StackStatus } from '../local/stack-client.js';
import { createLogger } from '../log.js';
import { VERSION } from '../version.js';
import { EXIT, printJson } from './output.js';
import { whileStarting } from './preparation.js';
import { printStatus } from './status.js';

const LOOK_MS = 1_000;
/** The server takes jobs before the worker runs; a worker that does not come is told, not waited for. */
const WORKER_MS = 60_000;

/** Starts the local stack, with the accounts of this environment, and tells how its preparation goes until it is ready. */
export async function up(env: NodeJS.ProcessEnv, json: boolean): Promise<number> {
  const settings = readSettings(env);
  if (settings.remote) {
    throw new JobFailure({
      code: 'INVALID_STATE',
      message: 'TEMPORAL_ADDRESS or TEMPORAL_PROFILE is set, so jobs run there and the local stack is not used.',
      nextStep: 'Unset it to use the local stack.',
    });
  }
  const stack = new LocalStack({ settings, env, version: VERSION, logger: createLogger(settings.IMAGE_LOG_LEVEL, 'up') });
  try {
    await stack.announce(readAccounts(env));
    await whileStarting(() => stack.ensure(LOOK_MS), stack);
    const status = await withWorker(stack);
    if (json) printJson(status);
    else printStatus(status);
    return EXIT.done;
  } finally {
    await stack.close();
  }
}

export async function withWorker(stack: LocalStack): Promise<StackStatus> {
  for (const deadline = Date.now() + WORKER_MS; ; await delay(100)) {
    const status = await stack.state();
    if (status.worker.state === 'running' || status.worker.restarts > 1 || Date.now() > deadline) return status;
  }
}
