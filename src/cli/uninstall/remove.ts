import { randomBytes } from 'node:crypto';
import { lstat, readdir, rm, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { unlessAbsent } from '../../blobs/durable-folder.js';
import { thisProcess } from '../../blobs/process-identity.js';
import { errnoOf } from '../../blobs/store-failure.js';
import { JobFailure } from '../../contract/errors.js';
import { claimFile } from '../../local/claim.js';
import { isStackAlive, stackFileOf } from '../../local/control-client.js';
import type { StackFile } from '../../local/protocol.js';
import { shown } from '../../references/shown.js';
import { VERSION } from '../../version.js';
import type { DataFolder } from './folder.js';

const STACK_FILE = 'stack.json';
/** A client may make a folder again while it is removed; more often than this it is at work. */
const TRIES = 5;

/** Bytes of files below a path, itself included; links count as links. */
export async function sizeOf(path: string): Promise<number> {
  const stats = await unlessAbsent(lstat(path));
  if (stats === undefined) return 0;
  if (!stats.isDirectory()) return stats.size;
  let sum = 0;
  for (const name of await readdir(path)) sum += await sizeOf(join(path, name));
  return sum;
}

/**
 * Removes the data folder and everything in it; links are removed, not followed. While that goes on the folder is claimed
 * as a stack's is, so that no client starts one in it. False when somebody has started one since.
 */
export async function removeDataFolder({ path, real }: DataFolder): Promise<boolean> {
  if (!(await claim(real))) return false;
  for (let left = TRIES; ; left--) {
    for (const name of await readdir(real)) {
      if (name !== STACK_FILE) await rm(join(real, name), { recursive: true, force: true });
    }
    await unlessAbsent(unlink(join(real, STACK_FILE)));
    try {
      await rmdir(real);
      break;
    } catch (error) {
      // A mount point stays, empty.
      if (errnoOf(error) === 'EBUSY') break;
      if (errnoOf(error) !== 'ENOTEMPTY' || left === 0) throw error;
    }
  }
  // The folder may have been named by a link.
  if (path !== real && (await unlessAbsent(lstat(path)))?.isSymbolicLink()) await unlink(path);
  return true;
}

async function claim(real: string): Promise<boolean> {
  const self: StackFile = {
    ...(await thisProcess()),
    nonce: randomBytes(16).toString('hex'),
    socket: '',
    version: VERSION,
    started_at: new Date().toISOString(),
  };
  const { claimed } = await claimFile(stackFileOf(real), self, async (owner) => (await isStackAlive(owner, self.host)) !== 'dead');
  return claimed;
}

/** A fault of the system as STORE_UNAVAILABLE with the path that it is about; every other error as it is. */
export function explained(error: unknown, path: string): unknown {
  const code = errnoOf(error);
  if (code === undefined) return error;
  const at = typeof error === 'object' && error !== null && 'path' in error && typeof error.path === 'string' ? error.path : path;
  const inUse = code === 'ENOTEMPTY' ? '; something puts files there again' : '';
  return new JobFailure({
    code: 'STORE_UNAVAILABLE',
    message: `${shown(at)} could not be read or removed (${code})${inUse}.`,
    nextStep: inUse === '' ? 'Give this user the right to read and remove it, and call it again.' : 'End the MCP clients that use this folder, and call it again.',
    cause: error,
  });
}
