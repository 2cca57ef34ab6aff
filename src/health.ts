import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { JobFailure } from './contract/errors.js';
import type { Logger } from './log.js';

export interface Health {
  /** Why the worker does no work, in a sentence; undefined when it asks for work. */
  problem(): Promise<string | undefined>;
  /** The text of the Prometheus exporter. */
  metrics(): Promise<string>;
}

/**
 * What an orchestrator asks a worker over HTTP: `/healthz` (the process answers), `/readyz` (it asks Temporal for work; 503
 * with a sentence when it does not) and `/metrics` (Prometheus text format 0.0.4). Returns what ends it.
 */
export async function serveHealth(address: string, health: Health, logger: Logger): Promise<{ port: number; close(): Promise<void> }> {
  const { host, port } = readAddress(address);
  const server = createServer((request, response) => {
    void answer(request, health)
      .catch((error: unknown) => ({ status: 500, type: 'text/plain', body: error instanceof Error ? error.message : String(error) }))
      .then(({ status, type, body }) => response.writeHead(status, { 'content-type': `${type}; charset=utf-8` }).end(body));
  });
  server.listen(port, host);
  // Rejects with the error of the server when that comes first.
  await once(server, 'listening').catch((error: unknown) => Promise.reject(refusal(address, String(error))));
  const bound = addressOf(server);
  logger.info({ address: `${bound.address}:${bound.port}` }, 'health endpoint');
  return {
    port: bound.port,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface Answer {
  status: number;
  type: string;
  body: string;
}

async function answer({ method, url = '' }: IncomingMessage, health: Health): Promise<Answer> {
  const text = (status: number, body: string): Answer => ({ status, type: 'text/plain', body: `${body}\n` });
  if (method !== 'GET' && method !== 'HEAD') return text(405, 'Only GET and HEAD.');
  switch (url.split('?')[0]) {
    case '/healthz':
      return text(200, 'ok');
    case '/readyz': {
      const problem = await health.problem();
      return problem === undefined ? text(200, 'ok') : text(503, problem);
    }
    case '/metrics':
      return { status: 200, type: 'text/plain; version=0.0.4', body: await health.metrics() };
    default:
      return text(404, 'There are /healthz, /readyz and /metrics.');
  }
}

function readAddress(address: string): { host: string; port: number } {
  const [, host = '', port = ''] = /^(?:\[?([^\]]*)\]?:)?(\d{1,5})$/.exec(address.trim()) ?? [];
  if (port === '' || Number(port) > 65_535) throw refusal(address, 'it is no host:port');
  return { host: host === '' ? '127.0.0.1' : host, port: Number(port) };
}

function refusal(address: string, why: string): JobFailure {
  return new JobFailure({
    code: 'INVALID_ARGUMENT',
    message: `IMAGE_WORKER_HEALTH_ADDRESS: ${address} cannot be listened on (${why}).`,
    nextStep: 'Name an address of this machine and a free port, as in 127.0.0.1:9464 or 0.0.0.0:9464.',
  });
}

function addressOf(server: Server): AddressInfo {
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('the server has no port');
  return bound;
}
