import { stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { unlessAbsent } from '../../blobs/durable-folder.js';
import { storeFolder } from '../../blobs/open-store.js';
import { JobFailure } from '../../contract/errors.js';
import type { Check } from '../context.js';
import { error, ok, warning, type Finding } from '../finding.js';

const MB = 1e6;
/** A batch of ten large pictures with its references takes about this much. */
const NEARLY_FULL_BYTES = 1000 * MB;
/** Below it a single job may not fit, and the database of the local stack cannot grow. */
const FULL_BYTES = 100 * MB;

/** The disks of the data folder, the store and the save folder, each once. */
export const freeSpace: Check = {
  id: 'free-space',
  area: 'Settings and folders',
  async look({ settings }) {
    const store = folderOfStore(settings.blobStore);
    const places = new Map<number, { folder: string; free: number }>();
    for (const folder of [settings.dataDir, ...(store === undefined ? [] : [store]), settings.saveDir]) {
      const there = await nearest(folder);
      if (!there) continue;
      const { bavail, bsize } = await statfs(there.path);
      if (!places.has(there.device)) places.set(there.device, { folder, free: bavail * bsize });
    }
    return [...places.values()].map(findingOf);
  },
};

function findingOf({ folder, free }: { folder: string; free: number }): Finding {
  const what = `The disk of ${folder} has ${inWords(free)} free`;
  if (free >= NEARLY_FULL_BYTES) return ok('free-space', `${what}.`);
  const remedy = 'Free some space there; gc removes from the store what no job needs.';
  if (free >= FULL_BYTES) return warning('free-space', `${what}, less than ${inWords(NEARLY_FULL_BYTES)}.`, remedy);
  return error('free-space', `${what}: too little for a job.`, remedy);
}

function inWords(bytes: number): string {
  return bytes < 1000 * MB ? `${Math.floor(bytes / MB)} MB` : `${(bytes / 1000 / MB).toFixed(1)} GB`;
}

function folderOfStore(url: string): string | undefined {
  try {
    return storeFolder(url);
  } catch (thrown) {
    // Told by the check of the store.
    if (thrown instanceof JobFailure) return undefined;
    throw thrown;
  }
}

/** The folder, or the nearest one above it that is there. */
async function nearest(path: string): Promise<{ path: string; device: number } | undefined> {
  for (let folder = path; ; folder = dirname(folder)) {
    const stats = await unlessAbsent(stat(folder)).catch(() => undefined);
    if (stats) return { path: folder, device: stats.dev };
    if (dirname(folder) === folder) return undefined;
  }
}
