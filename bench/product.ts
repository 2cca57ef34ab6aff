import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import * as z from 'zod';
import { connectMcp, type McpProcess } from './mcp.js';
import { environment, ROOT } from './processes.js';

export const CLI = join(ROOT, 'dist/cli.js');

const stackSchema = z.object({
  address: z.string(),
  pids: z.object({ temporal: z.number(), worker: z.number(), supervisor: z.number() }),
});

/** The product as a person has it: an MCP server over stdio, and the local stack behind it. */
export interface Product extends McpProcess {
  /** A folder of this run, removed afterwards. */
  folder: string;
  /** Of the stack's Temporal server. */
  address: string;
  temporal: Client;
  pids: { mcp: number; temporal: number; worker: number };
  /** Starts a job and gives its job_id. */
  submit: (tool: string, args: Record<string, unknown>) => Promise<string>;
  /** Waits for the end of a job; throws for any other than completed. */
  finished: (jobId: string) => Promise<void>;
}

/** Runs the work with a new data folder and a stack that is ready and has made a job. */
export async function withProduct<T>(env: Record<string, string>, work: (product: Product) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'durable-image-bench-'));
  const whole = {
    IMAGE_DATA_DIR: join(folder, 'data'),
    IMAGE_SAVE_ROOT: join(folder, 'pictures'),
    IMAGE_REFERENCE_ROOTS: `${ROOT}:${folder}`,
    IMAGE_LOG_LEVEL: 'error',
    ...env,
  };
  let mcp: McpProcess | undefined;
  let connection: Connection | undefined;
  // The stack would outlive a bench that is stopped from outside.
  const down = (): void => void command(['down'], whole);
  process.once('exit', down);
  try {
    mcp = await connectMcp(process.execPath, [CLI, 'stdio'], whole);
    await warmUp(mcp);
    const { address, pids } = stackSchema.parse(JSON.parse(command(['status', '--json'], whole)));
    connection = await Connection.connect({ address });
    return await work({
      ...mcp,
      folder,
      address,
      temporal: new Client({ connection }),
      pids: { mcp: mcp.pid, temporal: pids.temporal, worker: pids.worker },
      submit: submitWith(mcp),
      finished: finishedWith(mcp),
    });
  } finally {
    await connection?.close();
    await mcp?.close();
    process.off('exit', down);
    down();
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

function command(args: string[], env: Record<string, string>): string {
  return spawnSync(process.execPath, [CLI, ...args], { env: environment(env), encoding: 'utf8' }).stdout;
}

/** Submits until the stack is prepared. */
async function warmUp(mcp: McpProcess): Promise<void> {
  for (;;) {
    const started = await mcp.call('image_generate_async', { prompt: 'warm-up', provider: 'local', size: '64x64' });
    if (typeof started['job_id'] === 'string') return finishedWith(mcp)(started['job_id']);
    await sleep(300);
  }
}

function submitWith({ call }: McpProcess): Product['submit'] {
  return async (tool, args) => {
    const { job_id: jobId, ...rest } = await call(tool, args);
    if (typeof jobId !== 'string') throw new Error(`${tool} was refused: ${JSON.stringify(rest)}`);
    return jobId;
  };
}

function finishedWith({ call }: McpProcess): Product['finished'] {
  return async (jobId) => {
    for (;;) {
      const record = await call('image_job_wait', { job_id: jobId });
      if (record['status'] === 'completed') return;
      if (record['status'] !== 'running') throw new Error(`a job did not complete: ${JSON.stringify(record)}`);
    }
  };
}
