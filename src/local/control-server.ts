import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { JobFailure } from '../contract/errors.js';
import type { Logger } from '../log.js';
import { LineChannel } from './line-channel.js';
import { requestSchema, type ControlAnswer, type ControlRequest } from './protocol.js';

/** sockaddr_un holds 104 bytes on macOS and 108 on Linux, the final NUL included. */
const MAX_PATH_BYTES = 103;

/** One connection. */
export interface Peer {
  send(answer: ControlAnswer): void;
  close(): void;
}

export interface ControlHandlers {
  /** The result of a request; a JobFailure is told to the caller. */
  request(request: ControlRequest, peer: Peer): Promise<unknown>;
  closed(peer: Peer): void;
}

export interface ControlServer {
  path: string;
  /** Stops listening, closes all connections once what was sent is through, and removes the socket. */
  close(): Promise<void>;
}

/**
 * Listens on a unix socket that only this user can reach: in a folder of its own, made with a random name and mode
 * 0700, so that nobody can have put anything there. The path goes into stack.json.
 */
export async function listenControl(handlers: ControlHandlers, logger: Logger): Promise<ControlServer> {
  const folder = await socketFolder();
  const path = join(folder, 's');
  const channels = new Set<LineChannel>();
  const server = createServer((socket) => serve(socket, handlers, channels, logger));
  await listen(server, path);
  await chmod(path, 0o600);
  return {
    path,
    async close() {
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      for (const channel of channels) channel.end();
      // A client that does not read must not keep the supervisor.
      const timer = setTimeout(() => channels.forEach((channel) => channel.close()), 1000);
      await closed;
      clearTimeout(timer);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Removes the socket of a supervisor that was killed; only what looks like one of ours. */
export async function removeDeadSocket(path: string): Promise<void> {
  const folder = dirname(path);
  if (/\/dim-[A-Za-z0-9]+\/s$/.test(path)) await rm(folder, { recursive: true, force: true });
}

async function socketFolder(): Promise<string> {
  for (const parent of [process.env['XDG_RUNTIME_DIR'], tmpdir(), '/tmp']) {
    if (parent === undefined || Buffer.byteLength(join(parent, 'dim-XXXXXX', 's')) > MAX_PATH_BYTES) continue;
    try {
      return await mkdtemp(join(parent, 'dim-'));
    } catch {
      // Not there or not ours to write: the next one.
    }
  }
  throw new JobFailure({
    code: 'TEMPORAL_UNAVAILABLE',
    message: 'No folder was found for the control socket of the local stack.',
    nextStep: 'Make the folder for temporary files (TMPDIR) writable for this user, then try again.',
  });
}

async function listen(server: Server, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function serve(socket: Socket, handlers: ControlHandlers, channels: Set<LineChannel>, logger: Logger): void {
  const peer: Peer = { send: (answer) => channel.send(answer), close: () => channel.close() };
  const channel = new LineChannel(socket, {
    message(value) {
      const request = requestSchema.safeParse(value);
      if (!request.success) {
        logger.warn('A request that is not of the protocol was refused');
        channel.close();
        return;
      }
      const { id } = request.data;
      handlers.request(request.data, peer).then(
        (result) => peer.send({ id, result }),
        (error: unknown) => peer.send({ id, refused: refusalOf(error) }),
      );
    },
    closed() {
      channels.delete(channel);
      handlers.closed(peer);
    },
  });
  channels.add(channel);
}

function refusalOf(error: unknown): Extract<ControlAnswer, { refused: unknown }>['refused'] {
  if (error instanceof JobFailure) {
    const { code, message, next_step, retryable } = error.toJobError();
    return { code, message, next_step, retryable };
  }
  return {
    code: 'INTERNAL',
    message: `The local stack failed: ${error instanceof Error ? error.message : String(error)}.`,
    next_step: 'Look into the logs of the data folder.',
    retryable: false,
  };
}
