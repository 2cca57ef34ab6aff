import { randomUUID } from 'node:crypto';
import { mkdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { compare, timed, type Figure } from '../measure.js';
import type { McpProcess } from '../mcp.js';
import { commented, PHOTOGRAPHS } from '../photographs.js';
import { withProduct, type Product } from '../product.js';
import { readyPicture, withProvider } from '../provider.js';
import { withRaw } from '../raw.js';
import { single, type Row, type Run } from './row.js';

/**
 * Submitting the three photographs against a bare start that reads, hashes and copies the same files. Photographs that
 * the store has already must cost no more than the submit itself does, so their aim is that of the submit. New bytes are
 * on the disk (fsync of each file and of its folder) before the call is answered, which a copy is not.
 */
export const references: Row = {
  name: 'references',
  measure: (run) =>
    withProvider(async (provider) => {
      await provider.settings({ ready_made: await readyPicture() });
      const env = { OPENAI_API_KEY: 'bench', OPENAI_BASE_URL: provider.url };
      return withProduct(env, (product) =>
        withRaw(product.address, async (raw) => {
          const fresh = join(product.folder, 'fresh');
          await mkdir(fresh);
          return [
            await against('image_multi_reference_async, three photographs / raw start + sha256sum + copy', 1.3, run, product, raw, {
              files: async () => PHOTOGRAPHS,
              done: async () => undefined,
            }),
            await against('the same with bytes that the store has not seen', 2, run, product, raw, {
              files: () => commented(randomUUID(), fresh),
              done: async (paths) => void (await Promise.all(paths.map((path) => unlink(path)))),
            }),
          ];
        }),
      );
    }),
};

interface Pictures {
  files: () => Promise<string[]>;
  done: (paths: string[]) => Promise<void>;
}

function against(what: string, aim: number, run: Run, product: Product, raw: McpProcess, { files, done }: Pictures): Promise<Figure> {
  return compare({
    what,
    unit: 'ms',
    aim: { is: 'most', value: aim },
    rounds: single(run),
    ours: async () => {
      const paths = await files();
      const args = { prompt: `references ${randomUUID()}`, image_paths: paths, size: '512x512' };
      let jobId = '';
      const time = await timed(async () => {
        jobId = await product.submit('image_multi_reference_async', args);
      });
      await product.finished(jobId);
      await done(paths);
      return time;
    },
    baseline: async () => {
      const paths = await files();
      const id = randomUUID();
      const args = { prompt: `references ${id}`, id, paths, folder: join(product.folder, 'copies') };
      const time = await timed(() => raw.call('start_with_files', args));
      await raw.call('wait', { id });
      await done(paths);
      return time;
    },
  });
}
