import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as z from 'zod';
import { figure, type Figure } from '../measure.js';
import { ROOT } from '../processes.js';
import { coldStart } from './initialize.js';
import { single, type Row } from './row.js';

const packedSchema = z.tuple([z.object({ filename: z.string(), size: z.number(), unpackedSize: z.number(), entryCount: z.number() })]);

/** What a person downloads, and how fast the command of the installed package answers. */
export const packed: Row = {
  name: 'package',
  async measure(run) {
    const folder = await mkdtemp(join(tmpdir(), 'durable-image-bench-package-'));
    try {
      const [made] = packedSchema.parse(JSON.parse(await npm(['pack', '--json', '--ignore-scripts', '--pack-destination', folder], ROOT)));
      await writeFile(join(folder, 'package.json'), '{"private":true}\n');
      await npm(['install', '--prefer-offline', '--no-audit', '--no-fund', '--no-package-lock', join(folder, made.filename)], folder);
      const size = (what: string, bytes: number): Figure => figure({ what: `npm pack: ${what}`, unit: 'MB', ours: [bytes / 1e6] });
      return [
        size('packed', made.size),
        size('unpacked', made.unpackedSize),
        figure({ what: 'npm pack: files', unit: 'files', ours: [made.entryCount] }),
        await coldStart('cold initialize of the installed command / bare v1 SDK server', join(folder, 'node_modules/.bin/durable-image-mcp'), ['stdio'], single(run)),
      ];
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

async function npm(args: string[], cwd: string): Promise<string> {
  return (await promisify(execFile)('npm', args, { cwd })).stdout;
}
