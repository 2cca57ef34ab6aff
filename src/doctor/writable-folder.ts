import { randomBytes } from 'node:crypto';
import { lstat, mkdir, rmdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { unlessAbsent } from '../blobs/durable-folder.js';
import { errnoOf } from '../blobs/store-failure.js';
import { because } from '../local/data-folder.js';

export interface Writable {
  /** It is there; otherwise the nearest one above it was tried. */
  exists: boolean;
  /** What follows "cannot be written" or "cannot be made"; absent when it can. */
  problem?: string;
}

/** Whether files can be made in a folder, or the folder itself, by trying; leaves nothing behind. */
export async function lookAtFolder(path: string): Promise<Writable> {
  let exists = true;
  for (let folder = path; ; folder = dirname(folder)) {
    try {
      const stats = await unlessAbsent(stat(folder));
      if (stats) return { exists, ...(await problemOf(folder, stats.isDirectory(), exists)) };
      if (await unlessAbsent(lstat(folder))) return { exists: false, problem: `: ${folder} is a link to nothing` };
    } catch (error) {
      // ENOTDIR: the file is further up, and is found there.
      if (errnoOf(error) !== 'ENOTDIR') return { exists: false, problem: because(errnoOf(error)) };
    }
    exists = false;
  }
}

async function problemOf(folder: string, isFolder: boolean, exists: boolean): Promise<{ problem?: string }> {
  if (!isFolder) return { problem: because(exists ? 'EEXIST' : 'ENOTDIR') };
  try {
    const probe = join(folder, `.writable-${randomBytes(6).toString('hex')}`);
    await mkdir(probe, 0o700);
    await rmdir(probe);
    return {};
  } catch (error) {
    return { problem: because(errnoOf(error)) };
  }
}
