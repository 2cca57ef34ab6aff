/**
 * npm run bench: what the product costs over raw Temporal and a bare MCP server, as ratios in one run. Baselines have as
 * many processes: a stdio server, a Temporal server, a worker. Prints a table and writes all runs to bench/results/.
 */
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import * as z from 'zod';
import { startFakeOpenAi } from '../test/support/fake-openai.js';
import { temporalBinary } from '../test/support/temporal-binary.js';
import { compare, machine, table, timed, type Row } from './measure.js';
import { callTool, connectMcp, startScript, startStockServer, stop } from './processes.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const cli = join(root, 'dist/cli.js');
const baseline = (name: string): string => fileURLToPath(new URL(`./baseline/${name}.js`, import.meta.url));

const quick = process.argv.includes('--quick');
const single = quick ? { warm: 1, turns: 5, runs: 1 } : { warm: 5, turns: 40, runs: 1 };
const steady = quick ? { warm: 5, turns: 1, runs: 15 } : { warm: 10, turns: 4, runs: 20 };

const folder = await mkdtemp(join(tmpdir(), 'durable-image-bench-'));
const env = { IMAGE_DATA_DIR: join(folder, 'data'), IMAGE_SAVE_ROOT: join(folder, 'pictures'), IMAGE_LOG_LEVEL: 'error' };
const rows: Row[] = [];

rows.push(await coldInitialize());

const fake = await startFakeOpenAi({ ready_made: await readyMade(), complete_after_polls: 1 });
const binary = await temporalBinary();
const stock = await startStockServer(binary);
const rawWorker = await startScript(baseline('raw-worker'), { BENCH_TEMPORAL_ADDRESS: stock.address });
const ours = await connectMcp(cli, ['stdio'], { ...env, OPENAI_API_KEY: 'bench', OPENAI_BASE_URL: fake.url });
try {
  await readyStack();
  rows.push(await submit());
  rows.push(await wholeJob());
} finally {
  await ours.close();
  spawnSync(process.execPath, [cli, 'down', '--data-dir', env.IMAGE_DATA_DIR], { stdio: 'ignore' });
  await stop(rawWorker);
  await stop(stock.child);
  await fake.close();
  await rm(folder, { recursive: true, force: true });
}

const results = join(root, 'bench/results');
await mkdir(results, { recursive: true });
const file = join(results, `${new Date().toISOString().replaceAll(':', '-')}.json`);
await writeFile(file, `${JSON.stringify({ at: new Date().toISOString(), machine: machine(), rounds: { single, steady }, rows }, null, 2)}\n`);
process.stdout.write(`${table(rows)}\nall runs: ${file}\n`);
process.exit(0);

async function coldInitialize(): Promise<Row> {
  const cold = (script: string, args: string[]) => async (): Promise<number> => {
    let close = async (): Promise<void> => undefined;
    const time = await timed(async () => {
      const client = await connectMcp(script, args, env);
      close = () => client.close();
    });
    await close();
    return time;
  };
  return compare('cold initialize / bare v1 SDK server', 1.3, single, cold(cli, ['stdio']), cold(baseline('bare-server'), []));
}

/** Submits until the stack is up, and waits for the jobs of the warm-up. */
async function readyStack(): Promise<void> {
  for (;;) {
    const started = await callTool(ours, 'image_generate_async', { prompt: 'warm-up', provider: 'local', size: '64x64' });
    if (typeof started['job_id'] === 'string') return waitFor(started['job_id']);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

async function waitFor(jobId: unknown): Promise<void> {
  for (;;) {
    const record = await callTool(ours, 'image_job_wait', { job_id: jobId });
    if (record['done'] === true) {
      if (record['status'] !== 'completed') throw new Error(JSON.stringify(record));
      return;
    }
  }
}

/** Both against the server of our stack, each job awaited outside of the measured time. */
async function submit(): Promise<Row> {
  const status = spawnSync(process.execPath, [cli, 'status', '--json', '--data-dir', env.IMAGE_DATA_DIR], { encoding: 'utf8' });
  const { address } = z.object({ address: z.string() }).parse(JSON.parse(status.stdout));
  const worker = await startScript(baseline('raw-worker'), { BENCH_TEMPORAL_ADDRESS: address });
  const raw = await connectMcp(baseline('raw-server'), [], { BENCH_TEMPORAL_ADDRESS: address });
  try {
    return await compare(
      'image_generate_async / raw client.workflow.start',
      1.3,
      single,
      async () => {
        let jobId: unknown;
        const time = await timed(async () => {
          ({ job_id: jobId } = await callTool(ours, 'image_generate_async', { prompt: `submit ${randomUUID()}`, size: '512x512' }));
        });
        await waitFor(jobId);
        return time;
      },
      async () => {
        const id = randomUUID();
        const time = await timed(() => callTool(raw, 'start', { prompt: `submit ${id}`, id }));
        await callTool(raw, 'wait', { id });
        return time;
      },
    );
  } finally {
    await raw.close();
    await stop(worker);
  }
}

async function wholeJob(): Promise<Row> {
  const raw = await connectMcp(baseline('raw-server'), [], { BENCH_TEMPORAL_ADDRESS: stock.address });
  try {
    return await compare(
      'submit to finished job, bytes over HTTP / raw 3-activity workflow on stock start-dev',
      0.35,
      steady,
      () =>
        timed(async () => {
          const started = await callTool(ours, 'image_generate_async', { prompt: `whole ${randomUUID()}`, size: '512x512' });
          await waitFor(started['job_id']);
        }),
      () =>
        timed(async () => {
          const id = randomUUID();
          await callTool(raw, 'start', { prompt: 'whole', id });
          await callTool(raw, 'wait', { id });
        }),
    );
  } finally {
    await raw.close();
  }
}

/** A photograph-like JPEG of 512x512. */
async function readyMade(): Promise<string> {
  const photo = join(root, 'examples/references/chelsea.png');
  return (await sharp(photo).resize(512, 512, { fit: 'cover' }).jpeg({ quality: 85 }).toBuffer()).toString('base64');
}
