import { readdir } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { fileURLToPath } from 'node:url';
import { JobFailure } from '../contract/errors.js';
import type { BlobStore } from './blob-store.js';
import { unlessAbsent } from './durable-folder.js';
import { FilesystemBlobStore } from './filesystem.js';
import { WORK_PATIENCE, type Patience } from './patience.js';
import { isS3, readS3Place, type S3Place } from './s3/place.js';
import type { S3BlobStore } from './s3/store.js';
import { storeFailure } from './store-failure.js';

/**
 * Opens the store that IMAGE_BLOB_STORE names: `file:` and an absolute path as it is written (`file:/var/lib/store`, as the
 * default has it, where % and # are ordinary characters), a file URL (`file:///var/lib/store`, percent-encoded), or
 * `s3://bucket/prefix`, with the settings and credentials of the AWS SDK in the environment.
 */
export async function openBlobStore(url: string, patience: Patience = WORK_PATIENCE): Promise<BlobStore> {
  if (!isS3(url)) return FilesystemBlobStore.open(storeFolder(url));
  const [place, Store] = await s3(url);
  return Store.open(place, patience);
}

/** The store that is there; undefined where opening would make a new one. */
export async function findBlobStore(url: string, patience: Patience = WORK_PATIENCE): Promise<BlobStore | undefined> {
  if (isS3(url)) {
    const [place, Store] = await s3(url);
    return Store.find(place, patience);
  }
  const folder = storeFolder(url);
  const names = await unlessAbsent(readdir(folder)).catch((error: unknown) => {
    throw storeFailure(error, folder);
  });
  return names === undefined || names.length === 0 ? undefined : FilesystemBlobStore.open(folder);
}

/** The SDK of S3 is loaded where it is used: that takes as long as a whole server takes to start. */
async function s3(url: string): Promise<[S3Place, typeof S3BlobStore]> {
  const place = readS3Place(url);
  if (typeof place === 'string') throw refusal(url, place);
  return [place, (await import('./s3/store.js')).S3BlobStore];
}

/** The folder of a store. INVALID_ARGUMENT when the URL names none. */
export function storeFolder(url: string): string {
  const path = /^file:(.*)$/is.exec(url.trim())?.[1];
  if (path === undefined) throw refusal(url, 'is no place for blobs');
  if (!path.startsWith('//')) {
    if (!isAbsolute(path)) throw refusal(url, 'is not an absolute path');
    return path;
  }
  try {
    return fileURLToPath(`file:${path}`);
  } catch (error) {
    throw refusal(url, `is not a local file URL (${error instanceof Error ? error.message : String(error)})`);
  }
}

function refusal(url: string, why: string): JobFailure {
  return new JobFailure({
    code: 'INVALID_ARGUMENT',
    message: `IMAGE_BLOB_STORE: "${withoutSecrets(url)}" ${why}.`,
    nextStep: 'Use file: and an absolute path, as in file:/var/lib/durable-image-mcp/store, or s3://bucket/prefix.',
  });
}

/** A URL may carry a password or a signed query. */
function withoutSecrets(url: string): string {
  return url.replace(/\/\/[^/@]*@/, '//').replace(/\?.*$/s, '');
}
