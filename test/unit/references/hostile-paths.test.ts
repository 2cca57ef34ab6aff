import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from '@jest/globals';
import type { ErrorCode } from '../../../src/contract/errors.js';
import { readInsideRoots, readResolved } from '../../../src/references/local-file.js';
import { referenceRoots, resolveInsideRoots, resolveSaveDir, type ReferenceRoots } from '../../../src/references/roots.js';
import { png } from '../../support/hostile-images.js';

const base = realpathSync(mkdtempSync(join(tmpdir(), 'image-paths-')));
afterAll(() => rmSync(base, { recursive: true }));

const picture = png({ width: 4, height: 4 });
for (const folder of ['root/sub', 'root2', 'outside', 'save']) mkdirSync(join(base, folder), { recursive: true });
for (const file of ['root/cat.png', 'root/sub/deep cat.png', 'root2/cat.png', 'outside/secret.png']) writeFileSync(join(base, file), picture);
symlinkSync(join(base, 'root/cat.png'), join(base, 'root/link-inside.png'));
symlinkSync(join(base, 'outside/secret.png'), join(base, 'root/link3.png'));
symlinkSync('link3.png', join(base, 'root/link2.png'));
symlinkSync('link2.png', join(base, 'root/link1.png'));
symlinkSync('../outside', join(base, 'root/folder-link'));
symlinkSync('../outside/not-there.png', join(base, 'root/dangling.png'));
symlinkSync('loop-b', join(base, 'root/loop-a'));
symlinkSync('loop-a', join(base, 'root/loop-b'));
symlinkSync('root', join(base, 'linked-root'));
execFileSync('mkfifo', [join(base, 'root/fifo.png')]);
writeFileSync(join(base, 'root/huge.png'), picture);
truncateSync(join(base, 'root/huge.png'), 30_000_000);

const LIMIT = 1_000_000;
const roots: ReferenceRoots = { folders: [join(base, 'root')], cwd: join(base, 'root') };
/** The guard of place off: everything is inside. */
const everywhere: ReferenceRoots = { folders: ['/'], cwd: join(base, 'root') };

interface Row {
  what: string;
  path: string;
  code: ErrorCode;
  /** What the same path does when every folder is allowed: it is read, or refused for another reason. */
  everywhere?: 'read' | ErrorCode;
}

const url = (path: string): string => pathToFileURL(path).href;
const rows: Row[] = [
  { what: 'a sibling whose name begins like the root', path: join(base, 'root2/cat.png'), code: 'PERMISSION_DENIED', everywhere: 'read' },
  { what: 'a parent by ..', path: '../outside/secret.png', code: 'PERMISSION_DENIED', everywhere: 'read' },
  { what: '.. in the middle', path: 'sub/../../outside/secret.png', code: 'PERMISSION_DENIED', everywhere: 'read' },
  { what: '.. with ./ and //', path: './/sub//.././/../outside/./secret.png', code: 'PERMISSION_DENIED', everywhere: 'read' },
  { what: '.. through a folder that is not there', path: 'nothing/../../outside/secret.png', code: 'PERMISSION_DENIED', everywhere: 'read' },
  { what: 'more .. than there are folders', path: `${'../'.repeat(40)}${base}/outside/secret.png`, code: 'PERMISSION_DENIED', everywhere: 'read' },
  { what: 'a chain of links that ends outside', path: 'link1.png', code: 'PERMISSION_DENIED', everywhere: 'read' },
  { what: 'a folder that is a link to the outside', path: 'folder-link/secret.png', code: 'PERMISSION_DENIED', everywhere: 'read' },
  { what: 'a missing file behind a link to the outside', path: 'folder-link/none.png', code: 'PERMISSION_DENIED', everywhere: 'REFERENCE_UNREADABLE' },
  { what: 'a link to nothing', path: 'dangling.png', code: 'PERMISSION_DENIED' },
  { what: 'a loop of links', path: 'loop-a', code: 'PERMISSION_DENIED' },
  { what: 'an absolute path outside', path: '/etc/passwd', code: 'PERMISSION_DENIED', everywhere: 'read' },
  { what: 'a missing file outside: no oracle', path: '/etc/not-there-at-all', code: 'PERMISSION_DENIED', everywhere: 'REFERENCE_UNREADABLE' },
  { what: 'a file URL outside', path: url(join(base, 'outside/secret.png')), code: 'PERMISSION_DENIED', everywhere: 'read' },
  { what: 'a file URL with encoded dots', path: `file://${base}/root/%2e%2e/outside/secret.png`, code: 'PERMISSION_DENIED', everywhere: 'read' },
  { what: 'a file URL with an encoded slash', path: `file://${base}/root/..%2Foutside%2Fsecret.png`, code: 'INVALID_ARGUMENT' },
  { what: 'a file URL of another host', path: `file://example.com${base}/root/cat.png`, code: 'INVALID_ARGUMENT' },
  { what: 'a file URL that is none', path: 'file://[', code: 'INVALID_ARGUMENT' },
  { what: 'a file URL with an encoded NUL', path: `file://${base}/root/cat.png%00.jpg`, code: 'INVALID_ARGUMENT' },
  { what: 'NUL', path: 'cat.png\0.jpg', code: 'INVALID_ARGUMENT' },
  { what: 'percent signs in a plain path, which are ordinary', path: '%2e%2e/outside/secret.png', code: 'REFERENCE_UNREADABLE' },
  { what: 'a slash look-alike (U+2215)', path: '..\u2215outside\u2215secret.png', code: 'REFERENCE_UNREADABLE' },
  { what: 'a full-width slash (U+FF0F)', path: '..\uFF0Foutside\uFF0Fsecret.png', code: 'REFERENCE_UNREADABLE' },
  { what: 'a two-dot leader (U+2025)', path: '\u2025/outside/secret.png', code: 'REFERENCE_UNREADABLE' },
  { what: 'full-width dots (U+FF0E)', path: '\uFF0E\uFF0E/outside/secret.png', code: 'REFERENCE_UNREADABLE' },
  { what: 'backslashes, which are ordinary here', path: '..\\outside\\secret.png', code: 'REFERENCE_UNREADABLE' },
  { what: "another user's ~", path: '~root/cat.png', code: 'REFERENCE_UNREADABLE' },
  { what: 'a missing file', path: 'dog.png', code: 'REFERENCE_UNREADABLE' },
  { what: 'a file as a folder', path: 'cat.png/x.png', code: 'REFERENCE_UNREADABLE' },
  { what: 'a name too long for any folder', path: `${'x'.repeat(5000)}.png`, code: 'INVALID_ARGUMENT' },
  { what: 'a folder', path: 'sub', code: 'REFERENCE_UNREADABLE' },
  { what: 'the root itself', path: '.', code: 'REFERENCE_UNREADABLE' },
  { what: 'a FIFO, without hanging', path: 'fifo.png', code: 'REFERENCE_UNREADABLE' },
  { what: '/dev/zero', path: '/dev/zero', code: 'PERMISSION_DENIED', everywhere: 'REFERENCE_UNREADABLE' },
  { what: '/dev/stdin', path: '/dev/stdin', code: 'PERMISSION_DENIED' },
  { what: '/proc/self/environ', path: '/proc/self/environ', code: 'PERMISSION_DENIED' },
  { what: 'more bytes than the limit', path: 'huge.png', code: 'LIMIT_EXCEEDED' },
];

async function outcome(path: string, allowed: ReferenceRoots): Promise<string> {
  try {
    await readInsideRoots(path, allowed, LIMIT);
    return 'read';
  } catch (error) {
    if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
    throw error;
  }
}

describe('hostile paths', () => {
  it.each(rows)('$what: $code', async ({ path, code, everywhere: otherwise }) => {
    await expect(outcome(path, roots)).resolves.toBe(code);
    if (otherwise !== undefined) await expect(outcome(path, everywhere)).resolves.toBe(otherwise);
  });

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

  it('opens nothing but ordinary files', async () => {
    const socket = createServer().listen(join(base, 'root/socket.png'));
    await once(socket, 'listening');
    // Opening a socket fails with ENXIO; that it is not even tried shows in the message.
    await expect(readInsideRoots('socket.png', roots, LIMIT)).rejects.toMatchObject({ message: expect.stringContaining('not an ordinary file') });
    socket.close();
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

  it('shows no control or direction characters of a path', async () => {
    await expect(resolveInsideRoots('a\u202Egnp.\u001b[31mexe', roots)).rejects.toMatchObject({ message: expect.not.stringMatching(/[\p{Cc}\p{Cf}]/u) });
  });
});

describe('a swap between check and reading', () => {
  function inner(name: string): string {
    const folder = join(base, 'root', name);
    mkdirSync(folder);
    writeFileSync(join(folder, 'secret.png'), picture);
    return folder;
  }

  it('of the folder for a link to the outside is refused', async () => {
    const folder = inner('swapped-folder');
    const path = await resolveInsideRoots(join(folder, 'secret.png'), roots);
    renameSync(folder, `${folder}-away`);
    symlinkSync(join(base, 'outside'), folder);
    await expect(readResolved(path, path, roots, LIMIT)).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    await expect(readResolved(path, path, everywhere, LIMIT)).resolves.toEqual(picture);
  });

  it('of the folder that is undone before the second look is refused', async () => {
    const folder = inner('swapped-twice');
    const path = await resolveInsideRoots(join(folder, 'secret.png'), roots);
    renameSync(folder, `${folder}-away`);
    symlinkSync(join(base, 'outside'), folder);
    // Opened by now; the roots are asked for again when the path is resolved the second time.
    const undoing: ReferenceRoots = {
      folders: roots.folders,
      get cwd() {
        rmSync(folder);
        renameSync(`${folder}-away`, folder);
        return roots.cwd;
      },
    };
    await expect(readResolved(path, path, undoing, LIMIT)).rejects.toMatchObject({ message: expect.stringContaining('changed while') });
  });

  it('of the file for a link to the outside is refused', async () => {
    const path = await resolveInsideRoots(join(inner('swapped-file'), 'secret.png'), roots);
    rmSync(path);
    symlinkSync(join(base, 'outside/secret.png'), path);
    await expect(readResolved(path, path, roots, LIMIT)).rejects.toMatchObject({ code: 'REFERENCE_UNREADABLE' });
  });

  it('of the file for a FIFO is refused without hanging', async () => {
    const path = await resolveInsideRoots(join(inner('swapped-fifo'), 'secret.png'), roots);
    rmSync(path);
    execFileSync('mkfifo', [path]);
    await expect(readResolved(path, path, roots, LIMIT)).rejects.toMatchObject({ code: 'REFERENCE_UNREADABLE' });
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
  symlinkSync(join(base, 'outside'), join(save, 'link-out'));
  symlinkSync(join(base, 'outside/new'), join(save, 'dangling'));
  writeFileSync(join(save, 'file'), 'x');

  it.each([
    ['nothing', undefined, 'save/default'],
    ['a relative folder', 'cats/today', 'save/default/cats/today'],
    ['.. that stays inside', '../other', 'save/other'],
    ['an absolute folder inside', join(save, 'new'), 'save/new'],
    ['the root of the client', join(base, 'client-root/art'), 'client-root/art'],
  ])('takes %s', async (_, given, expected) => {
    await expect(resolveSaveDir(given, settings, [url(join(base, 'client-root'))])).resolves.toBe(join(base, expected));
  });

  it.each([
    ['outside', '/etc', 'PERMISSION_DENIED'],
    ['a sibling whose name begins like the root', `${save}2`, 'PERMISSION_DENIED'],
    ['..', '../../outside', 'PERMISSION_DENIED'],
    ['a link out', join(save, 'link-out/x'), 'PERMISSION_DENIED'],
    ['a link to a folder outside that is not there yet', join(save, 'dangling/x'), 'PERMISSION_DENIED'],
    ['a root that only another client has', join(base, 'client-root'), 'PERMISSION_DENIED'],
    ['a file', join(save, 'file/x'), 'INVALID_ARGUMENT'],
    ['NUL', 'a\0b', 'INVALID_ARGUMENT'],
  ])('refuses %s', async (_, given, code) => {
    await expect(resolveSaveDir(given, settings, [])).rejects.toMatchObject({ code });
  });
});
