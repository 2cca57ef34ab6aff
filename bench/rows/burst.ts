import { randomUUID } from 'node:crypto';
import { figure, inSequence, timed } from '../measure.js';
import { PHOTOGRAPHS } from '../photographs.js';
import { withProduct } from '../product.js';
import { readyPicture, withProvider } from '../provider.js';
import type { Row } from './row.js';

const JOBS = 50;
const PROVIDER_MS = 300;
/** Measured on a machine like the one of docs/benchmarks.md. */
const EFLOWCODE_SECONDS = 3.6;

/** Fifty multi-reference jobs at once at a provider of 0.3 s: from the first submit to the last picture. */
export const burst: Row = {
  name: 'burst',
  measure: ({ quick }) =>
    withProvider(async (provider) => {
      const picture = await readyPicture();
      await provider.settings({ complete_after_ms: PROVIDER_MS });
      return withProduct({ OPENAI_API_KEY: 'bench', OPENAI_BASE_URL: provider.url }, async (product) => {
        const one = async (): Promise<void> => {
          const args = { prompt: `burst ${randomUUID()}`, image_paths: PHOTOGRAPHS, size: '512x512' };
          await product.finished(await product.submit('image_multi_reference_async', args));
        };
        const seconds = async (): Promise<number> => {
          await provider.reset();
          await provider.picture(picture, JOBS);
          const time = await timed(() => Promise.all(Array.from({ length: JOBS }, one)));
          const { total, by_attempt: paid } = await provider.ledger();
          if (total !== JOBS || Object.keys(paid).length !== JOBS) throw new Error(`${total} requests were paid for ${JOBS} jobs`);
          return time / 1000;
        };
        await inSequence(seconds, 1);
        return [
          figure({
            what: `${JOBS} multi-reference jobs at a provider of ${PROVIDER_MS / 1000} s`,
            unit: 's',
            aim: { is: 'most', value: EFLOWCODE_SECONDS },
            ours: await inSequence(seconds, quick ? 2 : 30),
            notes: [
              `the aim is what EFLOWCODE took once, on a machine like that of docs/benchmarks.md: not measured in this run; it keeps nothing on disk, and the fake decodes each reference that it gets`,
            ],
          }),
        ];
      });
    }),
};
