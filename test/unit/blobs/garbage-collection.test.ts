import { describe, expect, it } from '@jest/globals';
import { Attempts } from '../../../src/blobs/attempts.js';
import type { BlobListing } from '../../../src/blobs/blob-store.js';
import { collectGarbage } from '../../../src/blobs/garbage-collection.js';
import { unavailable } from '../../../src/blobs/store-failure.js';
import { tombstone } from '../../../src/blobs/manifests.js';
import { sha256 } from '../../../src/contract/canonical.js';
import { ago, saved, shelf } from './support/shelf.js';

const get = shelf();

describe('garbage collection', () => {
  it('removes what nothing pins and what is old enough, and counts', async () => {
    const { place, store, manifests, blob, job, remaining } = get();
    const old = await blob('old', 25);
    const young = await blob('young', 23);
    const pinned = await blob('pinned');
    await job('job', { pins: [pinned] });
    await place.leaveRemains('remains', ago(25));
    expect(await collectGarbage({ store, manifests })).toMatchObject({
      examined: 3,
      removed: 1,
      freedBytes: 3,
      tempFilesRemoved: 1,
      unreadable: [],
    });
    expect(await remaining(old, young, pinned)).toEqual([false, true, true]);
  });

  it('keeps everything that an open job names', async () => {
    const { store, manifests, blob, job, remaining } = get();
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
    const { store, manifests, blob, job, remaining } = get();
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
    const { store, manifests, blob, job, remaining } = get();
    const [own, shared] = await Promise.all([blob('own'), blob('shared')]);
    await job('deleted', { pins: [own, shared] });
    await job('other', { pins: [shared] });
    await manifests.update('deleted', tombstone);
    expect((await collectGarbage({ store, manifests })).removed).toBe(1);
    expect(await remaining(own, shared)).toEqual([false, true]);
  });

  it('keeps a paid picture that only the attempt record names, and the record', async () => {
    const { store, manifests, blob, job, bought, remaining } = get();
    const picture = await blob('picture');
    await bought('job', picture);
    await job('job', { state: 'ended', ended_at: ago(100 * 24).toISOString() });
    await collectGarbage({ store, manifests });
    expect(await remaining(picture)).toEqual([true]);

    await manifests.update('job', tombstone);
    await collectGarbage({ store, manifests });
    expect(await remaining(picture)).toEqual([false]);
    const records = await new Attempts(store).list({ namespace: 'default', workflowId: 'job' });
    expect(records.map(({ state }) => state)).toEqual(['done']);
  });

  it('removes nothing while it cannot read what is pinned', async () => {
    const { store, manifests, blob, remaining } = get();
    const old = await blob('old');
    const name = `manifests/${sha256('damaged')}.json`;
    await store.createDocument(name, Buffer.from('{"job_id":'));
    expect(await collectGarbage({ store, manifests })).toMatchObject({ removed: 0, unreadable: [name] });
    expect(await remaining(old)).toEqual([true]);
    await store.deleteDocument(name);
    expect(await collectGarbage({ store, manifests })).toMatchObject({ removed: 1, unreadable: [] });
  });

  it('spares what a job stores again and pins while it is under way', async () => {
    const { store, manifests, blob, job, remaining } = get();
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

  it('keeps what an open job may have made that names its pictures nowhere, however long the stack was down', async () => {
    const { store, manifests, blob, job, remaining } = get();
    const [before, picture] = await Promise.all([blob('before', 60), blob('picture', 49)]);
    await job('job', { created_at: ago(50).toISOString(), input: { kind: 'image_generate', prompt: 'a cat', provider: 'local' } });
    await collectGarbage({ store, manifests });
    expect(await remaining(before, picture)).toEqual([false, true]);
    await manifests.update('job', (stands) => ({ ...stands, state: 'ended', ended_at: ago(0).toISOString(), output_pins: [] }));
    await collectGarbage({ store, manifests });
    expect(await remaining(picture)).toEqual([false]);
  });

  it.each([
    [{ provider: 'openai' }, false],
    [{ provider: 'gpt' }, false],
    [{ model: 'grok-2-image' }, false],
    [{}, true],
    [{ provider: 'openai', fallback: ['local'] }, true],
  ])('a job with %j may hold unnamed pictures: %s', async (named, holds) => {
    const { store, manifests, blob, job, remaining } = get();
    const picture = await blob('picture', 49);
    await job('job', { created_at: ago(50).toISOString(), input: { kind: 'image_generate', prompt: 'a cat', ...named } });
    await collectGarbage({ store, manifests });
    expect(await remaining(picture)).toEqual([holds]);
  });

  it('keeps the references of a job that is started again long after its end', async () => {
    const { store, manifests, blob, job, remaining } = get();
    const [reference, other] = await Promise.all([blob('reference'), blob('other')]);
    const over = { state: 'ended', ended_at: ago(31 * 24).toISOString() } as const;
    await job('again', { ...over, restarted_at: ago(1).toISOString(), pins: [reference] });
    await job('over', { ...over, pins: [other] });
    await collectGarbage({ store, manifests });
    expect(await remaining(reference, other)).toEqual([true, false]);
  });

  it('takes a store that is larger than its memory in parts', async () => {
    const { store, manifests, blob, job, remaining } = get();
    const all = await Promise.all(Array.from({ length: 25 }, (_, index) => blob(`blob ${index}`)));
    const pinned = all.filter((_, index) => index % 5 === 0);
    await job('job', { pins: pinned });
    expect(await collectGarbage({ store, manifests, batch: 4 })).toMatchObject({ examined: 25, removed: 20 });
    expect(await remaining(...all)).toEqual(all.map((digest) => pinned.includes(digest)));
  });

  it('tells in a dry run what would go, and changes nothing', async () => {
    const { place, store, manifests, blob, job, remaining } = get();
    const [old, pinned, made] = await Promise.all([blob('old', 60), blob('pinned', 60), blob('made', 49)]);
    await job('job', { pins: [pinned] });
    await job('local', { created_at: ago(50).toISOString(), input: { kind: 'image_generate', prompt: 'a cat', provider: 'local' } });
    await place.leaveRemains('remains', ago(25));
    const told: string[] = [];
    const dry = await collectGarbage({ store, manifests, dryRun: true, onRemoved: ({ sha256: digest }) => told.push(digest) });
    expect(dry).toMatchObject({ examined: 3, removed: 1, freedBytes: 3, tempFilesRemoved: 0 });
    expect(told).toEqual([old]);
    expect(await remaining(old, pinned, made)).toEqual([true, true, true]);
    expect(await collectGarbage({ store, manifests })).toMatchObject({ examined: 3, removed: 1, freedBytes: 3, tempFilesRemoved: 1 });
  });

  it('ends when it is told to, and the next one does the rest', async () => {
    const { store, manifests, blob, remaining } = get();
    const all = await Promise.all(Array.from({ length: 40 }, (_, index) => blob(`blob ${index}`)));
    const control = new AbortController();
    const broken = collectGarbage({
      store,
      manifests,
      signal: control.signal,
      onRemoved: () => control.abort(new Error('told to end')),
    });
    await expect(broken).rejects.toThrow('told to end');
    const left = (await remaining(...all)).filter(Boolean).length;
    expect(left).toBeGreaterThan(0);
    expect(await collectGarbage({ store, manifests })).toMatchObject({ removed: left });
  });

  it('stops at the first removal that the store refuses', async () => {
    const { store, manifests, blob } = get();
    await Promise.all(Array.from({ length: 60 }, (_, index) => blob(`blob ${index}`)));
    let asked = 0;
    store.deleteBlob = async () => {
      asked += 1;
      if (asked === 1) throw unavailable('The store is away.', 'Mount it.');
      return true;
    };
    await expect(collectGarbage({ store, manifests })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(asked).toBeLessThan(60);
  });
});
