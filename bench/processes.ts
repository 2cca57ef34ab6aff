import { execFile, spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** The checkout that is measured. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** A program of bench/baseline. */
export function baseline(name: string): string {
  return fileURLToPath(new URL(`./baseline/${name}.js`, import.meta.url));
}

/** A node script; resolves with its first line on stdout, which says that it is ready. Its stdin stays open until it is stopped. */
export async function startScript(
  script: string,
  args: string[],
  env: Record<string, string>,
): Promise<{ child: ChildProcess; line: string }> {
  const options: SpawnOptions = { env: environment(env), stdio: ['pipe', 'pipe', 'ignore'] };
  const child = spawn(process.execPath, [script, ...args], options);
  const { stdout } = child;
  if (!stdout) throw new Error(`${script} has no output`);
  const line = await new Promise<string>((resolve, reject) => {
    stdout.once('data', (data: Buffer) => resolve(data.toString().trim()));
    child.once('exit', (code) => reject(new Error(`${script} ended with ${code}`)));
  });
  return { child, line };
}

export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

/** The environment of a child: nothing of the person's own accounts and addresses. */
export function environment(extra: Record<string, string>): Record<string, string> {
  const kept = ['PATH', 'HOME', 'TMPDIR', 'XDG_RUNTIME_DIR', 'LANG'].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(kept), ...extra };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}

/** Resident memory of a process in MiB. */
export async function residentMiB(pid: number): Promise<number> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(pid)]);
  return Number(stdout.trim()) / 1024;
}
