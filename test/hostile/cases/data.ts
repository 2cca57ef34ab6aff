import type { ErrorCode } from '../../../src/contract/errors.js';
import { LIMITS } from '../../../src/contract/input.js';
import { gif } from '../../support/hostile-images.js';
import type { HostileCase } from '../case.js';
import type { GuardId } from '../guards/index.js';
import { CAT } from '../run/place.js';
import { naming } from './paths.js';

/** `data:` URLs, and the URIs of earlier pictures. */

interface Row {
  id: string;
  what: string;
  guard: GuardId;
  url: () => string;
  code?: ErrorCode;
  says?: RegExp;
}

const CAT64 = CAT.toString('base64');
const oversized = (bytes: number): string => Buffer.concat([CAT, Buffer.alloc(bytes - CAT.length)]).toString('base64');

const DATA: readonly Row[] = [
  { id: 'data-over', what: 'one byte over the limit', guard: 'data-size', url: () => `data:image/png;base64,${oversized(LIMITS.dataUrlBytes + 1)}`, code: 'LIMIT_EXCEEDED' },
  {
    id: 'data-over-with-line-breaks',
    what: 'over the limit, in lines',
    guard: 'data-size',
    url: () => `data:image/png;base64,${oversized(LIMITS.dataUrlBytes + 4096).replace(/.{76}/g, '$&\n')}`,
    code: 'LIMIT_EXCEEDED',
  },
  { id: 'data-far-over', what: '20 MB of nonsense', guard: 'data-size-first', url: () => `data:image/png;base64,${'@'.repeat(20_000_000)}`, code: 'LIMIT_EXCEEDED' },
  { id: 'data-long-head', what: 'a head of 10 kB', guard: 'data-comma', url: () => `data:image/png;${'a=b;'.repeat(2500)}base64,${CAT64}` },
  { id: 'data-no-comma', what: 'no comma', guard: 'data-comma', url: () => 'data:image/png;base64', says: /no comma/ },
  { id: 'data-no-type', what: 'no type', guard: 'data-type', url: () => `data:;base64,${CAT64}`, code: 'UNSUPPORTED_IMAGE' },
  { id: 'data-svg-type', what: 'a picture that says that it is an SVG', guard: 'data-type', url: () => `data:image/svg+xml;base64,${CAT64}`, code: 'UNSUPPORTED_IMAGE' },
  { id: 'data-page-type', what: 'a picture that says that it is a page', guard: 'data-type', url: () => `data:text/html;base64,${CAT64}`, code: 'UNSUPPORTED_IMAGE' },
  { id: 'data-page', what: 'a page that says that it is a PNG', guard: 'known-format', url: () => `data:image/png;base64,${Buffer.from('<html><script>').toString('base64')}`, code: 'UNSUPPORTED_IMAGE' },
  { id: 'data-not-base64', what: 'not in base64', guard: 'data-base64', url: () => `data:image/png,${CAT64}` },
  { id: 'data-broken', what: 'what is no base64', guard: 'data-alphabet', url: () => 'data:image/png;base64,@@@@' },
  { id: 'data-url-alphabet', what: 'the alphabet of URLs', guard: 'data-alphabet', url: () => `data:image/gif;base64,${Buffer.concat([gif(3, 3, 1), Buffer.alloc(6, 0xff)]).toString('base64url')}` },
  { id: 'data-nothing', what: 'nothing', guard: 'data-alphabet', url: () => 'data:image/png;base64,' },
];

const URIS: Readonly<Record<string, string>> = {
  'uri-without-output': 'image://jobs/img-1',
  'uri-way-out': 'image://jobs/../../../etc/outputs/0',
  'uri-two-ids': 'image://jobs/img-1/img-2/outputs/0',
  'uri-negative': 'image://jobs/img-1/outputs/-1',
  'uri-leading-zero': 'image://jobs/img-1/outputs/00',
  'uri-hex': 'image://jobs/img-1/outputs/0x0',
  'uri-large': 'image://jobs/img-1/outputs/10000',
  'uri-query': 'image://jobs/img-1/outputs/0?file=/etc/passwd',
  'uri-more': 'image://jobs/img-1/outputs/0/preview',
  'uri-one-slash': 'image:jobs/img-1/outputs/0',
};
const IDS: Readonly<Record<string, string>> = {
  'uri-nul': 'image://jobs/img%001/outputs/0',
  'uri-line': 'image://jobs/img%0A1/outputs/0',
  'uri-long-id': `image://jobs/${'x'.repeat(256)}/outputs/0`,
};

const uri =
  (guard: GuardId) =>
  ([id, url]: [string, string]): HostileCase<GuardId> => ({
    id,
    what: url.length > 80 ? 'an id of 256 characters' : url,
    where: 'image://',
    guard,
    make: () => naming(url),
    code: 'INVALID_ARGUMENT',
  });

export const DATA_CASES: readonly HostileCase<GuardId>[] = [
  ...DATA.map(
    ({ id, what, guard, url, code = 'INVALID_ARGUMENT', says }): HostileCase<GuardId> => ({
      id,
      what: `data: ${what}`,
      where: 'data:',
      guard,
      make: () => naming(url(), id === 'data-broken' ? 'mask_path' : 'image_path'),
      code,
      ...(says ? { says } : {}),
    }),
  ),
  ...Object.entries(URIS).map(uri('image-uri')),
  ...Object.entries(IDS).map(uri('image-uri-id')),
  uri('image-uri-encoding')(['uri-broken-encoding', 'image://jobs/%E0%A4%A/outputs/0']),
];
