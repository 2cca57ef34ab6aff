import { readdir, readFile, stat, unlink, utimes } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { sha256 } from '../contract/canonical.js';
import type { BlobInfo, BlobListing, BlobStore, DocumentTime, StoredDocument } from './blob-store.js';
import { DurableFolder, unlessAbsent } from './durable-folder.js';
import { assertKey, BLOBS, blobKey, DAMAGED, isDigest, LOCKS } from './keys.js';
import { Locks } from './lock.js';
import { storeFailure, unavailable } from './store-failure.js';
import { openStoreId, readStoreId } from './store-identity.js';

/**
 * A store in a folder, shared by any number of processes:
 * `store.json`, blobs at `sha256/<first 2>/<other 62>`, documents at their keys, `tmp/`, `locks/`, and `damaged/` for what did
 * not match its digest. Folders and files are the owner's only.
 */
export class FilesystemBlobStore implements BlobStore {
  readonly id: string;
  readonly #folder: DurableFolder;
  readonly #locks: Locks;

  private constructor(id: string, folder: DurableFolder) {
    this.id = id;
    this.#folder = folder;
    this.#locks = new Locks(folder.path(LOCKS));
  }

  /** Opens the store of a folder; an absent or empty folder becomes a store. */
  static async open(folder: string): Promise<FilesystemBlobStore> {
    const root = resolve(folder);
    let id: string | undefined;
    const durable = new DurableFolder(root, () => (id === undefined ? Promise.resolve() : assertPresent(durable, id)));
    try {
      id = await openStoreId(durable);
    } catch (error) {
      throw storeFailure(error, root);
    }
    return new FilesystemBlobStore(id, durable);
  }

  putBlob(bytes: Uint8Array): Promise<BlobInfo> {
    return this.#medium(() => this.#keep(sha256(bytes), bytes));
  }

  getBlob(digest: string): Promise<Buffer | undefined> {
    const path = blobKey(digest);
    return this.#medium(async () => {
      const bytes = await this.#read(path);
      if (bytes === undefined || sha256(bytes) === digest) return bytes;
      await this.#setAside(digest);
      return undefined;
    });
  }

  statBlob(digest: string): Promise<BlobInfo | undefined> {
    const path = blobKey(digest);
    return this.#medium(async () => {
      const found = await this.#present(stat(this.#folder.path(path)));
      return found && { sha256: digest, sizeBytes: found.size };
    });
  }

  deleteBlob(digest: string, olderThan?: Date): Promise<boolean> {
    const path = blobKey(digest);
    return this.#change(`blob-${digest}`, async (check) => {
      const found = await this.#present(stat(this.#folder.path(path)));
      if (found === undefined || (olderThan !== undefined && found.mtime >= olderThan)) return false;
      check();
      return this.#folder.remove(path);
    });
  }

  async *listBlobs(): AsyncIterable<BlobListing> {
    for (const first of await this.#names(BLOBS)) {
      if (!/^[0-9a-f]{2}$/.test(first)) continue;
      for (const rest of await this.#names(`${BLOBS}/${first}`)) {
        const digest = `${first}${rest}`;
        if (!isDigest(digest)) continue;
        const found = await this.#medium(() => unlessAbsent(stat(this.#folder.path(blobKey(digest)))));
        if (found) yield { sha256: digest, sizeBytes: found.size, modifiedAt: found.mtime };
      }
    }
  }

  createDocument(key: string, bytes: Uint8Array): Promise<boolean> {
    assertKey(key);
    return this.#medium(async () => {
      const [temporary] = await Promise.all([this.#folder.writeTemporary(bytes), this.#folder.ensure(dirname(key))]);
      return this.#folder.placeNew(temporary, key);
    });
  }

  readDocument(key: string): Promise<StoredDocument | undefined> {
    assertKey(key);
    return this.#medium(async () => {
      const bytes = await this.#read(key);
      return bytes && { bytes, version: sha256(bytes) };
    });
  }

  replaceDocument(key: string, bytes: Uint8Array, version: string): Promise<boolean> {
    assertKey(key);
    return this.#change(documentLock(key), async (check) => {
      const current = await this.#read(key);
      if (current === undefined || sha256(current) !== version) return false;
      const temporary = await this.#folder.writeTemporary(bytes);
      check();
      await this.#folder.placeOver(temporary, key);
      return true;
    });
  }

  deleteDocument(key: string): Promise<void> {
    assertKey(key);
    return this.#change(documentLock(key), async (check) => {
      check();
      if (!(await this.#folder.remove(key))) await this.#assertPresent();
    });
  }

  async *listDocuments(prefix: string): AsyncIterable<string> {
    if (!prefix.endsWith('/')) throw new Error(`A prefix ends with a slash, unlike "${prefix}".`);
    const folder = prefix.slice(0, -1);
    assertKey(folder);
    const entries = await this.#medium(() => this.#present(readdir(this.#folder.path(folder), { withFileTypes: true })));
    for (const entry of entries ?? []) {
      if (entry.name.startsWith('.')) continue;
      if (entry.isDirectory()) yield* this.listDocuments(`${prefix}${entry.name}/`);
      else yield `${prefix}${entry.name}`;
    }
  }

  async documentTimes(prefix: string): Promise<DocumentTime[]> {
    const times: DocumentTime[] = [];
    for await (const key of this.listDocuments(prefix)) {
      if (key.includes('/', prefix.length)) continue;
      // One that is removed meanwhile is none.
      const found = await this.#medium(() => unlessAbsent(stat(this.#folder.path(key))));
      if (found) times.push({ key, changedAt: found.mtime });
    }
    return times;
  }

  putNote(key: string, bytes: Uint8Array): Promise<void> {
    assertKey(key);
    return this.#medium(async () => {
      const [temporary] = await Promise.all([this.#folder.writeTemporary(bytes, false), this.#folder.ensure(dirname(key))]);
      await this.#folder.placeLightly(temporary, key);
    });
  }

  readNote(key: string): Promise<Buffer | undefined> {
    assertKey(key);
    return this.#medium(() => this.#read(key));
  }

  async sweepNotes(prefix: string, olderThan: Date): Promise<void> {
    for (const { key, changedAt } of await this.documentTimes(prefix)) {
      if (changedAt < olderThan) await this.#medium(() => unlessAbsent(unlink(this.#folder.path(key))));
    }
  }

  sweepTemporary(olderThan: Date): Promise<number> {
    return this.#medium(() => this.#folder.sweepTemporary(olderThan));
  }

  /** Stores a blob that is not there yet or has another length; one that is there becomes young again. */
  async #keep(digest: string, bytes: Uint8Array): Promise<BlobInfo> {
    const path = blobKey(digest);
    const sizeBytes = bytes.byteLength;
    await this.#folder.ensure(dirname(path));
    return this.#change(`blob-${digest}`, async (check) => {
      const found = await unlessAbsent(stat(this.#folder.path(path)));
      check();
      if (found?.size === sizeBytes) {
        const now = new Date();
        await utimes(this.#folder.path(path), now, now);
        // Its first writer may have died before this.
        await this.#folder.sync(dirname(path));
      } else {
        await this.#folder.placeOver(await this.#folder.writeTemporary(bytes), path);
      }
      return { sha256: digest, sizeBytes };
    });
  }

  /** Moves a damaged blob away, unless somebody has stored it again in the meantime. */
  #setAside(digest: string): Promise<void> {
    const path = blobKey(digest);
    return this.#change(`blob-${digest}`, async (check) => {
      await this.#folder.ensure(DAMAGED);
      const bytes = await this.#read(path);
      if (bytes === undefined || sha256(bytes) === digest) return;
      check();
      await this.#folder.placeOver(path, `${DAMAGED}/${digest}-${Date.now()}`);
    });
  }

  /** A change under a lock between processes; `check` comes right before the write. */
  #change<T>(lock: string, work: (check: () => void) => Promise<T>): Promise<T> {
    return this.#medium(async () => {
      await this.#folder.ensure(LOCKS);
      return this.#locks.hold(lock, (held) => work(() => held.check()));
    });
  }

  #read(path: string): Promise<Buffer | undefined> {
    return this.#present(readFile(this.#folder.path(path)));
  }

  #names(folder: string): Promise<string[]> {
    return this.#medium(async () => (await this.#present(readdir(this.#folder.path(folder)))) ?? []);
  }

  /** The value, or undefined when it is absent from a store that is there: a lost mount must never read as "nothing was paid". */
  async #present<T>(value: Promise<T>): Promise<T | undefined> {
    const found = await unlessAbsent(value);
    if (found === undefined) await this.#assertPresent();
    return found;
  }

  #assertPresent(): Promise<void> {
    return assertPresent(this.#folder, this.id);
  }

  /** Failures of the system become STORE_UNAVAILABLE. */
  async #medium<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const failure = storeFailure(error, this.#folder.root);
      if (failure !== error) this.#folder.forgetFolders();
      throw failure;
    }
  }
}

async function assertPresent(folder: DurableFolder, id: string): Promise<void> {
  const found = await readStoreId(folder);
  if (found === id) return;
  throw unavailable(
    found === undefined
      ? `The blob store ${folder.root} is gone: its store.json is missing.`
      : `The folder ${folder.root} now holds another blob store than before.`,
    'Mount or restore the store; the job goes on by itself afterwards.',
  );
}

function documentLock(key: string): string {
  return `document-${sha256(key)}`;
}
