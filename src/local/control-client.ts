import { lstat } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { unlessAbsent } from '../blobs/durable-folder.js';
import { isRunning } from '../blobs/process-identity.js';
import { JobFailure } from '../contract/errors.js';
import { readClaim, type Claim } from './claim.js';
import { LineChannel } from './line-channel.js';
import {
  answerSchema,
  identitySchema,
  stackFileSchema,
  type ControlMethod,
  type StackFile,
  type StackIdentity,
  type StackStatus,
  type StopReason,
} from './protocol.js';

/** A supervisor answers within milliseconds; a machine that is swapping takes seconds. */
const ANSWER_MS = 10_000;
/** Less for the first question: a call asks twice within its four seconds before it says that a supervisor hangs. */
const IDENTIFY_MS = 1_500;
/** One question that is not answered takes longer; a process that is being killed is gone within it. */
const HANGS_MS = 1_400;

export interface ControlEvents {
  status?(status: StackStatus): void;
  stopping?(reason: StopReason): void;
  /** The connection is over; called once. */
  closed?(): void;
}

export function stackFileOf(dataDir: string): Claim<StackFile> {
  return { path: join(dataDir, 'stack.json'), schema: stackFileSchema };
}

/** A connection to the supervisor of a data folder, which has proved to be the one that stack.json names. */
export class ControlConnection {
  readonly #channel: LineChannel;
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  readonly #events: ControlEvents;
  #nextId = 1;
  #closed = false;
  #identity: StackIdentity | undefined;

  private constructor(socket: Socket, events: ControlEvents) {
    this.#events = events;
    this.#channel = new LineChannel(socket, { message: (value) => this.#receive(value), closed: () => this.#end() });
  }

  /** Undefined when there is no living supervisor. */
  static async open(dataDir: string, events: ControlEvents = {}): Promise<ControlConnection | undefined> {
    const file = await readClaim(stackFileOf(dataDir));
    return file === undefined ? undefined : await ControlConnection.to(file, events);
  }

  static async to(file: StackFile, events: ControlEvents): Promise<ControlConnection | undefined> {
    if (!(await isOurSocket(file.socket))) return undefined;
    const socket = await connected(file.socket);
    if (socket === undefined) return undefined;
    const connection = new ControlConnection(socket, events);
    try {
      const identity = identitySchema.parse(await connection.request({ method: 'identify' }, IDENTIFY_MS));
      connection.#identity = identity;
      if (identity.nonce === file.nonce) return connection;
    } catch {
      // It ended, or it is something else that has the socket's place.
    }
    connection.close();
    return undefined;
  }

  /** Who proved itself. */
  get identity(): StackIdentity {
    if (!this.#identity) throw new Error('not identified yet');
    return this.#identity;
  }

  /** The unchecked result; throws the JobFailure of a refusal, and an Error when the connection ends. */
  async request(request: ControlMethod, timeoutMs = ANSWER_MS): Promise<unknown> {
    const id = this.#nextId++;
    return await new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(new Error('The connection to the local stack is closed'));
        return;
      }
      const timer = setTimeout(() => reject(new Error('The local stack does not answer')), timeoutMs);
      const settle = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(id);
      };
      this.#waiting.set(id, {
        resolve: (value) => {
          settle();
          resolve(value);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      });
      this.#channel.send({ id, ...request });
    });
  }

  close(): void {
    this.#channel.close();
  }

  keepProcessAlive(keep: boolean): void {
    this.#channel.keepProcessAlive(keep);
  }

  #receive(value: unknown): void {
    const { success, data: answer } = answerSchema.safeParse(value);
    if (!success) {
      // A newer or older protocol: without the connection the caller learns so from the version.
      this.close();
    } else if ('event' in answer) {
      if (answer.event === 'status') this.#events.status?.(answer.status);
      else this.#events.stopping?.(answer.reason);
    } else if ('refused' in answer) {
      const { code, message, next_step: nextStep, retryable } = answer.refused;
      this.#waiting.get(answer.id)?.reject(new JobFailure({ code, message, nextStep, retryable }));
    } else {
      this.#waiting.get(answer.id)?.resolve(answer.result);
    }
  }

  #end(): void {
    this.#closed = true;
    for (const { reject } of this.#waiting.values()) reject(new Error('The local stack ended'));
    this.#events.closed?.();
  }
}

/**
 * Whether the owner that a stack.json names still has its folder. A process that hangs is alive, and nothing is taken from
 * it; one that is being killed closes its socket a moment before it is gone.
 */
export async function isStackAlive(file: StackFile, ownHost: string): Promise<'answers' | 'hangs' | 'dead'> {
  for (const deadline = Date.now() + HANGS_MS; ; await delay(30)) {
    const connection = await ControlConnection.to(file, {});
    if (connection) {
      connection.close();
      return 'answers';
    }
    if (file.host !== ownHost || !(await isRunning(file))) return 'dead';
    if (Date.now() > deadline) return 'hangs';
  }
}

/** Keys are sent over it: the folder and the socket must be this user's own, and no link. */
async function isOurSocket(path: string): Promise<boolean> {
  const [socket, folder] = await Promise.all([unlessAbsent(lstat(path)), unlessAbsent(lstat(dirname(path)))]);
  const uid = process.getuid?.();
  return (
    socket !== undefined &&
    folder !== undefined &&
    socket.isSocket() &&
    folder.isDirectory() &&
    socket.uid === uid &&
    folder.uid === uid &&
    (folder.mode & 0o077) === 0
  );
}

async function connected(path: string): Promise<Socket | undefined> {
  return await new Promise((resolve) => {
    const socket = connect(path);
    socket.once('error', () => resolve(undefined));
    socket.once('connect', () => resolve(socket));
  });
}
