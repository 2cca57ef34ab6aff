import { constants } from 'node:fs';
import { lstat, open, stat, type FileHandle } from 'node:fs/promises';
import { JobFailure } from '../contract/errors.js';
import { errorCode } from './error-code.js';
import { refuseTooManyBytes } from './inspect.js';
import { resolveInsideRoots, type ReferenceRoots } from './roots.js';
import { shown } from './shown.js';

export interface LocalFile {
  /** The real path. */
  path: string;
  bytes: Buffer;
}

/**
 * A reference's bytes, read only after every check of its place.
 * @throws JobFailure as resolveInsideRoots does; REFERENCE_UNREADABLE when it is no regular file or cannot be read;
 *   LIMIT_EXCEEDED above maxBytes.
 */
export async function readInsideRoots(given: string, roots: ReferenceRoots, maxBytes: number): Promise<LocalFile> {
  const path = await resolveInsideRoots(given, roots);
  return { path, bytes: await readResolved(path, given, roots, maxBytes) };
}

/**
 * The second half of readInsideRoots: `path` was found inside the roots a moment ago, and may have been swapped since.
 * Nothing but a regular file is ever opened (opening a FIFO would hang, opening a device can do things), and what was
 * opened must be what the path, resolved again, still names inside the roots.
 */
export async function readResolved(path: string, given: string, roots: ReferenceRoots, maxBytes: number): Promise<Buffer> {
  if (!(await reading(given, lstat(path))).isFile()) throw notRegular(given);
  const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;
  const handle = await reading(given, open(path, flags));
  try {
    const opened = await handle.stat({ bigint: true });
    if (!opened.isFile()) throw notRegular(given);
    const named = await reading(given, stat(await resolveInsideRoots(path, roots), { bigint: true }));
    if (named.dev !== opened.dev || named.ino !== opened.ino) throw changed(given);
    refuseTooManyBytes(Number(opened.size), maxBytes);
    return await readAll(handle, Number(opened.size), given);
  } finally {
    await handle.close();
  }
}

/** Reads the size that fstat told and one byte more: a file that grows meanwhile is not followed. */
async function readAll(handle: FileHandle, size: number, given: string): Promise<Buffer> {
  const buffer = Buffer.alloc(size + 1);
  let filled = 0;
  while (filled < buffer.length) {
    const { bytesRead } = await reading(given, handle.read(buffer, filled, buffer.length - filled, filled));
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  if (filled !== size) throw changed(given);
  return buffer.subarray(0, size);
}

async function reading<T>(given: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    throw new JobFailure({
      code: 'REFERENCE_UNREADABLE',
      message: `${shown(given)} could not be read (${errorCode(cause) ?? 'unknown error'}).`,
      nextStep: 'Check that the file is there and that its permissions let this user read it.',
      cause,
    });
  }
}

function notRegular(given: string): JobFailure {
  return new JobFailure({
    code: 'REFERENCE_UNREADABLE',
    message: `${shown(given)} is not an ordinary file.`,
    nextStep: 'Give the path of a picture file, not of a folder or a device.',
  });
}

function changed(given: string): JobFailure {
  return new JobFailure({
    code: 'REFERENCE_UNREADABLE',
    message: `${shown(given)} changed while it was being read.`,
    nextStep: 'Wait until nothing writes to the file, then try again.',
    retryable: true,
  });
}
