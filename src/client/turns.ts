import { JobFailure } from '../contract/errors.js';
import { createGate } from '../gate.js';

/** So many starts keep a processor, the store and Temporal busy; more at once only make each other late. */
const AT_ONCE = 8;
const AGAIN_SECONDS = 2;

/** Starts of jobs take turns in the order in which they came, so that in a burst those that are answered are answered in time. */
export class Turns {
  readonly #gate: ReturnType<typeof createGate>;

  constructor(atOnce = AT_ONCE) {
    this.#gate = createGate(atOnce);
  }

  /** The outcome of the work, or LIMIT_EXCEEDED (retryable) with nothing done when its turn does not come within so many milliseconds. */
  async take<T>(withinMs: number, work: () => Promise<T>): Promise<T> {
    return await new Promise<T>((resolve, reject) => {
      let isRefused = false;
      const timer = setTimeout(() => {
        isRefused = true;
        reject(tooMany());
      }, withinMs);
      void this.#gate(async () => {
        if (isRefused) return;
        clearTimeout(timer);
        await work().then(resolve, reject);
      });
    });
  }
}

function tooMany(): JobFailure {
  return new JobFailure({
    code: 'LIMIT_EXCEEDED',
    message: 'More jobs are being started at once than this server takes in time; this one was not started.',
    nextStep: `Call again with the same arguments in ${AGAIN_SECONDS} seconds.`,
    retryable: true,
    retryAfterSeconds: AGAIN_SECONDS,
  });
}
