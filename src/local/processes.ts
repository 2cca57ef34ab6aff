import { execFile } from 'node:child_process';
import { readFile, readdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { unlessAbsent } from '../blobs/durable-folder.js';
import { errnoOf } from '../blobs/store-failure.js';

const KILL_AFTER_MS = 10_000;

/**
 * Development servers that work on this database file, whoever started them: a server that outlived its supervisor is
 * told by its command line, since a recorded pid may belong to something else by now.
 */
export async function serversOfDatabase(databasePath: string): Promise<number[]> {
  return process.platform === 'linux' ? await serversFromProc(databasePath) : await serversFromPs(databasePath);
}

/** Supervisors and stack workers that were started for this data folder, whoever owns them now. */
export async function stackProcessesOf(dataDir: string): Promise<number[]> {
  if (process.platform === 'linux') {
    return await pidsFromProc((args) => {
      const [, ...words] = args;
      return isStackCommand(words) && args[args.indexOf('--data-dir') + 1] === dataDir;
    });
  }
  return await pidsFromPs((command) => isStackCommand(command.split(' ')) && `${command} `.includes(` --data-dir ${dataDir} `));
}

/** `… supervise …` or `… worker --stack …`. */
function isStackCommand(words: readonly string[]): boolean {
  return words.includes('supervise') || (words.includes('worker') && words.includes('--stack'));
}

async function serversFromProc(databasePath: string): Promise<number[]> {
  return await pidsFromProc((args) => {
    const database = args[args.indexOf('--db-filename') + 1];
    return args[1] === 'server' && args[2] === 'start-dev' && database === databasePath;
  });
}

async function pidsFromProc(isWanted: (args: readonly string[]) => boolean): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found: number[] = [];
  for (const pid of pids) {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (isWanted(line.split('\0')) && !(await isZombie(pid))) found.push(pid);
  }
  return found;
}

async function serversFromPs(databasePath: string): Promise<number[]> {
  return await pidsFromPs((command) => {
    // The wrapper names the server in its arguments too; it begins with the name of the shell.
    const ours = command.includes(' server start-dev ') && `${command} `.includes(` --db-filename ${databasePath} `);
    return ours && !/^\S*sh\s/.test(command);
  });
}

async function pidsFromPs(isWanted: (command: string) => boolean): Promise<number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-axww', '-o', 'pid=,command='], { maxBuffer: 32 * 1024 * 1024 });
  return stdout.split('\n').flatMap((line) => {
    const [, pid, command = ''] = /^\s*(\d+)\s+(.*)$/.exec(line) ?? [];
    return pid !== undefined && isWanted(command) ? [Number(pid)] : [];
  });
}

/** Asks a process to end, ends it after ten seconds, and returns when it is gone. */
export async function endProcess(pid: number): Promise<void> {
  if (!signal(pid, 'SIGTERM')) return;
  for (const deadline = Date.now() + KILL_AFTER_MS; Date.now() < deadline; await delay(20)) {
    if (!(await isAlive(pid))) return;
  }
  signal(pid, 'SIGKILL');
  while (await isAlive(pid)) await delay(20);
}

/** Whether a process runs; a zombie does not. */
export async function isAlive(pid: number): Promise<boolean> {
  return signal(pid, 0) && !(await isZombie(pid));
}

/** False when there is no such process. */
export function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name);
  } catch (error) {
    if (errnoOf(error) === 'ESRCH') return false;
    throw error;
  }
}

async function isZombie(pid: number): Promise<boolean> {
  if (process.platform !== 'linux') return false;
  const stat = await unlessAbsent(readFile(`/proc/${pid}/stat`, 'utf8')).catch(() => undefined);
  return stat === undefined || /^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
}
