import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { BlobStore } from '../../../src/blobs/blob-store.js';
import { Manifests, tombstone, type NewManifest } from '../../../src/blobs/manifests.js';
import { sha256 } from '../../../src/contract/canonical.js';
import { storePlace, type StorePlace } from './support/place.js';

let place: StorePlace;
let store: BlobStore;
let manifests: Manifests;

beforeEach(async () => {
  place = await storePlace();
  store = await place.open();
  manifests = new Manifests(store);
});
afterEach(() => place.remove());

function manifest(jobId: string): NewManifest {
  return {
    job_id: jobId,
    state: 'accepted',
    created_at: '2026-01-01T10:00:00.000Z',
    created_by: 'client',
    namespace: 'default',
    input: { kind: 'image_edit', prompt: 'a cat', image_path: { sha256: sha256('cat') } },
    pins: [sha256('cat')],
  };
}

function nameOf(jobId: string): string {
  return `manifests/${sha256(jobId)}.json`;
}

async function write(jobId: string, content: string): Promise<void> {
  expect(await store.createDocument(nameOf(jobId), Buffer.from(content))).toBe(true);
}

async function listed(): Promise<{ jobs: string[]; unreadable: string[] }> {
  const jobs: string[] = [];
  const unreadable: string[] = [];
  for await (const { job_id } of manifests.list((key) => unreadable.push(key))) jobs.push(job_id);
  return { jobs: jobs.sort(), unreadable };
}

describe('a manifest', () => {
  it('that is none is refused like every other failure: by the promise', async () => {
    const created = manifests.create({ ...manifest('job'), created_at: 'yesterday' });
    await expect(created).rejects.toThrow('created_at');
  });

  it('is created once and read by anyone', async () => {
    expect(await manifests.create(manifest('job'))).toBe(true);
    expect(await manifests.create({ ...manifest('job'), namespace: 'other' })).toBe(false);
    expect(await manifests.read('job')).toEqual({ ...manifest('job'), references: {}, output_pins: [] });
    expect(await manifests.read('another job')).toBeUndefined();
  });

  it('takes any job ID, and none becomes a path', async () => {
    const ids = ['../../etc/passwd', 'ÄÖ 🖼', 'a/b', 'A', 'a', '.'];
    for (const id of ids) expect(await manifests.create(manifest(id))).toBe(true);
    expect((await listed()).jobs).toEqual([...ids].sort());
    for (const id of ids) expect((await manifests.read(id))?.job_id).toBe(id);
  });

  it('loses no change when many change it at once', async () => {
    await manifests.create(manifest('job'));
    const other = new Manifests(await place.open());
    const pins = Array.from({ length: 20 }, (_, index) => sha256(String(index)));
    await Promise.all(
      pins.map((pin, index) => (index % 2 ? manifests : other).update('job', (m) => ({ ...m, output_pins: [...m.output_pins, pin] }))),
    );
    expect((await manifests.read('job'))?.output_pins.sort()).toEqual(pins.sort());
  });

  it('is left as it is by a change to undefined, and not made by a change', async () => {
    await manifests.create(manifest('job'));
    const before = await store.readDocument(nameOf('job'));
    expect((await manifests.update('job', () => undefined))?.state).toBe('accepted');
    expect(await store.readDocument(nameOf('job'))).toEqual(before);
    expect(await manifests.update('another job', (m) => m)).toBeUndefined();
    expect(await manifests.read('another job')).toBeUndefined();
  });

  it('never holds what could not be read again', async () => {
    await manifests.create(manifest('job'));
    await expect(manifests.update('job', (m) => ({ ...m, ended_at: 'yesterday' }))).rejects.toThrow();
    await expect(manifests.update('job', (m) => ({ ...m, job_id: 'another' }))).rejects.toThrow('cannot become');
    expect(await manifests.read('job')).toMatchObject({ job_id: 'job', state: 'accepted' });
  });

  it('is gone when it was removed', async () => {
    await manifests.create(manifest('job'));
    await manifests.remove('job');
    expect(await manifests.read('job')).toBeUndefined();
    expect(await listed()).toEqual({ jobs: [], unreadable: [] });
  });

  it('of a deleted job keeps its name and its request, and nothing of its content', async () => {
    await manifests.create({ ...manifest('job'), request_digest: 'digest', idempotent: true });
    const record = { ok: true, job_id: 'job', status: 'completed', done: true, message: 'a cat was made' } as const;
    await manifests.update('job', (m) => ({ ...m, record, references: { 'https://a.example/cat.png': sha256('cat') } }));
    await manifests.update('job', tombstone);
    const text = (await store.readDocument(nameOf('job')))?.bytes.toString() ?? '';
    expect(text).not.toMatch(/cat|[0-9a-f]{64}/);
    expect(await manifests.read('job')).toMatchObject({ job_id: 'job', state: 'deleted', request_digest: 'digest', idempotent: true });
  });
});

describe('a manifest of a newer version', () => {
  it('is read without the fields that are unknown here', async () => {
    const { input, ...rest } = manifest('job');
    const newer = {
      ...rest,
      colour: 'green',
      input: {
        ...input,
        mood: 'calm',
        image_path: { sha256: sha256('cat'), origin: 'camera' },
        image_paths: undefined,
        frozen: { store_id: store.id, signature: { of: 'somebody' } },
      },
      record: { ok: true, job_id: 'job', status: 'running', done: false, message: 'm', weather: 'fine' },
    };
    await write('job', JSON.stringify(newer));
    expect(await manifests.read('job')).toEqual({
      ...manifest('job'),
      input: { ...input, frozen: { store_id: store.id } },
      references: {},
      output_pins: [],
      record: { ok: true, job_id: 'job', status: 'running', done: false, message: 'm' },
    });
    expect(await listed()).toEqual({ jobs: ['job'], unreadable: [] });
  });
});

describe('a manifest that cannot be read', () => {
  it.each(['', '{"job_id":"job"', '{"job_id":"job","unknown":1}', 'null', '17'])(
    'is a failure that names it, and the others are still listed: %j',
    async (content) => {
      await manifests.create(manifest('healthy'));
      await write('job', content);
      await expect(manifests.read('job')).rejects.toMatchObject({
        code: 'STORE_UNAVAILABLE',
        message: expect.stringContaining(nameOf('job')),
      });
      await expect(manifests.update('job', (m) => m)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
      expect(await listed()).toEqual({ jobs: ['healthy'], unreadable: [nameOf('job')] });
    },
  );
});
