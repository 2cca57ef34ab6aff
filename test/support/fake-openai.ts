import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import * as z from 'zod';
import { bytesOf, closeWithConnections, HeldReplies, Journal, listen } from './fake-server.js';
import { FaultQueue, faultSchema, NOT_TAKEN, type FaultInput, type Met } from './fake-openai/faults.js';
import { Generations, type Ledger, type Settings } from './fake-openai/generations.js';
import { refuse, sendBroken, sendError, sendJson } from './fake-openai/replies.js';
import { ApiError, readRequest, type ReceivedRequest } from './fake-openai/wire.js';

export type { FaultInput } from './fake-openai/faults.js';
export type { Ledger, LedgerEntry } from './fake-openai/generations.js';

export interface FakeOpenAiOptions extends Partial<Settings> {
  /** Default: a free one. */
  port?: number;
}

/** One request, in the order in which they were answered (or dropped, or held). Data URLs are shortened to their digest. */
export interface JournalEntry {
  at: number;
  method: string;
  path: string;
  key?: string;
  headers: IncomingMessage['headers'];
  /** Of the TCP connection: equal numbers, one connection. */
  connection: number;
  prompt?: string;
  attempt?: string;
  body?: unknown;
  /** Kinds of the faults that it met. */
  faults: string[];
  /** The id that it was accepted under. */
  accepted?: string;
}

export interface Violation {
  method: string;
  path: string;
  status: number;
  message: string;
  param: string | null;
}

export interface FakeOpenAi {
  /** Base URL, with /v1. */
  readonly url: string;
  readonly requests: readonly JournalEntry[];
  /** Requests that broke the wire format; a test of ours expects none. */
  readonly violations: readonly Violation[];
  settings: Settings;
  ledger(): Ledger;
  /** Faults for the next requests, in order. */
  fault(...faults: FaultInput[]): void;
  clearFaults(): void;
  /** Resolves with the first request, past or coming, that fits; rejects after `timeoutMs` (20 s). */
  waitForRequest(predicate: (entry: JournalEntry) => boolean, timeoutMs?: number): Promise<JournalEntry>;
  /** Sends the held replies; returns how many. */
  release(): number;
  /** Forgets results: all, or one. */
  expire(id?: string): void;
  /** As new: no requests, ledger, faults or held replies. Settings stay. */
  reset(): void;
  close(): Promise<void>;
}

const settingsSchema = z.strictObject({
  complete_after_polls: z.int().min(1).optional(),
  complete_after_ms: z.number().min(0).optional(),
  result_life_ms: z.number().min(0).optional(),
  background_supported: z.boolean().optional(),
  ready_made: z.string().optional(),
  minimum_edge: z.int().min(1).optional(),
  keys: z.array(z.string()).optional(),
});
const expireSchema = z.strictObject({ id: z.string().optional() });

/**
 * A Responses API with the image tool on 127.0.0.1: strict about the wire format, stateful (queued, in_progress,
 * completed), with a billing ledger and faults on demand. All of it is also reachable over HTTP under /__fake__/
 * (GET state, ledger, requests, violations; POST faults, settings, release, expire, reset; DELETE faults).
 */
export async function startFakeOpenAi(options: FakeOpenAiOptions = {}): Promise<FakeOpenAi> {
  const { port = 0, ...given } = options;
  const settings: Settings = { complete_after_polls: 2, background_supported: true, minimum_edge: 8, ...given };
  const faults = new FaultQueue();
  const generations = new Generations(settings);
  const requests = new Journal<JournalEntry>();
  const violations: Violation[] = [];
  const held = new HeldReplies();
  const connections = new WeakMap<object, number>();
  let connectionCount = 0;

  const journal = (entry: JournalEntry, met: Met = {}): void => {
    entry.faults = [met.reply?.kind, met.outcome?.kind].filter((kind) => kind !== undefined);
    requests.add(entry);
  };

  const reset = (): void => {
    held.release();
    faults.clear();
    generations.clear();
    requests.entries.length = 0;
    violations.length = 0;
  };

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      if (error instanceof ApiError) sendError(response, error);
      else response.socket?.destroy();
    });
  });
  server.on('connection', (socket) => connections.set(socket, (connectionCount += 1)));

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '/').replace(/\?.*$/, '');
    if (path.startsWith('/__fake__/')) return control(path.slice('/__fake__/'.length), request, response);
    const { authorization = '' } = request.headers;
    const key = /^Bearer (\S+)$/.exec(authorization)?.[1];
    const entry: JournalEntry = {
      at: Date.now(),
      method: request.method ?? '',
      path,
      key,
      headers: request.headers,
      connection: connections.get(request.socket) ?? 0,
      faults: [],
    };
    const route = routeOf(entry);
    if (route && faults.takeDrop(route.on)) {
      journal(entry, { reply: faultSchema.parse({ kind: 'drop' }) });
      request.socket.resetAndDestroy();
      return;
    }
    const body = await bytesOf(request);
    try {
      if (!route) throw new ApiError(404, `Invalid URL (${entry.method} ${path})`);
      if (key === undefined) throw new ApiError(401, "You didn't provide an API key in an Authorization header using Bearer auth.");
      if (settings.keys && !settings.keys.includes(key)) {
        throw new ApiError(401, `Incorrect API key provided: ${key}.`, { code: 'invalid_api_key' });
      }
      if (route.on === 'submit') await submit(entry, key, body, request, response);
      else await question(route.on, route.id, entry, key, response);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      violations.push({ method: entry.method, path, status: error.status, message: error.message, param: error.param });
      journal(entry);
      sendError(response, error);
    }
  }

  async function submit(
    entry: JournalEntry,
    key: string,
    body: Buffer,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const received = await readRequest(body, request.headers['content-type'], settings.minimum_edge);
    describe(entry, received);
    const met = faults.take('submit', received.prompt);
    const background = received.request.background === true;
    if (background && !settings.background_supported) met.reply ??= faultSchema.parse({ kind: 'background_refused' });
    if (met.reply && NOT_TAKEN.has(met.reply.kind)) {
      journal(entry, met);
      refuse(response, met.reply, key);
      return;
    }
    const id = generations.accept(received, key, met.outcome);
    entry.accepted = id;
    if (!background && settings.complete_after_ms !== undefined) await pause(settings.complete_after_ms);
    const answer = background ? await generations.show(id) : await generations.finish(id);
    reply(entry, met, response, answer);
  }

  async function question(on: 'poll' | 'cancel', id: string, entry: JournalEntry, key: string, response: ServerResponse): Promise<void> {
    const prompt = generations.prompt(id);
    entry.prompt = prompt;
    const met = faults.take(on, prompt ?? '');
    if (met.reply && NOT_TAKEN.has(met.reply.kind)) {
      journal(entry, met);
      refuse(response, met.reply, key);
      return;
    }
    const answer = on === 'poll' ? await generations.poll(id, key) : await generations.cancel(id, key);
    if (answer === undefined) {
      journal(entry, met);
      return sendError(response, new ApiError(404, `Response with id '${id}' not found.`, { param: 'id' }));
    }
    if (answer === 'foreground') {
      journal(entry, met);
      return sendError(response, new ApiError(400, 'Only background responses can be cancelled.'));
    }
    reply(entry, met, response, answer);
  }

  /** The held reply is there before the journal tells of it: who waits for the request may release it at once. */
  function reply(entry: JournalEntry, met: Met, response: ServerResponse, answer: unknown): void {
    const fault = met.reply;
    const send = (): void => (fault ? sendBroken(response, fault, answer) : sendJson(response, 200, answer));
    if (fault?.kind === 'hang') held.hold(send);
    journal(entry, met);
    if (fault?.kind !== 'hang') send();
  }

  async function control(name: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const text = (await bytesOf(request)).toString('utf8');
    try {
      const input: unknown = text === '' ? {} : JSON.parse(text);
      sendJson(response, 200, controlled(`${request.method} ${name}`, input));
    } catch (error) {
      sendJson(response, 400, { error: error instanceof Error ? error.message : 'unknown' });
    }
  }

  function controlled(what: string, input: unknown): unknown {
    switch (what) {
      case 'GET state':
        return { url, settings, faults: faults.list(), held: held.size, responses: generations.statuses(), violations, requests: requests.entries.length };
      case 'GET ledger':
        return generations.ledger();
      case 'GET requests':
        return requests.entries;
      case 'GET violations':
        return violations;
      case 'POST faults':
        faults.add(z.array(faultSchema).parse(Array.isArray(input) ? input : [input]));
        return { faults: faults.list() };
      case 'DELETE faults':
        faults.clear();
        return { faults: [] };
      case 'POST settings':
        return Object.assign(settings, settingsSchema.parse(input));
      case 'POST release':
        return { released: held.release() };
      case 'POST expire':
        generations.expire(expireSchema.parse(input).id);
        return {};
      case 'POST reset':
        reset();
        return {};
      default:
        throw new Error(`no such control: ${what}`);
    }
  }

  const url = `${await listen(server, port)}/v1`;

  return {
    url,
    requests: requests.entries,
    violations,
    settings,
    ledger: () => generations.ledger(),
    fault: (...added) => faults.add(added),
    clearFaults: () => faults.clear(),
    waitForRequest: (predicate, timeoutMs) => requests.waitFor(predicate, timeoutMs),
    release: () => held.release(),
    expire: (id) => generations.expire(id),
    reset,
    close: async () => {
      held.drop();
      await closeWithConnections(server);
    },
  };
}

type Route = { on: 'submit' } | { on: 'poll' | 'cancel'; id: string };

function routeOf({ method, path }: JournalEntry): Route | undefined {
  if (method === 'POST' && path === '/v1/responses') return { on: 'submit' };
  const match = /^\/v1\/responses\/([^/]+)(\/cancel)?$/.exec(path);
  if (!match) return undefined;
  const id = decodeURIComponent(match[1] ?? '');
  if (method === 'GET' && match[2] === undefined) return { on: 'poll', id };
  return method === 'POST' && match[2] !== undefined ? { on: 'cancel', id } : undefined;
}

function describe(entry: JournalEntry, received: ReceivedRequest): void {
  entry.prompt = received.prompt;
  entry.attempt = received.request.metadata?.['attempt'];
  entry.body = JSON.parse(JSON.stringify(received.request), (_name, value: unknown) =>
    typeof value === 'string' && value.startsWith('data:')
      ? value.replace(/,(.*)$/s, (_all, base64: string) => `,sha256:${createHash('sha256').update(Buffer.from(base64, 'base64')).digest('hex')}`)
      : value,
  );
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
