import { Attempts } from './attempts.js';
import type { BlobStore } from './blob-store.js';
import { JobFailure } from '../contract/errors.js';
import { referencesOf } from '../contract/input.js';
import type { Manifest, Manifests } from './manifests.js';

export interface GarbageCollection {
  store: BlobStore;
  manifests: Manifests;
  now?: () => Date;
  /** A blob that was stored or stored again more recently stays: the manifest that pins it may be about to come. */
  minAgeHours?: number;
  /** Days after the end of a job from which on its references go. */
  referenceDays?: number;
}

export interface CollectedGarbage {
  /** Blobs looked at. */
  examined: number;
  removed: number;
  freedBytes: number;
  tempFilesRemoved: number;
  /** Manifests and attempt records that could not be read. What they pin is unknown, so no blob was removed. */
  unreadable: string[];
}

const HOUR_MS = 3_600_000;

/**
 * Removes blobs that no job needs and the remains of killed writers. Attempt records are never removed, and what they say
 * was bought stays as long as its job does. Safe beside running jobs: blobs are listed before the pins, so a job accepted
 * meanwhile has stored its blobs again, which the removal sees.
 */
export async function collectGarbage(options: GarbageCollection): Promise<CollectedGarbage> {
  const { store, manifests, now = () => new Date(), minAgeHours = 24, referenceDays = 30 } = options;
  const started = now().getTime();
  const cutoff = new Date(started - minAgeHours * HOUR_MS);
  const result: CollectedGarbage = { examined: 0, removed: 0, freedBytes: 0, tempFilesRemoved: 0, unreadable: [] };
  result.tempFilesRemoved = (await store.sweepTemporary?.(new Date(started - 24 * HOUR_MS))) ?? 0;

  const candidates = new Map<string, number>();
  for await (const blob of store.listBlobs()) {
    result.examined += 1;
    if (blob.modifiedAt < cutoff) candidates.set(blob.sha256, blob.sizeBytes);
  }
  if (candidates.size === 0) return result;

  const attempts = new Attempts(store);
  const referencesSince = started - referenceDays * 24 * HOUR_MS;
  for await (const manifest of manifests.list((key) => result.unreadable.push(key))) {
    if (manifest.state === 'deleted') continue;
    for (const digest of pinnedBy(manifest, referencesSince)) candidates.delete(digest);
    for (const digest of await boughtBy(manifest, attempts, result.unreadable)) candidates.delete(digest);
  }
  if (result.unreadable.length > 0) return result;

  for (const [digest, sizeBytes] of candidates) {
    if (!(await store.deleteBlob(digest, cutoff))) continue;
    result.removed += 1;
    result.freedBytes += sizeBytes;
  }
  return result;
}

function pinnedBy(manifest: Manifest, referencesSince: number): string[] {
  const { record, input, ended_at: endedAt } = manifest;
  const results = record?.result?.results ?? [];
  const saved = [...(record?.result?.saved ?? []), ...results.flatMap((item) => item.saved ?? [])];
  const outputs = [...manifest.output_pins, ...saved.map((image) => image.sha256)];
  const isLongOver = manifest.state === 'ended' && endedAt !== undefined && Date.parse(endedAt) < referencesSince;
  if (isLongOver) return outputs;
  const named = [...referencesOf(input), input.mask_path];
  const snapshots = named.flatMap((reference) => (typeof reference === 'object' ? [reference.sha256] : []));
  return [...outputs, ...manifest.pins, ...Object.values(manifest.references), ...snapshots];
}

/** The pictures that a job has paid for: its record names them only at its end, and a retry looks for them later still. */
async function boughtBy(manifest: Manifest, attempts: Attempts, unreadable: string[]): Promise<string[]> {
  try {
    const records = await attempts.list({ namespace: manifest.namespace, workflowId: manifest.job_id });
    return records.flatMap((record) => (record.outputs ?? []).map((output) => output.sha256));
  } catch (error) {
    if (!(error instanceof JobFailure)) throw error;
    unreadable.push(`attempt records of ${manifest.job_id}`);
    return [];
  }
}
