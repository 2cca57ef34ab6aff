import type { CustomSlotSupplier, ActivitySlotInfo, SlotPermit, SlotReserveContext } from '@temporalio/worker';

/** Slots of a queue whose number may change while it runs. Fewer: what runs goes on, and nothing new starts until enough have ended. */
export class AdjustableSlots implements CustomSlotSupplier<ActivitySlotInfo> {
  readonly type = 'custom';
  #size: number;
  #used = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(size: number) {
    this.#size = size;
  }

  get size(): number {
    return this.#size;
  }

  resize(size: number): void {
    this.#size = size;
    this.#handOut();
  }

  async reserveSlot(_context: SlotReserveContext, abortSignal: AbortSignal): Promise<SlotPermit> {
    if (this.#used < this.#size) return this.#take();
    await new Promise<void>((resolve, reject) => {
      const ready = (): void => {
        abortSignal.removeEventListener('abort', stop);
        resolve();
      };
      const stop = (): void => {
        const at = this.#waiting.indexOf(ready);
        if (at >= 0) this.#waiting.splice(at, 1);
        reject(new Error('the worker ends'));
      };
      this.#waiting.push(ready);
      abortSignal.addEventListener('abort', stop, { once: true });
    });
    // The one who woke us has counted us already.
    return {};
  }

  tryReserveSlot(): SlotPermit | null {
    return this.#used < this.#size ? this.#take() : null;
  }

  markSlotUsed(): void {
    // A permit counts from the moment it was handed out.
  }

  releaseSlot(): void {
    this.#used -= 1;
    this.#handOut();
  }

  #take(): SlotPermit {
    this.#used += 1;
    return {};
  }

  #handOut(): void {
    while (this.#used < this.#size) {
      const next = this.#waiting.shift();
      if (!next) return;
      this.#used += 1;
      next();
    }
  }
}
