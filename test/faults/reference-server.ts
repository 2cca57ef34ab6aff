import { createServer, type ServerResponse } from 'node:http';
import { picture } from '../support/fake-openai/pictures.js';
import { until } from '../support/stack-process.js';

/** Serves a picture at every path; can hold the second half of the body, so that a download stands still. */
export interface ReferenceServer {
  url(name: string): string;
  /** From now on the second half of every body is held. */
  hold(): void;
  /** Resolves when a download of that name stands still in the middle; gives the number of bytes that were sent. */
  stuck(name: string): Promise<number>;
  /** Sends what is held (its reader may be gone), and holds no more. */
  release(): void;
  close(): Promise<void>;
}

export async function startReferenceServer(): Promise<ReferenceServer> {
  const bytes = await picture('reference', '256x256', 'png');
  const half = Math.floor(bytes.length / 2);
  const held = new Map<string, ServerResponse>();
  let holding = false;
  const server = createServer((request, response) => {
    response.writeHead(200, { 'content-type': 'image/png', 'content-length': bytes.length });
    if (!holding) response.end(bytes);
    else response.write(bytes.subarray(0, half), () => held.set(request.url ?? '', response));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the reference server has no port');
  const { port } = address;
  const release = (): void => {
    holding = false;
    for (const response of held.values()) response.end(bytes.subarray(half));
    held.clear();
  };
  return {
    url: (name) => `http://127.0.0.1:${port}/${name}.png`,
    hold: () => {
      holding = true;
    },
    async stuck(name) {
      await until(() => held.has(`/${name}.png`), `the download of ${name}`);
      return half;
    },
    release,
    async close() {
      release();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
