import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** One request that came by, with the status line of its reply, if one came. */
export interface Passed {
  request: string;
  reply?: string;
}

/**
 * What befalls the next request whose first line matches. `during-request`: after so many of its bytes were passed on; `during-reply`:
 * after so many bytes of its reply; `lost-reply`: when its reply has come, which is kept back. Then `strike` is called, and the
 * connection of the client is cut.
 */
export interface Fault {
  matches: RegExp;
  moment: 'during-request' | 'during-reply' | 'lost-reply' | 'hang';
  afterBytes?: number;
  strike?: () => Promise<void>;
}

export interface HttpFaultProxy {
  url: string;
  /** All requests, in order. */
  passed: Passed[];
  /** Evidence of the faults that hit: the bytes that had passed, and the status line that was kept back. */
  hits: { moment: Fault['moment']; bytes: number; reply?: string }[];
  next(fault: Fault): void;
  close(): Promise<void>;
}

/** A proxy on the level of TCP that reads along: one request at a time on each connection, as HTTP/1.1 clients send them. */
export async function startHttpFaultProxy(targetPort: number): Promise<HttpFaultProxy> {
  const faults: Fault[] = [];
  const sockets = new Set<Socket>();
  const proxy: Omit<HttpFaultProxy, 'url' | 'close'> = { passed: [], hits: [], next: (fault) => void faults.push(fault) };
  const server = createServer((client) => {
    const target = connect(targetPort, '127.0.0.1');
    for (const socket of [client, target]) {
      sockets.add(socket);
      socket.on('error', () => undefined).once('close', () => sockets.delete(socket));
    }
    client.once('close', () => target.destroy());
    // What is on its way to the client still gets there.
    target.once('close', () => client.end());
    let current: Passed | undefined;
    let fault: Fault | undefined;
    let bytes = 0;
    const hit = (reply?: string): void => {
      const { moment = 'hang', strike } = fault ?? {};
      fault = undefined;
      proxy.hits.push({ moment, bytes, ...(reply === undefined ? {} : { reply }) });
      void (strike?.() ?? Promise.resolve()).finally(() => client.destroy());
    };
    client.on('data', (chunk: Buffer) => {
      const [, line] = /^((?:GET|PUT|POST|HEAD|DELETE) \S+) HTTP/.exec(chunk.subarray(0, 2000).toString('latin1')) ?? [];
      if (line !== undefined) {
        current = { request: line };
        proxy.passed.push(current);
        bytes = 0;
        const index = faults.findIndex(({ matches }) => matches.test(line));
        [fault] = index < 0 ? [] : faults.splice(index, 1);
      }
      if (fault?.moment === 'hang') {
        proxy.hits.push({ moment: 'hang', bytes });
        client.pause();
        return;
      }
      bytes += chunk.length;
      target.write(chunk);
      if (fault?.moment === 'during-request' && bytes >= (fault.afterBytes ?? 0)) hit();
    });
    target.on('data', (chunk: Buffer) => {
      if (chunk.subarray(0, 5).toString('latin1') === 'HTTP/') {
        const line = chunk.toString('latin1').split('\r\n')[0] ?? '';
        // "Go on" is no reply yet.
        if (current && !line.includes(' 100 ')) {
          current.reply = line;
          if (fault?.moment === 'during-reply') bytes = 0;
        }
        if (fault?.moment === 'lost-reply' && !line.includes(' 100 ')) {
          hit(line);
          return;
        }
      }
      if (fault?.moment === 'during-reply') {
        const room = Math.max((fault.afterBytes ?? 0) - bytes, 0);
        bytes += chunk.length;
        client.write(chunk.subarray(0, room));
        if (bytes >= (fault.afterBytes ?? 0)) hit(current?.reply);
        return;
      }
      if (!client.destroyed) client.write(chunk);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    ...proxy,
    url: `http://127.0.0.1:${address.port}`,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
