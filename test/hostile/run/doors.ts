import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import type { BlobStore } from '../../../src/blobs/blob-store.js';
import { openBlobStore } from '../../../src/blobs/open-store.js';
import { prepareJob } from '../../../src/client/start-job.js';
import { readSettings, type Settings } from '../../../src/config.js';
import { sha256 } from '../../../src/contract/canonical.js';
import { exportImage, exportName } from '../../../src/images/export-image.js';
import { makePreviews } from '../../../src/images/previews.js';
import { resolveReference } from '../../../src/references/resolve.js';
import type { Attempt, CallAttempt, DownloadAttempt, OutputAttempt, Place, Seen } from '../case.js';
import type { Network } from './network.js';

/** The doors through which the product meets references, each with the product's own code behind it. */
export interface Doors {
  store: BlobStore;
  settings: Settings;
  network: () => Promise<Network>;
}

/** What a door saw, when the attempt was taken. */
export type Taken = Partial<Pick<Seen, 'bytes' | 'second' | 'warnings' | 'input'>>;

export const SALT = Buffer.alloc(32, 7);

export async function openDoors(dataFolder: string, network: Doors['network']): Promise<Doors> {
  const settings = readSettings({ IMAGE_DATA_DIR: dataFolder });
  return { settings, network, store: await openBlobStore(settings.blobStore) };
}

/** Goes through the attempt's door; throws what the product throws. */
export async function attempt(doors: Doors, place: Place, given: Attempt): Promise<Taken> {
  switch (given.door) {
    case 'call':
      return call(doors, place, given);
    case 'job': {
      // What it needs takes a while to load.
      const { job } = await import('./job-door.js');
      return job(doors, place, given);
    }
    case 'download':
      return download(doors, given);
    case 'output':
      return output(place, given);
  }
}

export function settingsIn(place: Place, doors: Doors, more: Record<string, string> = {}): Settings {
  const { dataDir } = doors.settings;
  return readSettings({ IMAGE_DATA_DIR: dataDir, IMAGE_SAVE_ROOT: place.save, IMAGE_REFERENCE_ROOTS: place.root, ...more });
}

async function call(doors: Doors, place: Place, given: CallAttempt): Promise<Taken> {
  const { args, kind = 'image_edit', clientRoots = [] } = given;
  const raw = typeof args === 'object' && args !== null && !Array.isArray(args) ? { prompt: 'brighter', provider: 'local', ...args } : args;
  const prepared = await prepareJob(kind, raw, {
    settings: settingsIn(place, doors, given.settings),
    store: doors.store,
    salt: SALT,
    clientRoots,
    accounts: new Map(),
    accountsComplete: true,
    isKnown: async () => false,
  });
  return { input: prepared.input, warnings: prepared.warnings };
}

/** Of one whole download, and of its connections. */
const SECONDS = { timeoutSeconds: 1.5, connectTimeoutSeconds: 1 };

async function download(doors: Doors, { url, allowPrivate = false, answers }: DownloadAttempt): Promise<Taken> {
  const network = await doors.network();
  network.answerWith(answers);
  const { bytes } = await resolveReference(url, {
    store: doors.store,
    roots: { folders: [], cwd: '/' },
    outputDigest: async () => undefined,
    fetch: { ...SECONDS, allowPrivate, resolve: (name) => network.resolve(name), ca: network.authority },
  });
  return { bytes };
}

async function output(place: Place, given: OutputAttempt): Promise<Taken> {
  const { bytes, mimeType = 'image/png' } = given;
  const name = exportName(given.jobId ?? 'img-1', given.basename, { sha256: sha256(bytes), mime_type: mimeType });
  mkdirSync(place.save, { recursive: true });
  given.before?.(place.save, name);
  const { width, height } = await sharp(bytes, { limitInputPixels: false }).metadata();
  // A picture that was paid for is handed over without a thumbnail rather than not at all.
  const previews = await makePreviews(bytes, { mimeType, width, height }).catch(() => undefined);
  const path = await exportImage(place.save, name, async () => bytes);
  if (path !== join(place.save, name)) throw new Error('it lies elsewhere');
  return { bytes: readFileSync(path), second: previews?.thumbnail ?? Buffer.alloc(0) };
}
