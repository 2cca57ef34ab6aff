import { readFileSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { BlobStore } from '../../../src/blobs/blob-store.js';
import { sha256 } from '../../../src/contract/canonical.js';
import { storePlace, type StorePlace } from './support/place.js';

let place: StorePlace;
let root: string;
let store: BlobStore;

beforeEach(async () => {
  place = await storePlace();
  ({ root } = place);
  store = await place.open();
});
afterEach(() => place.remove());

const bytes = Buffer.from('a picture');
const digest = sha256(bytes);
const blobFile = (): string => join(root, 'sha256', digest.slice(0, 2), digest.slice(2));
const unavailable = { code: 'STORE_UNAVAILABLE', retryable: true };

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

describe('opening', () => {
  it('keeps the id of a store, also when many open it at once', async () => {
    const again = await Promise.all(Array.from({ length: 10 }, () => place.open()));
    const fresh = place.beside('fresh');
    const first = await Promise.all(Array.from({ length: 10 }, () => fresh.open()));
    expect(new Set(again.map(({ id }) => id))).toEqual(new Set([store.id]));
    expect(new Set(first.map(({ id }) => id)).size).toBe(1);
    expect(first[0]?.id).not.toBe(store.id);
  });

  it('lets only the owner in', async () => {
    await store.putBlob(bytes);
    await store.createDocument('documents/a.json', bytes);
    expect((await readdir(root, { recursive: true })).length).toBeGreaterThan(5);
    expect(await place.readableByOthers()).toEqual([]);
  });

  it('does not begin a store in a place that holds something else', async () => {
    const strange = place.beside('strange');
    await mkdir(join(strange.root, 'attempts'), { recursive: true });
    await writeFile(join(strange.root, 'attempts', 'a.json'), '{}');
    await expect(strange.open()).rejects.toMatchObject({
      ...unavailable,
      message: expect.stringContaining(`${strange.shown} is not empty and has no store.json`),
    });
  });

  it('refuses a damaged store.json instead of making a new one', async () => {
    await writeFile(join(root, 'store.json'), '{"id":');
    await expect(place.open()).rejects.toMatchObject(unavailable);
  });
});

describe('blobs', () => {
  it('are found under their digest by every process that opens the store', async () => {
    expect(await store.putBlob(bytes)).toEqual({ sha256: digest, sizeBytes: bytes.length });
    const other = await place.open();
    expect(await other.getBlob(digest)).toEqual(bytes);
    expect(await other.statBlob(digest)).toEqual({ sha256: digest, sizeBytes: bytes.length });
    expect(readFileSync(blobFile())).toEqual(bytes);
  });

  it('that were never stored are undefined', async () => {
    expect(await store.getBlob(digest)).toBeUndefined();
    expect(await store.statBlob(digest)).toBeUndefined();
    expect(await store.deleteBlob(digest)).toBe(false);
    expect(await all(store.listBlobs())).toEqual([]);
  });

  it('become young again when they are stored again', async () => {
    await store.putBlob(bytes);
    const old = new Date('2020-01-01');
    await utimes(blobFile(), old, old);
    await store.putBlob(bytes);
    expect((await stat(blobFile())).mtime.getTime()).toBeGreaterThan(Date.parse('2024-01-01'));
  });

  it('of a wrong length are replaced when they are stored again', async () => {
    await store.putBlob(bytes);
    await writeFile(blobFile(), 'a pict');
    await store.putBlob(bytes);
    expect(await store.getBlob(digest)).toEqual(bytes);
  });

  it('that are damaged are set aside and count as absent', async () => {
    await store.putBlob(bytes);
    await writeFile(blobFile(), 'A picture');
    expect(await store.getBlob(digest)).toBeUndefined();
    expect(await store.statBlob(digest)).toBeUndefined();
    const [kept = '', ...others] = await readdir(join(root, 'damaged'));
    expect(others).toEqual([]);
    expect(await readFile(join(root, 'damaged', kept), 'utf8')).toBe('A picture');
    await store.putBlob(bytes);
    expect(await store.getBlob(digest)).toEqual(bytes);
  });

  it('are listed with size and age, and nothing else is', async () => {
    await store.putBlob(bytes);
    await writeFile(join(root, 'sha256', '.DS_Store'), 'x');
    const [blob, ...others] = await all(store.listBlobs());
    expect(others).toEqual([]);
    expect(blob).toMatchObject({ sha256: digest, sizeBytes: bytes.length });
    // A store may tell whole seconds.
    expect(Math.abs((blob?.modifiedAt.getTime() ?? 0) - (await stat(blobFile())).mtimeMs)).toBeLessThan(1000);
  });

  it('go when they are deleted, but not when they were stored since', async () => {
    await store.putBlob(bytes);
    expect(await store.deleteBlob(digest, new Date(Date.now() - 60_000))).toBe(false);
    expect(await store.getBlob(digest)).toEqual(bytes);
    expect(await store.deleteBlob(digest)).toBe(true);
    expect(await store.getBlob(digest)).toBeUndefined();
  });

  it('are named by a digest and nothing else', async () => {
    for (const name of ['../../store.json', digest.toUpperCase(), digest.slice(1), '']) {
      expect(() => store.getBlob(name)).toThrow('SHA-256');
      expect(() => store.statBlob(name)).toThrow('SHA-256');
      expect(() => store.deleteBlob(name)).toThrow('SHA-256');
    }
  });
});

describe('documents', () => {
  const key = 'documents/one.json';

  it('are created once', async () => {
    expect(await store.createDocument(key, Buffer.from('first'))).toBe(true);
    expect(await store.createDocument(key, Buffer.from('second'))).toBe(false);
    expect((await store.readDocument(key))?.bytes.toString()).toBe('first');
    expect(await readFile(join(root, key), 'utf8')).toBe('first');
    expect(await place.residue()).toEqual([]);
  });

  it('are replaced only in the version that was read', async () => {
    await store.createDocument(key, Buffer.from('first'));
    const first = await store.readDocument(key);
    expect(await store.replaceDocument(key, Buffer.from('second'), first?.version ?? '')).toBe(true);
    expect(await store.replaceDocument(key, Buffer.from('third'), first?.version ?? '')).toBe(false);
    expect((await store.readDocument(key))?.bytes.toString()).toBe('second');
    expect(await place.residue()).toEqual([]);
  });

  it('do not come back by a replacement after they were deleted', async () => {
    await store.createDocument(key, Buffer.from('first'));
    const first = await store.readDocument(key);
    await store.deleteDocument(key);
    await store.deleteDocument(key);
    expect(await store.replaceDocument(key, Buffer.from('second'), first?.version ?? '')).toBe(false);
    expect(await store.readDocument(key)).toBeUndefined();
  });

  it('are listed below a prefix', async () => {
    const keys = ['documents/a/1.json', 'documents/a/b/2.json', 'documents/b/3.json'];
    for (const each of keys) await store.createDocument(each, bytes);
    expect((await all(store.listDocuments('documents/'))).sort()).toEqual(keys);
    expect((await all(store.listDocuments('documents/a/'))).sort()).toEqual(keys.slice(0, 2));
    expect(await all(store.listDocuments('documents/none/'))).toEqual([]);
  });

  it.each(['', '/a', 'a/', 'a//b', '../a', 'a/../b', 'a/.b', 'a/./b', 'a b', 'a\\b', 'ä', 'a\0', 'sha256/ab', 'tmp/x', 'locks/x', 'store.json'])(
    'never have the key %j',
    (bad) => {
      const calls = [
        () => store.createDocument(bad, bytes),
        () => store.readDocument(bad),
        () => store.replaceDocument(bad, bytes, ''),
        () => store.deleteDocument(bad),
      ];
      for (const call of calls) expect(call).toThrow('is not a key of a document');
    },
  );
});

describe('a medium that fails', () => {
  it('is never read as an empty store when it is gone', async () => {
    await store.createDocument('attempts/a/1.json', bytes);
    await rename(root, `${root}-elsewhere`);
    const calls = [
      () => store.readDocument('attempts/a/1.json'),
      () => all(store.listDocuments('attempts/a/')),
      () => store.getBlob(digest),
      () => store.statBlob(digest),
      () => all(store.listBlobs()),
      () => store.createDocument('attempts/a/2.json', bytes),
      () => store.replaceDocument('attempts/a/1.json', bytes, sha256(bytes)),
      () => store.putBlob(bytes),
    ];
    for (const call of calls) {
      await expect(call()).rejects.toMatchObject({ ...unavailable, message: expect.stringContaining(place.shown) });
    }
    // The empty mount point of a volume that is not mounted.
    await mkdir(root);
    for (const call of calls) await expect(call()).rejects.toMatchObject(unavailable);
    expect(await readdir(root)).toEqual([]);
    await rm(root, { recursive: true });
    await rename(`${root}-elsewhere`, root);
    expect((await store.readDocument('attempts/a/1.json'))?.bytes).toEqual(bytes);
    expect(await store.createDocument('attempts/a/2.json', bytes)).toBe(true);
  });

  it('is told apart from another store at the same place', async () => {
    await rm(root, { recursive: true });
    await place.open();
    await expect(store.readDocument('attempts/a/1.json')).rejects.toMatchObject({
      ...unavailable,
      message: expect.stringContaining('another blob store'),
    });
  });

  it('below a file is STORE_UNAVAILABLE with the path and what to do', async () => {
    await writeFile(place.beside('file').root, '');
    const below = place.beside('file/store');
    await expect(below.open()).rejects.toMatchObject({
      ...unavailable,
      message: expect.stringContaining(below.shown),
      nextStep: expect.stringContaining('IMAGE_BLOB_STORE'),
    });
  });

  it('recovers by itself when a folder inside was removed', async () => {
    await store.createDocument('documents/a/1.json', bytes);
    await rm(join(root, 'documents'), { recursive: true });
    // A store that remembers its folders fails once.
    await store.createDocument('documents/a/2.json', bytes).catch((error: unknown) => expect(error).toMatchObject(unavailable));
    expect(await store.createDocument('documents/a/3.json', bytes)).toBe(true);
  });

  const asRoot = process.getuid?.() === 0;
  (asRoot ? it.skip : it)('that refuses access says so', async () => {
    await chmod(root, 0o500);
    await expect(store.createDocument('documents/a.json', bytes)).rejects.toMatchObject({
      ...unavailable,
      nextStep: expect.stringContaining('read and write access'),
    });
    await chmod(root, 0o700);
  });
});

describe('sweeping', () => {
  it('removes only old remains of unfinished work', async () => {
    await place.leaveRemains('old', new Date(Date.now() - 25 * 3_600_000));
    await place.leaveRemains('new', new Date());
    expect(await store.sweepTemporary?.(new Date(Date.now() - 24 * 3_600_000))).toBe(1);
    expect(await place.residue()).toEqual(['new']);
  });
});
