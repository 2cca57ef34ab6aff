import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { join } from 'node:path';
import * as z from 'zod';
import { errnoOf } from '../blobs/store-failure.js';
import { JobFailure } from '../contract/errors.js';
import { readJson, writeWhole } from './claim.js';

const portsSchema = z.object({ grpc: z.int().min(1).max(65_535), ui: z.int().min(1).max(65_535) });
export type Ports = z.infer<typeof portsSchema>;

/** Below the ports that Linux and macOS give to outgoing connections, so that a saved one stays free. */
const LOWEST = 20_000;
const HIGHEST = 30_000;
const TRIES = 200;

/**
 * The ports of a data folder, on 127.0.0.1: those of last time while they are free, so that links and scripts stay
 * right. A message says when another program has taken one.
 */
export async function choosePorts(dataDir: string): Promise<{ ports: Ports; messages: string[] }> {
  const path = join(dataDir, 'ports.json');
  const saved = await savedPorts(dataDir);
  const messages: string[] = [];
  const keep = async (name: keyof Ports, other?: number): Promise<number> => {
    const port = saved?.[name];
    if (port !== undefined && (await isFree(port))) return port;
    const chosen = await freePort(other);
    if (port !== undefined) {
      messages.push(`Port ${port} of the ${name === 'ui' ? 'Web UI' : 'Temporal server'} is taken by another program; it is ${chosen} now.`);
    }
    return chosen;
  };
  const grpc = await keep('grpc');
  const ports = { grpc, ui: await keep('ui', grpc) };
  if (saved?.grpc !== ports.grpc || saved.ui !== ports.ui) await writeWhole(path, ports);
  return { ports, messages };
}

/** The ports of last time, also while the stack is down. */
export async function savedPorts(dataDir: string): Promise<Ports | undefined> {
  return await readJson(portsSchema, join(dataDir, 'ports.json'));
}

/** A free port of 127.0.0.1. */
export async function freePort(except?: number): Promise<number> {
  for (let tries = 0; tries < TRIES; tries++) {
    const port = randomInt(LOWEST, HIGHEST);
    if (port !== except && (await isFree(port))) return port;
  }
  throw new JobFailure({
    code: 'TEMPORAL_UNAVAILABLE',
    message: `No free port was found on 127.0.0.1 between ${LOWEST} and ${HIGHEST}.`,
    nextStep: 'End programs that hold ports there, or allow this program to listen on 127.0.0.1, and try again.',
    retryable: true,
  });
}

async function isFree(port: number): Promise<boolean> {
  return await new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error) => {
      const code = errnoOf(error);
      if (code === 'EADDRINUSE' || code === 'EACCES' || code === 'EPERM') resolve(false);
      else reject(error);
    });
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
