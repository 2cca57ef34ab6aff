import { randomUUID } from 'node:crypto';
import { compare, timed } from '../measure.js';
import { withProduct } from '../product.js';
import { readyPicture, withProvider } from '../provider.js';
import { withRaw } from '../raw.js';
import type { Row } from './row.js';

const JOBS = 200;

/** As many jobs at once as raw workflows with as many activities, at the same server, in turns: from the first submit to the last end. */
export const throughput: Row = {
  name: 'throughput',
  measure: ({ quick }) =>
    withProvider(async (provider) => {
      await provider.settings({ ready_made: await readyPicture() });
      return withProduct({ OPENAI_API_KEY: 'bench', OPENAI_BASE_URL: provider.url }, (product) =>
        withRaw(product.address, async (raw) => [
          await compare({
            what: `${JOBS} jobs at once / as many raw 3-activity workflows on the same server`,
            unit: 'jobs/s',
            aim: { is: 'least', value: 0.85 },
            rounds: quick ? { warm: 0, turns: 2, runs: 1 } : { warm: 1, turns: 30, runs: 1 },
            ours: () =>
              perSecond(async () => {
                await product.finished(await product.submit('image_generate_async', { prompt: `throughput ${randomUUID()}`, size: '512x512' }));
              }),
            baseline: () =>
              perSecond(async () => {
                const id = randomUUID();
                await raw.call('start', { prompt: `throughput ${id}`, id });
                await raw.call('wait', { id });
              }),
          }),
        ]),
      );
    }),
};

async function perSecond(one: () => Promise<void>): Promise<number> {
  const time = await timed(() => Promise.all(Array.from({ length: JOBS }, one)));
  return (JOBS / time) * 1000;
}
