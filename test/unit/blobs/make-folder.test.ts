import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { makeFolder } from '../../../src/blobs/make-folder.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'make-folder-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it('makes all that is missing, says the first, and leaves what is there', async () => {
  expect(await makeFolder(join(folder, 'a/b/c'))).toBe(join(folder, 'a'));
  expect((await stat(join(folder, 'a/b/c'))).isDirectory()).toBe(true);
  expect(await makeFolder(join(folder, 'a/b/c'))).toBeUndefined();
});

it('ends where a folder cannot be made', async () => {
  await writeFile(join(folder, 'file'), '');
  await expect(makeFolder(join(folder, 'file/below/it'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  if (process.platform === 'linux') await expect(makeFolder('/proc/no-such-folder/below/it')).rejects.toMatchObject({ code: 'ENOENT' });
});
