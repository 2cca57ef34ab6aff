import type { ErrorCode } from '../../../src/contract/errors.js';
import type { HostileCase } from '../case.js';
import type { GuardId } from '../guards/index.js';
import { redirectTo } from './urls.js';

/** Redirects and servers; the sites are those of run/network.ts, their answers those of run/servers.ts. */

interface Row {
  id: string;
  what: string;
  guard: GuardId;
  url: string;
  code?: ErrorCode;
  says?: RegExp;
  allowPrivate?: true;
  /** Addresses that may be connected to; where it matters. */
  connects?: number;
}

const INSIDE = 'https://inside.test/picture';
const site = (path: string): string => `https://pictures.test${path}`;

const REDIRECTS: readonly Row[] = [
  { id: 'redirect-301', what: 'a 301 to the inside', guard: 'looked-up-address', url: redirectTo(INSIDE, 301), connects: 1 },
  { id: 'redirect-307', what: 'a 307 to the inside', guard: 'looked-up-address', url: redirectTo(INSIDE, 307), connects: 1 },
  { id: 'redirect-308', what: 'a 308 to the inside', guard: 'looked-up-address', url: redirectTo(INSIDE, 308), connects: 1 },
  { id: 'redirect-second-hop', what: 'the second hop leads inside', guard: 'looked-up-address', url: redirectTo(redirectTo(INSIDE)), connects: 2 },
  { id: 'redirect-scheme-relative', what: 'a target without scheme: //inside', guard: 'looked-up-address', url: redirectTo('//inside.test/picture'), connects: 1 },
  { id: 'redirect-backslashes', what: 'a target with backslashes', guard: 'looked-up-address', url: redirectTo('\\\\inside.test\\picture'), connects: 1 },
  { id: 'redirect-tab-in-name', what: 'a tab in the name of the target', guard: 'looked-up-address', url: redirectTo('https://in\tside.test/picture'), connects: 1 },
  { id: 'redirect-other-port', what: 'a port before which a name stands', guard: 'looked-up-address', url: redirectTo('https://inside.test:22/picture'), connects: 1 },
  { id: 'redirect-fragment', what: 'a public name after the #', guard: 'looked-up-address', url: redirectTo('https://inside.test#@pictures.test/picture'), connects: 1 },
  { id: 'redirect-full-width-name', what: 'the name in full-width letters', guard: 'looked-up-address', url: redirectTo('https://ｉｎｓｉｄｅ.test/picture'), connects: 1 },
  { id: 'redirect-user', what: 'a name and a port before the true one', guard: 'no-credentials', url: redirectTo('https://pictures.test:443@turning.test/picture') },
  { id: 'redirect-password', what: 'a user and a password', guard: 'no-credentials', url: redirectTo('https://me:secret@pictures.test/picture') },
  { id: 'redirect-file', what: 'file:', guard: 'redirects-checked', url: redirectTo('file:///etc/passwd') },
  { id: 'redirect-data', what: 'data:', guard: 'redirects-checked', url: redirectTo('data:image/png;base64,AAAA') },
  { id: 'redirect-ftp', what: 'ftp:', guard: 'redirects-checked', url: redirectTo('ftp://pictures.test/picture') },
  { id: 'redirect-javascript', what: 'javascript:', guard: 'redirects-checked', url: redirectTo('javascript:alert(1)') },
  { id: 'redirect-http', what: 'http: instead of https:', guard: 'redirects-checked', url: redirectTo('http://plain.test/picture') },
  { id: 'downgrade-where-http-is-allowed', what: 'from https to http where both are allowed', guard: 'no-downgrade', url: redirectTo('http://plain.test/picture'), allowPrivate: true },
  { id: 'redirect-no-url', what: 'a target that is no URL', guard: 'url-is-one', url: redirectTo('https://'), code: 'INVALID_ARGUMENT' },
  { id: 'redirect-loop', what: 'a loop', guard: 'few-redirects', url: site('/loop'), code: 'REFERENCE_UNREADABLE', says: /more than 5 times/ },
  { id: 'redirect-six', what: 'six redirects', guard: 'few-redirects', url: site('/hops?left=5'), code: 'REFERENCE_UNREADABLE' },
  { id: 'redirect-nowhere', what: 'a redirect without target, with a picture as its body', guard: 'only-200', url: site('/nowhere'), code: 'REFERENCE_UNREADABLE' },
];

const SERVERS: readonly Row[] = [
  { id: 'plain-http', what: 'http', guard: 'https-only', url: 'http://plain.test/picture' },
  { id: 'user-of-a-url', what: 'a password in the URL', guard: 'no-credentials', url: 'https://me:secret@pictures.test/picture' },
  { id: 'status-404', what: 'a picture in a 404', guard: 'only-200', url: site('/status?code=404'), code: 'REFERENCE_UNREADABLE' },
  { id: 'status-206', what: 'a part of a picture', guard: 'only-200', url: site('/status?code=206'), code: 'REFERENCE_UNREADABLE' },
  { id: 'status-503', what: 'a picture in a 503', guard: 'only-200', url: site('/status?code=503'), code: 'REFERENCE_UNREADABLE' },
  { id: 'type-lies', what: 'a page that says that it is a PNG', guard: 'known-format', url: site('/page-as-picture'), code: 'UNSUPPORTED_IMAGE' },
  { id: 'slow-body', what: 'a body of a byte now and then', guard: 'deadline', url: site('/slow'), code: 'REFERENCE_UNREADABLE' },
  { id: 'silent-server', what: 'a server that never answers', guard: 'deadline', url: site('/silent'), code: 'REFERENCE_UNREADABLE' },
  { id: 'slow-headers', what: 'headers without an end', guard: 'deadline', url: site('/slow-headers'), code: 'REFERENCE_UNREADABLE' },
  { id: 'endless-hints', what: 'early hints without an end', guard: 'deadline', url: site('/hints'), code: 'REFERENCE_UNREADABLE' },
  { id: 'stalled-body', what: 'a body without a length that never ends, given up at the deadline', guard: 'whole-body', url: site('/whole-and-stalled'), code: 'REFERENCE_UNREADABLE' },
  { id: 'cut-body', what: 'a body without a length whose connection is reset', guard: 'whole-body', url: 'http://plain.test/cut', allowPrivate: true, code: 'REFERENCE_UNREADABLE' },
  { id: 'less-than-said', what: 'a body shorter than its length', guard: 'failures-are-ours', url: site('/less-than-said'), code: 'REFERENCE_UNREADABLE' },
  { id: 'large-headers', what: 'headers of 100 kB', guard: 'failures-are-ours', url: site('/large-headers'), code: 'REFERENCE_UNREADABLE' },
  { id: 'two-lengths', what: 'a length and chunks at once', guard: 'failures-are-ours', url: site('/two-lengths'), code: 'REFERENCE_UNREADABLE' },
  { id: 'no-tls', what: 'a server without TLS', guard: 'failures-are-ours', url: 'https://plain.test/picture', code: 'REFERENCE_UNREADABLE' },
  { id: 'unknown-name', what: 'a name that does not exist', guard: 'failures-are-ours', url: 'https://unknown.test/picture', code: 'REFERENCE_UNREADABLE' },
  { id: 'name-without-address', what: 'a name without an address', guard: 'has-an-address', url: 'https://none.test/picture', code: 'REFERENCE_UNREADABLE' },
  { id: 'switch-of-protocols', what: 'a switch to another protocol in place of an answer', guard: 'answer-or-end', url: site('/switch'), code: 'REFERENCE_UNREADABLE' },
  { id: 'mute-tls', what: 'a server that never finishes TLS', guard: 'connect-timeout', url: 'https://mute.test/picture', code: 'REFERENCE_UNREADABLE', says: /no connection within 1 seconds/ },
  { id: 'endless-body', what: 'a body without a length beyond the limit', guard: 'read-length', url: site('/endless'), code: 'LIMIT_EXCEEDED' },
  { id: 'long-body', what: 'a body of 30 MB that says so', guard: 'read-length', url: site('/long'), code: 'LIMIT_EXCEEDED' },
  { id: 'claims-to-be-long', what: 'a length of a terabyte, of which little comes', guard: 'announced-length', url: site('/claims-to-be-long'), code: 'LIMIT_EXCEEDED' },
  { id: 'says-compressed', what: 'a picture that says that it is compressed', guard: 'not-compressed', url: site('/compressed'), code: 'REFERENCE_UNREADABLE' },
  { id: 'compressed-bomb', what: 'a compressed bomb', guard: 'not-compressed', url: site('/bomb'), code: 'REFERENCE_UNREADABLE' },
  { id: 'self-signed', what: 'a certificate that nobody vouches for', guard: 'tls-verified', url: 'https://untrusted.test/picture', code: 'REFERENCE_UNREADABLE' },
  { id: 'certificate-of-another', what: 'the certificate of another name', guard: 'tls-verified', url: 'https://misnamed.test/picture', code: 'REFERENCE_UNREADABLE' },
];

/** At the call's own look, before a job is started. */
const IN_THE_CALL: readonly Row[] = [
  { id: 'call-http', what: 'http', guard: 'https-only', url: 'http://example.com/cat.png' },
  { id: 'call-password', what: 'a password', guard: 'no-credentials', url: 'https://me:secret@example.com/cat.png' },
  { id: 'call-no-host', what: 'no host', guard: 'url-is-one', url: 'https://', code: 'INVALID_ARGUMENT' },
  { id: 'call-zone', what: 'a link-local address with a zone', guard: 'url-is-one', url: 'https://[fe80::1%25eth0]/cat.png', code: 'INVALID_ARGUMENT' },
  { id: 'call-port-too-large', what: 'a port above 65535', guard: 'url-is-one', url: 'https://example.com:99999/cat.png', code: 'INVALID_ARGUMENT' },
  { id: 'call-ftp', what: 'ftp', guard: 'known-schemes', url: 'ftp://example.com/cat.png', code: 'INVALID_ARGUMENT' },
  { id: 'call-bucket', what: 's3', guard: 'known-schemes', url: 's3://bucket/cat.png', code: 'INVALID_ARGUMENT' },
  { id: 'call-gopher', what: 'gopher', guard: 'known-schemes', url: 'gopher://example.com/cat.png', code: 'INVALID_ARGUMENT' },
];

const download = ({ id, what, guard, url, code = 'PERMISSION_DENIED', says, allowPrivate, connects }: Row): HostileCase<GuardId> => ({
  id,
  what,
  where: 'https://',
  guard,
  make: () => ({ door: 'download', url, ...(allowPrivate ? { allowPrivate } : {}) }),
  code,
  ...(says ? { says } : {}),
  ...(connects === undefined
    ? {}
    : { look: ({ connections }) => (connections.length === connects ? undefined : `connected to ${connections.join(', ')}`) }),
});

export const DOWNLOAD_CASES: readonly HostileCase<GuardId>[] = [
  ...REDIRECTS.map(download),
  ...SERVERS.map(download),
  ...IN_THE_CALL.map(
    ({ id, what, guard, url, code = 'PERMISSION_DENIED' }): HostileCase<GuardId> => ({
      id,
      what: `${what} in a call`,
      where: 'image_path',
      guard,
      make: () => ({ door: 'call', args: { image_path: url } }),
      code,
    }),
  ),
];
