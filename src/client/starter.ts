import { setTimeout as sleep } from 'node:timers/promises';
import { NamespaceNotFoundError } from '@temporalio/common';
import type { Manifest, Manifests, NewManifest } from '../blobs/manifests.js';
import type { RecentRequests } from '../blobs/recent-requests.js';
import { JobFailure } from '../contract/errors.js';
import { MEMO, SEARCH_ATTRIBUTES } from '../contract/names.js';
import type { JobRecord } from '../contract/record.js';
import { latestRun } from './describe-job.js';
import { decode } from './history.js';
import { by, inTime } from './in-time.js';
import { startWorkflow } from './start-workflow.js';
import type { PreparedJob } from './start-job.js';
import type { Connected } from './temporal.js';

/** What became of a start. */
export interface Started {
  record: JobRecord;
  /** The ID belonged to the same request already: the record is only a beginning, read the job. */
  deduplicated: boolean;
}

/** Temporal answers a start in milliseconds; this much it gets when the rest of the call was slow. */
const LEAST_START_MS = 1000;
/** A look of milliseconds, beside the start; without an answer the job counts as running, as its journal says. */
const STILL_RUNS_MS = 1000;
const SEARCH_ATTRIBUTES_MISSING = `Temporal does not know the search attributes ${Object.keys(SEARCH_ATTRIBUTES).join(', ')}; the job runs without them`;
const START_AGAIN_LONGEST_MS = 30_000;
/** gRPC codes after which the request is certainly not taken: INVALID_ARGUMENT, NOT_FOUND, PERMISSION_DENIED, UNAUTHENTICATED, RESOURCE_EXHAUSTED (too large). */
const DEFINITE_REFUSALS: readonly unknown[] = [3, 5, 7, 16, 8];

/**
 * Starts prepared jobs. The manifest is the journal: it is durable before the call is answered, and only a definite
 * refusal by Temporal removes it. When the outcome of a start is unknown the job counts as started: it is found or started
 * again under its ID.
 */
export class Starter {
  constructor(
    private readonly manifests: Manifests,
    private readonly requests: RecentRequests,
  ) {}

  /** `deadline`: milliseconds of the clock by which the call should be answered. */
  async start(connected: Connected, prepared: PreparedJob, deadline: number): Promise<Started> {
    const startBy = Math.max(deadline, Date.now() + LEAST_START_MS);
    const manifest = newManifest(connected, prepared);
    const keyed = prepared.input.idempotency_key !== undefined;
    const warnings = [...prepared.warnings];
    if (keyed) {
      const existing = await this.#createOrRead(manifest);
      if (existing) return this.#joinExisting(connected, prepared, existing, startBy);
    }
    const journal = keyed ? Promise.resolve(true) : this.manifests.create(manifest);
    const [start, written, identical] = await Promise.allSettled([
      this.#startWorkflow(connected, prepared, warnings, startBy),
      by(startBy, journal, storeIsLate),
      by(startBy, this.#identicalRunning(connected, prepared), storeIsLate),
    ]);
    if (start.status === 'rejected') {
      // Only now: a manifest that is still being written must not outlive the refusal.
      await by(startBy, journal.then(() => this.manifests.remove(prepared.jobId)), storeIsLate).catch(() => undefined);
      throw start.reason;
    }
    const outcome = start.value;
    if (written.status === 'rejected') {
      if (outcome === 'unconfirmed') throw nobodyConfirmed(prepared.jobId, written.reason);
      // The job runs. An error here would make the caller submit it again.
      warnings.push('The store did not take the journal of this job; it runs, and its worker writes it.');
    }
    if (outcome === 'unconfirmed') this.#startLater(connected, prepared, warnings);
    // Under a random ID only a recovery from this very manifest can have come first.
    if (outcome === 'exists' && keyed) {
      await this.#refuseOther(connected, prepared, startBy).catch(async (error: unknown) => {
        // The manifest is ours, the workflow is somebody else's: it must not speak for that.
        if (error instanceof JobFailure) await this.manifests.remove(prepared.jobId);
        throw error;
      });
      return { record: startedRecord(prepared, warnings), deduplicated: true };
    }
    if (identical.status === 'fulfilled' && identical.value !== undefined) warnings.push(`identical job ${identical.value} is still running`);
    return { record: startedRecord(prepared, warnings), deduplicated: false };
  }

  /** Undefined when the manifest is ours now. */
  async #createOrRead(manifest: NewManifest): Promise<Manifest | undefined> {
    const existing = await this.manifests.read(manifest.job_id);
    if (existing) return existing;
    if (await this.manifests.create(manifest)) return undefined;
    return this.manifests.read(manifest.job_id);
  }

  /** The key was used before: the same request joins its job, another is a conflict. */
  async #joinExisting(connected: Connected, prepared: PreparedJob, existing: Manifest, startBy: number): Promise<Started> {
    if (existing.request_digest !== undefined && existing.request_digest !== prepared.digest) throw conflict(prepared.jobId);
    // The one who wrote it may have died before it started the workflow; starting again under the same ID is harmless.
    if (existing.state === 'accepted' && existing.input) {
      const outcome = await this.#startWorkflow(connected, { ...prepared, input: existing.input }, prepared.warnings, startBy);
      if (outcome === 'exists') await this.#refuseOther(connected, prepared, startBy);
      if (outcome === 'unconfirmed') this.#startLater(connected, prepared, prepared.warnings);
    }
    return { record: startedRecord(prepared, prepared.warnings), deduplicated: true };
  }

  async #startWorkflow(
    connected: Connected,
    prepared: PreparedJob,
    warnings: string[],
    startBy: number,
  ): Promise<'started' | 'exists' | 'unconfirmed'> {
    const { client } = connected;
    const { jobId, input, digest: requestDigest } = prepared;
    try {
      const result = await inTime(connected, startBy, () =>
        startWorkflow(client, { jobId, input, requestDigest }, () =>
          warnings.push(SEARCH_ATTRIBUTES_MISSING),
        ),
      );
      return result.type;
    } catch (error) {
      if (isDefiniteRefusal(error)) {
        throw new JobFailure({
          code: 'TEMPORAL_UNAVAILABLE',
          message: `Temporal refused to start the job: ${error instanceof Error ? error.message : 'unknown reason'}.`,
          nextStep: 'Check the namespace and the permissions; nothing was started.',
          cause: error,
        });
      }
      return 'unconfirmed';
    }
  }

  /** The outcome of a start is unknown: it is repeated under the same ID, which starts nothing twice, as long as this process lives. */
  #startLater({ client }: Connected, { jobId, input, digest: requestDigest }: PreparedJob, warnings: string[]): void {
    // First: where an answer may be small, the last warnings go.
    warnings.unshift('Do not submit it again: Temporal did not confirm the start in time; the job starts under this job_id when it does.');
    const again = async (): Promise<void> => {
      for (let delay = 1000; ; delay = Math.min(delay * 2, START_AGAIN_LONGEST_MS)) {
        await sleep(delay, undefined, { ref: false });
        try {
          // Cancelled or started again by somebody else meanwhile.
          if ((await this.manifests.read(jobId))?.state !== 'accepted') return;
          await startWorkflow(client, { jobId, input, requestDigest });
          return;
        } catch (error) {
          if (isDefiniteRefusal(error)) return;
        }
      }
    };
    void again();
  }

  /** The ID runs or has run in Temporal: ours by the same request, or somebody else's. */
  async #refuseOther(connected: Connected, { jobId, digest }: PreparedJob, deadline: number): Promise<void> {
    const { client, namespace } = connected;
    const { workflowExecutionInfo: info } = await inTime(connected, deadline, () =>
      client.workflowService.describeWorkflowExecution({ namespace, execution: { workflowId: jobId } }),
    );
    if (decode(info?.memo?.fields?.[MEMO.digest]) !== digest) throw conflict(jobId);
  }

  /** The job that an earlier identical request was started as, by this process or another, if it still runs; and notes this one. */
  async #identicalRunning(connected: Connected, { digest, jobId }: PreparedJob): Promise<string | undefined> {
    const earlier = (await this.requests.jobsOf(digest)).filter((id) => id !== jobId);
    let running: number | undefined;
    for (const [index, id] of earlier.entries()) {
      if (await this.#stillRuns(connected, id)) {
        running = index;
        break;
      }
    }
    const others = running === undefined ? [] : earlier.slice(running);
    await this.requests.note(digest, [jobId, ...others]);
    return others[0];
  }

  async #stillRuns(connected: Connected, jobId: string): Promise<boolean> {
    const manifest = await this.manifests.read(jobId).catch(() => undefined);
    if (manifest?.state !== 'accepted') return false;
    if (manifest.namespace !== connected.namespace) return true;
    // An operator may have ended it, and nobody has looked since.
    const run = await inTime(connected, Date.now() + STILL_RUNS_MS, () => latestRun(connected, jobId)).catch(() => undefined);
    return run === undefined || run.running;
  }
}

function storeIsLate(): Error {
  return new Error('the store did not answer in time');
}

function nobodyConfirmed(jobId: string, cause: unknown): JobFailure {
  return new JobFailure({
    code: 'STORE_UNAVAILABLE',
    message: `Neither the store nor Temporal confirmed the job ${jobId} in time: whether it runs is unknown.`,
    nextStep: `Call image_job_status with job_id ${jobId} in a minute; submit again only when it is unknown there.`,
    retryable: false,
    cause,
  });
}

function newManifest(connected: Connected, { jobId, input, digest }: PreparedJob): NewManifest {
  return {
    job_id: jobId,
    state: 'accepted',
    created_at: new Date().toISOString(),
    created_by: 'client',
    namespace: connected.namespace,
    database_id: connected.databaseId,
    request_digest: digest,
    ...(input.idempotency_key === undefined ? {} : { idempotent: true }),
    input,
    pins: blobsOf(input),
  };
}

function blobsOf(input: PreparedJob['input']): string[] {
  const references = [input.image_path, ...(input.image_paths ?? []), input.mask_path];
  return references.flatMap((reference) => (typeof reference === 'object' ? [reference.sha256] : []));
}

function startedRecord({ jobId, input }: PreparedJob, warnings: string[]): JobRecord {
  return {
    ok: true,
    job_id: jobId,
    kind: input.kind,
    status: 'running',
    stage: 'queued',
    done: false,
    ...(input.provider === undefined ? {} : { provider: input.provider }),
    message: 'The job is started and survives restarts.',
    next_step: `call image_job_wait with this job_id; do not submit again`,
    poll_after_seconds: 5,
    ...(warnings.length > 0 ? { warnings } : {}),
  };
}

function conflict(jobId: string): JobFailure {
  return new JobFailure({
    code: 'IDEMPOTENCY_CONFLICT',
    message: `This idempotency_key belongs to the job ${jobId}, which was asked with other arguments.`,
    nextStep: `Use image_job_status for that job, or another idempotency_key for this request; nothing was started.`,
  });
}

function isDefiniteRefusal(error: unknown): boolean {
  if (error instanceof NamespaceNotFoundError) return true;
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return cause instanceof Error && 'code' in cause && DEFINITE_REFUSALS.includes(cause.code);
}
