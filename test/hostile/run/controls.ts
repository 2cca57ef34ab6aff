import type { Cleaned } from '../case.js';
import { CAT } from './place.js';
import { sha256 } from '../../../src/contract/canonical.js';

/** An ordinary picture through each door, by the door's name: a product that refuses these shows nothing by refusing others. */
export const CONTROLS: readonly Cleaned<string>[] = [
  {
    id: 'call',
    what: 'an ordinary file',
    where: 'image_path',
    guard: '',
    make: () => ({ door: 'call', args: { image_path: 'cat.png' } }),
    look: ({ input }) => (typeof input?.image_path === 'object' && input.image_path.sha256 === sha256(CAT) ? undefined : 'it is not that file'),
  },
  {
    id: 'job',
    what: 'an ordinary blob',
    where: 'program input',
    guard: '',
    make: () => ({ door: 'job', blobs: [CAT], input: { kind: 'image_edit', prompt: 'x', provider: 'local', image_path: { sha256: sha256(CAT) } } }),
    look: ({ bytes }) => (bytes.length > 0 ? undefined : 'nothing is stored'),
  },
  {
    id: 'download',
    what: 'an ordinary URL',
    where: 'https://',
    guard: '',
    make: () => ({ door: 'download', url: 'https://pictures.test/picture' }),
    look: ({ bytes }) => (bytes.equals(CAT) ? undefined : 'it is another picture'),
  },
  {
    id: 'output',
    what: 'an ordinary picture of a provider',
    where: 'output',
    guard: '',
    make: () => ({ door: 'output', bytes: CAT }),
    look: ({ bytes }) => (bytes.equals(CAT) ? undefined : 'it is another picture'),
  },
];
