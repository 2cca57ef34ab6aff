import type { ServerResponse } from 'node:http';
import type { Fault } from './faults.js';
import { ApiError } from './wire.js';

let requests = 0;

export function sendJson(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  const bytes = Buffer.from(JSON.stringify(body));
  response.writeHead(status, { ...commonHeaders(), 'content-type': 'application/json', 'content-length': bytes.length, ...headers });
  response.end(bytes);
}

export function sendError(response: ServerResponse, error: ApiError, headers: Record<string, string> = {}): void {
  sendJson(response, error.status, error.body(), headers);
}

/** Faults that take nothing. False: this fault is not one of them. */
export function refuse(response: ServerResponse, fault: Fault, key: string): boolean {
  const retryAfter: Record<string, string> = fault.retry_after === undefined ? {} : { 'retry-after': fault.retry_after };
  const headers = { ...retryAfter, ...fault.headers };
  const error = (status: number, message: string, fields: { code?: string; param?: string; type?: string }): boolean => {
    sendError(response, new ApiError(status, message, fields), headers);
    return true;
  };
  switch (fault.kind) {
    case 'drop':
      response.socket?.resetAndDestroy();
      return true;
    case 'rate_limited':
      return error(429, 'Rate limit reached for images.', { code: 'rate_limit_exceeded', type: 'requests' });
    case 'quota':
      return error(429, 'You exceeded your current quota, please check your plan and billing details.', {
        code: 'insufficient_quota',
        type: 'insufficient_quota',
      });
    case 'unauthorized':
      return error(401, `Incorrect API key provided: ${key}.`, { code: 'invalid_api_key' });
    case 'forbidden':
      return error(403, 'Your organization must be verified to use this model.', {});
    case 'moderation':
      return error(400, fault.message ?? 'Your request was rejected by the safety system. safety_violations=[violence].', {
        code: fault.code ?? 'moderation_blocked',
        type: 'image_generation_user_error',
      });
    case 'background_refused':
      return error(fault.status ?? 400, fault.message ?? "Unsupported parameter: 'background' is not supported with this model.", {
        code: fault.code ?? 'unsupported_parameter',
        param: 'background',
      });
    case 'overloaded':
      return error(503, 'The engine is currently overloaded, please try again later.', { code: 'server_error', type: 'server_error' });
    case 'server_error':
    case 'reply':
      sendRaw(response, fault, key);
      return true;
    default:
      return false;
  }
}

function sendRaw(response: ServerResponse, fault: Fault, key: string): void {
  const own = fault.kind === 'server_error' ? { error: { message: 'The server had an error.', type: 'server_error', param: null, code: null } } : undefined;
  const body = (fault.body ?? (own ? JSON.stringify(own) : '')).replaceAll('{key}', key);
  const retryAfter: Record<string, string> = fault.retry_after === undefined ? {} : { 'retry-after': fault.retry_after };
  response.writeHead(fault.status ?? 500, {
    ...commonHeaders(),
    ...(body !== '' && { 'content-type': 'application/json' }),
    ...retryAfter,
    ...fault.headers,
  });
  response.end(body);
}

/** Replies that break after the work was done. Those that hold (`hang`) are the server's matter. */
export function sendBroken(response: ServerResponse, fault: Fault, body: unknown): void {
  const bytes = Buffer.from(JSON.stringify(body));
  switch (fault.kind) {
    case 'reply_lost':
      response.socket?.destroy();
      return;
    case 'unreadable':
      response.writeHead(200, { ...commonHeaders(), 'content-type': 'text/html' });
      response.end('<html><body>upstream sent too big header</body></html>');
      return;
    case 'no_id':
      sendJson(response, 200, { object: 'response', status: 'queued', output: [] });
      return;
    case 'truncated_body':
      response.writeHead(200, { ...commonHeaders(), 'content-type': 'application/json', 'content-length': bytes.length });
      response.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => response.socket?.destroy());
      return;
    case 'huge_body':
      response.writeHead(200, { ...commonHeaders(), 'content-type': 'application/json' });
      response.end(JSON.stringify({ ...(typeof body === 'object' ? body : {}), filler: 'x'.repeat(fault.bytes ?? 70_000_000) }));
      return;
    case 'slow_body':
      void sendSlowly(response, bytes, fault.delay_ms ?? 20);
      return;
    default:
      sendJson(response, 200, body);
  }
}

async function sendSlowly(response: ServerResponse, bytes: Buffer, delayMs: number): Promise<void> {
  response.writeHead(200, { ...commonHeaders(), 'content-type': 'application/json', 'content-length': bytes.length });
  const pieces = 8;
  const length = Math.ceil(bytes.length / pieces);
  for (let at = 0; at < bytes.length && !response.destroyed; at += length) {
    response.write(bytes.subarray(at, at + length));
    await new Promise((resolve) => setTimeout(resolve, delayMs));
  }
  response.end();
}

function commonHeaders(): Record<string, string> {
  requests += 1;
  return { 'x-request-id': `req_${String(requests).padStart(8, '0')}`, 'openai-processing-ms': '12' };
}
