import * as z from 'zod';
import { ERROR_CODES } from '../contract/errors.js';
import { PROVIDER_NAMES } from '../contract/names.js';

/** What passes over the control socket and lies in `<data>/stack.json`. One JSON value a line, both ways. */

/** `<data>/stack.json`: who runs the stack of this folder; believed only when the socket answers with the nonce. */
export const stackFileSchema = z.object({
  pid: z.int().positive(),
  /** See ProcessIdentity: told apart from a later process with the same pid. */
  host: z.string(),
  start: z.string(),
  nonce: z.string().min(16),
  socket: z.string(),
  version: z.string(),
  started_at: z.string(),
  ports: z.object({ grpc: z.int(), ui: z.int() }).optional(),
  versions: z.object({ temporal_cli: z.string(), temporal_server: z.string() }).optional(),
});
export type StackFile = z.infer<typeof stackFileSchema>;

const childSchema = z.object({
  state: z.enum(['waiting', 'starting', 'running', 'restarting', 'stopped']),
  pid: z.int().optional().describe('The process itself, not a wrapper.'),
  since: z.string().describe('Start of this state, ISO 8601.'),
  restarts: z.int(),
  problem: z.string().optional().describe('Why it is not running.'),
});
export type ChildStatus = z.infer<typeof childSchema>;

export const progressSchema = z.object({
  step: z.string().describe('A few words, such as "building the Temporal server".'),
  percent: z.number().min(0).max(100),
  seconds_left: z.number().optional(),
});
export type Progress = z.infer<typeof progressSchema>;

const stackErrorSchema = z.object({
  code: z.enum(ERROR_CODES),
  message: z.string(),
  next_step: z.string(),
  retryable: z.boolean(),
});

const listedAccountSchema = z.object({
  provider: z.enum(PROVIDER_NAMES),
  id: z.string(),
  base_url: z.string(),
  source: z.enum(['client', 'credentials', 'environment']),
});

/** The state of the stack of a data folder; also what `status --json` prints. A supervisor that answers is never `stopped`. */
export const stackStatusSchema = z.object({
  state: z.enum(['preparing', 'ready', 'failed', 'stopping', 'stopped']),
  address: z.string().optional(),
  namespace: z.string(),
  ui_url: z.string().optional(),
  ports: z.object({ grpc: z.int(), ui: z.int() }).optional(),
  pids: z.object({ supervisor: z.int().optional(), temporal: z.int().optional(), worker: z.int().optional() }),
  versions: z.object({ package: z.string(), temporal_cli: z.string().optional(), temporal_server: z.string().optional() }),
  temporal_binary: z.string().optional(),
  data_dir: z.string(),
  database_id: z.string().optional(),
  started_at: z.string().optional(),
  server: childSchema,
  worker: childSchema,
  preparation: progressSchema.optional(),
  /** Connected clients. */
  clients: z.int(),
  accounts: z.array(listedAccountSchema),
  /** What happened and should be known, newest last. */
  messages: z.array(z.string()),
  error: stackErrorSchema.optional(),
});
export type StackStatus = z.infer<typeof stackStatusSchema>;

const accountFieldsSchema = z.object({
  provider: z.enum(PROVIDER_NAMES),
  baseUrl: z.string(),
  key: z.string(),
  models: z.object({ image: z.string().optional(), responses: z.string().optional() }).optional(),
});
/** Keys: only over the owner-only socket and the worker's private channel. */
export const accountsSchema = z.array(accountFieldsSchema).max(200);
export type WireAccount = z.infer<typeof accountFieldsSchema>;

const methodSchema = z.discriminatedUnion('method', [
  /** Proves who answers; changes nothing. */
  z.object({ method: z.literal('identify') }),
  z.object({ method: z.literal('status') }),
  /** From here on this connection is a client: it keeps the stack from being idle and gets `status` events. */
  z.object({ method: z.literal('hello'), version: z.string() }),
  z.object({ method: z.literal('accounts'), accounts: accountsSchema }),
  /** Tries a failed preparation again. */
  z.object({ method: z.literal('prepare') }),
  /** Drains and ends the stack; answered at once, the end of the connection says that it is done. */
  z.object({ method: z.literal('down'), reason: z.enum(['down', 'replaced']) }),
]);
export type ControlMethod = z.infer<typeof methodSchema>;
export const requestSchema = z.intersection(z.object({ id: z.int() }), methodSchema);
export type ControlRequest = z.infer<typeof requestSchema>;

export const identitySchema = z.object({ nonce: z.string(), version: z.string(), pid: z.int() });
export type StackIdentity = z.infer<typeof identitySchema>;

/** Why a supervisor ends; a client that is told `signal` or nothing at all starts the stack again at once. */
export const STOP_REASONS = ['down', 'replaced', 'idle', 'signal', 'folder'] as const;
export type StopReason = (typeof STOP_REASONS)[number];

export const answerSchema = z.union([
  z.object({ id: z.int(), result: z.unknown() }),
  z.object({ id: z.int(), refused: stackErrorSchema }),
  z.object({ event: z.literal('status'), status: stackStatusSchema }),
  z.object({ event: z.literal('stopping'), reason: z.enum(STOP_REASONS) }),
]);
export type ControlAnswer = z.infer<typeof answerSchema>;

/** Messages between supervisor and worker over the worker's IPC channel. */
export const toWorkerSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('start'),
    address: z.string(),
    namespace: z.string(),
    accounts: z.array(z.object({ fields: accountFieldsSchema, source: listedAccountSchema.shape.source })),
  }),
  z.object({
    type: z.literal('accounts'),
    accounts: z.array(z.object({ fields: accountFieldsSchema, source: listedAccountSchema.shape.source })),
  }),
]);
export type ToWorker = z.infer<typeof toWorkerSchema>;
export const fromWorkerSchema = z.object({ type: z.literal('ready') });
