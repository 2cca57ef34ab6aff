import { describe, expect, it } from '@jest/globals';
import { blobsOf, removeUnneeded } from '../../../src/blobs/garbage-collection.js';
import { tombstone } from '../../../src/blobs/manifests.js';
import { sha256 } from '../../../src/contract/canonical.js';
import { ago, endedAgo, saved, shelf, type Shelf } from './support/shelf.js';

const get = shelf();

/** Deletes a job as a person asks for it. */
async function deleteJob({ store, manifests }: Shelf, jobId: string) {
  const manifest = await manifests.read(jobId);
  if (!manifest) throw new Error(`there is no ${jobId}`);
  const candidates = await blobsOf(store, manifest);
  await manifests.update(jobId, (stands) => tombstone(stands));
  return removeUnneeded({ store, manifests, candidates, minAgeMinutes: 10 });
}

describe('the blobs of one deleted job', () => {
  it('are all that it was given, made and bought', async () => {
    const { store, manifests, job, bought } = get();
    await job('job', {
      ...endedAgo(1, ['output']),
      input: { kind: 'image_edit', prompt: 'a cat', image_path: { sha256: sha256('image') }, mask_path: { sha256: sha256('mask') } },
      pins: ['reference', 'normalised'],
      references: { 'https://a.example/cat.png': 'url' },
      output_pins: ['output', 'pinned'],
      derived: { output: { thumbnail: 'thumbnail', preview: 'preview' } },
    });
    await bought('job', 'bought');
    const manifest = await manifests.read('job');
    const blobs = manifest && (await blobsOf(store, manifest));
    const named = ['reference', 'normalised', 'url', 'output', 'pinned', 'thumbnail', 'preview', 'bought'];
    expect(blobs?.sort()).toEqual([...named, sha256('image'), sha256('mask')].sort());
  });

  it('go at once, but for those that another job needs', async () => {
    const { blob, job, bought, remaining } = get();
    const [own, output, reference, paid] = await Promise.all(['own', 'output', 'reference', 'paid'].map((text) => blob(text, 1)));
    if (!own || !output || !reference || !paid) throw new Error('four blobs');
    await job('deleted', { ...endedAgo(1), output_pins: [own, output, paid], pins: [reference] });
    await job('with the same picture', endedAgo(100, [output]));
    await job('at work', { pins: [reference] });
    await job('payer', endedAgo(100));
    await bought('payer', paid);
    expect(await deleteJob(get(), 'deleted')).toEqual({ removed: 1, freedBytes: 3, unreadable: [] });
    expect(await remaining(own, output, reference, paid)).toEqual([false, true, true, true]);
  });

  it('stay while they are young: another call may have stored them again, and its job is about to come', async () => {
    const { store, manifests, blob, job, remaining } = get();
    const [old, young] = await Promise.all([blob('old', 0.2), blob('young', 0.1)]);
    await job('job', { ...endedAgo(1), output_pins: [old, young] });
    expect(await deleteJob(get(), 'job')).toMatchObject({ removed: 1 });
    expect(await remaining(old, young)).toEqual([false, true]);
    const later = { store, manifests, candidates: [old, young], minAgeMinutes: 10, now: () => ago(-1) };
    expect(await removeUnneeded(later)).toEqual({ removed: 1, freedBytes: 5, unreadable: [] });
  });

  it('go also when another job needs them no more', async () => {
    const { blob, job, remaining } = get();
    const reference = await blob('reference');
    await job('deleted', { ...endedAgo(1), pins: [reference] });
    await job('long over', { ...endedAgo(31), pins: [reference] });
    await deleteJob(get(), 'deleted');
    expect(await remaining(reference)).toEqual([false]);
  });

  it('stay while an open job may have made the same ones', async () => {
    const { blob, job, remaining } = get();
    const picture = await blob('picture', 1);
    await job('deleted', { ...endedAgo(1), record: { ok: true, job_id: 'deleted', status: 'completed', done: true, message: '', result: { saved: [saved(picture)] } } });
    await job('open', { created_at: ago(2).toISOString(), input: { kind: 'image_generate', prompt: 'a cat', provider: 'local' } });
    await deleteJob(get(), 'deleted');
    expect(await remaining(picture)).toEqual([true]);
  });

  it('stay while a manifest cannot be read', async () => {
    const { store, blob, job, remaining } = get();
    const own = await blob('own');
    await job('deleted', { ...endedAgo(1), output_pins: [own] });
    const name = `manifests/${sha256('damaged')}.json`;
    await store.createDocument(name, Buffer.from('{"job_id":'));
    expect(await deleteJob(get(), 'deleted')).toEqual({ removed: 0, freedBytes: 0, unreadable: [name] });
    expect(await remaining(own)).toEqual([true]);
  });

  it('that are gone already are no failure', async () => {
    const { store, manifests } = get();
    const options = { store, manifests, candidates: [sha256('gone')], minAgeMinutes: 10 };
    expect(await removeUnneeded(options)).toEqual({ removed: 0, freedBytes: 0, unreadable: [] });
  });
});
