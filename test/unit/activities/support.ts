import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { pino } from 'pino';
import sharp from 'sharp';
import { Account } from '../../../src/accounts/account.js';
import { AccountRegistry } from '../../../src/accounts/registry.js';
import { readSalt } from '../../../src/accounts/salt.js';
import type { ActivityDependencies } from '../../../src/activities/dependencies.js';
import { createActivities } from '../../../src/activities/index.js';
import { Attempts, type AttemptKey } from '../../../src/blobs/attempts.js';
import type { BlobStore } from '../../../src/blobs/blob-store.js';
import { FilesystemBlobStore } from '../../../src/blobs/filesystem.js';
import { Manifests } from '../../../src/blobs/manifests.js';
import { unavailable } from '../../../src/blobs/store-failure.js';
import { readSettings } from '../../../src/config.js';
import { sha256 } from '../../../src/contract/canonical.js';
import type { GenerationOrder, JobActivities, Target } from '../../../src/contract/plan.js';
import { capabilitiesOf } from '../../../src/generators/capabilities.js';
import type { AttemptIdentity, Generator, SubmitOutcome } from '../../../src/generators/generator.js';
import { NO_METRICS } from '../../../src/metrics.js';
import { createNormaliser } from '../../../src/references/normalise.js';

export type AttemptInfo = NonNullable<ConstructorParameters<typeof MockActivityEnvironment>[0]>;

export const JOB = 'img-of-the-test';

/** Activities on a real store in a folder, with generators that do as they are told. */
export interface Bench {
  deps: ActivityDependencies;
  /** One attempt of an activity of the job. */
  run<Result>(
    work: (activities: JobActivities) => Promise<Result>,
    info?: AttemptInfo,
    onHeartbeat?: (details: unknown) => void,
  ): Promise<Result>;
  attempts: Attempts;
  account: Account;
  folder: string;
  /** Jobs that were started again. */
  rerun: string[];
  remove(): Promise<void>;
}

export interface BenchOptions {
  generators?: Generator[];
  settings?: Record<string, string>;
  store?: (store: BlobStore) => BlobStore;
}

export async function bench({ generators = [], settings: given = {}, store: wrap = (store) => store }: BenchOptions): Promise<Bench> {
  const folder = await mkdtemp(join(tmpdir(), 'activities-'));
  const settings = readSettings({
    IMAGE_DATA_DIR: join(folder, 'data'),
    IMAGE_SAVE_ROOT: join(folder, 'pictures'),
    IMAGE_POLL_SECONDS: '0.01',
    IMAGE_SUBMIT_HEARTBEAT_SECONDS: '0.1',
    IMAGE_WAITING_POLL_SECONDS: '0.1',
    ...given,
  });
  const salt = await readSalt(settings.dataDir);
  const account = new Account({ provider: 'openai', baseUrl: 'http://127.0.0.1:9/v1', key: 'sk-of-the-bench' }, salt);
  const accounts = new AccountRegistry();
  accounts.add(account, 'credentials');
  const store = wrap(await FilesystemBlobStore.open(join(settings.dataDir, 'store')));
  const attempts = new Attempts(store);
  const rerun: string[] = [];
  const deps: ActivityDependencies = {
    settings,
    namespace: 'default',
    store,
    attempts,
    manifests: new Manifests(store),
    generators: new Map(generators.map((one) => [one.name, one])),
    limits: { of: () => ({ concurrency: 20 }) },
    normaliser: createNormaliser({ concurrency: 1 }),
    accounts,
    salt,
    local: {},
    logger: pino({ level: 'silent' }),
    metrics: NO_METRICS,
    lateReplies: new Set(),
    runAgain: async (jobId) => void rerun.push(jobId),
    runs: { look: async () => undefined, recordEnd: async () => undefined, forget: async () => 'forgotten' },
  };
  const activities = createActivities(deps);
  return {
    deps,
    async run(work, info = {}, onHeartbeat = () => undefined) {
      const workflowExecution = { workflowId: JOB, runId: 'run' };
      const logger = new DefaultLogger('ERROR', () => undefined);
      const environment = new MockActivityEnvironment({ workflowExecution, scheduledTimestampMs: Date.now(), ...info }, { logger });
      environment.on('heartbeat', onHeartbeat);
      return environment.run(() => work(activities));
    },
    attempts,
    account,
    folder,
    rerun,
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** A store of which some methods do something else. */
export function changedStore(store: BlobStore, changes: Partial<BlobStore>): BlobStore {
  return {
    id: store.id,
    putBlob: (bytes) => store.putBlob(bytes),
    getBlob: (digest) => store.getBlob(digest),
    statBlob: (digest) => store.statBlob(digest),
    deleteBlob: (digest, olderThan) => store.deleteBlob(digest, olderThan),
    listBlobs: () => store.listBlobs(),
    createDocument: (name, bytes) => store.createDocument(name, bytes),
    readDocument: (name) => store.readDocument(name),
    replaceDocument: (name, bytes, version) => store.replaceDocument(name, bytes, version),
    deleteDocument: (name) => store.deleteDocument(name),
    listDocuments: (prefix) => store.listDocuments(prefix),
    documentTimes: (prefix) => store.documentTimes(prefix),
    putNote: (name, bytes) => store.putNote(name, bytes),
    readNote: (name) => store.readNote(name),
    sweepNotes: (prefix, olderThan) => store.sweepNotes(prefix, olderThan),
    ...changes,
  };
}

/** The failure that an activity ends with. */
export async function failure(activity: Promise<unknown>): Promise<ApplicationFailure> {
  const error: unknown = await activity.then(
    (result) => new Error(`it ended well: ${JSON.stringify(result)}`),
    (reason: unknown) => reason,
  );
  if (error instanceof ApplicationFailure) return error;
  throw error;
}

export function target(provider: Target['provider'] = 'openai'): Target {
  return { provider, free: provider === 'local', input_digest: sha256(`input of ${provider}`), warnings: [] };
}

export function order(more: Partial<GenerationOrder> = {}): GenerationOrder {
  return { picture: { kind: 'image_generate', prompt: 'a lamp' }, target: target(), item: { item: 0, references: [] }, fallbacks: [], ...more };
}

export function key(at: Target = target()): AttemptKey {
  return { namespace: 'default', workflowId: JOB, inputDigest: at.input_digest, item: 0 };
}

export interface Told {
  /** What becomes of each request, in order. */
  outcomes?: (SubmitOutcome | ((attempt: AttemptIdentity) => Promise<SubmitOutcome>))[];
  givesUpAfterSeconds?: number;
  prepare?: () => void;
  poll?: Generator['poll'];
  cancel?: Generator['cancel'];
  reconcile?: Generator['reconcile'];
}

export type ToldGenerator = Generator & { sent: AttemptIdentity[] };

export function generator(told: Told = {}, name: Generator['name'] = 'openai'): ToldGenerator {
  const capabilities = capabilitiesOf('openai');
  const sent: AttemptIdentity[] = [];
  const outcomes = [...(told.outcomes ?? [])];
  return {
    name,
    free: name === 'local',
    sent,
    capabilities: () => capabilities,
    async prepare(_request, _account, identity) {
      told.prepare?.();
      return {
        givesUpAfterSeconds: told.givesUpAfterSeconds ?? 20,
        async send() {
          sent.push(identity);
          const outcome = outcomes.shift();
          if (!outcome) throw new Error('a request too many');
          return typeof outcome === 'function' ? outcome(identity) : outcome;
        },
      };
    },
    ...(told.poll ? { poll: told.poll } : {}),
    ...(told.cancel ? { cancel: told.cancel } : {}),
    ...(told.reconcile ? { reconcile: told.reconcile } : {}),
  };
}

export async function done(): Promise<Extract<SubmitOutcome, { type: 'done' }>> {
  const bytes = await sharp({ create: { width: 32, height: 32, channels: 3, background: 'red' } }).png().toBuffer();
  return { type: 'done', images: [{ bytes, mimeType: 'image/png' }] };
}

export function storeAway(): Error {
  return unavailable('The blob store is gone.', 'Mount it.');
}

/** A promise and its resolver. */
export function later<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((found) => {
    resolve = found;
  });
  return { promise, resolve };
}

/** Waits until a condition holds, at most five seconds. */
export async function until(look: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = Date.now() + 5000;
  while (!(await look())) {
    if (Date.now() > deadline) throw new Error('waited in vain');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
