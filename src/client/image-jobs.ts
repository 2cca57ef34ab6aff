import { isGrpcServiceError } from '@temporalio/client';
import { Account, type AccountFields } from '../accounts/account.js';
import { readAccounts } from '../accounts/environment.js';
import { readSalt } from '../accounts/salt.js';
import type { BlobStore } from '../blobs/blob-store.js';
import { Manifests, type Manifest } from '../blobs/manifests.js';
import { openBlobStore } from '../blobs/open-store.js';
import type { Settings } from '../config.js';
import { JobFailure } from '../contract/errors.js';
import { isJobId } from '../contract/ids.js';
import type { JobKind } from '../contract/names.js';
import type { JobRecord } from '../contract/record.js';
import { createLogger } from '../log.js';
import { LocalStack } from '../local/stack-client.js';
import { VERSION } from '../version.js';
import { describeJob, latestRun, uiLink, type Described } from './describe-job.js';
import type { JobApi, WaitOptions, WaitResult } from './job-api.js';
import { withPaths } from './outputs.js';
import { recordEndOf, restartFromManifest } from './recover.js';
import { serverInfo } from './server-info.js';
import { prepareJob, type CallContext } from './start-job.js';
import { Starter } from './starter.js';
import { localTemporal, remoteTemporal, unavailable, type Connected, type Temporal } from './temporal.js';
import { CloseWatch, waitForJobs, type Look } from './wait.js';

/** A submit answers in under five seconds, whatever is away: this much of it is for Temporal, and connecting is a part of it. */
const START_MS = 4500;
const CONNECT_MS = 4000;
/** A read takes milliseconds; a Temporal that is gone must not hold a status call. */
const READ_MS = 4000;
const LEAST_READ_MS = 300;
/** Only to see whether an answer from the manifest is outdated: not worth a longer wait. */
const LATEST_RUN_MS = 1000;
/** A start is answered or given up before this. */
const START_CONFIRMED_MS = 10_000;

interface Parts {
  settings: Settings;
  temporal: Temporal;
  store: BlobStore;
  salt: Buffer;
  /** Of this process's environment. */
  accounts: Account[];
}

/**
 * Image jobs for programs: start, status, wait, cancel. Every method throws JobFailure and nothing else.
 * Needs no worker and runs none; with no Temporal address in the settings it starts the local stack when it needs it.
 */
export class ImageJobs implements JobApi {
  readonly #parts: Parts;
  readonly #manifests: Manifests;
  readonly #watch: CloseWatch;
  readonly #starter: Starter;
  #clientRoots: string[] = [];

  private constructor(parts: Parts) {
    this.#parts = parts;
    this.#manifests = new Manifests(parts.store);
    this.#watch = new CloseWatch(() => parts.temporal.connectIfRunning());
    this.#starter = new Starter(this.#manifests);
  }

  static async open(settings: Settings, env: NodeJS.ProcessEnv = process.env): Promise<ImageJobs> {
    const [store, salt] = await Promise.all([openBlobStore(settings.blobStore), readSalt(settings.dataDir)]);
    const fields: AccountFields[] = readAccounts(env);
    const accounts = fields.map((one) => new Account(one, salt));
    let temporal: Temporal;
    if (settings.remote) temporal = remoteTemporal(settings, env);
    else {
      const logger = createLogger(settings.IMAGE_LOG_LEVEL, 'client');
      const stack = new LocalStack({ settings, logger, version: VERSION });
      await stack.announce(fields);
      temporal = localTemporal(stack);
    }
    return new ImageJobs({ settings, temporal, store, salt, accounts });
  }

  /** Checks arguments and files together and starts the job; answers in under five seconds. */
  async start(kind: JobKind, rawArguments: unknown): Promise<JobRecord> {
    return this.#guarded(async () => {
      const { temporal } = this.#parts;
      const deadline = Date.now() + START_MS;
      const connecting = temporal.connect(CONNECT_MS).then(
        (connected) => ({ connected }),
        (error: unknown) => ({ error }),
      );
      const found = await connecting;
      // A call that is wrong in itself is refused as such, also while Temporal is away.
      const prepared = await prepareJob(kind, rawArguments, this.#callContext('connected' in found ? found.connected : undefined));
      if ('error' in found) throw found.error;
      const started = await this.#starter.start(found.connected, prepared, deadline);
      if (!started.deduplicated) return started.record;
      const { record } = await this.#look(prepared.jobId, Math.max(deadline, Date.now() + LEAST_READ_MS));
      return { ...record, deduplicated: true };
    });
  }

  /** The record of a job; `unknown` for one that was never seen here. Ended jobs are answered without Temporal. */
  async status(jobId: string): Promise<JobRecord> {
    return this.#guarded(async () => (await this.#look(jobId)).record);
  }

  async wait(options: WaitOptions): Promise<WaitResult> {
    return this.#guarded(() => waitForJobs(options, this.#watch, (jobId) => this.#look(jobId)));
  }

  /** Asks the job to stop; idempotent. The record says whether the provider may still bill. */
  async cancel(jobId: string, reason?: string): Promise<JobRecord> {
    return this.#guarded(async () => {
      const before = await this.status(jobId);
      if (before.done || before.status === 'unknown') return before;
      const connected = await this.#parts.temporal.connect(CONNECT_MS);
      const request = {
        namespace: connected.namespace,
        workflowExecution: { workflowId: jobId },
        identity: connected.client.options.identity,
        requestId: crypto.randomUUID(),
        reason: reason ?? 'image_job_cancel',
      };
      try {
        const { workflowService } = connected.client;
        await connected.connection.withDeadline(Date.now() + READ_MS, () => workflowService.requestCancelWorkflowExecution(request));
      } catch (error) {
        if (!isNotFound(error)) throw error;
        // Accepted and not in Temporal yet: the end in its manifest keeps it from being started.
        await recordEndOf(this.#manifests, jobId, cancelledBeforeStart(before));
      }
      const { records } = await this.wait({ jobIds: [jobId], until: 'all', timeoutSeconds: 3 });
      return records[0] ?? before;
    });
  }

  async serverInfo(): Promise<Record<string, unknown>> {
    const { settings, temporal, accounts } = this.#parts;
    return this.#guarded(() => serverInfo({ settings, temporal, accounts, clientRoots: this.#clientRoots }));
  }

  setClientRoots(paths: string[]): void {
    this.#clientRoots = paths;
  }

  async close(): Promise<void> {
    await this.#parts.temporal.close();
  }

  async #look(jobId: string, deadline = Date.now() + READ_MS): Promise<Look> {
    const settled = (record: JobRecord): Look => ({ record, stuck: false });
    if (!isJobId(jobId)) return settled(unknown(jobId));
    const manifest = await this.#manifests.read(jobId);
    if (manifest?.state === 'deleted') return settled(expired(jobId, manifest));
    if (manifest?.state === 'ended' && manifest.record && !(await this.#runsAgain(manifest.record))) {
      return settled(await this.#withPaths(await this.#withUiLink(manifest.record), manifest));
    }
    let described: Described | undefined;
    try {
      const connected = await this.#connectFor(manifest);
      if (!connected) return settled(manifest ? fromOpenManifest(manifest, STACK_STARTING) : unknown(jobId));
      const read = (): Promise<Described | undefined> => describeJob(connected, jobId);
      described = await connected.connection.withDeadline(deadline, read);
    } catch (error) {
      // A known job is reported whatever is away; only of an unknown one nothing can be said.
      if (!manifest || !isTransportError(error)) throw error;
      return settled(fromOpenManifest(manifest, 'Temporal does not answer at this moment; the job is safe and goes on with it.'));
    }
    if (!described) return settled(manifest ? fromOpenManifest(manifest, await this.#startLost(manifest)) : unknown(jobId));
    if (!described.closed) return described;
    const ended = await recordEndOf(this.#manifests, jobId, described.record);
    return settled(await this.#withPaths(described.record, ended));
  }

  /** Whether an ended job runs again under its ID (a program's start, a late reply): its manifest follows with the first activity. */
  async #runsAgain({ job_id: jobId, temporal: run }: JobRecord): Promise<boolean> {
    try {
      const connected = await this.#parts.temporal.connectIfRunning();
      if (!connected) return false;
      const latest = await connected.connection.withDeadline(Date.now() + LATEST_RUN_MS, () => latestRun(connected, jobId));
      return latest !== undefined && latest.running && latest.runId !== run?.run_id;
    } catch {
      return false;
    }
  }

  /** An accepted job that Temporal does not know: its start was never confirmed, or is lost. It is repeated under its ID. */
  async #startLost(manifest: Manifest): Promise<string> {
    if (Date.now() - Date.parse(manifest.created_at) < START_CONFIRMED_MS) return 'The job was just accepted.';
    const connected = await this.#parts.temporal.connectIfRunning().catch(() => undefined);
    const started =
      connected &&
      (await connected.connection
        .withDeadline(Date.now() + LATEST_RUN_MS, () =>
          restartFromManifest(connected.client, this.#manifests, manifest, connected.databaseId),
        )
        .catch(() => undefined));
    return started ? 'The job was not in Temporal and is started again.' : 'The job is not in Temporal yet; it is started when Temporal answers.';
  }

  /** The link to the Web UI, when it is up: ports may have changed since the record was written. */
  async #withUiLink(record: JobRecord): Promise<JobRecord> {
    const { settings, temporal } = this.#parts;
    const connected = record.temporal && !settings.remote ? await temporal.connectIfRunning().catch(() => undefined) : undefined;
    if (!record.temporal || connected?.uiUrl === undefined) return record;
    return { ...record, temporal: { ...record.temporal, ui_url: uiLink(connected.uiUrl, connected.namespace, record.job_id) } };
  }

  #callContext(connected: Connected | undefined): CallContext {
    const { settings, store, salt, accounts } = this.#parts;
    const known: NonNullable<CallContext['accounts']> = new Map();
    if (!settings.remote) for (const account of [...(connected?.credentials ?? []), ...accounts]) known.set(account.provider, account);
    return {
      settings,
      store,
      salt,
      clientRoots: this.#clientRoots,
      accounts: settings.remote ? undefined : known,
      accountsComplete: connected !== undefined,
      isKnown: async (jobId) => (await this.#manifests.read(jobId)) !== undefined,
    };
  }

  /** An open job needs Temporal, so the stack is started for it; a job nobody knows starts nothing. */
  async #connectFor(manifest: Manifest | undefined): Promise<Connected | undefined> {
    const { temporal, settings } = this.#parts;
    if (settings.remote) return temporal.connect(CONNECT_MS);
    if (!manifest) return temporal.connectIfRunning();
    return temporal.connect(CONNECT_MS).catch((error: unknown) => {
      if (error instanceof JobFailure && error.code === 'STARTING') return undefined;
      throw error;
    });
  }

  async #withPaths(record: JobRecord, manifest: Manifest | undefined): Promise<JobRecord> {
    const { store, salt, settings } = this.#parts;
    const aged = { ...record, age_seconds: ageOf(record) };
    return withPaths(aged, manifest, { store, salt, settings, clientRoots: this.#clientRoots });
  }

  /** Errors of Temporal's transport become ours; a JobFailure passes. */
  async #guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof JobFailure) throw error;
      if (isTransportError(error)) {
        throw unavailable(this.#parts.settings.TEMPORAL_ADDRESS ?? 'the local stack', error);
      }
      throw error;
    }
  }
}

function isTransportError(error: unknown): boolean {
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

function cancelledBeforeStart(record: JobRecord): JobRecord {
  const message = 'The job was cancelled before it was started.';
  return {
    ...record,
    status: 'cancelled',
    stage: undefined,
    done: true,
    message,
    poll_after_seconds: undefined,
    billing: 'none',
    error: { code: 'CANCELLED', message, next_step: 'Nothing to do.', retryable: false },
  };
}

const GRPC_NOT_FOUND = 5;

function isNotFound(error: unknown): boolean {
  return isGrpcServiceError(error) && error.code === GRPC_NOT_FOUND;
}

function expired(jobId: string, manifest: Manifest): JobRecord {
  return {
    ok: false,
    job_id: jobId,
    status: 'expired',
    done: true,
    message: 'This job was deleted; its images are gone from the store.',
    created_at: manifest.created_at,
  };
}

function unknown(jobId: string): JobRecord {
  return { ok: false, job_id: jobId, status: 'unknown', done: true, message: 'No job of this ID was ever seen here.' };
}

function ageOf({ created_at }: { created_at?: string | undefined }): number {
  return created_at === undefined ? 0 : Math.round((Date.now() - Date.parse(created_at)) / 100) / 10;
}
