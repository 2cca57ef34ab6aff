import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errnoOf } from './store-failure.js';

/**
 * Makes a folder and those above it; gives the first one that was made. One call of the system for each level: the
 * recursive mkdir of Node never ends where a file system answers "no such file" to a mkdir (Linux /proc).
 * Errors are the system's own.
 */
export async function makeFolder(path: string, mode?: number): Promise<string | undefined> {
  try {
    await mkdir(path, { mode });
    return path;
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'EEXIST') return undefined;
    if (code !== 'ENOENT' || dirname(path) === path) throw error;
  }
  const first = await makeFolder(dirname(path), mode);
  // Nothing was missing above, so it is this folder that cannot be made: the second error is the answer.
  await mkdir(path, { mode }).catch((error: unknown) => {
    if (errnoOf(error) !== 'EEXIST') throw error;
  });
  return first ?? path;
}
