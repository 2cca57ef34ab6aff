import type { IncomingMessage, Server } from 'node:http';

/** What every fake of a provider has, whatever its wire format. */

/** The requests that came, in order; whoever waits for one is told when it comes. */
export class Journal<Entry> {
  readonly entries: Entry[] = [];
  readonly #watchers = new Set<(entry: Entry) => void>();

  add(entry: Entry): void {
    this.entries.push(entry);
    for (const watcher of this.#watchers) watcher(entry);
  }

  /** Resolves with the first request, past or coming, that fits; rejects after `timeoutMs`. */
  waitFor(predicate: (entry: Entry) => boolean, timeoutMs = 20_000): Promise<Entry> {
    const past = this.entries.find(predicate);
    if (past) return Promise.resolve(past);
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        clearTimeout(timer);
        this.#watchers.delete(watcher);
      };
      const watcher = (entry: Entry): void => {
        if (!predicate(entry)) return;
        stop();
        resolve(entry);
      };
      const timer = setTimeout(() => {
        stop();
        reject(new Error(`no such request within ${timeoutMs} ms; ${this.entries.length} others came`));
      }, timeoutMs);
      this.#watchers.add(watcher);
    });
  }
}

/** Replies that are ready and not sent. */
export class HeldReplies {
  #held: (() => void)[] = [];

  get size(): number {
    return this.#held.length;
  }

  hold(send: () => void): void {
    this.#held.push(send);
  }

  /** Sends them; returns how many. */
  release(): number {
    const ready = this.#held;
    this.#held = [];
    for (const send of ready) send();
    return ready.length;
  }

  drop(): void {
    this.#held = [];
  }
}

export async function bytesOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) if (Buffer.isBuffer(chunk)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** On 127.0.0.1; 0 is a free port. Gives the origin. */
export async function listen(server: Server, port: number): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the fake has no port');
  return `http://127.0.0.1:${address.port}`;
}

export async function closeWithConnections(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}
