import { mkdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, jest } from '@jest/globals';
import { Account } from '../../src/accounts/account.js';
import { readSalt } from '../../src/accounts/salt.js';
import { checkedInput, pictureOf, withDigests } from '../../src/activities/plan-job.js';
import type { AttemptKey, AttemptRecord } from '../../src/blobs/attempts.js';
import { Locks } from '../../src/blobs/lock.js';
import { sealInput } from '../../src/client/seal.js';
import { sha256 } from '../../src/contract/canonical.js';
import { newJobId } from '../../src/contract/ids.js';
import type { JobRecord } from '../../src/contract/record.js';
import type { JournalEntry } from '../support/fake-openai.js';
import { startEngine, until, type Engine } from '../support/engine.js';

export { until };

/** An engine for all tests of a file, with a worker that runs unless it is asked not to. */
export function useEngine(overrides: Record<string, string> = {}, worker = true): () => Engine {
  jest.setTimeout(20_000);
  let engine: Engine | undefined;
  const get = (): Engine => {
    if (!engine) throw new Error('the engine did not start');
    return engine;
  };
  beforeAll(async () => {
    engine = await startEngine(overrides);
    if (worker) engine.startWorker();
  });
  beforeEach(() => {
    get().fake.reset();
    Object.assign(get().fake.settings, { background_supported: true, complete_after_polls: 2, complete_after_ms: undefined });
  });
  afterAll(() => engine?.close());
  return get;
}

/** A job that a program starts: one paid picture of `prompt`. */
export function picture(prompt: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return { kind: 'image_generate', prompt, provider: 'openai', ...more };
}

/** Starts a job under a new ID and gives its record when it has ended. */
export async function run(engine: Engine, input: Record<string, unknown>): Promise<JobRecord> {
  const jobId = newJobId();
  await engine.start(jobId, input);
  return engine.ended(jobId);
}

/** Another account at the fake, or at another address; the worker does not know it yet. */
export async function newAccount(engine: Engine, baseUrl: string = engine.fake.url): Promise<Account> {
  return new Account({ provider: 'openai', baseUrl, key: `sk-${crypto.randomUUID()}` }, await readSalt(engine.settings.dataDir));
}

/** An input as a client of this data folder submits it, with an account. */
export async function submittedWith(
  account: Account,
  engine: Engine,
  jobId: string,
  input: Record<string, unknown>,
): Promise<Record<string, unknown>> {
  const frozen = { store_id: engine.store.id, accounts: { openai: account.id } };
  return sealInput(await readSalt(engine.settings.dataDir), jobId, checkedInput({ ...input, frozen }));
}

/** With an account of its own: what a worker learns of it (that its gateway has no background mode) reaches no other test. */
export async function withOwnAccount(
  engine: Engine,
  jobId: string,
  input: Record<string, unknown>,
  baseUrl?: string,
): Promise<Record<string, unknown>> {
  const account = await newAccount(engine, baseUrl);
  engine.accounts.add(account, 'client');
  return submittedWith(account, engine, jobId, input);
}

/** What a job without references buys: the key of its attempt records. */
export function keyOf(jobId: string, input: Record<string, unknown>, item = 0): AttemptKey {
  const checked = checkedInput(input);
  const nothing = { references: [], digests: [], notes: [] };
  const [{ input_digest: inputDigest }] = withDigests([{ provider: 'openai', free: false, warnings: [] }], checked, pictureOf(checked), nothing);
  return { namespace: 'default', workflowId: jobId, inputDigest, item };
}

/** An attempt record as a sender leaves it that was killed after it was created: before, or after, its request left. */
export async function leaveOpen(engine: Engine, jobId: string, input: Record<string, unknown>, givesUpInMs: number): Promise<AttemptKey> {
  const key = keyOf(jobId, input);
  const opened = await engine.attempts.open(key, 0, {
    job_id: jobId,
    item: 0,
    provider: 'openai',
    account: engine.account.id,
    gives_up_at: new Date(Date.now() + givesUpInMs).toISOString(),
  });
  if (!opened) throw new Error('the record was there already');
  return key;
}

export async function states(engine: Engine, jobId: string): Promise<AttemptRecord['state'][]> {
  return (await engine.records(jobId)).map(({ state }) => state);
}

export function submits(engine: Engine): JournalEntry[] {
  return engine.fake.requests.filter(({ method, path }) => method === 'POST' && path === '/v1/responses');
}

export function cancels(engine: Engine): JournalEntry[] {
  return engine.fake.requests.filter(({ path }) => path.endsWith('/cancel'));
}

/** The digest of each exported file, which must be its picture's. */
export function exported(record: JobRecord): Promise<string[]> {
  return Promise.all((record.result?.saved ?? []).map(async ({ path }) => sha256(await readFile(path ?? ''))));
}

/** Until a reader sees the job so. */
export function seen(engine: Engine, jobId: string, wanted: (record: JobRecord) => boolean): Promise<JobRecord> {
  return until(async () => {
    const record = await engine.read(jobId);
    return wanted(record) ? record : undefined;
  }, `${jobId} to be as wanted`);
}

/** Runs a job anew from before one of its steps, as `temporal workflow reset` does. */
export async function reset(engine: Engine, jobId: string, step = 'uploadReferences'): Promise<void> {
  const { workflow, workflowService } = engine.client;
  const { events } = await workflow.getHandle(jobId).fetchHistory();
  const scheduled = events?.map((event) => event.activityTaskScheduledEventAttributes);
  const eventId = scheduled?.find((event) => event?.activityType?.name === step)?.workflowTaskCompletedEventId;
  await workflowService.resetWorkflowExecution({
    namespace: 'default',
    workflowExecution: { workflowId: jobId },
    workflowTaskFinishEventId: eventId,
    requestId: crypto.randomUUID(),
    reason: 'test',
  });
}

/** The store is away, as with a lost mount; returns how it comes back. */
export async function withoutStore(engine: Engine): Promise<() => Promise<void>> {
  const store = engine.settings.blobStore.replace(/^file:/, '');
  await rename(store, `${store}-away`);
  return () => rename(`${store}-away`, store);
}

/** Holds the lock of a job's manifest, so that whoever wants to write it waits; returns how to let go. */
export async function holdManifest(engine: Engine, jobId: string): Promise<() => void> {
  const folder = join(engine.settings.blobStore.replace(/^file:/, ''), 'locks');
  await mkdir(folder, { recursive: true });
  const locks = new Locks(folder);
  const digest = sha256(jobId);
  let release = (): void => undefined;
  await new Promise<void>((held) => {
    void locks.hold(`document-${sha256(`manifests/${digest}.json`)}`, async () => {
      held();
      await new Promise<void>((resolve) => {
        release = resolve;
      });
    });
  });
  return release;
}
