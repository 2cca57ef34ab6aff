import { setTimeout as sleep } from 'node:timers/promises';
import { Attempts, type WorkflowKey } from '../blobs/attempts.js';
import type { BlobStore } from '../blobs/blob-store.js';
import { reopened, type Manifests } from '../blobs/manifests.js';
import { JobFailure } from '../contract/errors.js';
import { jobInputSchema, referencesOf, type JobInput } from '../contract/input.js';
import type { JobRecord } from '../contract/record.js';
import { latestRun } from './describe-job.js';
import { inTime } from './in-time.js';
import { expired, isTransportError, notFound, type Seen } from './job-reader.js';
import { isSealed, sealInput } from './seal.js';
import { startWorkflow } from './start-workflow.js';
import type { Connected } from './temporal.js';

export interface RetryContext {
  manifests: Manifests;
  store: BlobStore;
  salt: Buffer;
  connected: Connected;
  /** The accounts that this process can name, by provider; undefined with a remote Temporal. */
  accounts: ReadonlyMap<string, { id: string }> | undefined;
  /** The answer of who asks: what may have been paid may be bought again. */
  acknowledged: boolean;
  /** Milliseconds of the clock by which the call should be answered. */
  deadline: number;
  look: (jobId: string) => Promise<Seen>;
}

/** The record is in the manifest a moment before its workflow has closed. */
const CLOSING_MS = 3000;
const CLOSING_LOOK_MS = 50;
/** Temporal answers a start in milliseconds; so much it gets when the rest of the call was slow. */
const LEAST_START_MS = 500;

/** Starts the job again under its ID; what it has bought is found by its attempt records. See JobApi.retry. */
export async function retryJob(jobId: string, context: RetryContext): Promise<JobRecord> {
  const seen = await context.look(jobId);
  if (seen.unanswered) throw seen.unanswered;
  refuseWhatCannotRun(seen.record, seen.manifest?.input);
  const input = inputOf(seen);
  const { manifests, connected } = context;
  const byThen = Math.max(context.deadline, Date.now() + LEAST_START_MS);
  await release(jobId, input, context);

  const again = withAccounts(jobId, input, context);
  const requestDigest = seen.manifest?.request_digest;
  const startedAt = Date.now();
  // Before the start, so that nobody deletes it meanwhile.
  const announced = await manifests.update(jobId, (now) => (now.state === 'ended' ? { ...now, restarted_at: new Date().toISOString() } : undefined));
  if (announced?.state === 'deleted') throw gone(expired(announced));
  for (;;) {
    const request = { jobId, input: again, ...(requestDigest ? { requestDigest } : {}), again: true };
    const { type } = await confirmed(connected, byThen, () => startWorkflow(connected.client, request));
    if (type === 'started') break;
    const now = (await confirmed(connected, byThen, () => latestRun(connected, jobId)))?.runId;
    // Somebody else runs it again, or its own end takes long.
    if (now !== seen.record.temporal?.run_id || Date.now() > startedAt + CLOSING_MS) return (await context.look(jobId)).record;
    await sleep(CLOSING_LOOK_MS);
  }
  // From here on the job is open again, also for a recovery after a lost database; unless it has already reached its next end.
  const run = { input: again, namespace: connected.namespace, database_id: connected.databaseId };
  await manifests.update(jobId, (now) =>
    now.state === 'ended' && now.ended_at === announced?.ended_at ? reopened(now, run) : undefined,
  );
  return {
    ok: true,
    job_id: jobId,
    kind: again.kind,
    status: 'running',
    stage: 'queued',
    done: false,
    ...(seen.record.provider === undefined ? {} : { provider: seen.record.provider }),
    message: 'The job runs again; what was paid before is used and not bought again.',
    next_step: 'call image_job_wait with this job_id; do not submit again',
    poll_after_seconds: 5,
  };
}

/** An answer of Temporal about the new run, or a refusal in time: whether it runs is not known then, and asking again is harmless. */
async function confirmed<T>(connected: Connected, deadline: number, work: () => Promise<T>): Promise<T> {
  try {
    return await inTime(connected, deadline, work);
  } catch (error) {
    if (!isTransportError(error)) throw error;
    throw new JobFailure({
      code: 'TEMPORAL_UNAVAILABLE',
      message: `Temporal at ${connected.address} did not confirm in time that the job runs again.`,
      nextStep: 'Call image_job_retry again when Temporal answers; a job that runs by then is left as it is, and nothing is bought twice.',
      retryable: true,
      cause: error,
    });
  }
}

function refuseWhatCannotRun(record: JobRecord, input: JobInput | undefined): void {
  const { job_id: jobId, status } = record;
  const refuse = (message: string, nextStep: string): never => {
    throw new JobFailure({ code: 'INVALID_STATE', message, nextStep });
  };
  if (status === 'unknown') throw notFound(jobId);
  if (status === 'expired') throw gone(record);
  if (!record.done) refuse(`The job ${jobId} still runs.`, 'Call image_job_wait; nothing was changed.');
  if (status === 'completed' && failedItems(record, input) === 0) refuse(`The job ${jobId} is completed; nothing of it failed.`, 'Use its pictures, or submit a new job.');
}

function gone({ message }: JobRecord): JobFailure {
  return new JobFailure({ code: 'INVALID_STATE', message, nextStep: 'Submit it as a new job; what it was asked is gone too.' });
}

function failedItems({ kind, result }: JobRecord, input: JobInput | undefined): number {
  if (kind === 'image_batch_edit') return (result?.results ?? []).filter((item) => !item.ok).length;
  return Math.max(0, (input?.n ?? 1) - (result?.saved.length ?? 0));
}

/** Of the journal; else the workflow's argument, which any program may have written. */
function inputOf({ manifest, input, record }: Seen): JobInput {
  if (manifest) return manifest.input;
  const parsed = jobInputSchema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw new JobFailure({
    code: 'INVALID_STATE',
    message: `The job ${record.job_id} was started with an input that cannot run.`,
    nextStep: 'Submit it as a new job with a correct input.',
  });
}

/**
 * Lets those pictures be bought again that will not come any more: without a word where nothing was charged, else only with
 * an acknowledgement. MAYBE_BILLED when nothing else is left to do.
 */
async function release(jobId: string, input: JobInput, { store, connected, acknowledged }: RetryContext): Promise<void> {
  const attempts = new Attempts(store);
  const key = { namespace: connected.namespace, workflowId: jobId };
  if (!acknowledged && (await isOnlyAPersonsToDecide(input, attempts, key))) {
    throw new JobFailure({
      code: 'MAYBE_BILLED',
      message: `What is left of the job ${jobId} was or may have been paid for; running it again may pay a second time, which acknowledge_possible_double_charge says yes to.`,
      nextStep: 'ask the user',
    });
  }
  await attempts.release(key, async (attempt) => (acknowledged || attempt.billing === 'none') && (await attempts.isSpent(attempt)));
}

/** Whether each picture that did not come was paid for, or may have been, and nobody has released it. */
async function isOnlyAPersonsToDecide(input: JobInput, attempts: Attempts, key: WorkflowKey): Promise<boolean> {
  const total = input.kind === 'image_batch_edit' ? referencesOf(input).length : (input.n ?? 1);
  const has = new Set<number>();
  const charged = new Set<number>();
  for (const attempt of await attempts.list(key)) {
    const spent = await attempts.isSpent(attempt);
    if (attempt.state === 'done' && !spent) has.add(attempt.item);
    if (spent && attempt.billing !== 'none' && attempt.released_at === undefined) charged.add(attempt.item);
  }
  const missing = Array.from({ length: total }, (_, item) => item).filter((item) => !has.has(item));
  return missing.length > 0 && missing.every((item) => charged.has(item));
}

/** The caller's accounts, for what is bought now; a request that was sent before keeps the account of its own record. */
function withAccounts(jobId: string, input: JobInput, { salt, accounts }: RetryContext): JobInput {
  const { frozen } = input;
  if (!accounts || !frozen?.accounts || !isSealed(salt, jobId, input)) return input;
  const own = { ...frozen.accounts };
  for (const [provider, { id }] of accounts) if (provider in own) own[provider] = id;
  return sealInput(salt, jobId, { ...input, frozen: { ...frozen, accounts: own } });
}
