import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach } from '@jest/globals';
import { Attempts } from '../../../../src/blobs/attempts.js';
import type { BlobStore } from '../../../../src/blobs/blob-store.js';
import { Manifests, type NewManifest } from '../../../../src/blobs/manifests.js';
import { sha256 } from '../../../../src/contract/canonical.js';
import type { JobRecord, SavedImage } from '../../../../src/contract/record.js';
import { storePlace, type StorePlace } from './place.js';

const HOUR_MS = 3_600_000;

export function ago(hours: number): Date {
  return new Date(Date.now() - hours * HOUR_MS);
}

/** A store with blobs and jobs of any age. */
export interface Shelf {
  place: StorePlace;
  store: BlobStore;
  manifests: Manifests;
  /** Stores a text so many hours ago and gives its digest. */
  blob: (text: string, hours?: number) => Promise<string>;
  /** A job that was accepted a thousand hours ago. */
  job: (jobId: string, fields?: Partial<NewManifest>) => Promise<void>;
  /** A job that has bought a picture, which nothing else names. */
  bought: (jobId: string, digest: string) => Promise<void>;
  remaining: (...digests: string[]) => Promise<boolean[]>;
  keys: (prefix: string) => Promise<string[]>;
}

/** A new one for each test. */
export function shelf(): () => Shelf {
  let now: Shelf | undefined;
  let place: StorePlace;
  beforeEach(async () => {
    place = await storePlace();
    now = await shelfIn(place);
  });
  afterEach(() => place.remove());
  return () => {
    if (!now) throw new Error('the shelf is there within tests');
    return now;
  };
}

async function shelfIn(place: StorePlace): Promise<Shelf> {
  const store = await place.open();
  const manifests = new Manifests(store);
  return {
    place,
    store,
    manifests,
    async blob(text, hours = 48) {
      const { sha256: digest } = await store.putBlob(Buffer.from(text));
      const then = ago(hours);
      await utimes(join(place.root, 'sha256', digest.slice(0, 2), digest.slice(2)), then, then);
      return digest;
    },
    async job(jobId, fields = {}) {
      await manifests.create({
        job_id: jobId,
        state: 'accepted',
        created_at: ago(1000).toISOString(),
        created_by: 'client',
        namespace: 'default',
        input: { kind: 'image_generate', prompt: 'a cat', provider: 'openai' },
        ...fields,
      });
    },
    async bought(jobId, digest) {
      const attempts = new Attempts(store);
      const key = { namespace: 'default', workflowId: jobId, inputDigest: sha256('input'), item: 0 };
      await attempts.open(key, 0, { job_id: jobId, item: 0, provider: 'openai', gives_up_at: ago(40).toISOString() });
      const output = { sha256: digest, size_bytes: 7, mime_type: 'image/png', width: 1, height: 1 };
      await attempts.change(key, 0, (stands) => ({ ...stands, state: 'done', outputs: [output] }));
    },
    async keys(prefix) {
      const keys: string[] = [];
      for await (const key of store.listDocuments(prefix)) keys.push(key);
      return keys;
    },
    remaining: (...digests) => Promise.all(digests.map(async (digest) => (await store.statBlob(digest)) !== undefined)),
  };
}

export function saved(digest: string): SavedImage {
  return {
    uri: 'image://jobs/job/outputs/0',
    sha256: digest,
    mime_type: 'image/png',
    width: 1,
    height: 1,
    size_bytes: 1,
    actual_size: [1, 1],
    actual_megapixels: 0,
  };
}

/** The fields of a job that ended so many days ago. */
export function endedAgo(days: number, digests: string[] = []): Partial<NewManifest> {
  const record: JobRecord = {
    ok: true,
    job_id: 'job',
    status: 'completed',
    done: true,
    message: 'done',
    result: { saved: digests.map(saved) },
  };
  return { state: 'ended', created_at: ago(days * 24 + 1).toISOString(), ended_at: ago(days * 24).toISOString(), record };
}
