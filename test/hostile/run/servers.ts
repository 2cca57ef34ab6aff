import type { IncomingMessage, ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { CAT } from './place.js';

/** How the sites of the network answer, by path. */

type Answer = (response: ServerResponse, query: URLSearchParams) => void;

/** Says it again every few milliseconds, until nobody listens. */
function drip(response: ServerResponse, text: string): void {
  const { socket } = response;
  const timer = setInterval(() => (socket?.destroyed === false ? socket.write(text) : clearInterval(timer)), 20);
}

/** Writes bytes of its own in place of an answer. */
function raw(response: ServerResponse, text: string): void {
  response.socket?.write(text);
}

const LARGE = 30 * 1024 * 1024;

const ANSWERS: Readonly<Record<string, Answer>> = {
  '/picture': (response) => response.end(CAT),
  '/page-as-picture': (response) => response.writeHead(200, { 'content-type': 'image/png' }).end('<!doctype html><script>1</script>'),
  '/to': (response, query) => response.writeHead(Number(query.get('status') ?? 302), { location: query.get('url') ?? '' }).end('moved'),
  '/hops': (response, query) => {
    const left = Number(query.get('left'));
    response.writeHead(302, { location: left === 0 ? '/picture' : `/hops?left=${left - 1}` }).end();
  },
  '/loop': (response) => response.writeHead(302, { location: '/loop' }).end(),
  '/nowhere': (response) => response.writeHead(302).end(CAT),
  '/status': (response, query) => response.writeHead(Number(query.get('code'))).end(CAT),
  '/slow': (response) => {
    response.writeHead(200, { 'content-length': LARGE / 2 }).flushHeaders();
    response.write(CAT);
    drip(response, 'x');
  },
  '/whole-and-stalled': (response) => {
    raw(response, 'HTTP/1.1 200 OK\r\n\r\n');
    response.socket?.write(CAT);
  },
  '/cut': (response) => {
    raw(response, 'HTTP/1.1 200 OK\r\n\r\n');
    response.socket?.write(CAT, () => setTimeout(() => response.socket?.resetAndDestroy(), 50));
  },
  '/silent': () => undefined,
  '/slow-headers': (response) => {
    raw(response, 'HTTP/1.1 200 OK\r\n');
    drip(response, 'x: y\r\n');
  },
  '/hints': (response) => drip(response, 'HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n'),
  '/large-headers': (response) => raw(response, `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`),
  '/switch': (response) => raw(response, 'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n'),
  '/two-lengths': (response) => raw(response, 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'),
  '/endless': (response) => {
    response.writeHead(200);
    const chunk = Buffer.concat([CAT, Buffer.alloc(1024 * 1024)]);
    let left = LARGE;
    const more = (): void => {
      while (left > 0 && !response.destroyed && response.write(chunk)) left -= chunk.length;
      if (left <= 0) response.end();
    };
    response.on('drain', more);
    more();
  },
  '/long': (response) => {
    response.writeHead(200, { 'content-length': LARGE });
    response.end(Buffer.concat([CAT, Buffer.alloc(LARGE - CAT.length)]));
  },
  '/claims-to-be-long': (response) => response.writeHead(200, { 'content-length': 10 ** 12 }).write(CAT),
  '/less-than-said': (response) => {
    response.writeHead(200, { 'content-length': 1000 });
    response.write(CAT, () => response.destroy());
  },
  '/compressed': (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(CAT),
  '/bomb': (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(LARGE))),
};

export function answer(request: IncomingMessage, response: ServerResponse): void {
  request.socket.on('error', () => undefined);
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://x');
  (ANSWERS[pathname] ?? ((none: ServerResponse) => none.writeHead(404).end()))(response, searchParams);
}
