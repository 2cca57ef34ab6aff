import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { Account } from '../../../src/accounts/account.js';
import { readSharedSalt } from '../../../src/accounts/shared-salt.js';
import { openBlobStore } from '../../../src/blobs/open-store.js';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'salt-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('makes the same key the same account at all workers of a store, also when they start at once', async () => {
  const stores = await Promise.all(Array.from({ length: 5 }, () => openBlobStore(`file:${folder}/store`)));
  const salts = await Promise.all(stores.map(readSharedSalt));
  const ids = salts.map((salt) => new Account({ provider: 'openai', baseUrl: 'https://api.openai.com/v1', key: 'sk-1' }, salt).id);
  expect(new Set(ids).size).toBe(1);
  const other = await readSharedSalt(await openBlobStore(`file:${folder}/other`));
  expect(salts[0]?.equals(other)).toBe(false);
});

it('is never replaced when it cannot be read', async () => {
  const store = await openBlobStore(`file:${folder}/store`);
  await readSharedSalt(store);
  await writeFile(join(folder, 'store/accounts/salt.json'), '{"salt":');
  await expect(readSharedSalt(store)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
});
