import type { Guard } from '../case.js';

const ADDRESSES = 'references/addresses.ts';
const URLS = 'references/reference-url.ts';
const FETCH = 'references/guarded-fetch.ts';

/** Guards of what is fetched: addresses, redirects, servers. */
export const NETWORK_GUARDS = [
  {
    id: 'public-v4',
    what: 'only public IPv4 addresses are connected to',
    off: [{ file: ADDRESSES, find: "return address.range() === 'unicast';", replace: "return address.range() !== 'none';" }],
  },
  {
    id: 'public-v6',
    what: 'only public IPv6 addresses are connected to',
    off: [{ file: ADDRESSES, find: 'default:\n      return false;', replace: 'default:\n      return true;' }],
  },
  {
    id: 'unassigned-v6',
    what: 'unassigned IPv6 addresses are not public',
    off: [{ file: ADDRESSES, find: 'return (parsed.parts[0] ?? 0) >> 13 === 1;', replace: 'return true;' }],
  },
  {
    id: 'mapped-v4',
    what: 'an IPv4 address in an IPv6 one counts as what it is',
    off: [{ file: ADDRESSES, find: 'return isPublicV4(parsed.toIPv4Address());', replace: 'return true;' }],
  },
  {
    id: 'nat64-v4',
    what: 'the address behind a translating network must be public',
    off: [{ file: ADDRESSES, find: 'parsed.parts[2] === 0 && isPublicV4(', replace: 'parsed.parts[2] === 0 || isPublicV4(' }],
  },
  {
    id: 'nat64-local',
    what: 'the translating network must be the well-known one',
    off: [{ file: ADDRESSES, find: 'return parsed.parts[2] === 0 && isPublicV4(', replace: 'return isPublicV4(' }],
  },
  {
    id: 'literal-address',
    what: 'an address in the URL itself is checked',
    off: [{ file: URLS, find: '(isIP(host) !== 0 && !mayConnect(host, rules))', replace: 'false' }],
  },
  {
    id: 'loopback-name',
    what: 'names of this machine are refused without a look-up',
    off: [{ file: URLS, find: 'if (isLoopbackName || ', replace: 'if (' }],
  },
  {
    id: 'looked-up-address',
    what: 'the addresses of a name are checked',
    off: [{ file: FETCH, find: 'if (![first, ...others].every(({ address }) => mayConnect(address, options))) throw deniedAddress(url);', replace: '' }],
  },
  {
    id: 'every-address',
    what: 'all addresses of a name must be public',
    off: [{ file: FETCH, find: '[first, ...others].every(', replace: '[first, ...others].some(' }],
  },
  {
    id: 'one-look-up',
    what: 'the connection goes to the address that was checked',
    off: [{ file: FETCH, find: 'return [first, ...others];', replace: 'return resolve(hostname);' }],
  },
  {
    id: 'url-is-one',
    what: 'what is no URL is refused',
    off: [{ file: URLS, find: 'url = new URL(given);', replace: "url = new URL(URL.canParse(given) ? given : 'https://pictures.test/picture');" }],
  },
  {
    id: 'https-only',
    what: 'references are fetched by https only',
    off: [{ file: URLS, find: "if (url.protocol !== 'https:' && !(url.protocol === 'http:' && rules.allowPrivate)) {", replace: 'if (false) {' }],
  },
  {
    id: 'no-credentials',
    what: 'a URL carries no credentials',
    off: [{ file: URLS, find: "if (url.username !== '' || url.password !== '') {", replace: 'if (false) {' }],
  },
  {
    id: 'no-downgrade',
    what: 'https does not become http, where http is allowed too',
    off: [{ file: FETCH, find: "if (from.protocol === 'https:' && url.protocol !== 'https:') {", replace: 'if (false) {' }],
  },
  {
    id: 'redirects-checked',
    what: 'the target of a redirect is checked like the first URL',
    off: [
      { file: FETCH, find: 'const url = checkReferenceUrl(base, options);', replace: 'const url = new URL(base);' },
      { file: FETCH, find: "if (from.protocol === 'https:' && url.protocol !== 'https:') {", replace: 'if (false) {' },
    ],
  },
  {
    id: 'few-redirects',
    what: 'five redirects are followed',
    off: [{ file: FETCH, find: 'const MAX_REDIRECTS = 5;', replace: 'const MAX_REDIRECTS = 500;' }],
  },
  {
    id: 'only-200',
    what: 'only a 200 has a picture',
    off: [{ file: FETCH, find: 'if (statusCode !== 200) {', replace: 'if (false) {' }],
  },
  {
    id: 'not-compressed',
    what: 'a compressed body is refused',
    off: [{ file: FETCH, find: "if (encoding.toLowerCase() !== 'identity') {", replace: 'if (false) {' }],
  },
  {
    id: 'announced-length',
    what: 'a length beyond the limit is refused before it is read',
    off: [{ file: FETCH, find: "refuseTooManyBytes(Number(headers['content-length'] ?? 0), maxBytes);", replace: '' }],
  },
  {
    id: 'read-length',
    what: 'no more is read than the limit',
    off: [
      { file: FETCH, find: 'refuseTooManyBytes(size, maxBytes);', replace: '' },
      { file: FETCH, find: "refuseTooManyBytes(Number(headers['content-length'] ?? 0), maxBytes);", replace: '' },
      { file: 'references/inspect.ts', find: 'refuseTooManyBytes(bytes.length, limits.bytes);', replace: '' },
    ],
  },
  {
    id: 'whole-body',
    what: 'a body that was cut is not taken for a whole one',
    off: [{ file: FETCH, find: "request.once('error', (error) => response.destroy(error));", replace: '' }],
  },
  {
    id: 'deadline',
    what: 'a download ends in time',
    off: [{ file: FETCH, find: 'signal: deadline,', replace: '' }],
  },
  {
    id: 'connect-timeout',
    what: 'a connection is there in time',
    off: [
      { file: FETCH, find: 'options.connectTimeoutSeconds * 1000);', replace: '2 ** 30);' },
      { file: FETCH, find: 'signal: deadline,', replace: '' },
    ],
  },
  {
    id: 'answer-or-end',
    what: 'a connection that ends without an answer is a refusal',
    off: [{ file: FETCH, find: 'reject(unreadable(`${shownUrl(url)} closed the connection without an answer.`, true));', replace: '' }],
  },
  {
    id: 'tls-verified',
    what: 'the site must show a certificate of its name by a known authority',
    off: [{ file: FETCH, find: 'rejectUnauthorized: true', replace: 'rejectUnauthorized: false' }],
  },
  {
    id: 'failures-are-ours',
    what: 'faults of the network are told as refusals',
    keepsFaults: true,
    off: [{ file: FETCH, find: 'throw failureOf(error, url, deadline.aborted, options);', replace: 'throw error;' }],
  },
  {
    id: 'has-an-address',
    what: 'a name without an address is refused',
    off: [{ file: FETCH, find: 'if (!first) throw unreadable(`${shownUrl(url)} has no address.`, false);', replace: "if (!first) return [{ address: '93.184.215.14', family: 4 }];" }],
  },
] as const satisfies readonly Guard[];
