import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { thisProcess } from '../../../src/blobs/process-identity.js';
import { examine } from '../../../src/cli/uninstall/folder.js';
import { readSettings } from '../../../src/config.js';
import { explained, removeDataFolder, sizeOf } from '../../../src/cli/uninstall/remove.js';

const SRC = fileURLToPath(new URL('../../../src', import.meta.url));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'uninstall-'));
});
afterEach(async () => await rm(folder, { recursive: true, force: true }));

describe('looking at a data folder', () => {
  it('knows every kind of document that the store has', async () => {
    const sources = (await readdir(SRC, { recursive: true })).filter((name) => name.endsWith('.ts'));
    const texts = await Promise.all(sources.map((name) => readFile(join(SRC, name), 'utf8')));
    // Keys begin with their kind: `limits/${provider}.json`, or PREFIX = 'manifests/'.
    const kinds = texts.flatMap((text) => [...text.matchAll(/(?:`([a-z]+)\/[^`\s]*\.json`|PREFIX = '([a-z]+)\/')/g)].map(([, one, other]) => one ?? other ?? ''));
    expect(kinds).toEqual(expect.arrayContaining(['manifests', 'requests', 'limits']));
    for (const kind of kinds) await mkdir(join(folder, 'store', kind), { recursive: true });
    await writeFile(join(folder, 'salt'), 'x');
    expect(await examine(readSettings({ IMAGE_DATA_DIR: folder }))).toMatchObject({ foreign: [] });
  });
});

describe('removing a data folder', () => {
  it('leaves it whole while a process has it that has started a stack since', async () => {
    const owner = { ...(await thisProcess()), nonce: 'x'.repeat(32), socket: join(folder, 's'), version: '1.0.0', started_at: '' };
    await writeFile(join(folder, 'stack.json'), JSON.stringify(owner));
    await writeFile(join(folder, 'salt'), 'x');
    expect(await removeDataFolder({ path: folder, real: folder, foreign: [] })).toBe(false);
    expect((await readdir(folder)).toSorted()).toEqual(['salt', 'stack.json']);

    // Dead: there is no such process any more.
    await writeFile(join(folder, 'stack.json'), JSON.stringify({ ...owner, start: 'another' }));
    expect(await removeDataFolder({ path: folder, real: folder, foreign: [] })).toBe(true);
    await expect(readdir(folder)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('a fault of the system is told with its path and a remedy', async () => {
    const error: unknown = await readdir(join(folder, 'nothing')).catch((thrown: unknown) => thrown);
    expect(explained(error, folder)).toMatchObject({ code: 'STORE_UNAVAILABLE', message: expect.stringContaining(join(folder, 'nothing')) });
    const other = new Error('no fault of the system');
    expect(explained(other, folder)).toBe(other);
  });

  it('its size is that of its files, without what links lead to', async () => {
    const large = join(folder, '..', `${Date.now()}-large`);
    await writeFile(large, 'x'.repeat(100_000));
    try {
      await mkdir(join(folder, 'logs'));
      await writeFile(join(folder, 'logs', 'worker.log'), 'x'.repeat(1000));
      await symlink(large, join(folder, 'link'));
      expect(await sizeOf(folder)).toBe(1000 + large.length);
      expect(await sizeOf(join(folder, 'nothing'))).toBe(0);
    } finally {
      await rm(large);
    }
  });
});
