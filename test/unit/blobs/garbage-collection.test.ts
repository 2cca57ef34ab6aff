import { utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Attempts } from '../../../src/blobs/attempts.js';
import type { BlobListing } from '../../../src/blobs/blob-store.js';
import { FilesystemBlobStore } from '../../../src/blobs/filesystem.js';
import { collectGarbage } from '../../../src/blobs/garbage-collection.js';
import { Manifests, tombstone, type NewManifest } from '../../../src/blobs/manifests.js';
import { sha256 } from '../../../src/contract/canonical.js';
import { temporaryFolder } from './support/children.js';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let store: FilesystemBlobStore;
let manifests: Manifests;

beforeEach(async () => {
  folder = await temporaryFolder();
  store = await FilesystemBlobStore.open(folder.path);
  manifests = new Manifests(store);
});
afterEach(() => folder.remove());

const HOUR_MS = 3_600_000;
const ago = (hours: number): Date => new Date(Date.now() - hours * HOUR_MS);

/** Stores a text so many hours ago and gives its digest. */
async function blob(text: string, hours = 48): Promise<string> {
  const { sha256: digest } = await store.putBlob(Buffer.from(text));
  const then = ago(hours);
  await utimes(join(folder.path, 'sha256', digest.slice(0, 2), digest.slice(2)), then, then);
  return digest;
}

async function job(jobId: string, fields: Partial<NewManifest>): Promise<void> {
  await manifests.create({
    job_id: jobId,
    state: 'accepted',
    created_at: ago(1000).toISOString(),
    created_by: 'client',
    namespace: 'default',
    input: { kind: 'image_generate', prompt: 'a cat', provider: 'openai' },
    ...fields,
  });
}

function saved(digest: string) {
  return {
    uri: 'image://jobs/job/outputs/0',
    sha256: digest,
    mime_type: 'image/png',
    width: 1,
    height: 1,
    size_bytes: 1,
    actual_size: [1, 1] as [number, number],
    actual_megapixels: 0,
  };
}

async function remaining(...digests: string[]): Promise<boolean[]> {
  return Promise.all(digests.map(async (digest) => (await store.statBlob(digest)) !== undefined));
}

describe('garbage collection', () => {
  it('removes what nothing pins and what is old enough, and counts', async () => {
    const old = await blob('old', 25);
    const young = await blob('young', 23);
    const pinned = await blob('pinned');
    await job('job', { pins: [pinned] });
    await writeFile(join(folder.path, 'tmp', 'remains'), 'x');
    await utimes(join(folder.path, 'tmp', 'remains'), ago(25), ago(25));
    expect(await collectGarbage({ store, manifests })).toEqual({
      examined: 3,
      removed: 1,
      freedBytes: 3,
      tempFilesRemoved: 1,
      unreadable: [],
    });
    expect(await remaining(old, young, pinned)).toEqual([false, true, true]);
  });

  it('keeps everything that an open job names', async () => {
    const digests = await Promise.all(['pin', 'output', 'url', 'image', 'mask'].map((text) => blob(text)));
    const [pin = '', output = '', url = '', image = '', mask = ''] = digests;
    await job('job', {
      pins: [pin],
      output_pins: [output],
      references: { 'https://a.example/cat.png': url },
      input: { kind: 'image_edit', prompt: 'a cat', provider: 'openai', image_path: { sha256: image }, mask_path: { sha256: mask } },
    });
    expect((await collectGarbage({ store, manifests })).removed).toBe(0);
    expect(await remaining(...digests)).toEqual(digests.map(() => true));
  });

  it('drops the references of a job some time after its end, and never its outputs', async () => {
    const [reference = '', url = '', thumbnail = '', image = '', item = ''] = await Promise.all(
      ['reference', 'url', 'thumbnail', 'image', 'item'].map((text) => blob(text)),
    );
    await job('job', {
      state: 'ended',
      ended_at: ago(29 * 24).toISOString(),
      pins: [reference],
      references: { 'https://a.example/cat.png': url },
      output_pins: [thumbnail],
      record: {
        ok: true,
        job_id: 'job',
        status: 'completed',
        done: true,
        message: 'done',
        result: { saved: [saved(image)], results: [{ ok: true, index: 0, saved: [saved(item)] }] },
      },
    });
    expect((await collectGarbage({ store, manifests })).removed).toBe(0);
    expect((await collectGarbage({ store, manifests, referenceDays: 28 })).removed).toBe(2);
    expect(await remaining(reference, url, thumbnail, image, item)).toEqual([false, false, true, true, true]);
  });

  it('removes what only a deleted job used, and keeps what another one uses too', async () => {
    const [own, shared] = await Promise.all([blob('own'), blob('shared')]);
    await job('deleted', { pins: [own, shared] });
    await job('other', { pins: [shared] });
    await manifests.update('deleted', tombstone);
    expect((await collectGarbage({ store, manifests })).removed).toBe(1);
    expect(await remaining(own, shared)).toEqual([false, true]);
  });

  it('keeps a paid picture that only the attempt record names, and the record', async () => {
    const picture = await blob('picture');
    const attempts = new Attempts(store);
    const key = { namespace: 'default', workflowId: 'job', inputDigest: sha256('input'), item: 0 };
    await attempts.open(key, 0, { job_id: 'job', item: 0, provider: 'openai', gives_up_at: ago(40).toISOString() });
    const output = { sha256: picture, size_bytes: 7, mime_type: 'image/png', width: 1, height: 1 };
    await attempts.change(key, 0, (now) => ({ ...now, state: 'done', outputs: [output] }));
    await job('job', { state: 'ended', ended_at: ago(100 * 24).toISOString() });
    await collectGarbage({ store, manifests });
    expect(await remaining(picture)).toEqual([true]);

    await manifests.update('job', tombstone);
    await collectGarbage({ store, manifests });
    expect(await remaining(picture)).toEqual([false]);
    expect((await attempts.latest(key))?.state).toBe('done');
  });

  it('removes nothing while it cannot read what is pinned', async () => {
    const old = await blob('old');
    const name = `manifests/${sha256('damaged')}.json`;
    await store.createDocument(name, Buffer.from('{"job_id":'));
    expect(await collectGarbage({ store, manifests })).toMatchObject({ removed: 0, unreadable: [name] });
    expect(await remaining(old)).toEqual([true]);
    await store.deleteDocument(name);
    expect(await collectGarbage({ store, manifests })).toMatchObject({ removed: 1, unreadable: [] });
  });

  it('spares what a job stores again and pins while it is under way', async () => {
    const [beforePins = '', beforeRemoval = '', idle = ''] = await Promise.all(
      ['before the pins are read', 'before the removal', 'idle'].map((text) => blob(text)),
    );
    const blobs = store.listBlobs();
    // A job is accepted right after the blobs were listed …
    async function* thenAccepted(): AsyncIterable<BlobListing> {
      yield* blobs;
      await job('first', { pins: [beforePins] });
    }
    store.listBlobs = thenAccepted;
    // … and another right after the manifests were.
    const list = manifests.list.bind(manifests);
    manifests.list = async function* (onUnreadable) {
      yield* list(onUnreadable);
      await store.putBlob(Buffer.from('before the removal'));
      await job('second', { pins: [beforeRemoval] });
    };
    expect((await collectGarbage({ store, manifests })).removed).toBe(1);
    expect(await remaining(beforePins, beforeRemoval, idle)).toEqual([true, true, false]);
  });
});
