import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import * as z from 'zod';
import { bytesOf, closeWithConnections, HeldReplies, Journal, listen } from '../fake-server.js';
import { faultSchema, FaultQueue, isTaken, type Fault, type FaultInput, type On, type RefusalKind } from './faults.js';
import { picturesOf, Tasks, type Ledger, type Progress, type Received, type Task, type TaskState } from './tasks.js';

export interface RawRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

export interface Reply {
  status: number;
  json?: unknown;
  bytes?: Buffer;
  headers?: Record<string, string>;
}

/** Broke the wire format: the reply that the provider would give. A test of ours expects none. */
export class WireError extends Error {
  constructor(
    readonly reply: Reply,
    message: string,
  ) {
    super(message);
  }
}

/** `part`: what of it is asked for, where the state and the result have addresses of their own; only the state moves on. */
export type Route = { on: 'submit' | 'list' } | { on: 'poll'; id: string; part?: string } | { on: 'cancel'; id: string };

/** What is special about one provider's API. */
export interface FakeSpec {
  /** Path of the base URL, '' or '/v1'. */
  base: string;
  route(request: Pick<RawRequest, 'method' | 'path' | 'query'>): Route | undefined;
  /** The key in the provider's own header; undefined: none. */
  key(headers: IncomingHttpHeaders): string | undefined;
  /** Strict: a field that is not the provider's is refused. Throws WireError. */
  read(request: RawRequest): Promise<Received>;
  /** Answers with the pictures at once. */
  synchronous?: boolean | ((received: Received) => boolean);
  /** Of an accepted request; of a synchronous one with its pictures. */
  accepted(task: Task, fake: Shown): Reply | Promise<Reply>;
  shown(task: Task, fake: Shown, part?: string): Reply | Promise<Reply>;
  /** `was`: its state before. */
  cancelled?(task: Task, fake: Shown, was: TaskState): Reply;
  /** False: it goes on, whatever is asked. */
  cancellable?(task: Task): boolean;
  /** Of the key that asks. */
  listed?(tasks: readonly Task[], fake: Shown, query: URLSearchParams): Reply | Promise<Reply>;
  /** In the provider's own form. */
  refusal(kind: RefusalKind, fault: Fault, key: string): Reply;
  /** For an id that is not known, or is gone. */
  unknown(id: string): Reply;
  /** Where a request whose result is gone is still shown. */
  gone?(task: Task, fake: Shown): Reply;
  newId?(): string;
}

export interface Shown {
  /** Base URL. */
  url: string;
  /** Where the pictures of a task are served without a key. */
  fileUrl(task: Task, index: number): string;
  pictures(task: Task): Promise<Buffer[]>;
}

export interface JournalEntry {
  at: number;
  method: string;
  path: string;
  on: On | 'other';
  key?: string | undefined;
  headers: IncomingHttpHeaders;
  prompt?: string | undefined;
  /** The body as the fake read it. */
  body?: Record<string, unknown> | undefined;
  fault?: string | undefined;
  accepted?: string | undefined;
}

export interface FakeSettings extends Progress {
  /** Accepted keys; absent: any. */
  keys?: string[] | undefined;
  /** Every so manieth submit is refused for its rate, with this delay in seconds. */
  limit_every?: { nth: number; retry_after: number } | undefined;
}

export interface FakeProvider {
  readonly url: string;
  readonly requests: readonly JournalEntry[];
  readonly violations: readonly { method: string; path: string; message: string }[];
  settings: FakeSettings;
  ledger(): Ledger;
  fault(...faults: FaultInput[]): void;
  clearFaults(): void;
  /** Sends the held replies; returns how many. */
  release(): number;
  /** Forgets all results. */
  expire(): void;
  reset(): void;
  /** Resolves with the first request, past or coming, that fits. */
  waitForRequest(predicate: (entry: JournalEntry) => boolean, timeoutMs?: number): Promise<JournalEntry>;
  close(): Promise<void>;
}

const settingsSchema = z.strictObject({
  complete_after_polls: z.int().min(1).optional(),
  complete_after_ms: z.number().min(0).optional(),
  result_life_ms: z.number().min(0).optional(),
  keys: z.array(z.string()).optional(),
  limit_every: z.strictObject({ nth: z.int().min(2), retry_after: z.number().positive() }).optional(),
});

/**
 * A provider on 127.0.0.1: strict about the wire format, stateful, with a billing ledger and faults on demand. Also
 * reachable over HTTP under /__fake__/ (GET ledger, requests, violations; POST faults, settings, release, expire, reset).
 */
export async function startFakeProvider(spec: FakeSpec, given: Partial<FakeSettings> & { port?: number } = {}): Promise<FakeProvider> {
  const { port = 0, ...rest } = given;
  const settings: FakeSettings = { complete_after_polls: 2, ...rest };
  const faults = new FaultQueue();
  const tasks = new Tasks(settings);
  const journal = new Journal<JournalEntry>();
  const violations: { method: string; path: string; message: string }[] = [];
  const held = new HeldReplies();
  let submits = 0;

  const reset = (): void => {
    held.release();
    faults.clear();
    tasks.clear();
    journal.entries.length = 0;
    violations.length = 0;
  };

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      violations.push({ method: request.method ?? '', path: request.url ?? '', message: error instanceof Error ? error.message : 'unknown' });
      if (error instanceof WireError) send(response, error.reply);
      else send(response, { status: 500, json: { fake: String(error) } });
    });
  });

  async function handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname: path, searchParams: query } = new URL(incoming.url ?? '/', 'http://fake');
    const body = await bytesOf(incoming);
    const request: RawRequest = { method: incoming.method ?? '', path, query, headers: incoming.headers, body };
    if (path.startsWith('/__fake__/')) return send(response, controlled(`${request.method} ${path.slice(10)}`, body));
    const file = /^\/__files__\/([^/]+)\/(\d+)$/.exec(path);
    if (file) return serveFile(request, file[1] ?? '', Number(file[2]), response);

    const route = path.startsWith(spec.base) ? spec.route({ ...request, path: path.slice(spec.base.length) }) : undefined;
    const key = spec.key(incoming.headers);
    const entry: JournalEntry = { at: Date.now(), method: request.method, path, on: route?.on ?? 'other', key, headers: incoming.headers };
    const wrong = (reply: Reply, message: string): never => {
      journal.add(entry);
      throw new WireError(reply, message);
    };
    if (!route) return wrong({ status: 404, json: { detail: 'Not Found' } }, `no such address: ${request.method} ${path}`);
    if (key === undefined) return wrong(spec.refusal('unauthorized', faultSchema.parse({ kind: 'unauthorized' }), ''), 'no key in the header of the provider');
    if (settings.keys && !settings.keys.includes(key)) {
      journal.add({ ...entry, fault: 'unknown key' });
      return send(response, spec.refusal('unauthorized', faultSchema.parse({ kind: 'unauthorized' }), key));
    }
    if (route.on === 'submit') return submit(request, entry, key, response);
    return question(route, request, entry, key, response);
  }

  async function submit(request: RawRequest, entry: JournalEntry, key: string, response: ServerResponse): Promise<void> {
    const received = await spec.read(request).catch((error: unknown) => {
      journal.add(entry);
      throw error;
    });
    entry.prompt = received.prompt;
    entry.body = received.body;
    submits += 1;
    const { limit_every: limited } = settings;
    const due = limited && submits % limited.nth === 0;
    const fault = due
      ? faultSchema.parse({ kind: 'rate_limited', retry_after: limited.retry_after })
      : faults.take('submit', false, received.prompt);
    if (fault && !isTaken(fault)) return refuse(entry, fault, key, response);
    const task = tasks.accept(received, key, faults.take('submit', true, received.prompt), spec.newId?.());
    entry.accepted = task.id;
    const synchronous = typeof spec.synchronous === 'function' ? spec.synchronous(received) : spec.synchronous === true;
    if (synchronous) {
      if (settings.complete_after_ms !== undefined) await new Promise((resolve) => setTimeout(resolve, settings.complete_after_ms));
      tasks.end(task);
    }
    // Who answers with the picture and is never done does not answer.
    const silent = synchronous && task.outcome?.kind === 'never_done' ? faultSchema.parse({ kind: 'hang' }) : undefined;
    answer(entry, fault ?? silent, response, await spec.accepted(task, shown));
  }

  async function question(route: Route, request: RawRequest, entry: JournalEntry, key: string, response: ServerResponse): Promise<void> {
    const task = 'id' in route ? tasks.find(route.id, key) : undefined;
    const notThere = (id: string): Reply => {
      const known = tasks.known(id, key);
      return known && spec.gone ? spec.gone(known, shown) : spec.unknown(id);
    };
    entry.prompt = task?.received.prompt;
    const fault = faults.take(route.on, false, entry.prompt ?? '');
    if (fault && !isTaken(fault)) return refuse(entry, fault, key, response);
    if (route.on === 'list') {
      const mine = tasks.all().filter((one) => one.key === key);
      return answer(entry, fault, response, (await spec.listed?.(mine, shown, request.query)) ?? { status: 404, json: {} });
    }
    if (!('id' in route)) return;
    if (!task) return answer(entry, fault, response, notThere(route.id));
    if (route.on === 'cancel') {
      const was = task.state;
      if (spec.cancellable?.(task) !== false) tasks.end(task, 'cancelled');
      return answer(entry, fault, response, spec.cancelled?.(task, shown, was) ?? { status: 404, json: {} });
    }
    if (route.part === undefined) tasks.move(task);
    // The picture was ready in this moment, and is gone already.
    if (!tasks.find(task.id, key)) return answer(entry, fault, response, notThere(task.id));
    answer(entry, fault, response, await spec.shown(task, shown, route.part));
  }

  async function serveFile(request: RawRequest, id: string, index: number, response: ServerResponse): Promise<void> {
    const task = tasks.find(id, undefined);
    const entry: JournalEntry = { at: Date.now(), method: request.method, path: request.path, on: 'file', headers: request.headers, prompt: task?.received.prompt };
    const fault = faults.take('file', false, entry.prompt ?? '');
    if (fault && !isTaken(fault)) return refuse(entry, fault, '', response);
    const bytes = task && (await picturesOf(task))[index];
    answer(entry, fault, response, bytes ? { status: 200, bytes } : { status: 404, bytes: Buffer.from('<Error><Code>NoSuchKey</Code></Error>') });
  }

  function refuse(entry: JournalEntry, fault: Fault, key: string, response: ServerResponse): void {
    journal.add({ ...entry, fault: fault.kind });
    if (fault.kind === 'drop') return void response.socket?.resetAndDestroy();
    if (fault.kind === 'reply' || (fault.kind === 'server_error' && (fault.status !== undefined || fault.body !== undefined))) {
      const text = (fault.body ?? '').replaceAll('{key}', key);
      return send(response, { status: fault.status ?? 500, bytes: Buffer.from(text), headers: { 'content-type': 'application/json', ...fault.headers } });
    }
    const reply = spec.refusal(refusalKind(fault.kind), fault, key);
    send(response, { ...reply, headers: { ...reply.headers, ...fault.headers } });
  }

  /** The held reply is there before the journal tells of it: who waits for the request may release it at once. */
  function answer(entry: JournalEntry, fault: Fault | undefined, response: ServerResponse, reply: Reply): void {
    const whole = { ...entry, ...(fault ? { fault: fault.kind } : {}) };
    if (fault?.kind === 'hang') held.hold(() => send(response, reply));
    journal.add(whole);
    switch (fault?.kind) {
      case 'hang':
        return;
      case 'reply_lost':
        return void response.socket?.resetAndDestroy();
      case 'unreadable':
        return send(response, { status: 200, bytes: Buffer.from('<html>upstream sent too big header</html>'), headers: { 'content-type': 'text/html' } });
      case 'truncated_body': {
        const bytes = bytesOfReply(reply);
        response.writeHead(reply.status, { 'content-length': bytes.length });
        response.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => response.socket?.destroy());
        return;
      }
      default:
        send(response, reply);
    }
  }

  function controlled(what: string, body: Buffer): Reply {
    try {
      const input: unknown = body.length === 0 ? {} : JSON.parse(body.toString('utf8'));
      return { status: 200, json: control(what, input) };
    } catch (error) {
      return { status: 400, json: { error: error instanceof Error ? error.message : 'unknown' } };
    }
  }

  function control(what: string, input: unknown): unknown {
    switch (what) {
      case 'GET ledger':
        return tasks.ledger();
      case 'GET requests':
        return journal.entries;
      case 'GET violations':
        return violations;
      case 'POST faults':
        faults.add(z.array(faultSchema).parse(Array.isArray(input) ? input : [input]));
        return { faults: faults.list() };
      case 'POST settings':
        return Object.assign(settings, settingsSchema.parse(input));
      case 'POST release':
        return { released: held.release() };
      case 'POST expire':
        tasks.expire();
        return {};
      case 'POST reset':
        reset();
        return {};
      default:
        throw new Error(`no such control: ${what}`);
    }
  }

  const origin = await listen(server, port);
  const shown: Shown = {
    url: `${origin}${spec.base}`,
    fileUrl: (task, index) => `${origin}/__files__/${task.id}/${index}`,
    pictures: picturesOf,
  };

  return {
    url: shown.url,
    requests: journal.entries,
    violations,
    settings,
    ledger: () => tasks.ledger(),
    fault: (...added) => faults.add(added),
    clearFaults: () => faults.clear(),
    release: () => held.release(),
    expire: () => tasks.expire(),
    reset,
    waitForRequest: (predicate, timeoutMs) => journal.waitFor(predicate, timeoutMs),
    close: async () => {
      held.drop();
      await closeWithConnections(server);
    },
  };
}

function refusalKind(kind: Fault['kind']): RefusalKind {
  switch (kind) {
    case 'rate_limited':
    case 'quota':
    case 'unauthorized':
    case 'moderation':
    case 'rejected':
    case 'server_error':
    case 'overloaded':
      return kind;
    default:
      throw new Error(`${kind} is no refusal`);
  }
}

function bytesOfReply({ json, bytes }: Reply): Buffer {
  return bytes ?? Buffer.from(JSON.stringify(json ?? {}));
}

function send(response: ServerResponse, reply: Reply): void {
  const bytes = bytesOfReply(reply);
  const type: Record<string, string> = reply.bytes ? {} : { 'content-type': 'application/json' };
  response.writeHead(reply.status, { ...type, 'content-length': bytes.length, ...reply.headers });
  response.end(bytes);
}
