import { lookup, type LookupAddress } from 'node:dns';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';
import { JobFailure } from '../contract/errors.js';

/**
 * One HTTP request and what certainly became of it. Every convenience client resends a billable POST by itself, so this
 * is node:http alone: no retry, no redirect, no decompression. For the billable request the connection is made first and
 * the request is created only on a connected (and, for https, verified) socket: "not sent" is then proven by
 * construction, and everything after that point which brings no complete reply is "lost".
 */

export interface HttpRequest {
  method: 'GET' | 'POST' | 'PUT';
  url: URL;
  headers: Readonly<Record<string, string>>;
  body?: Buffer;
  /** Until the socket is connected and secure. */
  connectTimeoutSeconds: number;
  /** The whole exchange, connecting included; the socket stays open until then. */
  timeoutSeconds: number;
  /** Largest reply body that is read; default MAX_REPLY_BYTES. */
  maxReplyBytes?: number;
}

export interface HttpReply {
  type: 'reply';
  status: number;
  headers: http.IncomingHttpHeaders;
  body: Buffer;
}

/** No byte of the request can have left. */
export interface NotSent {
  type: 'not_sent';
  phase: 'name' | 'connect' | 'tls' | 'local';
  /** What happened, without secrets, to stand after "because". */
  detail: string;
  /** There was no answer in time; absent where something refused or broke. */
  timedOut?: true;
}

/** Bytes may have left and no complete reply came. */
export interface Lost {
  type: 'lost';
  detail: string;
  /** As with NotSent. */
  timedOut?: true;
  /** The status, when only the body was lost. */
  status?: number;
  /** It was cut off for its size: asking again would bring the same. */
  tooLarge?: true;
}

export type HttpOutcome = HttpReply | NotSent | Lost;

/** A 20 MB picture in base64 is 27 MB; a few of them in one reply still fit. */
export const MAX_REPLY_BYTES = 64 * 1024 * 1024;

const MAX_TIMER_MS = 2_147_483_647;
const TCP_KEEP_ALIVE_MS = 30_000;
/** One address of a host with several gets this long before the next is tried as well; slow but alive hosts must fit in. */
const ADDRESS_ATTEMPT_MS = 1_000;

const connectTimeout = new Error('connect timeout');

const keptAlive = {
  http: new http.Agent({ keepAlive: true, maxFreeSockets: 32 }),
  https: new https.Agent({ keepAlive: true, maxFreeSockets: 32 }),
};

/**
 * The addresses of a URL's host. Done before an attempt record exists, so that a name that does not resolve costs nothing.
 * Throws JobFailure PROVIDER_UNAVAILABLE, or PROVIDER_TIMEOUT without an answer in time (retryable, nothing billed).
 */
export async function lookUp(url: URL, timeoutSeconds: number): Promise<LookupAddress[]> {
  const host = hostOf(url);
  const family = net.isIP(host);
  if (family !== 0) return [{ address: host, family }];
  let timedOut = false;
  const found = await new Promise<LookupAddress[] | string>((resolve) => {
    const timer = setTimeout(() => {
      timedOut = true;
      resolve(`no answer within ${timeoutSeconds} seconds`);
    }, milliseconds(timeoutSeconds));
    lookup(host, { all: true }, (error, addresses) => {
      clearTimeout(timer);
      resolve(error === null ? addresses : codeOf(error));
    });
  });
  if (typeof found !== 'string' && found.length > 0) return found;
  throw new JobFailure({
    code: timedOut ? 'PROVIDER_TIMEOUT' : 'PROVIDER_UNAVAILABLE',
    message: `The name ${host} cannot be looked up (${typeof found === 'string' ? found : 'no address'}); nothing was sent.`,
    nextStep: 'Check the network and the base URL; it is tried again.',
    retryable: true,
    billing: 'none',
  });
}

/** Sends exactly one request over a connection of its own, to `addresses` of its host. Never rejects. */
export async function sendOnce(request: HttpRequest, addresses: readonly LookupAddress[]): Promise<HttpOutcome> {
  const deadline = Date.now() + milliseconds(request.timeoutSeconds);
  const connected = await connect(request, addresses);
  if (connected.type === 'not_sent') return connected;
  const { socket } = connected;
  try {
    // Connection: close follows from the absence of an agent.
    const sent = formed(() => http.request({ ...requestOptions(request), createConnection: () => socket }));
    return sent instanceof http.ClientRequest ? await converse(sent, request, deadline) : sent;
  } finally {
    socket.destroy();
  }
}

/**
 * Sends one request that is free to repeat (a poll), over a kept connection. Never rejects. A reply is exact;
 * `lost` and `not_sent` both mean "ask again", and `lost` is said where it is not known.
 */
export async function ask(request: HttpRequest): Promise<HttpOutcome> {
  const deadline = Date.now() + milliseconds(request.timeoutSeconds);
  const secure = request.url.protocol === 'https:';
  const options = { ...requestOptions(request), autoSelectFamilyAttemptTimeout: ADDRESS_ATTEMPT_MS };
  const sent = formed(() =>
    secure ? https.request({ ...options, agent: keptAlive.https }) : http.request({ ...options, agent: keptAlive.http }),
  );
  if (!(sent instanceof http.ClientRequest)) return sent;
  sent.on('socket', (socket) => {
    if (!socket.connecting) return;
    const timer = setTimeout(
      () => sent.destroy(connectTimeout),
      milliseconds(request.connectTimeoutSeconds),
    );
    const stop = (): void => clearTimeout(timer);
    socket.once(secure ? 'secureConnect' : 'connect', stop).once('close', stop);
  });
  return converse(sent, request, deadline);
}

/**
 * The provider's delay in seconds: `retry-after-ms` (OpenAI), else `retry-after` in seconds or as an HTTP date
 * (RFC 9110, 10.2.3). Undefined when absent or unreadable; never more than a day.
 */
export function retryAfterSeconds(headers: http.IncomingHttpHeaders, now: number = Date.now()): number | undefined {
  const inMilliseconds = single(headers['retry-after-ms']);
  if (inMilliseconds !== undefined && isDecimal(inMilliseconds)) return bounded(Number(inMilliseconds) / 1000);
  const value = single(headers['retry-after']);
  if (value === undefined) return undefined;
  if (isDecimal(value)) return bounded(Number(value));
  // Date.parse reads much that is no date; an HTTP date begins with the name of a day.
  const date = /^[A-Z][a-z]{2,8},? /.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(date) ? undefined : bounded((date - now) / 1000);
}

/** The provider's id of the request, for its support; undefined unless it looks like one. */
export function requestId(headers: http.IncomingHttpHeaders): string | undefined {
  const value = single(headers['x-request-id']);
  return value !== undefined && /^[\w.:-]{1,100}$/.test(value) ? value : undefined;
}

function connect(
  request: HttpRequest,
  addresses: readonly LookupAddress[],
): Promise<NotSent | { type: 'connected'; socket: net.Socket }> {
  const { url } = request;
  const host = hostOf(url);
  const secure = url.protocol === 'https:';
  const options = {
    host,
    port: portOf(url),
    lookup: pinned(addresses),
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: ADDRESS_ATTEMPT_MS,
  };
  return new Promise((resolve) => {
    const socket = secure
      ? tls.connect({ ...options, ALPNProtocols: ['http/1.1'], ...(net.isIP(host) === 0 && { servername: host }) })
      : net.connect(options);
    let phase: NotSent['phase'] = 'connect';
    const fail = (detail: string, timedOut = false): void => {
      clearTimeout(timer);
      // The socket may still emit errors while it dies.
      socket.removeAllListeners().on('error', () => undefined).destroy();
      resolve({ type: 'not_sent', phase, detail, ...(timedOut && { timedOut }) });
    };
    const timer = setTimeout(
      () => fail(phase === 'tls' ? 'the TLS handshake took too long' : 'connecting took too long', true),
      milliseconds(Math.min(request.connectTimeoutSeconds, request.timeoutSeconds)),
    );
    const ready = (): void => {
      clearTimeout(timer);
      socket.removeAllListeners('error').removeAllListeners('close');
      socket.setKeepAlive(true, TCP_KEEP_ALIVE_MS);
      resolve({ type: 'connected', socket });
    };
    if (secure) socket.once('connect', () => (phase = 'tls')).once('secureConnect', ready);
    else socket.once('connect', ready);
    socket.once('error', (error) =>
      fail(phase === 'tls' ? `the TLS handshake failed (${codeOf(error)})` : `the connection failed (${codeOf(error)})`, isTimeout(error)),
    );
    socket.once('close', () => fail('the connection was closed before it was ready'));
  });
}

/** Node refuses a header or path that it cannot write when the request is created: nothing was written then. */
function formed(create: () => http.ClientRequest): http.ClientRequest | NotSent {
  try {
    return create();
  } catch (error) {
    return { type: 'not_sent', phase: 'local', detail: `the request could not be formed (${codeOf(error)})` };
  }
}

/** Writes the body and reads the one reply. Whatever happens here, bytes may have left. */
function converse(sent: http.ClientRequest, request: HttpRequest, deadline: number): Promise<HttpReply | Lost> {
  const limit = request.maxReplyBytes ?? MAX_REPLY_BYTES;
  return new Promise((resolve) => {
    let status: number | undefined;
    let settled = false;
    const settle = (outcome: HttpReply | Lost): void => {
      settled = true;
      clearTimeout(timer);
      resolve(outcome);
    };
    const lost = (detail: string, why: Pick<Lost, 'timedOut' | 'tooLarge'> = {}): void => {
      if (settled) return;
      settle({ type: 'lost', detail, ...why, ...(status !== undefined && { status }) });
      sent.destroy();
    };
    const timer = setTimeout(
      () => lost(`no complete reply came within ${request.timeoutSeconds} seconds`, { timedOut: true }),
      Math.max(0, deadline - Date.now()),
    );
    sent.on('error', (error) => lost(`the connection broke (${codeOf(error)})`, isTimeout(error) ? { timedOut: true } : {}));
    sent.on('close', () => lost(status === undefined ? 'the connection was closed without a reply' : 'the reply broke off'));
    sent.on('response', (response) => {
      status = response.statusCode ?? 0;
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > limit) lost(`the reply is larger than ${limit} bytes`, { tooLarge: true });
        else chunks.push(chunk);
      });
      response.on('error', (error) => lost(`the reply broke off (${codeOf(error)})`));
      response.on('close', () => lost('the reply broke off'));
      response.on('end', () => {
        if (!response.complete) return lost('the reply broke off');
        settle({ type: 'reply', status: status ?? 0, headers: response.headers, body: Buffer.concat(chunks, size) });
      });
    });
    sent.end(request.body);
  });
}

function requestOptions(request: HttpRequest): http.RequestOptions {
  const { url, body } = request;
  return {
    method: request.method,
    host: hostOf(url),
    port: portOf(url),
    path: `${url.pathname}${url.search}`,
    headers: {
      ...request.headers,
      host: url.host,
      'accept-encoding': 'identity',
      ...(request.method !== 'GET' && { 'content-length': String(body?.length ?? 0) }),
    },
  };
}

/** Answers with addresses that were looked up before: connecting must not depend on a second look-up. */
function pinned(addresses: readonly LookupAddress[]): net.LookupFunction {
  return (hostname, options, callback) => {
    const [first] = addresses;
    if (first === undefined) callback(new Error(`no address of ${hostname}`), '', 0);
    else if (options.all === true) callback(null, [...addresses]);
    else callback(null, first.address, first.family);
  };
}

function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1');
}

function portOf(url: URL): number {
  return url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
}

/** Codes of Node and OpenSSL only, never an error's message: those may hold what was sent. */
function codeOf(error: unknown): string {
  if (error === connectTimeout) return 'connect timeout';
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^[A-Z0-9_]{1,80}$/.test(code) ? code : 'unknown error';
}

/** Our own timer, or the system's patience with a peer that says nothing. */
function isTimeout(error: unknown): boolean {
  return error === connectTimeout || codeOf(error) === 'ETIMEDOUT';
}

function milliseconds(seconds: number): number {
  return Math.min(Math.ceil(seconds * 1000), MAX_TIMER_MS);
}

function single(value: string | string[] | undefined): string | undefined {
  return (Array.isArray(value) ? value[0] : value)?.trim();
}

function isDecimal(value: string): boolean {
  return /^-?\d{1,12}(?:\.\d{1,6})?$/.test(value);
}

function bounded(seconds: number): number {
  return Math.min(Math.max(0, seconds), 86_400);
}
