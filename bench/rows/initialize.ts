import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectMcp } from '../mcp.js';
import { compare, timed, type Figure, type Rounds } from '../measure.js';
import { baseline } from '../processes.js';
import { CLI } from '../product.js';
import { single, type Row } from './row.js';

/** From the start of the process to the answer of `initialize`. */
export const initialize: Row = {
  name: 'initialize',
  measure: async (run) => [await coldStart('cold initialize / bare v1 SDK server', process.execPath, [CLI, 'stdio'], single(run))],
};

export async function coldStart(what: string, command: string, args: string[], rounds: Rounds): Promise<Figure> {
  const folder = await mkdtemp(join(tmpdir(), 'durable-image-bench-'));
  const env = { IMAGE_DATA_DIR: join(folder, 'data'), IMAGE_LOG_LEVEL: 'error' };
  const cold = (program: string, given: string[]) => async (): Promise<number> => {
    let close = async (): Promise<void> => undefined;
    const time = await timed(async () => {
      ({ close } = await connectMcp(program, given, env));
    });
    await close();
    return time;
  };
  try {
    const counted = await connectMcp(command, args, env);
    const bare = [baseline('bare-server'), String(await counted.tools())];
    await counted.close();
    return await compare({ what, unit: 'ms', aim: { is: 'most', value: 1.3 }, rounds, ours: cold(command, args), baseline: cold(process.execPath, bare) });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
