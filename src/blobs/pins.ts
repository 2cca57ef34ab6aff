import { resolveProvider } from '../contract/arguments.js';
import { JobFailure } from '../contract/errors.js';
import { referencesOf } from '../contract/input.js';
import type { ProviderName } from '../contract/names.js';
import { Attempts } from './attempts.js';
import type { BlobStore } from './blob-store.js';
import { lastRunOf, type Manifest, type Manifests } from './manifests.js';

/**
 * Which blobs the jobs of a store need. A blob is kept
 * - by every job: what its record names, its thumbnails and previews, and every picture that its attempt records bought;
 * - by an open job, and for some time after its end: its references and masks, as they were given and as they were sent;
 * - by its age: what was stored just now may be pinned in a moment. Storing a blob again makes it young.
 * A deleted job needs nothing.
 */
export interface PinScope {
  store: BlobStore;
  manifests: Manifests;
  /** The references of jobs that ended before this are not needed any more. */
  referencesSince: Date;
  /** Jobs that count as deleted. */
  without?: ReadonlySet<string>;
  signal?: AbortSignal;
  onManifest?: (done: number) => void;
}

export interface PinScan {
  /** Manifests and attempt records that could not be read: what they pin is unknown, so nothing may be removed. */
  unreadable: string[];
  /** A blob that was stored later may be the picture of an open job that names it nowhere in the store yet. */
  unnamedSince?: Date;
}

/**
 * Providers that cannot bill. Their jobs keep no attempt records, so until the job is stored only Temporal knows its
 * pictures: however long the stack was down in between, these must outlast it.
 */
const UNRECORDED: ReadonlySet<ProviderName | undefined> = new Set(['local', 'sdcpp', undefined]);

/** The store's files may be dated by another machine than the job. */
const CLOCKS_DIFFER_MS = 60_000;

/** Takes every digest that a job needs out of the candidates. */
export async function releasePinned(candidates: { delete(digest: string): boolean }, scope: PinScope): Promise<PinScan> {
  const { store, manifests, referencesSince, without, signal, onManifest } = scope;
  const attempts = new Attempts(store);
  const scan: PinScan = { unreadable: [] };
  let done = 0;
  for await (const manifest of manifests.list((key) => scan.unreadable.push(key))) {
    signal?.throwIfAborted();
    onManifest?.((done += 1));
    if (manifest.state === 'deleted' || without?.has(manifest.job_id)) continue;
    for (const digest of pinnedBy(manifest, referencesSince)) candidates.delete(digest);
    try {
      for (const digest of await boughtBy(manifest, attempts)) candidates.delete(digest);
    } catch (error) {
      if (!(error instanceof JobFailure)) throw error;
      scan.unreadable.push(`attempt records of ${manifest.job_id}`);
    }
    if (manifest.state === 'accepted' && mayHaveUnnamedPictures(manifest)) {
      const since = new Date(lastRunOf(manifest).getTime() - CLOCKS_DIFFER_MS);
      if (scan.unnamedSince === undefined || since < scan.unnamedSince) scan.unnamedSince = since;
    }
  }
  return scan;
}

/** Every blob that belongs to a job, whoever else needs it too. */
export async function blobsOf(store: BlobStore, manifest: Manifest): Promise<string[]> {
  const bought = await boughtBy(manifest, new Attempts(store));
  return [...new Set([...outputsOf(manifest), ...referencesOfWork(manifest), ...bought])];
}

function pinnedBy(manifest: Manifest, referencesSince: Date): string[] {
  const outputs = outputsOf(manifest);
  const isLongOver = manifest.state === 'ended' && manifest.ended_at !== undefined && lastRunOf(manifest) < referencesSince;
  return isLongOver ? outputs : [...outputs, ...referencesOfWork(manifest)];
}

function outputsOf({ record, output_pins, derived }: Manifest): string[] {
  const results = record?.result?.results ?? [];
  const saved = [...(record?.result?.saved ?? []), ...results.flatMap((item) => item.saved ?? [])];
  const smaller = Object.values(derived ?? {}).flatMap(({ thumbnail, preview }) => [thumbnail, preview]);
  return [...output_pins, ...smaller, ...saved.map((image) => image.sha256)];
}

function referencesOfWork({ input, pins, references }: Manifest): string[] {
  const named = [...referencesOf(input), input.mask_path];
  const snapshots = named.flatMap((reference) => (typeof reference === 'object' ? [reference.sha256] : []));
  return [...pins, ...Object.values(references), ...snapshots];
}

/** The pictures that a job has paid for: its record names them only at its end, and a retry looks for them later still. */
async function boughtBy(manifest: Manifest, attempts: Attempts): Promise<string[]> {
  const records = await attempts.list({ namespace: manifest.namespace, workflowId: manifest.job_id });
  return records.flatMap((record) => (record.outputs ?? []).map((output) => output.sha256));
}

function mayHaveUnnamedPictures({ input }: Manifest): boolean {
  const targets = [resolveProvider(input.provider, input.model), ...(input.fallback ?? []).map((name) => resolveProvider(name, undefined))];
  return targets.some(({ provider }) => UNRECORDED.has(provider));
}
