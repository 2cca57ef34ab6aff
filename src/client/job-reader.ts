import { isGrpcServiceError } from '@temporalio/client';
import type { BlobStore } from '../blobs/blob-store.js';
import type { Manifest, Manifests } from '../blobs/manifests.js';
import type { Settings } from '../config.js';
import { JobFailure } from '../contract/errors.js';
import { isJobId } from '../contract/ids.js';
import type { JobRecord } from '../contract/record.js';
import { describeJob, latestRun, uiLink, type Described } from './describe-job.js';
import { inTime } from './in-time.js';
import { withPaths } from './outputs.js';
import { recordEndOf, restartFromManifest } from './recover.js';
import { unavailable, type Connected, type Temporal } from './temporal.js';
import type { Look } from './wait.js';

/** A read takes milliseconds; a Temporal that is gone must not hold a status call. */
const READ_MS = 4000;
/** Only to see whether an answer from the manifest is outdated: not worth a longer wait. */
const LATEST_RUN_MS = 1000;
/** A start is answered or given up before this. */
const START_CONFIRMED_MS = 10_000;
const LEAST_CONNECT_MS = 300;

export interface ReaderParts {
  settings: Settings;
  temporal: Temporal;
  store: BlobStore;
  manifests: Manifests;
  salt: Buffer;
  clientRoots: () => string[];
}

/** What one look finds: the record, its journal, and what was asked for where it is known. */
export interface Seen extends Look {
  manifest?: Manifest;
  /** The workflow's argument as Temporal has it; not believed. */
  input?: unknown;
  /** Temporal, which alone knows whether this open job still runs, did not answer in time: what to refuse with where that must be known. */
  unanswered?: JobFailure;
}

/** Reads jobs: the manifest of an ended one, Temporal for the others, and brings the two together where they differ. */
export class JobReader {
  readonly #parts: ReaderParts;

  constructor(parts: ReaderParts) {
    this.#parts = parts;
  }

  /** The job as it stands; status `unknown` for an ID that was never seen here. */
  async look(jobId: string, deadline = Date.now() + READ_MS): Promise<Seen> {
    const { manifests, settings } = this.#parts;
    const settled = (record: JobRecord, manifest?: Manifest): Seen => ({ record, stuck: false, ...(manifest ? { manifest } : {}) });
    if (!isJobId(jobId)) return settled(unknown(jobId));
    // While the store is away Temporal still knows the jobs of the last days.
    let storeAway: JobFailure | undefined;
    const manifest = await manifests.read(jobId).catch((error: unknown) => {
      if (!(error instanceof JobFailure) || !settings.remote) throw error;
      storeAway = error;
      return undefined;
    });
    if (manifest?.state === 'deleted') return settled(expired(manifest), manifest);
    if (manifest?.state === 'ended' && manifest.record && !(await this.#runsAgain(manifest.record))) {
      return settled(await this.#withPaths(await this.#withUiLink(manifest.record), manifest), manifest);
    }
    let described: Described | undefined;
    try {
      const connected = await this.#connectFor(manifest, deadline);
      if (!connected) return settled(manifest ? fromOpenManifest(manifest, STACK_STARTING) : unknown(jobId), manifest);
      const read = (): Promise<Described | undefined> => describeJob(connected, jobId);
      described = await inTime(connected, Math.max(deadline, Date.now() + LEAST_CONNECT_MS), read);
    } catch (error) {
      // A known job is reported whatever is away; only of an unknown one nothing can be said.
      if (!manifest || !isTransportError(error)) throw error;
      const record = fromOpenManifest(manifest, 'Temporal does not answer at this moment; the job is safe and goes on with it.');
      return { ...settled(record, manifest), unanswered: this.#unanswered(error) };
    }
    if (storeAway) {
      if (!described) throw storeAway;
      return described;
    }
    if (!described) return settled(manifest ? fromOpenManifest(manifest, await this.#startLost(manifest)) : unknown(jobId), manifest);
    if (!described.closed) return { ...described, ...(manifest ? { manifest } : {}) };
    const ended = await recordEndOf(manifests, jobId, described.record);
    return { ...described, record: await this.#withPaths(described.record, ended), ...(ended ? { manifest: ended } : {}) };
  }

  /** Whether an ended job runs again under its ID (a retry, a program's start, a late reply): its manifest may follow later. */
  async #runsAgain({ job_id: jobId, temporal: run }: JobRecord): Promise<boolean> {
    try {
      const connected = await this.#parts.temporal.connectIfRunning();
      if (!connected) return false;
      const latest = await inTime(connected, Date.now() + LATEST_RUN_MS, () => latestRun(connected, jobId));
      return latest !== undefined && latest.isImageJob && latest.running && latest.runId !== run?.run_id;
    } catch {
      return false;
    }
  }

  /** An accepted job that Temporal does not know: its start was never confirmed, or is lost. It is repeated under its ID. */
  async #startLost(manifest: Manifest): Promise<string> {
    if (Date.now() - Date.parse(manifest.created_at) < START_CONFIRMED_MS) return 'The job was just accepted.';
    const connected = await this.#parts.temporal.connectIfRunning().catch(() => undefined);
    if (connected && connected.namespace !== manifest.namespace) return `The job runs in the namespace ${manifest.namespace}, and this client looks into ${connected.namespace}.`;
    const started =
      connected &&
      (await inTime(connected, Date.now() + LATEST_RUN_MS, () =>
        restartFromManifest(connected.client, this.#parts.manifests, manifest, connected.databaseId),
      ).catch(() => undefined));
    return started ? 'The job was not in Temporal and is started again.' : 'The job is not in Temporal yet; it is started when Temporal answers.';
  }

  /** The link to the Web UI, when it is up: ports may have changed since the record was written. */
  async #withUiLink(record: JobRecord): Promise<JobRecord> {
    const { settings, temporal } = this.#parts;
    const connected = record.temporal && !settings.remote ? await temporal.connectIfRunning().catch(() => undefined) : undefined;
    if (!record.temporal || connected?.uiUrl === undefined) return record;
    return { ...record, temporal: { ...record.temporal, ui_url: uiLink(connected.uiUrl, connected.namespace, record.job_id) } };
  }

  /** An open job needs Temporal, so the stack is started for it; a job nobody knows starts nothing. */
  async #connectFor(manifest: Manifest | undefined, deadline: number): Promise<Connected | undefined> {
    const { temporal, settings } = this.#parts;
    const timeoutMs = Math.max(deadline - Date.now(), LEAST_CONNECT_MS);
    if (settings.remote) return temporal.connect(timeoutMs);
    if (!manifest) return temporal.connectIfRunning();
    return temporal.connect(timeoutMs).catch((error: unknown) => {
      if (error instanceof JobFailure && error.code === 'STARTING') return undefined;
      throw error;
    });
  }

  #unanswered(error: unknown): JobFailure {
    return error instanceof JobFailure ? error : unavailable(this.#parts.settings.TEMPORAL_ADDRESS ?? 'the local stack', error);
  }

  async #withPaths(record: JobRecord, manifest: Manifest | undefined): Promise<JobRecord> {
    const { store, salt, settings, clientRoots } = this.#parts;
    const aged = { ...record, age_seconds: ageOf(record) };
    return withPaths(aged, manifest, { store, salt, settings, clientRoots: clientRoots() });
  }
}

/** Temporal could not be reached or did not answer. */
export function isTransportError(error: unknown): boolean {
  if (error instanceof JobFailure) return error.code === 'TEMPORAL_UNAVAILABLE';
  return isGrpcServiceError(error) || (error instanceof Error && error.name === 'ServiceError');
}

const STACK_STARTING = 'The local stack is starting; the job goes on by itself.';

function fromOpenManifest(manifest: Manifest, message: string): JobRecord {
  return {
    ok: false,
    job_id: manifest.job_id,
    kind: manifest.input?.kind,
    status: 'running',
    stage: 'queued',
    done: false,
    message,
    created_at: manifest.created_at,
    updated_at: manifest.created_at,
    age_seconds: ageOf(manifest),
    poll_after_seconds: 5,
  };
}

/** A job whose files are gone, as its tombstone tells. */
export function expired(manifest: Manifest): JobRecord {
  const { deletion } = manifest;
  return {
    ok: false,
    job_id: manifest.job_id,
    status: 'expired',
    done: true,
    message:
      deletion?.reason === 'retention'
        ? `This job ended longer ago than IMAGE_RETENTION_DAYS keeps it; its images went from the store on ${deletion.at.slice(0, 10)}, exported files stay.`
        : 'This job was deleted; its images are gone from the store.',
    created_at: manifest.created_at,
    age_seconds: ageOf(manifest),
  };
}

function unknown(jobId: string): JobRecord {
  return { ok: false, job_id: jobId, status: 'unknown', done: true, message: 'No job of this ID was ever seen here.' };
}

/** Seconds since it was accepted, to a tenth. */
export function ageOf({ created_at }: { created_at?: string | undefined }): number {
  return created_at === undefined ? 0 : Math.round((Date.now() - Date.parse(created_at)) / 100) / 10;
}

/** The refusal of what needs a job that was seen here. */
export function notFound(jobId: string): JobFailure {
  return new JobFailure({
    code: 'NOT_FOUND',
    message: `Unknown job_id: ${jobId}`,
    nextStep: 'Use the job_id exactly as the starting call answered it; image_job_list shows those that are known.',
  });
}
