import { join } from 'node:path';
import type { HostileCase, Place } from '../case.js';
import type { GuardId } from '../guards/index.js';
import { CAT } from '../run/place.js';
import { naming } from './paths.js';

/** Settings and surroundings that would open more than they should. The places lie in /var/tmp: no default root. */

/** Unset: the default roots. */
const DEFAULT_ROOTS = { IMAGE_REFERENCE_ROOTS: '' };
const toSecret = ({ outside }: Place): string => join(outside, 'secret.png');

const working = (
  id: string,
  what: string,
  guard: GuardId,
  make: (place: Place) => { cwd: string; path: string; home?: string },
): HostileCase<GuardId> => ({
  id,
  what,
  where: 'settings',
  guard,
  make(place) {
    const { cwd, path, home = place.home } = make(place);
    return { ...naming(path), cwd, home, settings: DEFAULT_ROOTS };
  },
  code: 'PERMISSION_DENIED',
});

/** A home that is not below the working folders here. */
const ELSEWHERE = '/no-home-here';

export const SETTINGS_CASES: readonly HostileCase<GuardId>[] = [
  working('working-folder-root', 'the working folder /', 'working-folder-root', (place) => ({ cwd: '/', path: toSecret(place).slice(1) })),
  working('working-folder-etc', 'the working folder /etc', 'working-folder-system', () => ({ cwd: '/etc', path: 'passwd' })),
  working('working-folder-proc', 'the working folder /proc/self', 'working-folder-system', () => ({ cwd: '/proc/self', path: 'status' })),
  working('working-folder-usr', 'a working folder below /usr', 'working-folder-system', () => ({ cwd: '/usr/bin', path: 'env' })),
  working('working-folder-var', 'the working folder /var', 'working-folder-wide', (place) => ({ cwd: '/var', path: toSecret(place), home: ELSEWHERE })),
  working('working-folder-homes', 'the folder of all homes as the working folder', 'working-folder-homes', (place) => {
    place.write('homes/other/cat.png', CAT);
    return { cwd: join(place.folder, 'homes'), path: 'other/cat.png', home: join(place.folder, 'homes/me') };
  }),
  working('working-folder-above-homes', 'a folder above that as the working folder', 'working-folder-homes', (place) => {
    place.write('homes/deep/other/cat.png', CAT);
    return { cwd: join(place.folder, 'homes'), path: 'deep/other/cat.png', home: join(place.folder, 'homes/deep/me') };
  }),
  working('home-root', 'a home that is /', 'home-is-no-root', (place) => ({ cwd: '/', path: toSecret(place), home: '/' })),
  {
    id: 'setting-replaces-home',
    what: 'home, where the setting names another folder',
    where: 'settings',
    guard: 'setting-is-all',
    make: ({ home }) => naming(join(home, 'cat.png')),
    code: 'PERMISSION_DENIED',
  },
  {
    id: 'empty-entry',
    what: 'the working folder, where the setting has an empty entry',
    where: 'settings',
    guard: 'no-empty-root',
    make: ({ root, outside }) => ({ ...naming('secret.png'), cwd: outside, settings: { IMAGE_REFERENCE_ROOTS: `${root}: :` } }),
    code: 'PERMISSION_DENIED',
  },
  {
    id: 'client-root-relative',
    what: 'a root of the client that is no absolute folder, where the working folder is /',
    where: 'settings',
    guard: 'client-roots-are-folders',
    make: (place) => ({ ...naming(toSecret(place)), cwd: '/', settings: DEFAULT_ROOTS, clientRoots: ['.'] }),
    code: 'PERMISSION_DENIED',
  },
  {
    id: 'client-root-web',
    what: 'a web page as a root of the client, and a folder that is named so',
    where: 'settings',
    guard: 'client-roots-are-folders',
    make: (place) => ({
      ...naming(place.write('homes/https:/example.com/cat.png', CAT)),
      cwd: join(place.folder, 'homes'),
      home: join(place.folder, 'homes/me'),
      settings: DEFAULT_ROOTS,
      clientRoots: ['https://example.com/'],
    }),
    code: 'PERMISSION_DENIED',
  },
  {
    id: 'client-root-of-host',
    what: 'a folder of another host as a root of the client',
    where: 'settings',
    guard: 'client-roots-are-here',
    make: (place) => ({ ...naming(toSecret(place)), settings: DEFAULT_ROOTS, clientRoots: [`file://example.com${place.outside}`] }),
    code: 'PERMISSION_DENIED',
  },
];
