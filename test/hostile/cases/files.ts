import { execFileSync } from 'node:child_process';
import { appendFileSync, truncateSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import type { HostileCase, Place } from '../case.js';
import type { GuardId } from '../guards/index.js';
import { CAT, SECRET } from '../run/place.js';
import { naming } from './paths.js';

/** Files that are none, files that are too large, and files that change between check and reading. */

const NOT_ORDINARY = /not an ordinary file/;
const everywhere = { settings: { IMAGE_REFERENCE_ROOTS: '/' } };

/** A picture in a folder of its own inside the root, so that file and folder can be swapped. */
function victim(place: Place): string {
  return place.write('root/inner/secret.png', CAT);
}

function pipe(path: string): string {
  execFileSync('mkfifo', [path]);
  return path;
}

function padded(place: Place, megabytes: number): string {
  const path = place.write(`root/${megabytes}.png`, CAT);
  truncateSync(path, megabytes * 1024 * 1024);
  return path;
}

const toOutside = (place: Place) => () => {
  place.rename('root/inner', 'root/away');
  place.link('root/inner', '../outside');
};
const undone = (place: Place) => () => {
  place.remove('root/inner');
  place.rename('root/away', 'root/inner');
};

export const FILE_CASES: readonly HostileCase<GuardId>[] = [
  { id: 'folder', what: 'a folder', where: 'image_path', guard: 'ordinary-file', make: () => naming('sub'), code: 'REFERENCE_UNREADABLE', says: NOT_ORDINARY },
  { id: 'root-itself', what: 'the root itself', where: 'mask_path', guard: 'ordinary-file', make: () => naming('.', 'mask_path'), code: 'REFERENCE_UNREADABLE', says: NOT_ORDINARY },
  {
    id: 'endless-device',
    what: '/dev/zero, where everything may be read',
    where: 'image_path',
    guard: 'ordinary-file',
    make: () => ({ ...naming('/dev/zero'), ...everywhere }),
    code: 'REFERENCE_UNREADABLE',
    says: NOT_ORDINARY,
  },
  {
    id: 'socket',
    what: 'a socket',
    where: 'image_path',
    guard: 'ordinary-file',
    async make({ root }) {
      const server = createServer().listen(join(root, 'socket.png'));
      await once(server, 'listening');
      return naming('socket.png');
    },
    code: 'REFERENCE_UNREADABLE',
    says: NOT_ORDINARY,
  },
  {
    id: 'pipe',
    what: 'a named pipe is not even opened',
    where: 'image_path',
    guard: 'look-before-open',
    make: ({ root }) => naming(pipe(join(root, 'pipe.png'))),
    code: 'REFERENCE_UNREADABLE',
    look: ({ opened }) => (opened.length === 0 ? undefined : 'it was opened'),
  },
  {
    id: 'null-device',
    what: '/dev/null, where everything may be read',
    where: 'mask_path',
    guard: 'ordinary-file',
    make: () => ({ ...naming('/dev/null', 'mask_path'), ...everywhere }),
    code: 'REFERENCE_UNREADABLE',
    says: NOT_ORDINARY,
  },
  {
    id: 'swap-for-folder',
    what: 'a file that becomes a folder when it is opened',
    where: 'image_path',
    guard: 'look-after-open',
    make(place) {
      const before = (): void => {
        place.remove('root/inner/secret.png');
        place.write('root/inner/secret.png/x', CAT);
      };
      return { ...naming(victim(place)), meanwhile: [{ call: 'open', on: 'secret.png', before }] };
    },
    code: 'REFERENCE_UNREADABLE',
    says: NOT_ORDINARY,
  },
  {
    id: 'swap-for-pipe',
    what: 'a file that becomes a named pipe when it is opened',
    where: 'image_path',
    guard: 'opens-without-waiting',
    make(place) {
      const path = victim(place);
      const before = (): void => {
        place.remove('root/inner/secret.png');
        pipe(path);
      };
      return { ...naming(path), meanwhile: [{ call: 'open', on: 'secret.png', before }] };
    },
    code: 'REFERENCE_UNREADABLE',
  },
  {
    id: 'swap-for-link',
    what: 'a file that is a link to the outside while it is opened',
    where: 'image_path',
    guard: 'no-link-at-the-end',
    make(place) {
      const path = victim(place);
      const before = (): void => {
        place.rename('root/inner/secret.png', 'root/inner/kept.png');
        place.link('root/inner/secret.png', join(place.outside, 'secret.png'));
      };
      const after = (): void => {
        place.remove('root/inner/secret.png');
        place.rename('root/inner/kept.png', 'root/inner/secret.png');
      };
      return { ...naming(path), meanwhile: [{ call: 'open', on: 'secret.png', before, after }] };
    },
    code: 'REFERENCE_UNREADABLE',
  },
  {
    id: 'swap-of-folder-undone',
    what: 'a folder that leads outside while its file is opened',
    where: 'image_paths',
    guard: 'same-file',
    make: (place) => ({ ...naming(victim(place), 'image_paths'), meanwhile: [{ call: 'open', on: 'secret.png', before: toOutside(place), after: undone(place) }] }),
    code: 'REFERENCE_UNREADABLE',
    says: /changed while/,
  },
  {
    id: 'swap-of-folder',
    what: 'a folder that leads outside from the opening of its file on',
    where: 'image_path',
    guard: 'inside-when-opened',
    make: (place) => ({ ...naming(victim(place)), meanwhile: [{ call: 'open', on: 'secret.png', before: toOutside(place) }] }),
    code: 'PERMISSION_DENIED',
  },
  {
    id: 'growing-file',
    what: 'a file that grows while it is read',
    where: 'image_path',
    guard: 'whole-file',
    make(place) {
      const path = victim(place);
      return { ...naming(path), meanwhile: [{ call: 'stat', on: 'secret.png', after: () => appendFileSync(path, SECRET) }] };
    },
    code: 'REFERENCE_UNREADABLE',
  },
  {
    id: 'shrinking-file',
    what: 'a file that shrinks while it is read',
    where: 'mask_path',
    guard: 'whole-file',
    make(place) {
      const path = place.write('root/inner/tailed.png', Buffer.concat([CAT, Buffer.alloc(100)]));
      const after = (): void => truncateSync(path, CAT.length);
      return { ...naming(path, 'mask_path'), meanwhile: [{ call: 'stat', on: 'tailed.png', after }] };
    },
    code: 'REFERENCE_UNREADABLE',
  },
  {
    id: 'file-without-size',
    what: 'a file of the kernel that says that it is empty, where everything may be read',
    where: 'image_path',
    guard: 'whole-file',
    make: () => ({ ...naming('/proc/self/status'), ...everywhere }),
    code: 'REFERENCE_UNREADABLE',
  },
  { id: 'large-file', what: 'a file of 21 MB', where: 'image_path', guard: 'file-size', make: (place) => naming(padded(place, 21)), code: 'LIMIT_EXCEEDED' },
  { id: 'huge-file', what: 'a file that says that it has a terabyte', where: 'image_path', guard: 'size-before-memory', make: (place) => naming(padded(place, 1024 * 1024)), code: 'LIMIT_EXCEEDED' },
  {
    id: 'large-together',
    what: 'six files of 18 MB',
    where: 'image_paths',
    guard: 'size-together',
    make: (place) => ({ door: 'call', kind: 'image_multi_reference', args: { image_paths: Array.from({ length: 6 }, () => padded(place, 18)) } }),
    code: 'LIMIT_EXCEEDED',
  },
];
