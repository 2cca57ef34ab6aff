import { execFile } from 'node:child_process';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { readClaim } from '../../local/claim.js';
import { stackFileOf } from '../../local/control-client.js';
import { removeDeadSocket } from '../../local/control-server.js';
import { databasePath } from '../../local/database.js';
import { endProcess, isAlive, serversOfDatabase, signal } from '../../local/processes.js';
import { endStack, gone } from '../down.js';
import { realOf } from './folder.js';

/** A data folder, whether or not it is still there. */
export interface Place {
  /** As it was named. */
  path: string;
  /** Without links. */
  real: string;
  /** It is the one that a process has when nothing names another. */
  isDefault: boolean;
}

/**
 * Ends every process of a data folder and returns when they are gone: supervisor, worker and server, also those whose
 * supervisor was killed, and workers that were started by hand. Requests in flight are finished first.
 */
export async function endEverything({ path, real, isDefault }: Place): Promise<void> {
  const file = await readClaim(stackFileOf(real));
  await endStack(real);
  const own = await processesOf({ path, real, isDefault });
  for (const pid of own) signal(pid, 'SIGTERM');
  await gone(own);
  // Last: what a worker finishes it writes down there.
  for (const pid of await serversOfDatabase(databasePath(real))) await endProcess(pid);
  if (file) await removeDeadSocket(file.socket);
}

/** Supervisors and workers of the folder that are running. */
async function processesOf({ path, real, isDefault }: Place): Promise<number[]> {
  const found: number[] = [];
  for (const { pid, args, dataDir } of process.platform === 'linux' ? await commandsFromProc() : await commandsFromPs()) {
    if (pid === process.pid || !isOurs(args)) continue;
    const folder = dataDir ?? (await dataDirOf(pid, args, isDefault ? path : undefined));
    if (folder === undefined || (folder !== path && (await realOf(folder)) !== real)) continue;
    if (await isAlive(pid)) found.push(pid);
  }
  return found;
}

interface RunningCommand {
  pid: number;
  args: string[];
  /** Where only the command line can be seen. */
  dataDir?: string;
}

/** `… cli.js worker …` or `… durable-image-mcp supervise …`. */
function isOurs(args: readonly string[]): boolean {
  const program = args.findIndex((arg) => /(^|\/)(cli\.js|durable-image-mcp)$/.test(arg));
  return program >= 0 && program <= 2 && args.slice(program + 1).some((arg) => arg === 'worker' || arg === 'supervise');
}

async function commandsFromProc(): Promise<RunningCommand[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  return await Promise.all(
    pids.map(async (pid) => ({ pid, args: (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0') })),
  );
}

async function commandsFromPs(): Promise<RunningCommand[]> {
  const { stdout } = await promisify(execFile)('ps', ['-axww', '-o', 'pid=,command='], { maxBuffer: 32 * 1024 * 1024 });
  return stdout.split('\n').flatMap((line) => {
    const [, pid, command = ''] = /^\s*(\d+)\s+(.*)$/.exec(line) ?? [];
    // The folder is the last word of the command, or the one before the next option.
    const dataDir = /--data-dir[ =](\/.*?)(?= --|$)/.exec(command)?.[1];
    return pid === undefined || dataDir === undefined ? [] : [{ pid: Number(pid), args: command.split(' '), dataDir }];
  });
}

/** The data folder of a process by its arguments or its environment; for one that names none the default, where its user's is ours. */
async function dataDirOf(pid: number, args: readonly string[], byDefault: string | undefined): Promise<string | undefined> {
  const at = args.findIndex((arg) => arg === '--data-dir' || arg.startsWith('--data-dir='));
  const named = at < 0 ? undefined : args[at] === '--data-dir' ? args[at + 1] : args[at]?.slice('--data-dir='.length);
  const environ = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
  const env = new Map(environ.split('\0').map((line): [string, string] => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
  const folder = named ?? env.get('IMAGE_DATA_DIR');
  if (folder === undefined) {
    const same = env.get('HOME') === process.env['HOME'] && env.get('XDG_DATA_HOME') === process.env['XDG_DATA_HOME'];
    return same ? byDefault : undefined;
  }
  const home = env.get('HOME') ?? homedir();
  const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => '/');
  return resolve(cwd, folder.replace(/^~(?=\/|$)/, home));
}
