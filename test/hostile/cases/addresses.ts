import { encodedUrl } from './urls.js';
import { PRIVATE_HOSTS } from './private-hosts.js';
import type { HostileCase } from '../case.js';
import type { GuardId } from '../guards/index.js';

/** Private addresses, in every spelling, as the target of a redirect by a public site; some in the call as well. */

/** One of each kind of spelling is enough at the call's own look, which is the same. */
const AT_THE_CALL = ['loopback', 'decimal', 'hex', 'octal', 'two-parts', 'full-width-digits', 'metadata', 'mapped-hex', 'nat64', 'compatible', 'link-local'];

export const ADDRESS_CASES: readonly HostileCase<GuardId>[] = [
  ...PRIVATE_HOSTS.map(
    ({ id, host, guard }): HostileCase<GuardId> => ({
      id: `redirect-to-${id}`,
      what: `a redirect to https://${host}/`,
      where: 'https://',
      guard,
      make: () => ({ door: 'download', url: `https://pictures.test/to?url=${encodedUrl(`https://${host}/picture`)}` }),
      code: 'PERMISSION_DENIED',
      look: ({ connections }) => (connections.length === 1 ? undefined : `connected to ${connections.join(', ')}`),
    }),
  ),
  ...PRIVATE_HOSTS.filter(({ id }) => AT_THE_CALL.includes(id)).map(
    ({ id, host }): HostileCase<GuardId> => ({
      id: `call-names-${id}`,
      what: `https://${host}/ in a call`,
      where: id === 'decimal' || id === 'metadata' ? 'mask_path' : 'image_path',
      guard: 'literal-address',
      make: () => ({
        door: 'call',
        args: id === 'decimal' || id === 'metadata' ? { image_path: 'cat.png', mask_path: `https://${host}/x.png` } : { image_path: `https://${host}/x.png` },
      }),
      code: 'PERMISSION_DENIED',
    }),
  ),
  ...Object.entries({
    'inside.test': 'a name whose address is private',
    'inside6.test': 'a name whose address is unique-local',
    'metadata.test': 'a name whose address is that of the metadata service',
    'loopback.test': 'a public name of this machine',
    'nat64.test': 'a name behind a translating network that leads inside',
    'mapped.test': 'a name whose address is a mapped private one',
  }).map(
    ([name, what]): HostileCase<GuardId> => ({
      id: `name-${name.replace('.test', '')}`,
      what,
      where: 'https://',
      guard: 'looked-up-address',
      make: () => ({ door: 'download', url: `https://${name}/picture` }),
      code: 'PERMISSION_DENIED',
      look: ({ connections }) => (connections.length === 0 ? undefined : `connected to ${connections.join(', ')}`),
    }),
  ),
  {
    id: 'name-with-one-private-address',
    what: 'a name with a public and a private address',
    where: 'https://',
    guard: 'every-address',
    make: () => ({ door: 'download', url: 'https://both.test/picture' }),
    code: 'PERMISSION_DENIED',
  },
  {
    id: 'name-that-changes-its-mind',
    what: 'a name that is public when it is checked and private when it is asked again',
    where: 'https://',
    guard: 'one-look-up',
    make: () => ({ door: 'download', url: 'https://turning.test/picture', answers: [['93.184.215.15'], ['10.1.2.9']] }),
    look: ({ connections }) => (connections.join() === '93.184.215.15' ? undefined : `connected to ${connections.join(', ')}`),
  },
  {
    id: 'name-that-turns-at-a-redirect',
    what: 'a name that redirects to itself and is private by then',
    where: 'https://',
    guard: 'looked-up-address',
    make: () => ({ door: 'download', url: 'https://turning.test/hops?left=1', answers: [['93.184.215.16'], ['10.1.2.10']] }),
    code: 'PERMISSION_DENIED',
    look: ({ connections }) => (connections.join() === '93.184.215.16' ? undefined : `connected to ${connections.join(', ')}`),
  },
  ...['localhost', 'LOCALHOST.', 'db.localhost'].map(
    (host): HostileCase<GuardId> => ({
      id: `call-names-${host.toLowerCase().replace(/\W/g, '-')}`,
      what: `https://${host}/ in a call`,
      where: 'image_paths',
      guard: 'loopback-name',
      make: () => ({ door: 'call', kind: 'image_batch_edit', args: { image_paths: ['cat.png', `https://${host}/x.png`] } }),
      code: 'PERMISSION_DENIED',
    }),
  ),
];
