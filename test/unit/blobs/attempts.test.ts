import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Attempts, mayBecome, type AttemptKey, type AttemptRecord, type AttemptState } from '../../../src/blobs/attempts.js';
import type { BlobStore } from '../../../src/blobs/blob-store.js';
import { sha256 } from '../../../src/contract/canonical.js';
import { storePlace, type StorePlace } from './support/place.js';

let place: StorePlace;
let store: BlobStore;
let attempts: Attempts;
let time: Date;

beforeEach(async () => {
  place = await storePlace();
  store = await place.open();
  time = new Date('2026-01-01T10:00:00.000Z');
  attempts = new Attempts(store, () => time);
});
afterEach(() => place.remove());

const key: AttemptKey = { namespace: 'default', workflowId: 'img-1', inputDigest: sha256('input'), item: 0 };
const fields = {
  job_id: 'img-1',
  item: 0,
  provider: 'openai',
  model: 'gpt-image-1',
  gives_up_at: '2026-01-01T10:02:00.000Z',
} as const;
const output = { sha256: sha256('picture'), size_bytes: 7, mime_type: 'image/png', width: 1, height: 1 };

const STATES = ['open', 'accepted', 'done', 'not_billed', 'ambiguous'] as const;
const ALLOWED: Record<AttemptState, AttemptState[]> = {
  open: ['open', 'accepted', 'done', 'not_billed', 'ambiguous'],
  ambiguous: ['accepted', 'done'],
  accepted: ['accepted', 'done'],
  done: ['done'],
  not_billed: [],
};

/** A record that was brought into a state along allowed ways. */
async function recordIn(state: AttemptState): Promise<AttemptRecord> {
  const opened = await attempts.open(key, 0, fields);
  if (!opened) throw new Error('not opened');
  return state === 'open' ? opened : attempts.change(key, 0, (now) => ({ ...now, ...detailsOf(state), state }));
}

function detailsOf(state: AttemptState): Partial<AttemptRecord> {
  return state === 'done' ? { outputs: [output] } : {};
}

describe('the transitions', () => {
  for (const from of STATES) {
    for (const to of STATES) {
      const allowed = ALLOWED[from].includes(to);
      it(`${from} ${allowed ? 'may' : 'must not'} become ${to}`, async () => {
        expect(mayBecome(from, to)).toBe(allowed);
        const before = await recordIn(from);
        const change = attempts.change(key, 0, (now) => ({ ...now, ...detailsOf(to), state: to, reason: 'changed' }));
        if (allowed) expect((await change).state).toBe(to);
        else await expect(change).rejects.toThrow(`cannot become ${to}`);
        if (!allowed || from === 'done') expect(await attempts.latest(key)).toEqual(before);
      });
    }
  }

  it('keep a done record from getting other outputs', async () => {
    await recordIn('done');
    const other = { ...output, sha256: sha256('another picture') };
    await expect(attempts.change(key, 0, (now) => ({ ...now, outputs: [other] }))).rejects.toThrow('cannot become done');
    expect((await attempts.latest(key))?.outputs).toEqual([output]);
  });
});

describe('opening', () => {
  it('creates one record in state open, on the disk', async () => {
    const record = await attempts.open(key, 0, fields);
    expect(record).toEqual({
      ...fields,
      state: 'open',
      n: 0,
      nonce: expect.stringMatching(/^[0-9a-f-]{36}$/),
      created_at: time.toISOString(),
      updated_at: time.toISOString(),
    });
    expect(await new Attempts(await place.open()).latest(key)).toEqual(record);
    const name = `attempts/default/${sha256('img-1')}/${key.inputDigest}/0/0.json`;
    expect(JSON.parse((await store.readDocument(name))?.bytes.toString() ?? '')).toEqual(record);
  });

  it("is refused when the record is somebody else's", async () => {
    const [first, second] = await Promise.all([attempts.open(key, 0, fields), attempts.open(key, 0, fields)]);
    expect([first, second].filter((record) => record !== undefined)).toHaveLength(1);
  });

  it('recognises its own record by the nonce', async () => {
    const first = await attempts.open(key, 0, { ...fields, nonce: 'mine' });
    expect(await attempts.open(key, 0, { ...fields, nonce: 'mine' })).toEqual(first);
    expect(await attempts.open(key, 0, { ...fields, nonce: 'other' })).toBeUndefined();
  });
});

describe('changing', () => {
  it('keeps what is known, and the identity of the request', async () => {
    const opened = await recordIn('open');
    await attempts.change(key, 0, (now) => ({ ...now, state: 'accepted', handle: 'resp_1' }));
    time = new Date('2026-01-01T10:05:00.000Z');
    const done = await attempts.change(key, 0, ({ created_at, updated_at, gives_up_at }) => ({
      ...fields,
      n: 7,
      nonce: 'forged',
      created_at,
      updated_at,
      gives_up_at,
      model: undefined,
      state: 'done',
      outputs: [output],
    }));
    expect(done).toEqual({ ...opened, state: 'done', handle: 'resp_1', outputs: [output], updated_at: time.toISOString() });
    expect(await attempts.latest(key)).toEqual(done);
  });

  it('leaves the record as it is for undefined, or when nothing changes', async () => {
    const opened = await recordIn('open');
    time = new Date('2026-01-01T10:05:00.000Z');
    expect(await attempts.change(key, 0, () => undefined)).toEqual(opened);
    expect(await attempts.change(key, 0, (now) => ({ ...now }))).toEqual(opened);
    expect(await attempts.latest(key)).toEqual(opened);
  });

  it('asks again when another writer came first', async () => {
    await recordIn('open');
    const other = new Attempts(await place.open());
    const notes = Array.from({ length: 20 }, (_, index) => `note ${index}`);
    await attempts.change(key, 0, (now) => ({ ...now, state: 'accepted' }));
    await Promise.all(
      notes.map((note, index) =>
        (index % 2 ? attempts : other).change(key, 0, (now) => ({ ...now, notes: [...(now.notes ?? []), note] })),
      ),
    );
    expect((await attempts.latest(key))?.notes?.sort()).toEqual(notes.sort());
  });

  it('of a record that does not exist is an error', async () => {
    await expect(attempts.change(key, 0, (now) => now)).rejects.toThrow('is gone from the store');
  });
});

describe('finding', () => {
  it('gives the highest number, counted as a number', async () => {
    expect(await attempts.latest(key)).toBeUndefined();
    for (let n = 0; n < 12; n += 1) await attempts.open(key, n, fields);
    expect((await attempts.latest(key))?.n).toBe(11);
  });

  it('keeps inputs, items, jobs and namespaces apart', async () => {
    await attempts.open(key, 0, fields);
    const others = [
      { ...key, item: 1 },
      { ...key, inputDigest: sha256('other') },
      { ...key, workflowId: 'img-2' },
      { ...key, namespace: 'other' },
    ];
    for (const other of others) expect(await attempts.latest(other)).toBeUndefined();
  });

  it('lists all records of a job', async () => {
    const keys = [key, { ...key, item: 1 }, { ...key, inputDigest: sha256('other') }, { ...key, workflowId: 'img-2' }];
    for (const each of keys) await attempts.open(each, 0, { ...fields, item: each.item, job_id: each.workflowId });
    await attempts.open(key, 1, fields);
    const found = await attempts.list({ namespace: 'default', workflowId: 'img-1' });
    expect(found.map(({ item, n }) => [item, n])).toEqual([
      [0, 0],
      [0, 0],
      [0, 1],
      [1, 0],
    ]);
    expect(await attempts.list({ namespace: 'default', workflowId: 'img-3' })).toEqual([]);
  });

  it.each(['../escape', 'Production.a1b2', '.hidden', '', 'ä', 'a/b', 'x'.repeat(300)])(
    'takes the namespace %j without making a path of it',
    async (namespace) => {
      await attempts.open({ ...key, namespace, workflowId: '../../../etc/passwd' }, 0, fields);
      expect(await attempts.list({ namespace, workflowId: '../../../etc/passwd' })).toHaveLength(1);
      const documents: string[] = [];
      for await (const document of store.listDocuments('attempts/')) documents.push(document);
      expect(documents).toHaveLength(1);
      expect(documents[0]).toMatch(`attempts/${sha256(namespace)}/`);
    },
  );
});

describe('a record that cannot be read', () => {
  it.each(['', '{"state":"op', '{"state":"unheard-of"}', '[]'])('is a failure, never "none": %j', async (content) => {
    await attempts.open(key, 0, fields);
    const name = `attempts/default/${sha256('img-1')}/${key.inputDigest}/0/0.json`;
    await writeFile(join(place.root, name), content);
    const failure = { code: 'STORE_UNAVAILABLE', retryable: true, message: expect.stringContaining(name) };
    await expect(attempts.latest(key)).rejects.toMatchObject(failure);
    await expect(attempts.open(key, 0, fields)).rejects.toMatchObject(failure);
    await expect(attempts.list(key)).rejects.toMatchObject(failure);
  });
});
