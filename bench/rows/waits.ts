import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { figure, timed, type Figure } from '../measure.js';
import { residentMiB } from '../processes.js';
import { withProduct, type Product } from '../product.js';
import { readyPicture, withProvider, type Provider } from '../provider.js';
import type { Row } from './row.js';

const JOBS = 1000;
const QUICK_JOBS = 100;
/** Submits under way at a time: an agent's host sends no thousand calls in one millisecond. */
const SUBMITS = 20;
const LOOKS = 30;
const WAIT_SECONDS = 890;

/**
 * Many jobs at a provider that does not finish, and one wait on each through one MCP process; then the provider finishes
 * all of them. Resident memory of the three processes before, during and afterwards. No job may be lost or paid twice.
 */
export const waits: Row = {
  name: 'waits',
  measure: ({ quick }) =>
    withProvider(async (provider) => {
      const env = { OPENAI_API_KEY: 'bench', OPENAI_BASE_URL: provider.url, IMAGE_WAIT_MAX_SECONDS: '900' };
      return withProduct(env, (product) => scenario(provider, product, quick ? QUICK_JOBS : JOBS, quick));
    }),
};

async function scenario(provider: Provider, product: Product, jobs: number, quick: boolean): Promise<Figure[]> {
  await provider.settings({ complete_after_ms: 3_600_000 });
  await provider.picture(await readyPicture(), jobs);
  const before = await memory(product, 100);

  const pending: Promise<Record<string, unknown>>[] = [];
  const submitting = await timed(async () => {
    let next = 0;
    const one = async (): Promise<void> => {
      while (next < jobs) {
        next += 1;
        const jobId = await product.submit('image_generate_async', { prompt: `waits ${next}`, size: '512x512' });
        pending.push(product.call('image_job_wait', { job_id: jobId, timeout_seconds: WAIT_SECONDS }));
      }
    };
    await Promise.all(Array.from({ length: SUBMITS }, one));
    while ((await provider.ledger()).total < jobs) await sleep(250);
  });
  const during = await memory(product, quick ? 100 : 1000);

  const peak = new Peak(product);
  let records: Record<string, unknown>[] = [];
  const draining = await timed(async () => {
    await provider.settings({ complete_after_ms: 0 });
    records = await Promise.all(pending);
  });
  const highest = await peak.stop();
  await sleep(quick ? 1000 : 10_000);
  const after = await memory(product, quick ? 100 : 1000);

  const { total, by_attempt: paid } = await provider.ledger();
  const completed = records.filter(({ status }) => status === 'completed').length;
  const files = (await readdir(join(product.folder, 'pictures'))).filter((name) => name.endsWith('.jpg')).length;
  const name = `${jobs} jobs and ${jobs} waits`;
  return [
    ...(['mcp', 'worker', 'temporal'] as const).flatMap((process) => [
      figure({ what: `${name}: memory of ${NAMES[process]} before`, unit: 'MiB', ours: before[process] }),
      figure({
        what: `${name}: memory of ${NAMES[process]} during`,
        unit: 'MiB',
        ours: during[process],
        notes: [`highest while all of them ended: ${Math.round(highest[process])} MiB`],
      }),
      figure({ what: `${name}: memory of ${NAMES[process]} afterwards`, unit: 'MiB', ours: after[process] }),
    ]),
    figure({
      what: `${name}: jobs without their picture`,
      unit: 'jobs',
      aim: { is: 'most', value: 0 },
      ours: [jobs - Math.min(completed, files)],
      notes: [
        `all at the provider after ${Math.round(submitting / 1000)} s, all ended ${Math.round(draining / 1000)} s after the provider finished them`,
      ],
    }),
    figure({ what: `${name}: pictures paid twice`, unit: 'jobs', aim: { is: 'most', value: 0 }, ours: [total - Object.keys(paid).length] }),
  ];
}

type Memory = Record<keyof Product['pids'], number[]>;

const NAMES: Record<keyof Product['pids'], string> = { mcp: 'the MCP process', worker: 'the worker', temporal: 'the Temporal server' };

async function memory({ pids }: Product, pauseMs: number): Promise<Memory> {
  const seen: Memory = { mcp: [], worker: [], temporal: [] };
  for (let look = 0; look < LOOKS; look += 1) {
    for (const process of ['mcp', 'worker', 'temporal'] as const) seen[process].push(await residentMiB(pids[process]));
    await sleep(pauseMs);
  }
  return seen;
}

/** Looks every second until it is stopped. */
class Peak {
  readonly #highest = { mcp: 0, worker: 0, temporal: 0 };
  readonly #stop = new AbortController();
  readonly #looking: Promise<void>;

  constructor({ pids }: Product) {
    this.#looking = this.#look(pids);
  }

  async #look(pids: Product['pids']): Promise<void> {
    while (!this.#stop.signal.aborted) {
      for (const process of ['mcp', 'worker', 'temporal'] as const) {
        this.#highest[process] = Math.max(this.#highest[process], await residentMiB(pids[process]));
      }
      await sleep(1000, undefined, { signal: this.#stop.signal }).catch(() => undefined);
    }
  }

  async stop(): Promise<Record<keyof Product['pids'], number>> {
    this.#stop.abort();
    await this.#looking;
    return this.#highest;
  }
}
