/** The layout of a store: blobs at `sha256/<first 2>/<other 62>`, documents at their keys, and folders for what is neither. */
export const BLOBS = 'sha256';
export const DAMAGED = 'damaged';
export const LOCKS = 'locks';
export const TEMPORARY = 'tmp';

/** First segments that no document's key may have. */
const RESERVED = new Set([BLOBS, DAMAGED, LOCKS, TEMPORARY, 'store.json']);

export function isDigest(value: string): boolean {
  return /^[0-9a-f]{64}$/.test(value);
}

export function blobKey(digest: string): string {
  if (!isDigest(digest)) throw new Error('A blob is named by its SHA-256 in lower-case hex.');
  return `${BLOBS}/${digest.slice(0, 2)}/${digest.slice(2)}`;
}

/** The digest of the blob at a key; undefined for a key of something else. */
export function digestOfKey(key: string): string | undefined {
  const [, first = '', rest = ''] = /^sha256\/([^/]{2})\/([^/]+)$/.exec(key) ?? [];
  return isDigest(first + rest) ? first + rest : undefined;
}

/** Keys come from the product, never from a person: a bad one is a programming error. */
export function assertKey(key: string): void {
  const segments = key.split('/');
  const wellFormed = segments.every((segment) => /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/.test(segment));
  if (!wellFormed || RESERVED.has(segments[0] ?? '')) throw new Error(`"${key}" is not a key of a document.`);
}
