import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { JobFailure } from '../../../src/contract/errors.js';
import { ask, lookUp, requestId, retryAfterSeconds, sendOnce, type HttpOutcome, type HttpRequest } from '../../../src/generators/transport.js';

const KEY = 'sk-secret-0123456789abcdef';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** A TCP server; `seen` holds what each connection has received. */
async function tcp(answer: (socket: net.Socket, received: string) => void): Promise<{ port: number; seen: string[] }> {
  const seen: string[] = [];
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    const number = seen.push('') - 1;
    sockets.add(socket);
    socket.on('error', () => undefined).on('data', (chunk: Buffer) => {
      seen[number] += chunk.toString('latin1');
      answer(socket, seen[number] ?? '');
    });
  });
  const port = await listening(server);
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    return closed(server);
  });
  return { port, seen };
}

async function web(handler: http.RequestListener): Promise<{ port: number; requests: http.IncomingMessage[] }> {
  const requests: http.IncomingMessage[] = [];
  const server = http.createServer((request, response) => {
    requests.push(request);
    handler(request, response);
  });
  const port = await listening(server);
  closers.push(() => {
    server.closeAllConnections();
    return closed(server);
  });
  return { port, requests };
}

function listening(server: net.Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}

function closed(server: net.Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

const requestTo = (url: string, changes: Partial<HttpRequest> = {}): HttpRequest => ({
  method: 'POST',
  url: new URL(url),
  headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
  body: Buffer.from('{"prompt":"a fox"}'),
  connectTimeoutSeconds: 5,
  timeoutSeconds: 10,
  ...changes,
});

async function post(url: string, changes: Partial<HttpRequest> = {}): Promise<HttpOutcome> {
  const request = requestTo(url, changes);
  const outcome = await sendOnce(request, await lookUp(request.url, 5));
  expect(JSON.stringify(outcome)).not.toContain(KEY);
  return outcome;
}

describe('not sent', () => {
  it('is said of a refused connection', async () => {
    const server = net.createServer();
    const port = await listening(server);
    await closed(server);
    expect(await post(`http://127.0.0.1:${port}/`)).toMatchObject({ type: 'not_sent', phase: 'connect', detail: expect.stringContaining('ECONNREFUSED') });
  });

  it('is said of an address that does not answer', async () => {
    expect(await post('http://192.0.2.1:9/', { connectTimeoutSeconds: 0.2 })).toMatchObject({ type: 'not_sent', phase: 'connect' });
  });

  it('is said of https at a plain http port', async () => {
    const { port, requests } = await web((_request, response) => response.end());
    expect(await post(`https://127.0.0.1:${port}/`)).toMatchObject({ type: 'not_sent', phase: 'tls', detail: expect.stringContaining('TLS') });
    expect(requests).toEqual([]);
  });

  it('is said of a TLS handshake without an answer, and the body did not leave', async () => {
    const { port, seen } = await tcp(() => undefined);
    expect(await post(`https://127.0.0.1:${port}/`, { connectTimeoutSeconds: 0.3 })).toMatchObject({ type: 'not_sent', phase: 'tls' });
    expect(seen).toHaveLength(1);
    expect(seen.join('')).not.toContain('fox');
  });

  it('is said of a certificate that nobody vouches for', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'certificate-'));
    closers.push(async () => rmSync(folder, { recursive: true }));
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', cert, ...subject], { stdio: 'ignore' });
    let requests = 0;
    const server = https.createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (_request, response) => {
      requests += 1;
      response.end();
    });
    server.on('tlsClientError', () => undefined);
    const port = await listening(server);
    closers.push(() => closed(server));
    expect(await post(`https://127.0.0.1:${port}/`)).toMatchObject({ type: 'not_sent', phase: 'tls', detail: expect.stringContaining('SELF_SIGNED') });
    expect(requests).toBe(0);
  });

  it('is said of a header that cannot be written', async () => {
    const { port, requests } = await web((_request, response) => response.end());
    expect(await post(`http://127.0.0.1:${port}/`, { headers: { authorization: 'Bearer a\nb' } })).toMatchObject({ type: 'not_sent', phase: 'local' });
    expect(requests).toEqual([]);
  });
});

describe('looking up', () => {
  it('fails retryably for a name that does not exist', async () => {
    const failure = await lookUp(new URL('https://nothing.invalid/v1'), 5).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(JobFailure);
    expect(failure).toMatchObject({ code: 'PROVIDER_UNAVAILABLE', retryable: true, billing: 'none', message: expect.stringContaining('nothing.invalid') });
  });

  it('takes an address as it is', async () => {
    expect(await lookUp(new URL('http://[::1]:80/'), 5)).toEqual([{ address: '::1', family: 6 }]);
  });

  it('decides where the request goes, with the next address when one refuses', async () => {
    const { port, requests } = await web((_request, response) => response.end('here'));
    const addresses = [{ address: '127.0.0.2', family: 4 }, { address: '127.0.0.1', family: 4 }];
    const outcome = await sendOnce(requestTo(`http://elsewhere.invalid:${port}/`), addresses);
    expect(outcome).toMatchObject({ type: 'reply', status: 200 });
    expect(requests.map(({ headers }) => headers.host)).toEqual([`elsewhere.invalid:${port}`]);
  });
});

describe('sent and lost', () => {
  it.each<[string, (socket: net.Socket) => void, RegExp]>([
    ['closed without a reply', (socket) => socket.destroy(), /broke|closed/],
    ['reset without a reply', (socket) => socket.resetAndDestroy(), /ECONNRESET/],
    ['answered with something that is not HTTP', (socket) => socket.end('SSH-2.0-OpenSSH_9\r\n\r\n'), /HPE_/],
    ['answered with half a header', (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-'), /broke|HPE_/],
    ['answered with half a body', (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"id":'), /broke/],
    ['answered with half a chunked body', (socket) => socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"id"\r\n'), /broke/],
    ['switched to another protocol', (socket) => socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'), /broke|closed/],
  ])('when it is %s, after exactly one request', async (_name, answer, detail) => {
    const { port, seen } = await tcp((socket, received) => received.endsWith('}') && answer(socket));
    expect(await post(`http://127.0.0.1:${port}/`)).toMatchObject({ type: 'lost', detail: expect.stringMatching(detail) });
    expect(seen.map((received) => received.split('POST / HTTP/1.1').length - 1)).toEqual([1]);
  });

  it('when the server closes as soon as it has accepted', async () => {
    const server = net.createServer((socket) => socket.destroy());
    const port = await listening(server);
    closers.push(() => closed(server));
    expect(await post(`http://127.0.0.1:${port}/`)).toMatchObject({ type: 'lost' });
  });

  it('when no reply comes in time', async () => {
    const { port, seen } = await tcp(() => undefined);
    expect(await post(`http://127.0.0.1:${port}/`, { timeoutSeconds: 0.3 })).toMatchObject({ type: 'lost', detail: expect.stringContaining('0.3 seconds') });
    expect(seen).toHaveLength(1);
  });

  it('when the body trickles beyond the time', async () => {
    const { port } = await tcp((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n');
      const timer = setInterval(() => socket.write(' '), 20);
      socket.on('close', () => clearInterval(timer));
    });
    expect(await post(`http://127.0.0.1:${port}/`, { timeoutSeconds: 0.4 })).toMatchObject({ type: 'lost', status: 200 });
  });

  it('when the reply is larger than the limit', async () => {
    const { port } = await web((_request, response) => response.end('x'.repeat(1001)));
    expect(await post(`http://127.0.0.1:${port}/`, { maxReplyBytes: 1000 })).toMatchObject({ type: 'lost', status: 200, tooLarge: true, detail: expect.stringContaining('larger') });
    expect(await post(`http://127.0.0.1:${port}/`, { maxReplyBytes: 1001 })).toMatchObject({ type: 'reply' });
  });
});

describe('a reply', () => {
  it('carries status, headers and body as they came', async () => {
    const { port, requests } = await web((_request, response) => response.writeHead(422, { 'x-request-id': 'req_1', 'content-encoding': 'gzip' }).end(Buffer.from([0x1f, 0x8b, 0])));
    const outcome = await post(`http://127.0.0.1:${port}/v1/x?version=2`);
    expect(outcome).toMatchObject({ type: 'reply', status: 422, body: Buffer.from([0x1f, 0x8b, 0]), headers: { 'x-request-id': 'req_1' } });
    expect(requests[0]).toMatchObject({ url: '/v1/x?version=2', headers: { 'accept-encoding': 'identity', authorization: `Bearer ${KEY}`, connection: 'close', 'content-length': '18' } });
  });

  it('may be a redirect: it is not followed', async () => {
    const { port, requests } = await web((_request, response) => response.writeHead(307, { location: '/elsewhere' }).end());
    expect(await post(`http://127.0.0.1:${port}/`)).toMatchObject({ type: 'reply', status: 307 });
    expect(requests).toHaveLength(1);
  });

  it('may follow informational ones', async () => {
    const { port } = await web((_request, response) => {
      response.writeEarlyHints({ link: '</a>; rel=preload' });
      response.end('final');
    });
    expect(await post(`http://127.0.0.1:${port}/`)).toMatchObject({ type: 'reply', status: 200, body: Buffer.from('final') });
  });

  it('may come before the body was read', async () => {
    const { port } = await tcp((socket) => void (socket.bytesRead < 70_000 && socket.pause().write('HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno')));
    expect(await post(`http://127.0.0.1:${port}/`, { body: Buffer.alloc(20_000_000) })).toMatchObject({ type: 'reply', status: 413 });
  });

  it('may come late, as long as the socket is open', async () => {
    let arrived: (response: http.ServerResponse) => void;
    const held = new Promise<http.ServerResponse>((resolve) => (arrived = resolve));
    const { port, requests } = await web((_request, response) => arrived(response));
    const pending = post(`http://127.0.0.1:${port}/`);
    (await held).end('late');
    expect(await pending).toMatchObject({ type: 'reply', body: Buffer.from('late') });
    expect(requests).toHaveLength(1);
  });
});

describe('connections', () => {
  const portsOf = async (send: (url: string) => Promise<HttpOutcome>): Promise<number> => {
    const ports = new Set<number | undefined>();
    const { port } = await web((request, response) => {
      ports.add(request.socket.remotePort);
      response.end('ok');
    });
    for (let time = 0; time < 3; time += 1) expect(await send(`http://127.0.0.1:${port}/`)).toMatchObject({ type: 'reply' });
    return ports.size;
  };

  it('are new for each billable request', async () => expect(await portsOf((url) => post(url))).toBe(3));

  it('are kept for questions', async () => {
    expect(await portsOf((url) => ask(requestTo(url, { method: 'GET', body: undefined })))).toBe(1);
  });

  it('that break leave a question unanswered, once', async () => {
    const { port, seen } = await tcp((socket) => socket.destroy());
    expect(await ask(requestTo(`http://127.0.0.1:${port}/`, { method: 'GET', body: undefined }))).toMatchObject({ type: 'lost' });
    expect(seen).toHaveLength(1);
  });

  it('that cannot be made or secured are given up after the connect timeout', async () => {
    const { port } = await tcp(() => undefined);
    const request = requestTo(`https://127.0.0.1:${port}/`, { method: 'GET', body: undefined, connectTimeoutSeconds: 0.2, timeoutSeconds: 60 });
    expect(await ask(request)).toMatchObject({ type: 'lost', detail: expect.stringContaining('connect timeout') });
  });
});

describe('headers of a reply', () => {
  const now = Date.parse('2026-01-05T10:00:00Z');
  it.each<[http.IncomingHttpHeaders, number | undefined]>([
    [{ 'retry-after': '20' }, 20],
    [{ 'retry-after': '1.5' }, 1.5],
    [{ 'retry-after': 'Mon, 05 Jan 2026 10:01:30 GMT' }, 90],
    [{ 'retry-after': 'Mon, 05 Jan 2026 09:00:00 GMT' }, 0],
    [{ 'retry-after': '-5' }, 0],
    [{ 'retry-after': '99999999' }, 86_400],
    [{ 'retry-after': 'soon' }, undefined],
    [{ 'retry-after': 'may 1' }, undefined],
    [{ 'retry-after': '' }, undefined],
    [{}, undefined],
    [{ 'retry-after': '20', 'retry-after-ms': '350' }, 0.35],
    [{ 'retry-after': '20', 'retry-after-ms': 'x' }, 20],
  ])('%j means a delay of %p seconds', (headers, seconds) => expect(retryAfterSeconds(headers, now)).toBe(seconds));

  it('name the request, when it is a name', () => {
    expect(requestId({ 'x-request-id': 'req_0a-1.b' })).toBe('req_0a-1.b');
    expect(requestId({ 'x-request-id': 'a b\u001b[31m' })).toBeUndefined();
  });
});
