import { execFile } from 'node:child_process';
import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { promisify } from 'node:util';
import { errnoOf } from './store-failure.js';

/** One process, told apart from a later one with the same pid. */
export interface ProcessIdentity {
  pid: number;
  /** The space in which pids are unique: the machine since its boot and, on Linux, the pid namespace (a container). */
  host: string;
  start: string;
}

let own: Promise<ProcessIdentity> | undefined;

/** The identity of this process. */
export function thisProcess(): Promise<ProcessIdentity> {
  own ??= identify();
  return own;
}

/** Whether a process of this host still runs; a zombie does not, nor does a newer process with its pid. */
export async function isRunning(identity: ProcessIdentity): Promise<boolean> {
  return (await startOf(identity.pid)) === identity.start;
}

/** Whether some process of this machine has that pid; a zombie does not count. */
export async function isPidRunning(pid: number): Promise<boolean> {
  return (await startOf(pid)) !== undefined;
}

async function identify(): Promise<ProcessIdentity> {
  const start = await startOf(process.pid);
  if (start === undefined) throw new Error('The start of this process cannot be read from the system.');
  return { pid: process.pid, host: await host(), start };
}

async function host(): Promise<string> {
  if (process.platform !== 'linux') return hostname();
  const [boot, namespace] = await Promise.all([
    readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
    readlink('/proc/self/ns/pid'),
  ]);
  return `${hostname()} ${boot.trim()} ${namespace}`;
}

/** When a process started, in the system's own words, or undefined when it does not run. */
async function startOf(pid: number): Promise<string | undefined> {
  return process.platform === 'linux' ? startFromProc(pid) : startFromPs(pid);
}

/** proc_pid_stat(5): after the name in brackets come the state (field 3) and, as field 22, the start in ticks since boot. */
async function startFromProc(pid: number): Promise<string | undefined> {
  let stat: string;
  try {
    stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  } catch (error) {
    // ESRCH: it ended between open and read.
    if (['ENOENT', 'ESRCH'].includes(errnoOf(error) ?? '')) return undefined;
    throw error;
  }
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return /^[ZXx]$/.test(fields[0] ?? '') ? undefined : fields[19];
}

/** ps(1) of macOS: the state, then the date of the start. It fails when there is no such process. */
async function startFromPs(pid: number): Promise<string | undefined> {
  let line: string;
  try {
    const env = { ...process.env, LC_ALL: 'C', TZ: 'UTC' };
    line = (await promisify(execFile)('ps', ['-o', 'stat=', '-o', 'lstart=', '-p', String(pid)], { env })).stdout.trim();
  } catch (error) {
    // Exit code 1 means "no such process"; a ps that could not be run at all says nothing about it.
    if (errnoOf(error) !== undefined) throw error;
    return undefined;
  }
  const match = /^(\S+)\s+(.+)$/.exec(line);
  return match === null || match[1]?.startsWith('Z') ? undefined : match[2];
}
