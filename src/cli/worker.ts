import { once } from 'node:events';
import { pathToFileURL } from 'node:url';
import { Client } from '@temporalio/client';
import * as z from 'zod';
import { Account, type AccountFields } from '../accounts/account.js';
import { readCredentialsFile } from '../accounts/credentials-file.js';
import { readAccounts } from '../accounts/environment.js';
import { AccountRegistry, type AccountSource } from '../accounts/registry.js';
import { readSalt } from '../accounts/salt.js';
import { readSharedSalt } from '../accounts/shared-salt.js';
import type { BlobStore } from '../blobs/blob-store.js';
import { findBlobStore, openBlobStore } from '../blobs/open-store.js';
import { connectTemporal } from '../client/connect.js';
import { isNotFound } from '../client/describe-job.js';
import { refuseLostStore } from '../client/store-agreement.js';
import { unavailable } from '../client/temporal.js';
import { readSettings, type Settings } from '../config.js';
import { JobFailure } from '../contract/errors.js';
import { freePort } from '../local/ports.js';
import { toWorkerSchema, type ToWorker, type WireAccount } from '../local/protocol.js';
import { createLogger, type Logger } from '../log.js';
import { readTemporalConfig, type TemporalConfig } from '../temporal-config.js';
import type { runWorker } from '../worker.js';
import { EXIT } from './output.js';

const workerModule = z.object({ runWorker: z.custom<typeof runWorker>((value) => typeof value === 'function') });

/** Beyond the longest request that a worker lets finish, something hangs. */
const DRAIN_MARGIN_SECONDS = 30;

/** A worker for any Temporal, with the accounts of its own environment and credentials file. Runs until a signal, then drains. */
export async function worker(env: NodeJS.ProcessEnv): Promise<number> {
  const settings = readSettings(env);
  if (!settings.remote) {
    throw new JobFailure({
      code: 'INVALID_ARGUMENT',
      message: 'No Temporal is named; the local stack runs its own worker.',
      nextStep: 'Set TEMPORAL_ADDRESS or TEMPORAL_PROFILE and start the worker again.',
    });
  }
  const logger = createLogger(settings.IMAGE_LOG_LEVEL, 'worker');
  const temporal = readTemporalConfig(settings, env);
  const registry = new AccountRegistry();
  const salt = await readSharedSalt(await storeOf(settings, temporal));
  for (const fields of readAccounts(env)) registry.add(new Account(fields, salt), 'environment');
  const fromFile = await readCredentialsFile(settings.credentialsFile);
  if (fromFile) for (const fields of readAccounts(fromFile)) registry.add(new Account(fields, salt), 'credentials');
  const { signal } = endBySignal();
  const metricsPort = await metricsPortFor(settings);
  const module = await loadWorker(logger, metricsPort);
  await module.runWorker({ ...temporal, settings, accounts: registry, logger, metricsPort, signal });
  return EXIT.done;
}

/** The store of the settings, unless Temporal knows of an earlier one at the same place; made where there is none. */
async function storeOf(settings: Settings, { address, namespace, connection: options }: TemporalConfig): Promise<BlobStore> {
  const found = await findBlobStore(settings.blobStore);
  const connection = await connectTemporal({ ...options, address }).catch((error: unknown) => {
    throw unavailable(address, error);
  });
  try {
    await refuseLostStore({ client: new Client({ connection, namespace }), namespace }, settings.blobStore, found?.id);
  } catch (error) {
    if (error instanceof JobFailure) throw error;
    // The SDK's worker would end with a dump of this answer.
    if (isNotFound(error)) throw noNamespace(namespace, error);
    throw unavailable(address, error);
  } finally {
    await connection.close();
  }
  return found ?? (await openBlobStore(settings.blobStore));
}

function noNamespace(namespace: string, cause: unknown): JobFailure {
  return new JobFailure({
    code: 'TEMPORAL_UNAVAILABLE',
    message: `This Temporal has no namespace ${namespace}.`,
    nextStep: 'Create it, or correct TEMPORAL_NAMESPACE.',
    cause,
  });
}

/**
 * The worker of the local stack: a child of the supervisor, which sends its accounts over the private channel. It
 * drains and ends on SIGTERM and when the channel closes, that is when the supervisor is gone.
 */
export async function stackWorker(env: NodeJS.ProcessEnv, modulePath: string | undefined): Promise<number> {
  const settings = readSettings(env);
  const logger = createLogger(settings.IMAGE_LOG_LEVEL, 'worker');
  const ending = endBySignal();
  const salt = await readSalt(settings.dataDir);
  const registry = new AccountRegistry();
  const start = await new Promise<Extract<ToWorker, { type: 'start' }> | undefined>((resolve) => {
    process.on('message', (value) => {
      const message = toWorkerSchema.parse(value);
      for (const { fields, source } of message.accounts) add(registry, fields, source, salt);
      if (message.type === 'start') resolve(message);
    });
    process.once('disconnect', () => {
      resolve(undefined);
      const limit = settings.IMAGE_SYNC_SUBMIT_TIMEOUT_SECONDS + settings.IMAGE_SUBMIT_LISTEN_SECONDS + DRAIN_MARGIN_SECONDS;
      setTimeout(() => process.exit(EXIT.failed), limit * 1000).unref();
      ending.abort();
    });
    if (!process.connected) resolve(undefined);
  });
  if (!start) return EXIT.failed;
  const metricsPort = await metricsPortFor(settings);
  const loaded: unknown = await (modulePath === undefined ? loadWorker(logger, metricsPort) : import(pathToFileURL(modulePath).href));
  await workerModule.parse(loaded).runWorker({
    address: start.address,
    namespace: start.namespace,
    settings,
    accounts: registry,
    logger,
    metricsPort,
    onReady: () => process.send?.({ type: 'ready' }),
    signal: ending.signal,
  });
  return EXIT.done;
}

/** The exporter of the runtime listens on a port of its own, and only when somebody may ask for its figures. */
async function metricsPortFor({ IMAGE_WORKER_HEALTH_ADDRESS: address }: Settings): Promise<number | undefined> {
  return address === undefined ? undefined : freePort();
}

async function loadWorker(logger: Logger, metricsPort?: number): Promise<{ runWorker: typeof runWorker }> {
  const [module, { installRuntime }] = await Promise.all([import('../worker.js'), import('../worker-runtime.js')]);
  installRuntime(logger, metricsPort);
  return module;
}

function add(registry: AccountRegistry, wire: WireAccount, source: AccountSource, salt: Buffer): void {
  const { provider, baseUrl, key, models } = wire;
  const fields: AccountFields = { provider, baseUrl, key };
  if (models) {
    fields.models = {
      ...(models.image === undefined ? {} : { image: models.image }),
      ...(models.responses === undefined ? {} : { responses: models.responses }),
    };
  }
  registry.add(new Account(fields, salt), source);
}

/** The first signal drains; a second one ends the process as usual. */
function endBySignal(): AbortController {
  const ending = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) void once(process, name).then(() => ending.abort());
  return ending;
}
