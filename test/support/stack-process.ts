import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ControlConnection } from '../../src/local/control-client.js';
import { isAlive, serversOfDatabase, signal } from '../../src/local/processes.js';
import { stackStatusSchema, type StackStatus } from '../../src/local/protocol.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** The built package; IMAGE_TEST_DIST names another build of it. */
export const CLI = join(ROOT, process.env['IMAGE_TEST_DIST'] ?? 'dist', 'cli.js');

export interface StackPids {
  supervisor: number;
  temporal: number;
  worker: number;
}

/** What the supervisor of a data folder answers on its socket; undefined while none answers. */
export async function stackStatus(dataDir: string): Promise<StackStatus | undefined> {
  const connection = await ControlConnection.open(dataDir);
  try {
    return connection && stackStatusSchema.parse(await connection.request({ method: 'status' }));
  } catch {
    // It ended while it was asked.
    return undefined;
  } finally {
    connection?.close();
  }
}

/** The processes of a stack that is up with all three. */
export async function runningPids(dataDir: string): Promise<StackPids | undefined> {
  const status = await stackStatus(dataDir);
  const { supervisor, temporal, worker } = status?.pids ?? {};
  if (status?.state !== 'ready' || supervisor === undefined || temporal === undefined || worker === undefined) return undefined;
  return { supervisor, temporal, worker };
}

/** kill -9, and returns when it is gone. */
export async function killHard(...pids: number[]): Promise<void> {
  for (const pid of pids) if (!signal(pid, 'SIGKILL')) throw new Error(`process ${pid} was gone before it could be killed`);
  for (const pid of pids) await until(async () => !(await isAlive(pid)), `the end of process ${pid}`);
}

/** Waits until a condition gives something, at most so many seconds. */
export async function until<T>(look: () => Promise<T | undefined> | T | undefined, what: string, seconds = 60): Promise<T> {
  for (const deadline = Date.now() + seconds * 1000; ; await delay(20)) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (Date.now() > deadline) throw new Error(`waited ${seconds} seconds in vain for ${what}`);
  }
}

/** Runs a command of the product on a data folder and gives what it printed. */
export async function runCli(args: readonly string[], env: Record<string, string>): Promise<string> {
  return (await promisify(execFile)(process.execPath, [CLI, ...args], { env, timeout: 60_000 })).stdout;
}

/** Ends the stack of a data folder, kindly if it can be asked, and everything that is left of it. */
export async function endStack(dataDir: string, env: Record<string, string>): Promise<void> {
  await runCli(['down'], env).catch(() => undefined);
  for (const pid of await serversOfDatabase(join(dataDir, 'temporal.db'))) signal(pid, 'SIGKILL');
}

/** What a process of the stack has logged. */
export async function logOf(dataDir: string, name: 'supervisor' | 'worker' | 'temporal'): Promise<string> {
  return await readFile(join(dataDir, 'logs', `${name}.log`), 'utf8').catch(() => '');
}
