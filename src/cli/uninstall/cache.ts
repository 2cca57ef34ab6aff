import { readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { isRunning, thisProcess } from '../../blobs/process-identity.js';
import { errnoOf } from '../../blobs/store-failure.js';
import { readJson } from '../../local/claim.js';
import { CACHE, realOf } from './folder.js';
import { sizeOf } from './remove.js';

/** The folder that all data folders share for the temporal program. */
export interface BinaryCache {
  path: string;
  /** What is ours in it. */
  names: string[];
  sizeBytes: number;
  /** The process that puts a program there now. */
  maker?: number;
}

const makerSchema = z.object({ pid: z.int(), host: z.string(), start: z.string() });

/** Undefined when there is none. */
export async function findCache(cacheDir: string): Promise<BinaryCache | undefined> {
  const path = await realOf(cacheDir);
  const names = path === undefined ? [] : (await readdir(path)).filter((name) => CACHE.test(name));
  if (path === undefined || names.length === 0) return undefined;
  let sizeBytes = 0;
  for (const name of names) sizeBytes += await sizeOf(join(path, name));
  const maker = await readJson(makerSchema, join(path, 'making.json'));
  const busy = maker !== undefined && maker.host === (await thisProcess()).host && (await isRunning(maker));
  return { path: cacheDir, names, sizeBytes, ...(busy ? { maker: maker.pid } : {}) };
}

/** Removes what is ours; the folder too when nothing else is in it. */
export async function removeCache({ path, names }: BinaryCache): Promise<void> {
  for (const name of names) await rm(join(path, name), { recursive: true, force: true });
  await rmdir(path).catch((error: unknown) => {
    if (!['ENOTEMPTY', 'ENOTDIR', 'EBUSY'].includes(errnoOf(error) ?? '')) throw error;
  });
}
