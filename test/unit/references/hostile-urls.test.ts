import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import * as http from 'node:http';
import * as https from 'node:https';
import { createServer, type Server } from 'node:net';
import { afterAll, beforeEach, describe, expect, it } from '@jest/globals';
import { isPublicAddress } from '../../../src/references/addresses.js';
import { fetchReference, type FetchOptions } from '../../../src/references/guarded-fetch.js';
import { png } from '../../support/hostile-images.js';

/** `pictures.test` plays the public server: 127.0.0.1, which these tests declare allowed. `inside.test` plays the private network. */
const NAMES: Record<string, string[]> = {
  'pictures.test': ['127.0.0.1'],
  'inside.test': ['127.0.0.2'],
  'none.test': [],
};
const picture = png({ width: 4, height: 4 });
const MAX = 100_000;

const pem = execFileSync(
  'openssl',
  ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=pictures.test',
    '-addext', 'subjectAltName=DNS:pictures.test,DNS:turning.test',
    '-keyout', '-', '-out', '-'],
  { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
);

let requests: { url?: string; headers: http.IncomingHttpHeaders; localAddress?: string }[] = [];
let closed: Promise<unknown> = Promise.resolve();
beforeEach(() => {
  requests = [];
});

const answers: Record<string, (response: http.ServerResponse, query: URLSearchParams) => void> = {
  '/picture': (response) => response.end(picture),
  '/to': (response, query) => response.writeHead(302, { location: query.get('url') ?? '' }).end('moved'),
  '/hops': (response, query) => {
    const left = Number(query.get('left'));
    response.writeHead(302, { location: left === 0 ? '/picture' : `/hops?left=${left - 1}` }).end();
  },
  '/loop': (response) => response.writeHead(302, { location: '/loop' }).end(),
  '/nowhere': (response) => response.writeHead(302).end(),
  '/slow': (response) => {
    response.writeHead(200);
    const drip = setInterval(() => response.write('x'), 20);
    closed = once(response, 'close').then(() => clearInterval(drip));
  },
  '/silent': (response) => {
    closed = once(response, 'close');
  },
  '/endless': (response) => {
    response.writeHead(200);
    const chunk = Buffer.alloc(16_384);
    const more = (): void => {
      while (!response.destroyed && response.write(chunk));
    };
    response.on('drain', more);
    closed = once(response, 'close');
    more();
  },
  '/less-than-said': (response) => {
    response.writeHead(200, { 'content-length': 1000 });
    response.write('x', () => response.destroy());
  },
  '/more-than-said': (response) => {
    response.writeHead(200, { 'content-length': 5 });
    response.write(picture);
    response.end();
  },
  '/compressed': (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(picture),
  '/status': (response, query) => response.writeHead(Number(query.get('code'))).end('no'),
};

function answer(request: http.IncomingMessage, response: http.ServerResponse): void {
  requests.push({ url: request.url, headers: request.headers, localAddress: request.socket.localAddress });
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://x');
  (answers[pathname] ?? ((r: http.ServerResponse) => r.writeHead(404).end()))(response, searchParams);
}

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

const servers = [https.createServer({ key: pem, cert: pem }, answer), http.createServer(answer), createServer(() => undefined)] as const;
const [secure, plain, mute] = servers;
const port = await listening(secure);
const plainPort = await listening(plain);
const mutePort = await listening(mute);
afterAll(() => {
  for (const server of [secure, plain]) {
    server.closeAllConnections();
    server.close();
  }
  mute.close();
});

function resolve(hostname: string): Promise<{ address: string; family: number }[]> {
  const addresses = NAMES[hostname];
  if (!addresses) return Promise.reject(Object.assign(new Error('not found'), { code: 'ENOTFOUND' }));
  return Promise.resolve(addresses.map((address) => ({ address, family: 4 })));
}

const options: FetchOptions = {
  maxBytes: MAX,
  timeoutSeconds: 20,
  connectTimeoutSeconds: 10,
  allowPrivate: false,
  isAllowedAddress: (address) => address === '127.0.0.1',
  resolve,
  ca: pem,
};

const site = `https://pictures.test:${port}`;
const to = (url: string): string => `${site}/to?url=${encodeURIComponent(url)}`;

interface Row {
  what: string;
  url: string;
  retryable: boolean;
}

/** What is refused stands in test/hostile; here is what becomes of it afterwards. */
const rows: Row[] = [
  { what: 'a redirect loop', url: `${site}/loop`, retryable: false },
  { what: 'six redirects', url: `${site}/hops?left=5`, retryable: false },
  { what: 'a redirect without a target', url: `${site}/nowhere`, retryable: false },
  { what: 'a missing picture', url: `${site}/status?code=404`, retryable: false },
  { what: 'a forbidden picture', url: `${site}/status?code=403`, retryable: false },
  { what: 'an empty answer', url: `${site}/status?code=204`, retryable: false },
  { what: 'a busy server', url: `${site}/status?code=429`, retryable: true },
  { what: 'a broken server', url: `${site}/status?code=503`, retryable: true },
  { what: 'a compressed answer', url: `${site}/compressed`, retryable: false },
  { what: 'a body shorter than its length', url: `${site}/less-than-said`, retryable: true },
  { what: 'a name that does not exist', url: 'https://unknown.test/', retryable: false },
  { what: 'a name without addresses', url: 'https://none.test/', retryable: false },
  { what: 'a closed port', url: 'https://pictures.test:1/', retryable: true },
  { what: 'a server without TLS', url: `https://pictures.test:${plainPort}/picture`, retryable: false },
];

describe('URLs', () => {
  it.each(rows)('of $what: worth another try: $retryable', async ({ url, retryable }) => {
    await expect(fetchReference(url, options)).rejects.toMatchObject({ code: 'REFERENCE_UNREADABLE', retryable });
  });

  it('are refused by the ordinary rules as well, loopback names included', async () => {
    const { isAllowedAddress: _, resolve: __, ...ordinary } = options;
    for (const host of ['127.0.0.1', 'localhost', 'LOCALHOST.', 'a.localhost', '[::1]']) {
      await expect(fetchReference(`https://${host}:${port}/picture`, ordinary)).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    }
    const resolvesToLoopback = { ...ordinary, resolve };
    await expect(fetchReference(`${site}/picture`, resolvesToLoopback)).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    expect(requests).toHaveLength(0);
  });

  it('of a slow body end at the deadline, with the connection closed', async () => {
    await expect(fetchReference(`${site}/slow`, { ...options, timeoutSeconds: 0.5 })).rejects.toMatchObject({ code: 'REFERENCE_UNREADABLE', retryable: true });
    await closed;
  });

  it('of a server that never answers end at the deadline', async () => {
    await expect(fetchReference(`${site}/silent`, { ...options, timeoutSeconds: 0.5 })).rejects.toMatchObject({ code: 'REFERENCE_UNREADABLE', retryable: true });
    await closed;
  });

  it('of a server that never finishes TLS end at the connect timeout', async () => {
    await expect(fetchReference(`https://pictures.test:${mutePort}/`, { ...options, connectTimeoutSeconds: 0.3 })).rejects.toMatchObject({
      code: 'REFERENCE_UNREADABLE',
      message: expect.stringContaining('no connection within 0.3 seconds'),
    });
  });

  it('of an endless body leave no connection behind', async () => {
    await expect(fetchReference(`${site}/endless`, options)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
    await closed;
  });

  it('with more body than announced give no more than announced', async () => {
    const fetched = await fetchReference(`${site}/more-than-said`, options).catch(() => Buffer.alloc(0));
    expect(fetched.length).toBeLessThanOrEqual(5);
  });

  it('say nothing of addresses inside, nor of a query that may be a signature', async () => {
    const failure = fetchReference(`https://inside.test:${port}/picture?signature=s3cret`, options);
    await expect(failure).rejects.toMatchObject({ message: expect.not.stringMatching(/127\.0\.0\.2|s3cret/) });
  });
});

describe('a name that changes its mind', () => {
  /** Answers the given addresses one after the other, and counts. */
  function turning(...addresses: string[]): { calls: () => number; options: FetchOptions } {
    let calls = 0;
    return {
      calls: () => calls,
      options: {
        ...options,
        resolve: () => Promise.resolve([{ address: addresses[calls++] ?? '127.0.0.2', family: 4 }]),
      },
    };
  }

  it('is asked once a connection, and the connection goes to that answer', async () => {
    const name = turning('127.0.0.1', '127.0.0.2');
    await expect(fetchReference(`https://turning.test:${port}/picture`, name.options)).resolves.toEqual(picture);
    expect(name.calls()).toBe(1);
    expect(requests[0]?.localAddress).toBe('127.0.0.1');
  });

  it('is refused when a redirect asks again and gets an address inside', async () => {
    const name = turning('127.0.0.1', '127.0.0.2');
    const url = `https://turning.test:${port}/to?url=/picture`;
    await expect(fetchReference(url, name.options)).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    expect(name.calls()).toBe(2);
    expect(requests).toHaveLength(1);
  });
});

describe('a picture behind a URL', () => {
  it('is fetched, over up to five redirects', async () => {
    await expect(fetchReference(`${site}/picture`, options)).resolves.toEqual(picture);
    await expect(fetchReference(`${site}/hops?left=4`, options)).resolves.toEqual(picture);
  });

  it('is asked for without cookies, credentials or compression', async () => {
    await fetchReference(to(`${site}/picture`), options);
    const { headers } = requests[1] ?? { headers: {} };
    expect(Object.keys(headers).toSorted()).toEqual(['accept', 'accept-encoding', 'connection', 'host', 'user-agent']);
    expect(headers['accept-encoding']).toBe('identity');
  });

  it('is fetched by http and from private addresses when that is allowed', async () => {
    await expect(fetchReference(`http://127.0.0.1:${plainPort}/picture`, { ...options, allowPrivate: true })).resolves.toEqual(picture);
  });

  it('is refused when https becomes http, even when private addresses are allowed', async () => {
    await expect(fetchReference(to(`http://127.0.0.1:${plainPort}/picture`), { ...options, allowPrivate: true })).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    expect(requests).toHaveLength(1);
  });
});

describe('public addresses', () => {
  it.each([
    ['9.255.255.255', '10.0.0.0'],
    ['11.0.0.0', '10.255.255.255'],
    ['100.63.255.255', '100.64.0.0'],
    ['100.128.0.0', '100.127.255.255'],
    ['126.255.255.255', '127.0.0.0'],
    ['128.0.0.0', '127.255.255.255'],
    ['169.253.255.255', '169.254.0.0'],
    ['169.255.0.0', '169.254.255.255'],
    ['172.15.255.255', '172.16.0.0'],
    ['172.32.0.0', '172.31.255.255'],
    ['192.167.255.255', '192.168.0.0'],
    ['192.169.0.0', '192.168.255.255'],
    ['198.17.255.255', '198.18.0.0'],
    ['198.20.0.0', '198.19.255.255'],
    ['1.0.0.0', '0.255.255.255'],
    ['223.255.255.255', '224.0.0.0'],
    ['2606:4700::1111', 'fc00::1'],
    ['2a00:1450::1', 'fdff::1'],
    ['2620:fe::fe', 'fe80::1%lo'],
    ['::ffff:8.8.8.8', '::ffff:10.0.0.1'],
    ['64:ff9b::808:808', '64:ff9b::a00:1'],
    ['2001:4860:4860::8888', '64:ff9b:1::808:808'],
    ['2400:cb00::1', '2002:808:808::'],
    ['2003::1', '2001:0:808:808::'],
    ['2a01::1', '::808:808'],
    ['2c0f::1', '4000::1'],
    ['3ffe::1', '2001:db8::1'],
  ])('%s is one, %s is not', (open, closedOne) => {
    expect(isPublicAddress(open)).toBe(true);
    expect(isPublicAddress(closedOne)).toBe(false);
  });

  it('are addresses', () => {
    for (const text of ['', 'example.com', '127.1', '0x7f000001', '8.8.8.8/8']) expect(isPublicAddress(text)).toBe(false);
  });
});
