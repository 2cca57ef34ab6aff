import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from '@jest/globals';
import { readInsideRoots } from '../../../src/references/local-file.js';
import { referenceRoots, resolveInsideRoots, resolveSaveDir, type ReferenceRoots } from '../../../src/references/roots.js';
import { png } from '../../support/hostile-images.js';

const base = realpathSync(mkdtempSync(join(tmpdir(), 'image-paths-')));
afterAll(() => rmSync(base, { recursive: true }));

const picture = png({ width: 4, height: 4 });
for (const folder of ['root/sub', 'root2', 'outside', 'save']) mkdirSync(join(base, folder), { recursive: true });
for (const file of ['root/cat.png', 'root/sub/deep cat.png', 'root2/cat.png', 'outside/secret.png']) writeFileSync(join(base, file), picture);
symlinkSync(join(base, 'root/cat.png'), join(base, 'root/link-inside.png'));
symlinkSync('root', join(base, 'linked-root'));

const LIMIT = 1_000_000;
const roots: ReferenceRoots = { folders: [join(base, 'root')], cwd: join(base, 'root') };

const url = (path: string): string => pathToFileURL(path).href;

/** What is refused stands in test/hostile; here is what comes close to it and is read. */
describe('a path inside the roots', () => {
  it.each([
    ['a relative path', 'cat.png', 'root/cat.png'],
    ['an absolute path', join(base, 'root/cat.png'), 'root/cat.png'],
    ['a path through a link to the root', join(base, 'linked-root/cat.png'), 'root/cat.png'],
    ['a link that stays inside', 'link-inside.png', 'root/cat.png'],
    ['.. that stays inside', 'sub/../cat.png', 'root/cat.png'],
    ['a file URL with a space', url(join(base, 'root/sub/deep cat.png')), 'root/sub/deep cat.png'],
    ['a file URL of localhost', `file://localhost${base}/root/cat.png`, 'root/cat.png'],
  ])('reads %s', async (_, path, file) => {
    await expect(readInsideRoots(path, roots, LIMIT)).resolves.toEqual({ path: join(base, file), bytes: picture });
  });

  it('finds files below a root that is itself a link', async () => {
    const linked = { folders: [join(base, 'linked-root')], cwd: base };
    await expect(resolveInsideRoots('linked-root/cat.png', linked)).resolves.toBe(join(base, 'root/cat.png'));
  });

  it('expands ~ to the home folder', async () => {
    const home = { folders: [homedir()], cwd: base };
    await expect(resolveInsideRoots('~/no-such-picture-here.png', home)).rejects.toMatchObject({ code: 'REFERENCE_UNREADABLE' });
    await expect(resolveInsideRoots('~', home)).resolves.toBe(realpathSync(homedir()));
  });

  it('names the path as given and the setting to change', async () => {
    await expect(resolveInsideRoots('../root2/cat.png', roots)).rejects.toMatchObject({
      message: expect.stringContaining('../root2/cat.png'),
      nextStep: expect.stringContaining('IMAGE_REFERENCE_ROOTS'),
    });
  });

  it('suggests the file that was meant, and never one outside the roots', async () => {
    await expect(resolveInsideRoots('cta.png', roots)).rejects.toMatchObject({ nextStep: expect.stringContaining(join(base, 'root/cat.png')) });
    await expect(resolveInsideRoots('../outside/secre.png', roots)).rejects.toMatchObject({ nextStep: expect.not.stringContaining('secret.png') });
  });
});

describe('the roots', () => {
  const settings = { IMAGE_REFERENCE_ROOTS: undefined, saveRoot: '/home/me/Pictures/app' };
  const from = (cwd: string, clientRoots: string[] = []): readonly string[] =>
    referenceRoots(settings, { cwd, clientRoots, home: '/home/me' }).folders;

  it('are home, temp, the save root, the roots of the client and the working folder', () => {
    const folders = from('/work/project', ['file:///srv/art%20work', '/data/pictures', 'https://example.com/x', 'file://host/x', 'relative']);
    expect([...folders].toSorted()).toEqual(
      ['/data/pictures', '/home/me', '/home/me/Pictures/app', '/srv/art work', '/tmp', tmpdir(), '/work/project']
        .filter((folder, i, all) => all.indexOf(folder) === i)
        .toSorted(),
    );
  });

  it.each(['/', '/home', '/etc', '/usr/lib/app', '/usr', '/var', '/proc/self', '/dev', '/Applications/App.app', '/mnt'])(
    'leave out the working folder %s',
    (cwd) => {
      expect(from(cwd)).not.toContain(cwd);
    },
  );

  it.each(['/home/me/project', '/home/meg', '/var/www/site', '/opt/app', '/app', '/usrlocal', '/mnt/disk/art'])('take the working folder %s', (cwd) => {
    expect(from(cwd)).toContain(cwd);
  });

  it('leave out a home that is /', () => {
    expect(referenceRoots(settings, { cwd: '/', clientRoots: [], home: '/' }).folders).not.toContain('/');
  });

  it('are exactly the setting when it is set', () => {
    const given = { ...settings, IMAGE_REFERENCE_ROOTS: '/one: ~/two ::three' };
    expect(referenceRoots(given, { cwd: '/work', clientRoots: ['/data'], home: '/home/me' }).folders).toEqual(['/one', join(homedir(), 'two'), '/work/three']);
  });
});

describe('the folder for saved pictures', () => {
  const save = join(base, 'save');
  const settings = { saveRoot: save, saveDir: join(save, 'default') };
  mkdirSync(join(base, 'client-root'));

  it.each([
    ['nothing', undefined, 'save/default'],
    ['a relative folder', 'cats/today', 'save/default/cats/today'],
    ['.. that stays inside', '../other', 'save/other'],
    ['an absolute folder inside', join(save, 'new'), 'save/new'],
    ['the root of the client', join(base, 'client-root/art'), 'client-root/art'],
  ])('takes %s', async (_, given, expected) => {
    await expect(resolveSaveDir(given, settings, [url(join(base, 'client-root'))])).resolves.toBe(join(base, expected));
  });

  it('is not a root that only another client has', async () => {
    await expect(resolveSaveDir(join(base, 'client-root'), settings, [])).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
  });
});
