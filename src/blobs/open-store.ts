import { isAbsolute } from 'node:path';
import { fileURLToPath } from 'node:url';
import { JobFailure } from '../contract/errors.js';
import type { BlobStore } from './blob-store.js';
import { FilesystemBlobStore } from './filesystem.js';

/**
 * Opens the store that IMAGE_BLOB_STORE names: `file:` and an absolute path as it is written (`file:/var/lib/store`, as the
 * default has it, where % and # are ordinary characters), or a file URL (`file:///var/lib/store`, percent-encoded).
 */
export async function openBlobStore(url: string): Promise<BlobStore> {
  return FilesystemBlobStore.open(storeFolder(url));
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
    nextStep: 'Use file: and an absolute path, as in file:/var/lib/durable-image-mcp/store; file: is the only scheme there is.',
  });
}

/** A URL may carry a password or a signed query. */
function withoutSecrets(url: string): string {
  return url.replace(/\/\/[^/@]*@/, '//').replace(/\?.*$/s, '');
}
