import { setTimeout as delay } from 'node:timers/promises';
import { JobFailure } from '../contract/errors.js';
import type { LocalStack, StackStatus } from '../local/stack-client.js';
import { ChangingLine } from './line.js';
import { tell } from './output.js';

const LOOK_MS = 500;
const LOG_LINE_MS = 15_000;

/**
 * Does the work, again as long as it answers STARTING, and shows meanwhile how the preparation of the local stack goes.
 * A signal ends it with the last STARTING: the preparation goes on without us.
 */
export async function whileStarting<T>(work: () => Promise<T>, stack: Pick<LocalStack, 'state'>, signal?: AbortSignal): Promise<T> {
  const progress = preparationLine();
  try {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof JobFailure) || error.code !== 'STARTING' || signal?.aborted) throw error;
        progress.show(error.message.replace(/; nothing was started\.$/, ''));
        await prepared(stack, progress, signal);
      }
    }
  } finally {
    progress.end();
  }
}

/** Looks until nothing is being prepared any more; whether it is ready, failed or gone is the work's to find. */
async function prepared(stack: Pick<LocalStack, 'state'>, progress: Progress, signal: AbortSignal | undefined): Promise<void> {
  for (;;) {
    await delay(LOOK_MS, undefined, { signal }).catch(() => undefined);
    const status = await stack.state();
    if (signal?.aborted || (status.state !== 'preparing' && status.state !== 'stopping')) return;
    const text = inWords(status);
    if (text !== undefined) progress.show(text);
  }
}

function inWords({ state, preparation }: StackStatus): string | undefined {
  if (state === 'stopping') return 'The local stack is being prepared: the earlier stack finishes its requests';
  if (!preparation) return undefined;
  const { step, percent, seconds_left: left } = preparation;
  const about = left === undefined ? '' : `, about ${Math.ceil(left)} seconds left`;
  return `The local stack is being prepared: ${step}, ${Math.floor(percent)} %${about}`;
}

interface Progress {
  show(text: string): void;
  end(): void;
}

/** On a terminal one line that changes; in a log a line a step, and one now and then. */
function preparationLine(): Progress {
  if (process.stderr.isTTY) return new ChangingLine();
  let told = '';
  let toldAt = 0;
  return {
    show(text) {
      if (text.split(',')[0] === told.split(',')[0] && Date.now() - toldAt <= LOG_LINE_MS) return;
      tell(text);
      told = text;
      toldAt = Date.now();
    },
    end() {},
  };
}
