import type { Socket } from 'node:net';

/** A line holds a status or a set of accounts: kilobytes. More is not our protocol. */
const MAX_LINE_CHARACTERS = 1024 * 1024;

export interface LineHandlers {
  /** One parsed line; unchecked. */
  message(value: unknown): void;
  /** The connection is over; called once. */
  closed(): void;
}

/** Newline-delimited JSON over a socket. A line that is no JSON, or too long, ends the connection. */
export class LineChannel {
  readonly #socket: Socket;

  constructor(socket: Socket, handlers: LineHandlers) {
    this.#socket = socket;
    let buffered = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      buffered += chunk;
      for (let end = buffered.indexOf('\n'); end >= 0; end = buffered.indexOf('\n')) {
        const line = buffered.slice(0, end);
        buffered = buffered.slice(end + 1);
        const value = parsed(line);
        if (value === undefined) socket.destroy();
        if (socket.destroyed) return;
        handlers.message(value);
      }
      if (buffered.length > MAX_LINE_CHARACTERS) socket.destroy();
    });
    // An error is always followed by 'close', which tells all there is to know.
    socket.on('error', () => {});
    socket.on('close', () => handlers.closed());
  }

  send(value: unknown): void {
    if (!this.#socket.destroyed) this.#socket.write(`${JSON.stringify(value)}\n`);
  }

  /** Sends what is still to be sent, then closes. */
  end(): void {
    this.#socket.end();
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Whether this connection alone keeps the process alive. */
  keepProcessAlive(keep: boolean): void {
    if (keep) this.#socket.ref();
    else this.#socket.unref();
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line) ?? undefined;
  } catch {
    return undefined;
  }
}
