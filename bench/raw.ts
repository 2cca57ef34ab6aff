import { spawn, type ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { temporalBinary } from '../test/support/temporal-binary.js';
import { connectMcp, type McpProcess } from './mcp.js';
import { baseline, freePort, startScript, stop } from './processes.js';

/** The raw programs at a Temporal server: a worker, and an MCP server whose tools call @temporalio/client and nothing else. */
export async function withRaw<T>(address: string, work: (raw: McpProcess) => Promise<T>): Promise<T> {
  const env = { BENCH_TEMPORAL_ADDRESS: address };
  const { child } = await startScript(baseline('raw-worker'), [], env);
  let server: McpProcess | undefined;
  try {
    server = await connectMcp(process.execPath, [baseline('raw-server')], env);
    return await work(server);
  } finally {
    await server?.close();
    await stop(child);
  }
}

/** `temporal server start-dev` as it comes, in memory. */
export async function withStockServer<T>(work: (address: string) => Promise<T>): Promise<T> {
  const port = await freePort();
  const args = ['server', 'start-dev', '--headless', '--port', String(port), '--log-level', 'error'];
  const child = spawn(await temporalBinary(), args, { stdio: 'ignore' });
  try {
    const address = `127.0.0.1:${port}`;
    await ready(address, child);
    return await work(address);
  } finally {
    await stop(child);
  }
}

async function ready(address: string, child: ChildProcess): Promise<void> {
  for (let tries = 0; child.exitCode === null; tries += 1) {
    try {
      const connection = await Connection.connect({ address, connectTimeout: 500 });
      await connection.workflowService.describeNamespace({ namespace: 'default' });
      await connection.close();
      return;
    } catch (error) {
      if (tries > 100) throw error;
      await sleep(100);
    }
  }
  throw new Error('the stock Temporal server ended');
}
