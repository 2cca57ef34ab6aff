import { readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { collectGarbage } from '../../../src/blobs/garbage-collection.js';
import { RecentRequests } from '../../../src/blobs/recent-requests.js';
import { sha256 } from '../../../src/contract/canonical.js';
import { changedStore } from '../activities/support.js';
import { ago, shelf } from './support/shelf.js';

const get = shelf();
const DIGEST = sha256('a red kite');

describe('recent requests', () => {
  it('are the last jobs of a request, for every process on the store', async () => {
    const { store } = get();
    const requests = new RecentRequests(store);
    expect(await requests.jobsOf(DIGEST)).toEqual([]);
    await requests.note(DIGEST, ['a']);
    await requests.note(DIGEST, ['f', 'e', 'd', 'c', 'b']);
    expect(await new RecentRequests(store).jobsOf(DIGEST)).toEqual(['f', 'e', 'd', 'c']);
    expect(await requests.jobsOf(sha256('a blue kite'))).toEqual([]);
  });

  it('are nobody’s trouble when they cannot be read or written', async () => {
    const { store, place } = get();
    const requests = new RecentRequests(store);
    await requests.note(DIGEST, ['a']);
    await writeFile(join(place.root, 'requests', `${DIGEST}.json`), '');
    expect(await requests.jobsOf(DIGEST)).toEqual([]);
    const broken = new RecentRequests(changedStore(store, { putNote: () => Promise.reject(new Error('full')), readNote: () => Promise.reject(new Error('away')) }));
    await broken.note(DIGEST, ['b']);
    expect(await broken.jobsOf(DIGEST)).toEqual([]);
  });

  it('leave no other file behind, and go when nobody has renewed them for a month', async () => {
    const { store, manifests, place } = get();
    const requests = new RecentRequests(store);
    const [old, young] = [sha256('old'), sha256('young')];
    for (const digest of [old, young]) await requests.note(digest, ['a']);
    for (const [digest, days] of [[old, 31], [young, 29]] as const) {
      await utimes(join(place.root, 'requests', `${digest}.json`), ago(days * 24), ago(days * 24));
    }
    expect(await place.residue()).toEqual([]);
    await collectGarbage({ store, manifests, dryRun: true });
    expect(await readdir(join(place.root, 'requests'))).toHaveLength(2);
    await collectGarbage({ store, manifests });
    expect(await readdir(join(place.root, 'requests'))).toEqual([`${young}.json`]);
  });
});
