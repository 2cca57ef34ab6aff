import { randomUUID } from 'node:crypto';
import { sha256 } from '../../contract/canonical.js';
import type { BlobInfo, BlobListing, BlobStore, DocumentTime, StoredDocument } from '../blob-store.js';
import type { HeldLock } from '../lock.js';
import { assertKey, blobKey, BLOBS, DAMAGED, digestOfKey, LOCKS } from '../keys.js';
import type { Patience } from '../patience.js';
import { unavailable } from '../store-failure.js';
import { newStoreFile, readStoreFile, STORE_FILE } from '../store-file.js';
import { Claims } from './claims.js';
import { isNoSuchBucket } from './failure.js';
import { S3Objects } from './objects.js';
import type { S3Place } from './place.js';

/** Once seen, the store counts as there for so long: a bucket that is emptied under a running worker is told at most this much later. */
const PRESENT_MS = 5_000;
/** A blob this young is not written again to make it younger; a deletion leaves what is younger than minutes. */
const YOUNG_MS = 60_000;
/** Two writers that meet at a server that excludes them are both told to try again. */
const CONFLICTS = 5;
const SECOND_MS = 1000;

/**
 * A store in a bucket of S3, shared by any number of machines; the same layout as in a folder (`store.json`, `sha256/`,
 * `locks/`, `damaged/`, documents at their keys) below the prefix.
 *
 * Documents are created and replaced by conditional writes. Each carries a nonce of its write, so that a write whose answer got
 * lost, and which is refused when it is repeated, is known as one's own. Where the server's conditions do not exclude
 * each other, a lock of claims does.
 */
export class S3BlobStore implements BlobStore {
  readonly id: string;
  readonly #objects: S3Objects;
  readonly #claims: Claims;
  #presentUntil = 0;

  private constructor(id: string, objects: S3Objects, { lockSeconds }: Patience) {
    this.id = id;
    this.#objects = objects;
    this.#claims = new Claims(objects, lockSeconds);
  }

  /** Opens the store; an absent or empty place becomes one, and an absent bucket is made. */
  static async open(place: S3Place, patience: Patience): Promise<S3BlobStore> {
    const objects = new S3Objects(place, patience);
    return new S3BlobStore((await find(objects)) ?? (await begin(objects, patience)), objects, patience);
  }

  /** The store, or undefined where there is none yet. */
  static async find(place: S3Place, patience: Patience): Promise<S3BlobStore | undefined> {
    const objects = new S3Objects(place, patience);
    const id = await find(objects);
    return id === undefined ? undefined : new S3BlobStore(id, objects, patience);
  }

  async putBlob(bytes: Uint8Array): Promise<BlobInfo> {
    const digest = sha256(bytes);
    const key = blobKey(digest);
    const info = { sha256: digest, sizeBytes: bytes.byteLength };
    const [found] = await Promise.all([this.#objects.head(key), this.#mustBePresent()]);
    const age = found === undefined ? undefined : Date.now() - found.modifiedAt.getTime();
    // One of the future says that the clocks differ.
    const isYoung = age !== undefined && age > -SECOND_MS && age < YOUNG_MS;
    if (found?.sizeBytes === bytes.byteLength && isYoung) return info;
    const put = (): Promise<boolean> => this.#objects.put(key, bytes, { sha256: digest });
    // Written again it is young again, unless a deletion that has seen it old comes in between.
    await (found === undefined ? put() : this.#change(`blob-${digest}`, put));
    return info;
  }

  getBlob(digest: string): Promise<Buffer | undefined> {
    const key = blobKey(digest);
    return this.#orAbsent(async () => {
      const found = await this.#objects.get(key);
      if (found === undefined || sha256(found.bytes) === digest) return found?.bytes;
      await this.#setAside(digest);
      return undefined;
    });
  }

  statBlob(digest: string): Promise<BlobInfo | undefined> {
    const key = blobKey(digest);
    return this.#orAbsent(async () => {
      const found = await this.#objects.head(key);
      return found && { sha256: digest, sizeBytes: found.sizeBytes };
    });
  }

  deleteBlob(digest: string, olderThan?: Date): Promise<boolean> {
    const key = blobKey(digest);
    return this.#change(`blob-${digest}`, async (lock) => {
      const found = await this.#orAbsent(() => this.#objects.head(key));
      // The server tells whole seconds.
      if (found === undefined || (olderThan !== undefined && found.modifiedAt.getTime() + SECOND_MS >= olderThan.getTime())) return false;
      lock.check();
      await this.#objects.delete(key);
      return true;
    });
  }

  async *listBlobs(): AsyncIterable<BlobListing> {
    let isEmpty = true;
    for await (const { key, sizeBytes, modifiedAt } of this.#objects.list(`${BLOBS}/`)) {
      isEmpty = false;
      const digest = digestOfKey(key);
      if (digest !== undefined) yield { sha256: digest, sizeBytes, modifiedAt };
    }
    if (isEmpty) await this.#lookPresent();
  }

  /** A link under which the bytes can be read without credentials for so many seconds. */
  linkToBlob(digest: string, seconds: number, mimeType: string): Promise<string> {
    return this.#objects.link(blobKey(digest), seconds, mimeType);
  }

  createDocument(key: string, bytes: Uint8Array): Promise<boolean> {
    assertKey(key);
    return this.#exclusively(key, () => create(this.#objects, key, bytes));
  }

  readDocument(key: string): Promise<StoredDocument | undefined> {
    assertKey(key);
    return this.#orAbsent(async () => {
      const found = await this.#objects.get(key);
      return found && { bytes: found.bytes, version: found.etag };
    });
  }

  replaceDocument(key: string, bytes: Uint8Array, version: string): Promise<boolean> {
    assertKey(key);
    const nonce = randomUUID();
    return this.#exclusively(key, async () => {
      if (await this.#objects.put(key, bytes, { condition: { etag: version }, nonce, contentType: 'application/json' })) return true;
      const stands = await this.#orAbsent(() => this.#objects.head(key));
      return stands?.nonce === nonce;
    });
  }

  deleteDocument(key: string): Promise<void> {
    assertKey(key);
    return this.#exclusively(key, () => this.#objects.delete(key));
  }

  async *listDocuments(prefix: string): AsyncIterable<string> {
    for await (const { key } of this.#documents(prefix, 'all')) yield key;
  }

  async documentTimes(prefix: string): Promise<DocumentTime[]> {
    const times: DocumentTime[] = [];
    for await (const { key, modifiedAt } of this.#documents(prefix, 'one')) times.push({ key, changedAt: modifiedAt });
    return times;
  }

  async putNote(key: string, bytes: Uint8Array): Promise<void> {
    assertKey(key);
    await this.#mustBePresent();
    await this.#objects.put(key, bytes, { contentType: 'application/json' });
  }

  async readNote(key: string): Promise<Buffer | undefined> {
    assertKey(key);
    return (await this.#objects.get(key))?.bytes;
  }

  async sweepNotes(prefix: string, olderThan: Date): Promise<void> {
    for (const { key, changedAt } of await this.documentTimes(prefix)) {
      if (changedAt < olderThan) await this.#objects.delete(key);
    }
  }

  async sweepTemporary(olderThan: Date): Promise<number> {
    return (await this.#claims.sweep(olderThan)) + (await this.#objects.abortUploads(olderThan));
  }

  async *#documents(prefix: string, depth: 'all' | 'one'): AsyncIterable<{ key: string; modifiedAt: Date }> {
    if (!prefix.endsWith('/')) throw new Error(`A prefix ends with a slash, unlike "${prefix}".`);
    assertKey(prefix.slice(0, -1));
    let isEmpty = true;
    for await (const listed of this.#objects.list(prefix, depth)) {
      isEmpty = false;
      if (!listed.key.includes('/.')) yield listed;
    }
    if (isEmpty) await this.#lookPresent();
  }

  /** A write to a document that excludes all other writers of it. */
  async #exclusively<T>(key: string, work: () => Promise<T>): Promise<T> {
    await this.#mustBePresent();
    if (this.#objects.isAtomic) return work();
    return this.#claims.hold(`document-${sha256(key)}`, (lock) => {
      lock.check();
      return work();
    });
  }

  async #change<T>(lock: string, work: (lock: HeldLock) => Promise<T>): Promise<T> {
    await this.#mustBePresent();
    return this.#claims.hold(lock, work);
  }

  /** Moves a damaged blob away, unless somebody has stored it again in the meantime. */
  #setAside(digest: string): Promise<void> {
    const key = blobKey(digest);
    return this.#change(`blob-${digest}`, async (lock) => {
      const found = await this.#objects.get(key);
      if (found === undefined || sha256(found.bytes) === digest) return;
      lock.check();
      await this.#objects.copy(key, `${DAMAGED}/${digest}-${Date.now()}`);
      await this.#objects.delete(key);
    });
  }

  /** What was read, or undefined when it is absent from a store that is there: an emptied bucket must never read as "nothing was paid". */
  async #orAbsent<T>(read: () => Promise<T | undefined>): Promise<T | undefined> {
    const found = await read();
    if (found === undefined) await this.#lookPresent();
    return found;
  }

  async #mustBePresent(): Promise<void> {
    if (performance.now() > this.#presentUntil) await this.#lookPresent();
  }

  async #lookPresent(): Promise<void> {
    this.#presentUntil = 0;
    const id = await readId(this.#objects);
    if (id !== this.id) {
      const { url } = this.#objects.place;
      throw unavailable(
        id === undefined ? `The blob store ${url} is gone: its ${STORE_FILE} is missing.` : `${url} now holds another blob store than before.`,
        'Restore the bucket; the job goes on by itself afterwards.',
      );
    }
    this.#presentUntil = performance.now() + PRESENT_MS;
  }
}

/** Creates a document once; a creation whose answer got lost is known by its nonce. */
async function create(objects: S3Objects, key: string, bytes: Uint8Array): Promise<boolean> {
  const nonce = randomUUID();
  for (let conflict = 0; ; conflict += 1) {
    if (await objects.put(key, bytes, { condition: { absent: true }, nonce, contentType: 'application/json' })) return true;
    const stands = await objects.head(key);
    if (stands !== undefined) return stands.nonce === nonce;
    if (conflict === CONFLICTS) throw unavailable(`${objects.place.url}: other writers were always faster at ${key}.`, 'It is tried again.');
  }
}

async function readId(objects: S3Objects): Promise<string | undefined> {
  const found = await objects.get(STORE_FILE);
  return found && readStoreFile(found.bytes.toString('utf8'), `${objects.place.url}/${STORE_FILE}`);
}

/** The id of the store that is there; undefined for an empty place and an absent bucket. */
async function find(objects: S3Objects): Promise<string | undefined> {
  try {
    const id = await readId(objects);
    if (id !== undefined) return id;
    for await (const { key } of objects.list('')) {
      if (key.startsWith(`${LOCKS}/`)) continue;
      // Between the two looks another process may have made the store and begun to use it.
      const made = await readId(objects);
      if (made !== undefined) return made;
      throw unavailable(
        `${objects.place.url} is not empty and has no ${STORE_FILE}, so it is no blob store, or a damaged one.`,
        `Restore ${STORE_FILE} from a backup, or name an empty prefix in IMAGE_BLOB_STORE.`,
      );
    }
    return undefined;
  } catch (error) {
    if (isNoSuchBucket(error)) return undefined;
    throw error;
  }
}

/** Makes the store; several processes may do so at once. */
async function begin(objects: S3Objects, { lockSeconds }: Patience): Promise<string> {
  await objects.createBucket();
  const make = (): Promise<boolean> => create(objects, STORE_FILE, newStoreFile());
  await (objects.isAtomic ? make() : new Claims(objects, lockSeconds).hold('store', make));
  const id = await readId(objects);
  if (id === undefined) throw unavailable(`The blob store ${objects.place.url} was removed while it was opened.`, 'Start again.');
  return id;
}
