import { randomBytes } from 'node:crypto';
import { link, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { unlessAbsent } from '../blobs/durable-folder.js';
import { errnoOf } from '../blobs/store-failure.js';
import { JobFailure } from '../contract/errors.js';
import { makeFolder } from '../blobs/make-folder.js';

const SALT_BYTES = 32;

/**
 * The secret of a data folder: 32 random bytes in `<data>/salt`, made once. It is written whole beside its place and
 * then linked there exclusively, so that a second process never reads half of it and never replaces it.
 * @throws JobFailure STORE_UNAVAILABLE when the data folder cannot be used or its salt is damaged.
 */
export async function readSalt(dataDir: string): Promise<Buffer> {
  try {
    return await readOrMake(dataDir);
  } catch (error) {
    const code = errnoOf(error);
    if (code === undefined) throw error;
    throw new JobFailure({
      code: 'STORE_UNAVAILABLE',
      message: `The data folder ${dataDir} cannot be used (${code}).`,
      nextStep: 'Set IMAGE_DATA_DIR to a folder that the user of this process can read and write, or make this one so, and start again.',
      cause: error,
    });
  }
}

async function readOrMake(dataDir: string): Promise<Buffer> {
  const path = join(dataDir, 'salt');
  const existing = await readIfThere(path);
  if (existing) return existing;
  await makeFolder(dataDir, 0o700);
  const draft = `${path}.${randomBytes(8).toString('hex')}`;
  try {
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(randomBytes(SALT_BYTES));
      await file.sync();
    } finally {
      await file.close();
    }
    await link(draft, path).catch((error: unknown) => {
      if (errnoOf(error) !== 'EEXIST') throw error;
    });
  } finally {
    await rm(draft, { force: true });
  }
  await syncFolder(dataDir);
  const made = await readIfThere(path);
  if (!made) throw new Error(`${path} vanished while it was made`);
  return made;
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  const salt = await unlessAbsent(readFile(path));
  if (salt === undefined || salt.length === SALT_BYTES) return salt;
  throw new JobFailure({
    code: 'STORE_UNAVAILABLE',
    message: `${path} is damaged: it has ${salt.length} bytes instead of ${SALT_BYTES}.`,
    nextStep: 'Remove that file; jobs that wait for a key must then be submitted again.',
  });
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
