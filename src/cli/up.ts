import { setTimeout as delay } from 'node:timers/promises';
import { readAccounts } from '../accounts/environment.js';
import { readSettings } from '../config.js';
import { JobFailure } from '../contract/errors.js';
import { LocalStack, type StackStatus } from '../local/stack-client.js';
import { createLogger } from '../log.js';
import { VERSION } from '../version.js';
import { EXIT, printJson, tell } from './output.js';
import { printStatus } from './status.js';

const LOOK_MS = 1_000;
const LOG_LINE_MS = 15_000;
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
    await ready(stack);
    const status = await withWorker(stack);
    if (json) printJson(status);
    else printStatus(status);
    return EXIT.done;
  } finally {
    await stack.close();
  }
}

async function ready(stack: LocalStack): Promise<void> {
  const progress = progressLine();
  for (;;) {
    try {
      await stack.ensure(LOOK_MS);
      progress.end();
      return;
    } catch (error) {
      if (!(error instanceof JobFailure) || error.code !== 'STARTING') {
        progress.end();
        throw error;
      }
      progress.show(error.message.replace(/; nothing was started\.$/, ''));
    }
  }
}

/** On a terminal one line that changes; in a log a line now and then. */
function progressLine(): { show(text: string): void; end(): void } {
  const { isTTY } = process.stderr;
  let told = '';
  let toldAt = 0;
  return {
    show(text) {
      if (isTTY) process.stderr.write(`\r\u001b[K${text}`);
      else if (text.split(',')[0] !== told.split(',')[0] || Date.now() - toldAt > LOG_LINE_MS) tell(text);
      else return;
      told = text;
      toldAt = Date.now();
    },
    end() {
      if (isTTY && told !== '') process.stderr.write('\r\u001b[K');
    },
  };
}

async function withWorker(stack: LocalStack): Promise<StackStatus> {
  for (const deadline = Date.now() + WORKER_MS; ; await delay(100)) {
    const status = await stack.state();
    if (status.worker.state === 'running' || status.worker.restarts > 1 || Date.now() > deadline) return status;
  }
}
