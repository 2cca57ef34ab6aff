import { connect } from 'node:net';
import { Client, isGrpcServiceError } from '@temporalio/client';
import { connectTemporal } from '../client/connect.js';
import type { Settings } from '../config.js';
import { JobFailure } from '../contract/errors.js';
import type { StackStatus } from '../local/protocol.js';
import { readTemporalConfig, type TemporalConfig } from '../temporal-config.js';
import type { TemporalSeen } from './context.js';
import { error, type Finding } from './finding.js';

const CONNECT_MS = 5_000;
const GRPC = { permissionDenied: 7, unauthenticated: 16 } as const;
const DEFAULT_PORT = 7233;

/** Connects to the Temporal of the settings, or of the running stack; `close` ends the connection. */
export async function reachTemporal(
  settings: Settings,
  env: NodeJS.ProcessEnv,
  stack: StackStatus | undefined,
): Promise<{ seen: TemporalSeen; close: () => Promise<void> }> {
  const nothing = async (): Promise<void> => {};
  const target = settings.remote ? remoteTarget(settings, env) : localTarget(stack);
  if (target === undefined) return { seen: { state: 'down' }, close: nothing };
  if ('level' in target) return { seen: { state: 'away', finding: target }, close: nothing };
  const { address, namespace } = target;
  try {
    const connection = await connectTemporal({ ...target.connection, address, connectTimeout: CONNECT_MS });
    const client = new Client({ connection, namespace });
    return { seen: { state: 'answers', client, ...target }, close: async () => await connection.close() };
  } catch (thrown) {
    return { seen: { state: 'away', finding: await whyAway(target, thrown) }, close: nothing };
  }
}

function remoteTarget(settings: Settings, env: NodeJS.ProcessEnv): TemporalConfig | Finding {
  try {
    return readTemporalConfig(settings, env);
  } catch (thrown) {
    if (thrown instanceof JobFailure) return error('temporal', thrown.message, thrown.nextStep);
    throw thrown;
  }
}

function localTarget(stack: StackStatus | undefined): TemporalConfig | undefined {
  if (stack?.state !== 'ready' || stack.address === undefined) return undefined;
  return { address: stack.address, namespace: stack.namespace, connection: {} };
}

/** Told apart by what a plain connection to the same port meets. */
async function whyAway({ address, connection }: TemporalConfig, thrown: unknown): Promise<Finding> {
  const cause = thrown instanceof Error && thrown.cause !== undefined ? thrown.cause : thrown;
  if (isGrpcServiceError(cause) && (cause.code === GRPC.unauthenticated || cause.code === GRPC.permissionDenied)) {
    const remedy = 'Correct TEMPORAL_API_KEY, the client certificate or the profile, and check that it is meant for this namespace.';
    return error('temporal', `Temporal at ${address} does not accept the credentials of this process.`, remedy);
  }
  const problem = await problemOfPort(address);
  if (problem !== undefined) {
    return error('temporal', `Temporal at ${address} cannot be reached: ${problem}.`, 'Check TEMPORAL_ADDRESS or the profile, that the server runs, and the network between.');
  }
  const tls = connection.tls !== undefined && connection.tls !== null && connection.tls !== false;
  const how = tls ? 'with TLS' : connection.apiKey === undefined ? 'without TLS' : 'with TLS and an API key';
  return error(
    'temporal',
    `The port of Temporal at ${address} is open, but nothing answers there as Temporal does (it was asked ${how}).`,
    tls ? 'Check the TEMPORAL_TLS_ variables: the CA, the client certificate and the server name.' : 'If that server wants TLS, set TEMPORAL_TLS=true or TEMPORAL_API_KEY; otherwise correct the port.',
  );
}

async function problemOfPort(address: string): Promise<string | undefined> {
  const [, host = address, port] = /^(.*):(\d+)$/.exec(address) ?? [];
  return await new Promise((resolve) => {
    const socket = connect({ host: host.replace(/^\[(.*)\]$/, '$1'), port: port === undefined ? DEFAULT_PORT : Number(port), timeout: CONNECT_MS });
    const end = (problem?: string): void => {
      socket.destroy();
      resolve(problem);
    };
    socket.once('connect', () => end());
    socket.once('timeout', () => end('no answer'));
    socket.once('error', (failure: NodeJS.ErrnoException) => end(wordsOf(failure)));
  });
}

/** What a failed connection means, in a few words. */
export function wordsOf({ code, message }: NodeJS.ErrnoException): string {
  const words: Readonly<Record<string, string>> = {
    ECONNREFUSED: 'nothing listens there',
    ENOTFOUND: 'its name is not known',
    EAI_AGAIN: 'names cannot be looked up at the moment',
    ETIMEDOUT: 'no answer',
    EHOSTUNREACH: 'there is no way to it',
    ENETUNREACH: 'there is no network',
    ECONNRESET: 'it closed the connection',
  };
  return code === undefined ? message : (words[code] ?? `${message} (${code})`);
}
