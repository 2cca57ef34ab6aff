import { randomUUID } from 'node:crypto';
import { compare, timed, type Figure } from '../measure.js';
import { withProduct } from '../product.js';
import type { Call } from '../mcp.js';
import { readyPicture, withProvider } from '../provider.js';
import { withRaw } from '../raw.js';
import { single, type Row } from './row.js';

/** A look at a job against a bare describe of the same workflow: of one that runs, and of one that has ended. */
export const status: Row = {
  name: 'status',
  measure: (run) =>
    withProvider(async (provider) =>
      withProduct({ OPENAI_API_KEY: 'bench', OPENAI_BASE_URL: provider.url }, (product) =>
        withRaw(product.address, async (raw) => {
          const args = { prompt: `status ${randomUUID()}`, size: '512x512' };
          await provider.settings({ ready_made: await readyPicture() });
          const ended = await product.submit('image_generate_async', args);
          await product.finished(ended);
          // From here on a picture takes longer than the row.
          await provider.settings({ ready_made: undefined, complete_after_ms: 3_600_000 });
          const running = await product.submit('image_generate_async', args);
          await generating(running, product.call);
          const look = (what: string, jobId: string): Promise<Figure> =>
            compare({
              what: `image_job_status of ${what} / bare describe through a raw MCP server`,
              unit: 'ms',
              aim: { is: 'most', value: 2 },
              rounds: single(run),
              ours: () => timed(() => product.call('image_job_status', { job_id: jobId })),
              baseline: () => timed(() => raw.call('describe', { id: jobId })),
            });
          return [await look('a running job', running), await look('an ended job', ended)];
        }),
      ),
    ),
};

async function generating(jobId: string, call: Call): Promise<void> {
  while ((await call('image_job_status', { job_id: jobId }))['stage'] !== 'generating');
}
