import type { BlobStore } from './blob-store.js';
import type { Manifests } from './manifests.js';
import { releasePinned } from './pins.js';

export { blobsOf } from './pins.js';

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

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** After the end of its job a reference is of use to a retry alone. */
const REFERENCE_DAYS = 30;

/**
 * Removes blobs that no job needs and the remains of killed writers. Attempt records are never removed, and what they say
 * was bought stays as long as its job does. Safe beside running jobs: blobs are listed before the pins, so a job accepted
 * meanwhile has stored its blobs again, which the removal sees.
 */
export async function collectGarbage(options: GarbageCollection): Promise<CollectedGarbage> {
  const { store, manifests, now = () => new Date(), minAgeHours = 24, referenceDays = REFERENCE_DAYS } = options;
  const started = now().getTime();
  const cutoff = new Date(started - minAgeHours * HOUR_MS);
  const result: CollectedGarbage = { examined: 0, removed: 0, freedBytes: 0, tempFilesRemoved: 0, unreadable: [] };
  result.tempFilesRemoved = (await store.sweepTemporary?.(new Date(started - DAY_MS))) ?? 0;

  const candidates = new Map<string, number>();
  for await (const blob of store.listBlobs()) {
    result.examined += 1;
    if (blob.modifiedAt < cutoff) candidates.set(blob.sha256, blob.sizeBytes);
  }
  if (candidates.size === 0) return result;

  const { unreadable, unnamedSince = cutoff } = await releasePinned(candidates, {
    store,
    manifests,
    referencesSince: new Date(started - referenceDays * DAY_MS),
  });
  result.unreadable = unreadable;
  if (unreadable.length > 0) return result;

  const olderThan = unnamedSince < cutoff ? unnamedSince : cutoff;
  for (const [digest, sizeBytes] of candidates) {
    if (!(await store.deleteBlob(digest, olderThan))) continue;
    result.removed += 1;
    result.freedBytes += sizeBytes;
  }
  return result;
}

export interface RemoveUnneeded {
  store: BlobStore;
  manifests: Manifests;
  /** SHA-256 of the blobs that may go, as `blobsOf` gave them before their job became a tombstone. */
  candidates: readonly string[];
  /** A blob that was stored or stored again more recently stays; a later collection removes it. */
  minAgeMinutes: number;
  now?: () => Date;
}

export interface Removed {
  removed: number;
  freedBytes: number;
  /** When there are any, nothing was removed. */
  unreadable: string[];
}

/**
 * Removes those of a few blobs that no job needs any more, by the rules of the collection. What it leaves (a young blob, one
 * that an open job may have made, all of them while a manifest cannot be read) goes with a later collection.
 */
export async function removeUnneeded(options: RemoveUnneeded): Promise<Removed> {
  const { store, manifests, minAgeMinutes, now = () => new Date() } = options;
  const started = now().getTime();
  const cutoff = new Date(started - minAgeMinutes * MINUTE_MS);
  const candidates = new Set(options.candidates);
  const result: Removed = { removed: 0, freedBytes: 0, unreadable: [] };
  if (candidates.size === 0) return result;

  const { unreadable, unnamedSince = cutoff } = await releasePinned(candidates, {
    store,
    manifests,
    referencesSince: new Date(started - REFERENCE_DAYS * DAY_MS),
  });
  result.unreadable = unreadable;
  if (unreadable.length > 0) return result;

  const olderThan = unnamedSince < cutoff ? unnamedSince : cutoff;
  for (const digest of candidates) {
    const size = (await store.statBlob(digest))?.sizeBytes ?? 0;
    if (!(await store.deleteBlob(digest, olderThan))) continue;
    result.removed += 1;
    result.freedBytes += size;
  }
  return result;
}
