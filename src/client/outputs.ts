import type { BlobStore } from '../blobs/blob-store.js';
import type { Manifest } from '../blobs/manifests.js';
import type { JobRecord, SavedImage } from '../contract/record.js';
import { exportImage, exportName } from '../images/export-image.js';
import { exportFolder, type FolderContext } from './export-folder.js';

export interface OutputContext extends FolderContext {
  store: BlobStore;
}

/**
 * Gives each saved image its `path` on this machine, and writes the file if it is missing. Where it lies follows from
 * the job's input, never from the record: that may be anybody's. An image that cannot be written keeps its uri, with a warning.
 */
export async function withPaths(record: JobRecord, manifest: Manifest | undefined, context: OutputContext): Promise<JobRecord> {
  const input = manifest?.input;
  if (!record.result || record.result.saved.length === 0 || !input) return record;
  const { job_id: jobId } = record;
  let folder: string;
  try {
    folder = await exportFolder(jobId, input, context);
  } catch (error) {
    return warned(record, error);
  }
  const failures: unknown[] = [];
  const place = async (saved: SavedImage): Promise<SavedImage> => {
    const name = exportName(jobId, input.basename, saved);
    try {
      return { ...saved, path: await exportImage(folder, name, () => bytesOf(context.store, saved.sha256)) };
    } catch (error) {
      failures.push(error);
      const { path: _, ...rest } = saved;
      return rest;
    }
  };
  const saved = await Promise.all(record.result.saved.map(place));
  const byUri = new Map(saved.map((image) => [image.uri, image]));
  const results = record.result.results?.map((item) =>
    item.saved ? { ...item, saved: item.saved.map((image) => byUri.get(image.uri) ?? image) } : item,
  );
  const placed: JobRecord = { ...record, result: { ...record.result, saved, ...(results ? { results } : {}) } };
  return failures.length > 0 ? warned(placed, failures[0]) : placed;
}

async function bytesOf(store: BlobStore, sha256: string): Promise<Buffer> {
  const bytes = await store.getBlob(sha256);
  if (!bytes) throw new Error(`the image ${sha256.slice(0, 12)}… is gone from the store`);
  return bytes;
}

function warned(record: JobRecord, error: unknown): JobRecord {
  const warning = `An image could not be written to its folder: ${error instanceof Error ? error.message : 'unknown fault'}`;
  return { ...record, warnings: [...(record.warnings ?? []), warning] };
}
