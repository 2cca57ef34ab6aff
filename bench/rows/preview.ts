import { randomUUID } from 'node:crypto';
import { PHOTOGRAPHS } from '../photographs.js';
import { withProduct } from '../product.js';
import { againstStock } from './job.js';
import type { Row } from './row.js';

/** The keyless job: three photographs in, decoded and normalised, one sheet of 512x512 drawn and encoded as JPEG. */
export const preview: Row = {
  name: 'preview',
  measure: (run) =>
    withProduct({}, async (product) => [
      await againstStock('whole job with local, three photographs, 512x512 JPEG / raw 3-activity workflow on stock start-dev', 0.6, run, product, () => ({
        tool: 'image_multi_reference_async',
        args: { prompt: `preview ${randomUUID()}`, provider: 'local', image_paths: PHOTOGRAPHS, size: '512x512', output_format: 'jpeg' },
      })),
    ]),
};
