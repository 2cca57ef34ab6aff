import type { CollectionProgress, CollectionReport } from '../contract/collection.js';
import type { BlobInfo, BlobListing, BlobStore } from './blob-store.js';
import type { Manifests } from './manifests.js';
import { releasePinned } from './pins.js';
import { RecentRequests } from './recent-requests.js';
import { retain, type Retained, type Retention } from './retention.js';

export { blobsOf } from './pins.js';

export interface GarbageCollection {
  store: BlobStore;
  manifests: Manifests;
  /** What becomes of old jobs, and of their workflows; absent: nothing. */
  retention?: Pick<Retention, 'namespace' | 'days' | 'runs'>;
  now?: () => Date;
  /** A blob that was stored or stored again more recently stays: the manifest that pins it may be about to come. */
  minAgeHours?: number;
  /** Days after the end of a job from which on its references go. */
  referenceDays?: number;
  /** Changes nothing; the numbers are those of what would be done. */
  dryRun?: boolean;
  /** Blobs held in memory at once. */
  batch?: number;
  /** Aborting ends the collection between two steps, with the signal's reason. */
  signal?: AbortSignal;
  onProgress?: (progress: CollectionProgress) => void;
  onExpired?: (jobId: string) => void;
  onRemoved?: (blob: BlobInfo) => void;
}

export interface CollectedGarbage extends Removed, Omit<Retained, 'expired' | 'unreadable'> {
  /** Blobs looked at. */
  examined: number;
  expired: number;
  tempFilesRemoved: number;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** After the end of its job a reference is of use to a retry alone. */
const REFERENCE_DAYS = 30;
/** About 250 MB where there are as many; a larger store costs one more reading of the manifests for each as many old blobs. */
const BATCH = 1_000_000;
/** A removal waits for the disk, not for the processor. */
const REMOVALS_AT_ONCE = 16;
const TOLD_UNREADABLE = 20;

/**
 * Removes blobs that no job needs and the remains of killed writers, and lets old jobs expire. Attempt records are never removed, and what
 * they say was bought stays as long as its job does. Safe beside running jobs and beside another collection: blobs are
 * listed before the pins, so a job accepted meanwhile has stored its blobs again, which the removal sees. Each step leaves the
 * store whole; whoever is killed in between has done less, nothing else.
 */
export async function collectGarbage(options: GarbageCollection): Promise<CollectedGarbage> {
  const { store, manifests, retention, now = () => new Date(), minAgeHours = 24, referenceDays = REFERENCE_DAYS } = options;
  const { dryRun = false, batch = BATCH, signal, onProgress = () => undefined } = options;
  const started = now();
  const before = (milliseconds: number): Date => new Date(started.getTime() - milliseconds);
  const unreadable = new Set<string>();
  const result: CollectedGarbage = {
    examined: 0,
    removed: 0,
    freedBytes: 0,
    expired: 0,
    ended: 0,
    workflowsDeleted: 0,
    workflowsLeft: 0,
    tempFilesRemoved: 0,
    unreadable: [],
  };
  if (!dryRun) {
    result.tempFilesRemoved = (await store.sweepTemporary?.(before(DAY_MS))) ?? 0;
    await new RecentRequests(store).sweep(started);
  }

  let without: ReadonlySet<string> | undefined;
  if (retention) {
    const onJob = (done: number, total?: number): void => onProgress({ phase: 'jobs', done, ...(total === undefined ? {} : { total }) });
    const retained = await retain({ ...retention, manifests, now: started, dryRun, signal, onJob });
    for (const jobId of retained.expired) options.onExpired?.(jobId);
    for (const document of retained.unreadable) unreadable.add(document);
    const { ended, workflowsDeleted, workflowsLeft, expired } = retained;
    Object.assign(result, { ended, workflowsDeleted, workflowsLeft, expired: expired.length });
    if (dryRun) without = new Set(expired);
  }

  const cutoff = before(minAgeHours * HOUR_MS);
  const remove = async (candidates: Candidates): Promise<void> => {
    const onManifest = (done: number): void => onProgress({ phase: 'pins', done });
    const scope = { store, manifests, referencesSince: before(referenceDays * DAY_MS), without, signal, onManifest };
    const scan = await releasePinned(candidates, scope);
    for (const document of scan.unreadable) unreadable.add(document);
    if (unreadable.size > 0) return;
    const removal = { store, candidates, olderThan: earlier(cutoff, scan.unnamedSince), dryRun, signal };
    await removeAll(removal, result, (done, blob) => {
      if (blob) options.onRemoved?.(blob);
      onProgress({ phase: 'removing', done, total: candidates.size });
    });
  };

  let candidates: Candidates = new Map();
  for await (const blob of store.listBlobs()) {
    signal?.throwIfAborted();
    result.examined += 1;
    onProgress({ phase: 'blobs', done: result.examined });
    if (blob.modifiedAt < cutoff) candidates.set(blob.sha256, blob);
    if (candidates.size < batch) continue;
    await remove(candidates);
    candidates = new Map();
  }
  if (candidates.size > 0) await remove(candidates);
  result.unreadable = [...unreadable];
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
  /** Manifests and attempt records that could not be read. What they pin is unknown, so no blob was removed. */
  unreadable: string[];
}

/**
 * Removes those of a few blobs that no job needs any more, by the rules of the collection. What it leaves (a young blob, one
 * that an open job may have made, all of them while a manifest cannot be read) goes with a later collection.
 */
export async function removeUnneeded(options: RemoveUnneeded): Promise<Removed> {
  const { store, manifests, minAgeMinutes, now = () => new Date() } = options;
  const started = now().getTime();
  const result: Removed = { removed: 0, freedBytes: 0, unreadable: [] };
  const candidates: Candidates = new Map();
  for (const digest of options.candidates) {
    const blob = await store.statBlob(digest);
    if (blob) candidates.set(digest, blob);
  }
  if (candidates.size === 0) return result;

  const scope = { store, manifests, referencesSince: new Date(started - REFERENCE_DAYS * DAY_MS) };
  const { unreadable, unnamedSince } = await releasePinned(candidates, scope);
  result.unreadable = unreadable;
  if (unreadable.length > 0) return result;
  const olderThan = earlier(new Date(started - minAgeMinutes * MINUTE_MS), unnamedSince);
  await removeAll({ store, candidates, olderThan }, result);
  return result;
}

/** By digest. */
type Candidates = Map<string, BlobInfo & Partial<BlobListing>>;

interface Removal {
  store: BlobStore;
  candidates: Candidates;
  olderThan: Date;
  dryRun?: boolean;
  signal?: AbortSignal;
}

/** Removes the candidates that were not stored again since and counts them; `onDone` gets the number of those looked at. */
async function removeAll(
  { store, candidates, olderThan, dryRun, signal }: Removal,
  counted: Removed,
  onDone: (done: number, removed: BlobInfo | undefined) => void = () => undefined,
): Promise<void> {
  const goes = async ({ sha256, modifiedAt }: BlobInfo & Partial<BlobListing>): Promise<boolean> =>
    dryRun ? modifiedAt !== undefined && modifiedAt < olderThan : store.deleteBlob(sha256, olderThan);
  const waiting = candidates.values();
  let done = 0;
  let failed = false;
  const work = async (): Promise<void> => {
    try {
      for (const blob of waiting) {
        signal?.throwIfAborted();
        if (failed) return;
        const went = await goes(blob);
        if (went) {
          counted.removed += 1;
          counted.freedBytes += blob.sizeBytes;
        }
        onDone((done += 1), went ? blob : undefined);
      }
    } catch (error) {
      failed = true;
      throw error;
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: REMOVALS_AT_ONCE }, work));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

function earlier(one: Date, other: Date | undefined): Date {
  return other !== undefined && other < one ? other : one;
}

/** The numbers as they are shown and recorded. */
export function collectionReport(collected: CollectedGarbage): CollectionReport {
  return {
    examined: collected.examined,
    removed: collected.removed,
    freed_bytes: collected.freedBytes,
    temporary_files_removed: collected.tempFilesRemoved,
    expired_jobs: collected.expired,
    ended_jobs: collected.ended,
    workflows_deleted: collected.workflowsDeleted,
    workflows_left: collected.workflowsLeft,
    unreadable: collected.unreadable.length,
    unreadable_documents: collected.unreadable.slice(0, TOLD_UNREADABLE),
  };
}
