import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { BlobStore } from '../blobs/blob-store.js';
import type { Settings } from '../config.js';
import type { ProviderName } from '../contract/names.js';
import type { Logger } from '../log.js';
import { AdjustableSlots } from './adjustable-slots.js';
import { limitsOf, readLimits, type ProviderLimits } from './limits.js';
import { setQueueRate } from './queue-rate.js';

/** How soon a change of `limits` holds in every worker. */
const LOOK_MS = 5000;

/** The limits of all providers in this worker, as they are now. */
export class WorkerLimits {
  readonly #slots = new Map<ProviderName, AdjustableSlots>();
  readonly #now = new Map<ProviderName, ProviderLimits>();

  private constructor(
    private readonly store: BlobStore,
    private readonly settings: Settings,
  ) {}

  static async read(store: BlobStore, settings: Settings, providers: Iterable<ProviderName>): Promise<WorkerLimits> {
    const limits = new WorkerLimits(store, settings);
    await Promise.all([...providers].map((provider) => limits.#look(provider)));
    return limits;
  }

  of(provider: ProviderName): ProviderLimits {
    return this.#now.get(provider) ?? limitsOf(provider, this.settings, undefined);
  }

  slots(provider: ProviderName): AdjustableSlots {
    const slots = this.#slots.get(provider) ?? new AdjustableSlots(this.of(provider).concurrency);
    this.#slots.set(provider, slots);
    return slots;
  }

  /** Follows changes until the signal aborts: slots here, the rate at the server. */
  async keep(client: Client, logger: Logger, signal: AbortSignal): Promise<void> {
    // What nobody limits is not touched: an operator may have set a rate there with Temporal's own tools.
    const told = new Map<ProviderName, number | undefined>();
    while (!signal.aborted) {
      for (const provider of this.#now.keys()) {
        try {
          await this.#look(provider);
          const { concurrency, requestsPerMinute } = this.of(provider);
          this.slots(provider).resize(concurrency);
          if (requestsPerMinute === told.get(provider)) continue;
          if (!(await setQueueRate(client, provider, requestsPerMinute))) {
            logger.warn({ provider }, 'this Temporal cannot limit the rate of a queue; set IMAGE_STRICT_RATE=1');
          }
          told.set(provider, requestsPerMinute);
        } catch (error) {
          logger.debug({ provider, err: error instanceof Error ? error.message : 'unknown' }, 'the limits could not be looked at');
        }
      }
      await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async #look(provider: ProviderName): Promise<void> {
    this.#now.set(provider, limitsOf(provider, this.settings, await readLimits(this.store, provider)));
  }
}
