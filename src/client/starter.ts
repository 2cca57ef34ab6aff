import { setTimeout as sleep } from 'node:timers/promises';
import type { Manifest, Manifests, NewManifest } from '../blobs/manifests.js';
import { JobFailure } from '../contract/errors.js';
import { MEMO, SEARCH_ATTRIBUTES } from '../contract/names.js';
import type { JobRecord } from '../contract/record.js';
import { decode } from './history.js';
import { inTime } from './in-time.js';
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
  /** Jobs that this process has started, by the digest of their request. */
  readonly #recent = new Map<string, string>();

  constructor(private readonly manifests: Manifests) {}

  /** `deadline`: milliseconds of the clock by which the call should be answered. */
  async start(connected: Connected, prepared: PreparedJob, deadline: number): Promise<Started> {
    const startBy = Math.max(deadline, Date.now() + LEAST_START_MS);
    const manifest = newManifest(connected, prepared);
    const keyed = prepared.input.idempotency_key !== undefined;
    const warnings = [...prepared.warnings, ...(await this.#identicalRunning(prepared))];
    if (keyed) {
      const existing = await this.#createOrRead(manifest);
      if (existing) return this.#joinExisting(connected, prepared, existing, startBy);
    }
    const [start, journal] = await Promise.allSettled([
      this.#startWorkflow(connected, prepared, warnings, startBy),
      keyed ? undefined : this.manifests.create(manifest),
    ]);
    if (start.status === 'rejected') {
      // Only now: a manifest that is still being written must not outlive the refusal.
      await this.manifests.remove(prepared.jobId);
      throw start.reason;
    }
    if (journal.status === 'rejected') {
      // The job runs. An error here would make the caller submit it again.
      warnings.push('The store did not take the journal of this job; it runs, and its worker writes it.');
    }
    const outcome = start.value;
    // Under a random ID only a recovery from this very manifest can have come first.
    if (outcome === 'exists' && keyed) {
      await this.#refuseOther(connected, prepared, startBy).catch(async (error: unknown) => {
        // The manifest is ours, the workflow is somebody else's: it must not speak for that.
        if (error instanceof JobFailure) await this.manifests.remove(prepared.jobId);
        throw error;
      });
      return { record: startedRecord(prepared, warnings), deduplicated: true };
    }
    this.#recent.set(prepared.digest, prepared.jobId);
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
    }
    return { record: startedRecord(prepared, prepared.warnings), deduplicated: true };
  }

  async #startWorkflow(
    connected: Connected,
    prepared: PreparedJob,
    warnings: string[],
    startBy: number,
  ): Promise<'started' | 'exists'> {
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
      warnings.push('Do not submit it again: Temporal did not confirm the start in time; the job starts under this job_id when it does.');
      this.#startLater(connected, prepared);
      return 'started';
    }
  }

  /** The outcome of a start is unknown: it is repeated under the same ID, which starts nothing twice, as long as this process lives. */
  #startLater({ client }: Connected, { jobId, input, digest: requestDigest }: PreparedJob): void {
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
  async #refuseOther(connected: Connected, { jobId, digest }: PreparedJob, by: number): Promise<void> {
    const { client, namespace } = connected;
    const { workflowExecutionInfo: info } = await inTime(connected, by, () =>
      client.workflowService.describeWorkflowExecution({ namespace, execution: { workflowId: jobId } }),
    );
    if (decode(info?.memo?.fields?.[MEMO.digest]) !== digest) throw conflict(jobId);
  }

  async #identicalRunning({ digest, jobId }: PreparedJob): Promise<string[]> {
    const other = this.#recent.get(digest);
    if (other === undefined || other === jobId) return [];
    const manifest = await this.manifests.read(other);
    return manifest?.state === 'accepted' ? [`identical job ${other} is still running`] : [];
  }
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
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return cause instanceof Error && 'code' in cause && DEFINITE_REFUSALS.includes(cause.code);
}
