import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { link, open, readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '../blobs/store-failure.js';
import { isPidRunning } from '../blobs/process-identity.js';
import { sha256 } from '../contract/canonical.js';
import { JobFailure } from '../contract/errors.js';
import { makeFolder } from '../blobs/make-folder.js';

const FORBIDDEN: ReadonlySet<string | undefined> = new Set(['EACCES', 'EPERM', 'EROFS']);

const EXTENSIONS: Record<string, string> = {
  'image/png': 'png',
  'image/jpeg': 'jpg',
  'image/webp': 'webp',
  'image/gif': 'gif',
};

/**
 * The file name of an output: the caller's basename (or `image`), eight characters that belong to the job, eight that belong
 * to the picture. Its place would not do: when a job runs again, another picture may stand there. No part of the job ID itself
 * goes into a path: a program may have chosen it.
 */
export function exportName(jobId: string, basename: string | undefined, image: { sha256: string; mime_type: string }): string {
  const extension = EXTENSIONS[image.mime_type] ?? 'bin';
  return `${basename ?? 'image'}-${sha256(jobId).slice(0, 8)}-${image.sha256.slice(0, 8)}.${extension}`;
}

/** Partial files say who writes them: the remains of a killed process are told from what is being written. */
const WRITER = `${process.pid}-${randomBytes(4).toString('hex')}`;
const PARTIAL = /\.((\d+)-[0-9a-f]{8})-[0-9a-f]{8}\.partial$/;

/** Removes the partial files of an output whose writers were killed. What cannot be removed stays. */
export async function removeLeftovers(folder: string, name: string): Promise<void> {
  const files = await readdir(folder).catch(() => []);
  for (const file of files) {
    const [, writer, pid] = (file.startsWith(`.${name}.`) && PARTIAL.exec(file)) || [];
    if (writer === undefined || writer === WRITER) continue;
    // In a container the next process may well have our pid.
    if (Number(pid) !== process.pid && (await isPidRunning(Number(pid)))) continue;
    await unlink(join(folder, file)).catch(() => undefined);
  }
}

/**
 * Copies an output to an ordinary file, whole or not at all: temp file, fsync, hard link under the final name. A file
 * that is there already is left alone, whoever wrote it. `first`: nobody has tried before, so there are no remains to look for, which
 * takes longer the more pictures lie in the folder. PERMISSION_DENIED or STORE_UNAVAILABLE when the folder cannot be written.
 */
export async function exportImage(folder: string, name: string, read: () => Promise<Uint8Array>, first = false): Promise<string> {
  const path = join(folder, name);
  if (await exists(path)) return path;
  const partial = join(folder, `.${name}.${WRITER}-${randomBytes(4).toString('hex')}.partial`);
  try {
    await makeFolder(folder);
    if (!first) await removeLeftovers(folder, name);
    const file = await open(partial, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o644);
    try {
      await file.writeFile(await read());
      await file.datasync();
    } finally {
      await file.close();
    }
    await link(partial, path).catch((error: unknown) => {
      if (errnoOf(error) !== 'EEXIST') throw error;
    });
  } catch (error) {
    if (error instanceof JobFailure) throw error;
    throw new JobFailure({
      code: FORBIDDEN.has(errnoOf(error)) ? 'PERMISSION_DENIED' : 'STORE_UNAVAILABLE',
      message: `The image could not be written to ${folder} (${errnoOf(error) ?? 'unknown fault'}).`,
      nextStep: 'Make the folder writable or set IMAGE_SAVE_DIR; the image itself is safe in the store.',
      retryable: true,
      cause: error,
    });
  } finally {
    await unlink(partial).catch(() => undefined);
  }
  return path;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
