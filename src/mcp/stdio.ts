import { pipeline, Writable } from 'node:stream';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { ErrorCode, type JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import type { JobApi } from '../client/job-api.js';
import type { Settings } from '../config.js';
import type { Logger } from '../log.js';
import { wireAnswer } from './answer.js';
import { bindServer } from './bind.js';
import { limitFrames, MAX_FRAME_BYTES } from './frame-limit.js';
import { TOOLS } from './tools/index.js';

/** A whole frame and the start of the next one. */
const MAX_BUFFER_BYTES = MAX_FRAME_BYTES + 1024 * 1024;

/** Calls in flight when the client goes away: a start is worth finishing, a hung one is not worth waiting for. */
const DRAIN_SECONDS = 5;

/**
 * Serves MCP over stdin and stdout until stdin ends or a signal comes, then exits the process. initialize and tools/list
 * are answered before anything else is touched: `connect` runs, and what it needs is imported, at the first tool call.
 */
export async function serveStdio(connect: () => Promise<JobApi> = connectClient): Promise<void> {
  const output = claimStdout();
  const { server, drain } = bindServer({ tools: TOOLS, connect, logError, settings });

  let leaving = false;
  const leave = (): void => {
    if (leaving) return;
    leaving = true;
    setTimeout(() => process.exit(0), DRAIN_SECONDS * 1000);
    drain()
      // The SDK writes an answer in the turn after its handler.
      .then(() => new Promise((resolve) => setImmediate(resolve)))
      .then(() => Promise.all([new Promise<void>((resolve) => output.end(resolve)), logged]))
      .catch((error: unknown) => logError('leaving was not clean', error))
      .finally(() => process.exit(0));
  };

  process.on('uncaughtException', (error) => logDefect('uncaught exception', error));
  process.on('unhandledRejection', (error) => logDefect('unhandled rejection', error));
  process.on('SIGTERM', leave);
  process.on('SIGINT', leave);
  // A client that is gone closes the pipe.
  process.stdout.on('error', leave);

  server.onerror = (error) => logError('MCP connection', error);
  server.onclose = leave;
  const input = limitFrames(MAX_FRAME_BYTES, ({ id, isToolCall }) => {
    // Without an id there is nothing to answer to; the log has it.
    if (id !== undefined) transport.send(tooLarge(id, isToolCall)).catch((error: unknown) => logError('a refusal could not be sent', error));
  });
  const transport = new StdioServerTransport(input, output, { maxBufferSize: MAX_BUFFER_BYTES });
  await server.connect(transport);
  input.on('end', leave);
  pipeline(process.stdin, input, (error) => {
    if (error) leave();
  });
}

function tooLarge(id: string | number, isToolCall: boolean): JSONRPCMessage {
  const message = `This message is larger than ${MAX_FRAME_BYTES / 1024 / 1024} MiB and was not read.`;
  const next_step = 'Give pictures as file paths or https:// URLs instead of data: URLs.';
  if (!isToolCall) return { jsonrpc: '2.0', id, error: { code: ErrorCode.InvalidRequest, message: `${message} ${next_step}` } };
  return { jsonrpc: '2.0', id, result: wireAnswer({ refusal: { code: 'LIMIT_EXCEEDED', message, next_step, retryable: false } }) };
}

/** The only way to the real stdout from here on; what anything else writes there goes to stderr. */
function claimStdout(): Writable {
  const write = process.stdout.write.bind(process.stdout);
  process.stdout.write = process.stderr.write.bind(process.stderr);
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      write(chunk, (error) => done(error));
    },
  });
}

async function connectClient(): Promise<JobApi> {
  const [{ ImageJobs }, read] = await Promise.all([import('../client/image-jobs.js'), settings()]);
  return ImageJobs.open(read);
}

async function settings(): Promise<Settings> {
  const { readSettings } = await import('../config.js');
  return readSettings(process.env);
}

/** A defect in one call must not end the others; a log that cannot be written must not be logged for ever. */
function logDefect(message: string, error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'EPIPE')) logError(message, error);
}

let logger: Promise<Logger> | undefined;
let logged: Promise<unknown> = Promise.resolve();

function logError(message: string, error: unknown): void {
  logger ??= openLogger();
  logged = logger
    .then((log) => log.error({ err: error }, message))
    .catch(() => process.stderr.write(`durable-image-mcp: ${message}: ${String(error)}\n`));
}

/** The logger is loaded when there is something to say. */
async function openLogger(): Promise<Logger> {
  const [{ createLogger }, { IMAGE_LOG_LEVEL }] = await Promise.all([import('../log.js'), settings()]);
  return createLogger(IMAGE_LOG_LEVEL, 'mcp');
}
