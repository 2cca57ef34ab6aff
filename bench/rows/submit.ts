import { randomUUID } from 'node:crypto';
import { compare, timed } from '../measure.js';
import { withProduct } from '../product.js';
import { readyPicture, withProvider } from '../provider.js';
import { withRaw } from '../raw.js';
import { single, type Row } from './row.js';

/** The answer with the job_id against a bare start, at one server. Each job is awaited outside of the measured time. */
export const submit: Row = {
  name: 'submit',
  measure: (run) =>
    withProvider(async (provider) => {
      await provider.settings({ ready_made: await readyPicture() });
      return withProduct({ OPENAI_API_KEY: 'bench', OPENAI_BASE_URL: provider.url }, (product) =>
        withRaw(product.address, async (raw) => [
          await compare({
            what: 'image_generate_async / raw client.workflow.start',
            unit: 'ms',
            aim: { is: 'most', value: 1.3 },
            rounds: single(run),
            ours: async () => {
              let jobId = '';
              const time = await timed(async () => {
                jobId = await product.submit('image_generate_async', { prompt: `submit ${randomUUID()}`, size: '512x512' });
              });
              await product.finished(jobId);
              return time;
            },
            baseline: async () => {
              const id = randomUUID();
              const time = await timed(() => raw.call('start', { prompt: `submit ${id}`, id }));
              await raw.call('wait', { id });
              return time;
            },
          }),
        ]),
      );
    }),
};
