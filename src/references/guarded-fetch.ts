import { lookup as systemLookup } from 'node:dns/promises';
import * as http from 'node:http';
import * as https from 'node:https';
import type { LookupFunction } from 'node:net';
import { callbackify } from 'node:util';
import { JobFailure } from '../contract/errors.js';
import { errorCode } from './error-code.js';
import { refuseTooManyBytes } from './inspect.js';
import { checkReferenceUrl, deniedAddress, mayConnect, shownUrl, type UrlRules } from './reference-url.js';

export interface ResolvedAddress {
  address: string;
  family: number;
}

export interface FetchOptions extends UrlRules {
  maxBytes: number;
  /** From the call to the last byte, over all redirects. */
  timeoutSeconds: number;
  /** For the look-up, the connection and TLS of one hop. */
  connectTimeoutSeconds: number;
  /** All addresses of a name; the system's resolver unless a test gives its own. */
  resolve?: (hostname: string) => Promise<ResolvedAddress[]>;
  /** PEM of an additional authority; for tests. */
  ca?: string;
}

const MAX_REDIRECTS = 5;
const REDIRECTS = [301, 302, 303, 307, 308];

/** Answers of name service and TLS that the next attempt would get as well. */
const PERMANENT = /^(ENOTFOUND|CERT_|ERR_TLS_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|EPROTO|ERR_SSL_|HPE_|ERR_INVALID_)/;

/**
 * Fetches a reference without becoming a way into the private network. Each hop's name is resolved once, every address of the
 * answer is checked, and the connection goes to exactly that answer, so a name that changes its mind between check and
 * connection gains nothing. No proxy, cookies, credentials or compression; https all the way.
 * @throws JobFailure PERMISSION_DENIED (address, scheme), LIMIT_EXCEEDED (size), REFERENCE_UNREADABLE (the rest; retryable
 *   when trying again can help), INVALID_ARGUMENT (no URL).
 */
export async function fetchReference(given: string, options: FetchOptions): Promise<Buffer> {
  const deadline = AbortSignal.timeout(options.timeoutSeconds * 1000);
  let url = checkReferenceUrl(given, options);
  for (let redirects = 0; ; redirects++) {
    try {
      const response = await get(url, options, deadline);
      const location = REDIRECTS.includes(response.statusCode ?? 0) ? response.headers.location : undefined;
      if (location === undefined) return await readBody(response, url, options.maxBytes);
      response.destroy();
      if (redirects === MAX_REDIRECTS) {
        throw unreadable(`${shownUrl(url)} redirects more than ${MAX_REDIRECTS} times.`, false);
      }
      url = redirected(location, url, options);
    } catch (error) {
      throw failureOf(error, url, deadline.aborted, options);
    }
  }
}

function redirected(location: string, from: URL, options: FetchOptions): URL {
  const base = URL.canParse(location, from.href) ? new URL(location, from).href : location;
  const url = checkReferenceUrl(base, options);
  if (from.protocol === 'https:' && url.protocol !== 'https:') {
    throw new JobFailure({
      code: 'PERMISSION_DENIED',
      message: `${shownUrl(from)} redirects from https to ${url.protocol}//.`,
      nextStep: 'Download the picture yourself and give its path.',
    });
  }
  return url;
}

function get(url: URL, options: FetchOptions, deadline: AbortSignal): Promise<http.IncomingMessage> {
  const secure = url.protocol === 'https:';
  return new Promise((resolve, reject) => {
    const request = (secure ? https : http).request(url, {
      method: 'GET',
      // An agent of its own, closed with the request: nothing is shared with other requests, and no proxy of the environment is used.
      agent: false,
      headers: {
        accept: 'image/png, image/jpeg, image/webp, image/gif',
        'accept-encoding': 'identity',
        'user-agent': 'durable-image-mcp',
      },
      lookup: guardedLookup(url, options),
      signal: deadline,
      ...(secure ? { rejectUnauthorized: true, ...(options.ca === undefined ? {} : { ca: options.ca }) } : {}),
    });
    const connecting = setTimeout(() => {
      request.destroy(unreadable(`${shownUrl(url)}: no connection within ${options.connectTimeoutSeconds} seconds.`, true));
    }, options.connectTimeoutSeconds * 1000);
    request.once('socket', (socket) => {
      socket.once(secure ? 'secureConnect' : 'connect', () => clearTimeout(connecting));
    });
    request.once('close', () => {
      clearTimeout(connecting);
      // After an answer this says nothing; without one (a switch of protocols is none) nobody else would.
      reject(unreadable(`${shownUrl(url)} closed the connection without an answer.`, true));
    });
    request.once('response', (response) => {
      // A body without a length ends with its connection: one that was cut, or that we gave up, is not whole.
      request.once('error', (error) => response.destroy(error));
      resolve(response);
    });
    request.on('error', reject);
    request.end();
  });
}

/** The one look-up of a connection: all addresses must be allowed, since any of them may be connected to. */
function guardedLookup(url: URL, options: FetchOptions): LookupFunction {
  const resolve = options.resolve ?? ((hostname: string) => systemLookup(hostname, { all: true }));
  const checked = callbackify(async (hostname: string): Promise<[ResolvedAddress, ...ResolvedAddress[]]> => {
    const [first, ...others] = await resolve(hostname);
    if (!first) throw unreadable(`${shownUrl(url)} has no address.`, false);
    if (![first, ...others].every(({ address }) => mayConnect(address, options))) throw deniedAddress(url);
    return [first, ...others];
  });
  return (hostname, { all }, callback) =>
    checked(hostname, (error, addresses) => {
      if (error) callback(error, '');
      else if (all === true) callback(null, addresses);
      else callback(null, addresses[0].address, addresses[0].family);
    });
}

async function readBody(response: http.IncomingMessage, url: URL, maxBytes: number): Promise<Buffer> {
  const { statusCode = 0, headers } = response;
  try {
    if (statusCode !== 200) {
      throw unreadable(
        `${shownUrl(url)} answered ${statusCode}.`,
        statusCode >= 500 || statusCode === 408 || statusCode === 429,
      );
    }
    const encoding = headers['content-encoding'] ?? 'identity';
    if (encoding.toLowerCase() !== 'identity') {
      throw unreadable(`${shownUrl(url)} answers with compressed data, which was not asked for.`, false);
    }
    refuseTooManyBytes(Number(headers['content-length'] ?? 0), maxBytes);
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      size += chunk.length;
      refuseTooManyBytes(size, maxBytes);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks, size);
  } finally {
    response.destroy();
  }
}

function failureOf(error: unknown, url: URL, timedOut: boolean, options: FetchOptions): JobFailure {
  if (error instanceof JobFailure) return error;
  if (timedOut) return unreadable(`${shownUrl(url)} was not complete within ${options.timeoutSeconds} seconds.`, true, error);
  const code = errorCode(error) ?? 'unknown error';
  return unreadable(`${shownUrl(url)} could not be fetched (${code}).`, !PERMANENT.test(code), error);
}

function unreadable(message: string, retryable: boolean, cause?: unknown): JobFailure {
  return new JobFailure({
    code: 'REFERENCE_UNREADABLE',
    message,
    nextStep: retryable
      ? 'Try again later, or download the picture and give its path.'
      : 'Check the URL, or download the picture and give its path.',
    retryable,
    cause,
  });
}
