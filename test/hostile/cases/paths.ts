import { linkSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ErrorCode } from '../../../src/contract/errors.js';
import type { CallAttempt, HostileCase, Place, Where } from '../case.js';
import type { GuardId } from '../guards/index.js';
import { CAT, SECRET } from '../run/place.js';

/** Paths that lead out of the roots, or pretend to lead somewhere else than they do. */

type Field = 'image_path' | 'image_paths' | 'mask_path';

interface Row {
  id: string;
  what: string;
  guard: GuardId;
  path: string | ((place: Place) => string);
  code?: ErrorCode;
  says?: RegExp;
  field?: Field;
  settings?: (place: Place) => Record<string, string>;
}

/** A call that gives this path in that field. */
export function naming(path: string, field: Field = 'image_path'): CallAttempt {
  switch (field) {
    case 'image_path':
      return { door: 'call', args: { image_path: path } };
    case 'image_paths':
      return { door: 'call', kind: 'image_multi_reference', args: { image_paths: ['cat.png', path] } };
    case 'mask_path':
      return { door: 'call', args: { image_path: 'cat.png', mask_path: path } };
  }
}

const MISSING = 'REFERENCE_UNREADABLE';

const OUTSIDE: readonly Row[] = [
  { id: 'parent', what: '..', guard: 'inside-roots', path: '../outside/secret.png' },
  { id: 'parent-in-the-middle', what: '.. in the middle', guard: 'inside-roots', path: 'sub/../../outside/secret.png', field: 'image_paths' },
  { id: 'parent-mixed', what: '.. with ./ and //', guard: 'inside-roots', path: './/sub//.././/../outside/./secret.png', field: 'mask_path' },
  { id: 'parent-of-nothing', what: '.. through a folder that is not there', guard: 'inside-roots', path: 'nothing/../../outside/secret.png' },
  { id: 'parent-forty-times', what: 'more .. than there are folders', guard: 'inside-roots', path: ({ outside }) => `${'../'.repeat(40)}${outside}/secret.png`, field: 'image_paths' },
  { id: 'absolute', what: 'an absolute path outside', guard: 'inside-roots', path: ({ outside }) => join(outside, 'secret.png') },
  { id: 'system-file', what: '/etc/passwd', guard: 'inside-roots', path: '/etc/passwd', field: 'mask_path' },
  { id: 'no-oracle', what: 'a file outside that is not there answers as one that is', guard: 'inside-roots', path: '/etc/not-there-at-all' },
  { id: 'file-url-outside', what: 'a file URL outside', guard: 'inside-roots', path: ({ outside }) => pathToFileURL(join(outside, 'secret.png')).href },
  { id: 'file-url-dots', what: 'a file URL with encoded dots', guard: 'inside-roots', path: ({ root }) => `file://${root}/%2e%2e/outside/secret.png`, field: 'image_paths' },
  { id: 'file-url-four-slashes', what: 'a file URL of four slashes', guard: 'inside-roots', path: ({ outside }) => `file:///${outside}/secret.png` },
  { id: 'home-parent', what: '~/..', guard: 'inside-roots', path: '~/../outside/secret.png' },
  { id: 'proc-root', what: '/proc/self/root', guard: 'inside-roots', path: ({ outside }) => `/proc/self/root${outside}/secret.png` },
  { id: 'proc-cwd', what: '/proc/self/cwd', guard: 'inside-roots', path: '/proc/self/cwd/../outside/secret.png', field: 'mask_path' },
  { id: 'proc-environ', what: '/proc/self/environ', guard: 'inside-roots', path: '/proc/self/environ' },
  { id: 'standard-input', what: '/dev/stdin', guard: 'inside-roots', path: '/dev/stdin' },
  {
    id: 'hard-link-outside',
    what: 'a hard link outside of a picture inside',
    guard: 'inside-roots',
    path: ({ root, outside }) => {
      linkSync(join(root, 'cat.png'), join(outside, 'same-cat.png'));
      return join(outside, 'same-cat.png');
    },
  },
  { id: 'prefix-sibling', what: 'a sibling whose name begins like the root', guard: 'whole-segments', path: (place) => place.write('root2/cat.png', CAT) },
  { id: 'prefix-sibling-relative', what: 'the same by ..', guard: 'whole-segments', path: (place) => (place.write('root-private/cat.png', CAT), '../root-private/cat.png'), field: 'mask_path' },
  { id: 'root-in-capitals', what: 'the name of the root in capitals', guard: 'whole-segments', path: (place) => place.write('ROOT/cat.png', CAT), field: 'image_paths' },
  { id: 'root-with-dot', what: 'the root with a dot behind it', guard: 'whole-segments', path: (place) => place.write('root./cat.png', CAT) },
];

const LINKS: readonly Row[] = [
  { id: 'link-out', what: 'a link to a file outside', guard: 'real-path', path: (place) => place.link('root/link.png', join(place.outside, 'secret.png')) },
  { id: 'link-out-relative', what: 'a relative link to a file outside', guard: 'real-path', path: (place) => place.link('root/sub/link.png', '../../outside/secret.png'), field: 'mask_path' },
  {
    id: 'link-chain',
    what: 'a chain of links that ends outside',
    guard: 'real-path',
    path: (place) => {
      place.link('root/third.png', join(place.outside, 'secret.png'));
      place.link('root/second.png', 'third.png');
      return place.link('root/first.png', 'second.png');
    },
    field: 'image_paths',
  },
  { id: 'link-of-folder', what: 'a folder that is a link to the outside', guard: 'real-path', path: (place) => join(place.link('root/folder', '../outside'), 'secret.png') },
  { id: 'link-through-proc', what: 'a link by /proc/self/root', guard: 'real-path', path: (place) => place.link('root/proc.png', `/proc/self/root${place.outside}/secret.png`) },
  { id: 'missing-behind-link', what: 'a missing file behind a folder that leads outside: no oracle', guard: 'real-path', path: (place) => join(place.link('root/there', '../outside'), 'none.png') },
  { id: 'dangling-link', what: 'a link to nothing', guard: 'dangling-link', path: (place) => place.link('root/dangling.png', '../outside/not-there.png') },
  { id: 'link-loop', what: 'a loop of links', guard: 'dangling-link', path: (place) => (place.link('root/a.png', 'b.png'), place.link('root/b.png', 'a.png')) },
];

/** Names that mean only themselves; each file that another reading would find is there. */
const NAMES: readonly Row[] = [
  { id: 'encoded-dots', what: 'encoded dots in a plain path', guard: 'verbatim-names', path: '%2e%2e/outside/secret.png', code: MISSING },
  { id: 'encoded-slash', what: 'an encoded slash in a plain path', guard: 'verbatim-names', path: '..%2foutside%2fsecret.png', code: MISSING },
  { id: 'division-slash', what: 'a slash look-alike (U+2215)', guard: 'verbatim-names', path: '..\u2215outside\u2215secret.png', code: MISSING },
  { id: 'fraction-slash', what: 'a slash look-alike (U+2044)', guard: 'verbatim-names', path: '..\u2044outside\u2044secret.png', code: MISSING },
  { id: 'full-width-slash', what: 'a full-width slash (U+FF0F)', guard: 'verbatim-names', path: '..\uFF0Foutside\uFF0Fsecret.png', code: MISSING },
  { id: 'two-dot-leader', what: 'a two-dot leader (U+2025)', guard: 'verbatim-names', path: '\u2025/outside/secret.png', code: MISSING },
  { id: 'one-dot-leaders', what: 'one-dot leaders (U+2024)', guard: 'verbatim-names', path: '\u2024\u2024/outside/secret.png', code: MISSING },
  { id: 'full-width-dots', what: 'full-width dots (U+FF0E)', guard: 'verbatim-names', path: '\uFF0E\uFF0E/outside/secret.png', code: MISSING },
  { id: 'backslashes', what: 'backslashes', guard: 'verbatim-names', path: '..\\outside\\secret.png', code: MISSING },
  { id: 'zero-width', what: 'a zero-width space in the name', guard: 'verbatim-names', path: 'c\u200Bat.png', code: MISSING },
  { id: 'ligature', what: 'a ligature', guard: 'verbatim-names', path: (place) => (place.write('root/file.png', CAT), '\uFB01le.png'), code: MISSING },
  { id: 'other-composition', what: 'an accent that is composed otherwise', guard: 'verbatim-names', path: (place) => (place.write('root/caf\u00e9.png', CAT), 'cafe\u0301.png'), code: MISSING },
  { id: 'trailing-dots', what: 'dots behind the name', guard: 'verbatim-names', path: 'cat.png..', code: MISSING },
  { id: 'stream-name', what: 'the name of a data stream', guard: 'verbatim-names', path: 'cat.png::$DATA', code: MISSING },
  { id: 'turned-name', what: 'a name that reads backwards is shown as it is', guard: 'visible-text', path: 'x\u202Egnp.\u001b[31mcat.png', code: MISSING, says: /^[^\p{Cc}\p{Cf}]*$/u },
  { id: 'other-home', what: "another user's ~", guard: 'own-home', path: '~root/cat.png', code: MISSING, settings: ({ home, root }) => ({ IMAGE_REFERENCE_ROOTS: `${home}:${root}` }) },
  { id: 'file-url-of-host', what: 'a file URL of another host', guard: 'file-url-host', path: ({ root }) => `file://example.com${root}/cat.png`, code: 'INVALID_ARGUMENT' },
  { id: 'file-url-of-address', what: 'a file URL of an address', guard: 'file-url-host', path: ({ root }) => `file://10.0.0.1${root}/cat.png`, code: 'INVALID_ARGUMENT', field: 'mask_path' },
  { id: 'file-url-slash', what: 'a file URL with encoded slashes', guard: 'file-url-slash', path: ({ root }) => `file://${root}/..%2Foutside%2Fsecret.png`, code: 'INVALID_ARGUMENT' },
  { id: 'file-url-slash-inside', what: 'a file URL with an encoded slash, inside', guard: 'file-url-slash', path: ({ root }) => `file://${root}%2Fcat.png`, code: 'INVALID_ARGUMENT' },
  { id: 'file-url-broken', what: 'a file URL that is none', guard: 'file-url-is-one', path: 'file://[', code: 'INVALID_ARGUMENT' },
  { id: 'nul', what: 'NUL in a path', guard: 'nul', path: 'cat.png\0.jpg', code: 'INVALID_ARGUMENT' },
  { id: 'nul-in-file-url', what: 'an encoded NUL in a file URL', guard: 'nul', path: ({ root }) => `file://${root}/cat.png%00.jpg`, code: 'INVALID_ARGUMENT' },
  { id: 'endless-name', what: 'a name of 5,000 characters', guard: 'reference-length', path: `${'x'.repeat(5000)}.png`, code: 'INVALID_ARGUMENT' },
  { id: 'endless-folders', what: 'a path of half a million folders', guard: 'longest-path', path: 'a/'.repeat(500_000), code: 'INVALID_ARGUMENT', field: 'image_paths' },
];

const row = ({ id, what, guard, path, code = 'PERMISSION_DENIED', says, field, settings }: Row): HostileCase<GuardId> => ({
  id,
  what,
  where: field ?? ('image_path' satisfies Where),
  guard,
  make(place) {
    const given = naming(typeof path === 'string' ? path : path(place), field);
    return { ...given, ...(settings ? { settings: settings(place) } : {}) };
  },
  code,
  ...(says ? { says } : {}),
});

export const PATH_CASES: readonly HostileCase<GuardId>[] = [
  ...[...OUTSIDE, ...LINKS, ...NAMES].map(row),
  {
    id: 'network-path',
    what: 'a path of another machine, on Windows',
    where: 'image_path',
    guard: 'network-path',
    make: () => ({ ...naming('\\\\10.0.0.1\\share\\cat.png'), platform: 'win32' }),
    code: 'PERMISSION_DENIED',
    says: /network or device path/,
  },
  {
    id: 'hidden-characters-in-a-stored-name',
    what: 'a file whose name hides what it is, kept for people to read',
    where: 'image_path',
    guard: 'visible-text',
    make: (place) => naming(place.write('root/invoice\u202Egpj.\u200B.png', SECRET)),
    look: ({ input }) => {
      const name = typeof input?.image_path === 'object' ? input.image_path.name : undefined;
      return name !== undefined && !/[\p{Cc}\p{Cf}]/u.test(name) ? undefined : `its name is ${JSON.stringify(name)}`;
    },
  },
];
