import { randomBytes } from 'node:crypto';
import { open, readFile, rename, rm, unlink } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type * as z from 'zod';
import { unlessAbsent } from '../blobs/durable-folder.js';
import { Locks } from '../blobs/lock.js';
import { errnoOf } from '../blobs/store-failure.js';

/** Then nothing of ours runs there; who needs the folder is told by prepareDataFolder. */
const UNREADABLE = new Set(['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM']);

/** A file that says who does a thing alone: complete or absent, and taken over from an owner that is gone. */
export interface Claim<T> {
  path: string;
  schema: z.ZodType<T>;
}

export type ClaimResult<T> = { claimed: true; previous: T | undefined } | { claimed: false; owner: T };

/**
 * Writes our content unless a living owner has the file. Judging the owner and replacing it happen under one lock of the
 * folder, so two processes that judge the same dead owner at the same moment cannot both take over.
 * A file that cannot be read has no owner.
 */
export async function claimFile<T>(claim: Claim<T>, content: T, isAlive: (owner: T) => Promise<boolean>): Promise<ClaimResult<T>> {
  return await new Locks(dirname(claim.path)).hold(`${basename(claim.path)}.lock`, async (lock) => {
    const previous = await readClaim(claim);
    if (previous !== undefined && (await isAlive(previous))) return { claimed: false, owner: previous };
    lock.check();
    await writeWhole(claim.path, content);
    return { claimed: true, previous };
  });
}

export async function readClaim<T>(claim: Claim<T>): Promise<T | undefined> {
  return await readJson(claim.schema, claim.path);
}

/** Removes the file if it is still ours. */
export async function releaseClaim<T>(claim: Claim<T>, isOurs: (content: T) => boolean): Promise<void> {
  const content = await readClaim(claim);
  if (content !== undefined && isOurs(content)) await unlessAbsent(unlink(claim.path));
}

/** Replaces a small JSON file of ours in one step, on the disk when this returns. */
export async function writeWhole(path: string, content: unknown): Promise<void> {
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(`${JSON.stringify(content)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } finally {
    await rm(draft, { force: true });
  }
}

/** The content of a small JSON file, or undefined when it is absent, not ours to read, or not of that shape. */
export async function readJson<T>(schema: z.ZodType<T>, path: string): Promise<T | undefined> {
  try {
    return schema.safeParse(JSON.parse(await readFile(path, 'utf8'))).data;
  } catch (error) {
    // SyntaxError: no JSON.
    if (UNREADABLE.has(errnoOf(error) ?? '') || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
