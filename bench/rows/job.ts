import { randomUUID } from 'node:crypto';
import { compare, timed, type Figure } from '../measure.js';
import { withProduct, type Product } from '../product.js';
import { readyPicture, withProvider } from '../provider.js';
import { withRaw, withStockServer } from '../raw.js';
import { steady, type Row, type Run } from './row.js';

/** From the submit to the finished job, the picture's bytes over HTTP, against three empty activities on a server as it comes. */
export const job: Row = {
  name: 'job',
  measure: (run) =>
    withProvider(async (provider) => {
      await provider.settings({ ready_made: await readyPicture() });
      return withProduct({ OPENAI_API_KEY: 'bench', OPENAI_BASE_URL: provider.url }, async (product) => [
        await againstStock('submit to finished job, bytes over HTTP / raw 3-activity workflow on stock start-dev', 0.35, run, product, () => ({
          tool: 'image_generate_async',
          args: { prompt: `whole ${randomUUID()}`, size: '512x512' },
        })),
      ]);
    }),
};

export function againstStock(
  what: string,
  aim: number,
  run: Run,
  product: Product,
  call: () => { tool: string; args: Record<string, unknown> },
): Promise<Figure> {
  return withStockServer((stock) =>
    withRaw(stock, (raw) =>
      compare({
        what,
        unit: 'ms',
        aim: { is: 'most', value: aim },
        rounds: steady(run),
        ours: () =>
          timed(async () => {
            const { tool, args } = call();
            await product.finished(await product.submit(tool, args));
          }),
        baseline: () =>
          timed(async () => {
            const id = randomUUID();
            await raw.call('start', { prompt: 'whole', id });
            await raw.call('wait', { id });
          }),
      }),
    ),
  );
}
