import { Account, type AccountFields } from '../accounts/account.js';
import { readAccounts } from '../accounts/environment.js';
import { readSalt } from '../accounts/salt.js';
import type { BlobStore } from '../blobs/blob-store.js';
import { Manifests } from '../blobs/manifests.js';
import { RecentRequests } from '../blobs/recent-requests.js';
import { openBlobStore } from '../blobs/open-store.js';
import { CALL_PATIENCE } from '../blobs/patience.js';
import type { Settings } from '../config.js';
import { JobFailure } from '../contract/errors.js';
import type { JobKind } from '../contract/names.js';
import type { JobRecord } from '../contract/record.js';
import { createLogger } from '../log.js';
import { LocalStack } from '../local/stack-client.js';
import { VERSION } from '../version.js';
import { deleteJob } from './delete-job.js';
import { isNotFound } from './describe-job.js';
import type {
  ImageVariant,
  JobApi,
  JobImage,
  ListOptions,
  ListResult,
  RetryOptions,
  WaitOptions,
  WaitResult,
} from './job-api.js';
import { inTime } from './in-time.js';
import { jobImage } from './job-image.js';
import { isTransportError, JobReader, type Seen } from './job-reader.js';
import { listJobs } from './list-jobs.js';
import { recordEndOf } from './recover.js';
import { retryJob } from './retry-job.js';
import { serverInfo } from './server-info.js';
import { prepareJob, type CallContext } from './start-job.js';
import { Starter } from './starter.js';
import { otherStore, otherStores } from './store-agreement.js';
import { localTemporal, remoteTemporal, unavailable, type Connected, type Temporal } from './temporal.js';
import { Turns } from './turns.js';
import { CloseWatch, waitForJobs } from './wait.js';

/** A submit answers in under five seconds, whatever is away: this much of it is for Temporal, and connecting is a part of it. */
const START_MS = 4000;
const CONNECT_MS = 3000;
/** So long it takes to find out that the supervisor of the local stack hangs (src/local/control-client.ts). */
const CONNECT_LOCAL_MS = 3500;
/** A read takes milliseconds; a Temporal that is gone must not hold a status call. */
const READ_MS = 4000;
/** Whose store it is is asked once, and only while it costs nothing. */
const STORES_MS = 800;
const LEAST_READ_MS = 300;
/** What a retry keeps for the start itself. */
const LEAST_START_MS = 1000;
/** What a start has left when its turn comes last, on a machine that a burst keeps busy. */
const KEPT_FOR_START_MS = 2000;
/** To be refused for the right reason, also when connecting took all the time. */
const LEAST_TURN_MS = 300;

interface Parts {
  settings: Settings;
  env: NodeJS.ProcessEnv;
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
  readonly #reader: JobReader;
  #clientRoots: string[] = [];
  readonly #turns = new Turns();
  #stores: Promise<string[] | undefined> | undefined;

  private constructor(parts: Parts) {
    this.#parts = parts;
    this.#manifests = new Manifests(parts.store);
    this.#watch = new CloseWatch(() => parts.temporal.connectIfRunning());
    this.#starter = new Starter(this.#manifests, new RecentRequests(parts.store));
    this.#reader = new JobReader({ ...parts, manifests: this.#manifests, clientRoots: () => this.#clientRoots });
  }

  static async open(settings: Settings, env: NodeJS.ProcessEnv = process.env): Promise<ImageJobs> {
    const [store, salt] = await Promise.all([openBlobStore(settings.blobStore, CALL_PATIENCE), readSalt(settings.dataDir)]);
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
    return new ImageJobs({ settings, env, temporal, store, salt, accounts });
  }

  /** Checks arguments and files together and starts the job; answers in under five seconds. */
  async start(kind: JobKind, rawArguments: unknown): Promise<JobRecord> {
    return this.#guarded(async () => {
      const { temporal, settings } = this.#parts;
      const deadline = Date.now() + START_MS;
      const connecting = temporal.connect(connectMs(settings)).then(
        (connected) => ({ connected }),
        (error: unknown) => ({ error }),
      );
      const found = await connecting;
      return this.#turns.take(Math.max(deadline - KEPT_FOR_START_MS - Date.now(), LEAST_TURN_MS), async () => {
        if ('connected' in found) await this.#agreeOnStore(found.connected, deadline);
        // A call that is wrong in itself is refused as such, also while Temporal is away.
        const prepared = await prepareJob(kind, rawArguments, this.#callContext('connected' in found ? found.connected : undefined));
        if ('error' in found) throw found.error;
        const started = await this.#starter.start(found.connected, prepared, deadline);
        if (!started.deduplicated) return started.record;
        const { record } = await this.#reader.look(prepared.jobId, Math.max(deadline, Date.now() + LEAST_READ_MS));
        return { ...record, deduplicated: true };
      });
    });
  }

  /** Once: the local stack works with the store of its folder, and no worker changes its store while it runs. */
  async #agreeOnStore(connected: Connected, deadline: number): Promise<void> {
    const { settings, store } = this.#parts;
    if (!settings.remote) return;
    this.#stores ??= inTime(connected, Math.min(deadline, Date.now() + STORES_MS), () => otherStores(connected, store.id)).catch(() => undefined);
    const others = await this.#stores;
    if (others?.length === 0) return;
    // Asked again by the next call.
    this.#stores = undefined;
    if (others) throw otherStore(settings.blobStore, others);
  }

  /** The record of a job; `unknown` for one that was never seen here. Ended jobs are answered without Temporal. */
  async status(jobId: string): Promise<JobRecord> {
    return this.#guarded(async () => (await this.#reader.look(jobId)).record);
  }

  async wait(options: WaitOptions): Promise<WaitResult> {
    return this.#guarded(() => waitForJobs(options, this.#watch, (jobId) => this.#reader.look(jobId)));
  }

  /** Asks the job to stop; idempotent. The record says whether the provider may still bill. */
  async cancel(jobId: string, reason?: string): Promise<JobRecord> {
    return this.#guarded(async () => {
      const deadline = Date.now() + START_MS;
      const { record: before } = await this.#reader.look(jobId, deadline - READ_MS / 2);
      if (before.done || before.status === 'unknown') return before;
      const connected = await this.#parts.temporal.connect(Math.max(deadline - Date.now(), LEAST_READ_MS));
      const request = {
        namespace: connected.namespace,
        workflowExecution: { workflowId: jobId },
        identity: connected.client.options.identity,
        requestId: crypto.randomUUID(),
        reason: reason ?? 'image_job_cancel',
      };
      try {
        const { workflowService } = connected.client;
        await inTime(connected, Math.max(deadline, Date.now() + LEAST_READ_MS), () => workflowService.requestCancelWorkflowExecution(request));
      } catch (error) {
        if (!isNotFound(error)) throw error;
        // Accepted and not in Temporal yet: the end in its manifest keeps it from being started.
        await recordEndOf(this.#manifests, jobId, cancelledBeforeStart(before));
      }
      const { records } = await this.wait({ jobIds: [jobId], until: 'all', timeoutSeconds: 3 });
      return records[0] ?? before;
    });
  }

  async list(options: ListOptions): Promise<ListResult> {
    return this.#guarded(async () => {
      const { salt, settings, temporal } = this.#parts;
      // A local stack that is not there runs nothing: the manifests have all of it.
      const none = { connected: undefined, expected: settings.remote };
      const found = await temporal.connectIfRunning().then(
        (connected) => (connected ? { connected, expected: true } : none),
        () => ({ ...none, expected: true }),
      );
      return listJobs(options, {
        manifests: this.#manifests,
        folders: { salt, settings, clientRoots: this.#clientRoots },
        temporal: { ...found, look: (jobId, deadline) => this.#reader.look(jobId, deadline) },
      });
    });
  }

  async retry(jobId: string, { acknowledgePossibleDoubleCharge: acknowledged }: RetryOptions): Promise<JobRecord> {
    return this.#guarded(async () => {
      const { store, salt, temporal, settings } = this.#parts;
      const deadline = Date.now() + START_MS;
      const connected = await temporal.connect(connectMs(settings));
      const { accounts } = this.#callContext(connected);
      const look = (id: string): Promise<Seen> => this.#reader.look(id, deadline - LEAST_START_MS);
      return retryJob(jobId, { manifests: this.#manifests, store, salt, connected, accounts, acknowledged, deadline, look });
    });
  }

  async delete(jobId: string): Promise<JobRecord> {
    return this.#guarded(async () => {
      const { store, temporal } = this.#parts;
      const deadline = Date.now() + READ_MS;
      const connecting = temporal.connectIfRunning().catch(() => undefined);
      const look = (id: string): Promise<Seen> => this.#reader.look(id, deadline);
      return deleteJob(jobId, { manifests: this.#manifests, store, connecting, deadline, look });
    });
  }

  async image(jobId: string, index: number, variant: ImageVariant): Promise<JobImage> {
    return this.#guarded(async () => jobImage(await this.#reader.look(jobId), index, variant, this.#parts.store));
  }

  async serverInfo(): Promise<Record<string, unknown>> {
    const { settings, env, temporal, accounts, store } = this.#parts;
    const clientRoots = this.#clientRoots;
    return this.#guarded(() =>
      serverInfo({
        settings,
        temporal,
        accounts,
        clientRoots,
        findings: async (seen) => {
          // Many files, and no other call needs them.
          const { clientFindings } = await import('../doctor/client-findings.js');
          return await clientFindings({ settings, env, store, clientRoots, ...seen });
        },
      }),
    );
  }

  setClientRoots(paths: string[]): void {
    this.#clientRoots = paths;
  }

  async close(): Promise<void> {
    await this.#parts.temporal.close();
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

function connectMs({ remote }: Settings): number {
  return remote ? CONNECT_MS : CONNECT_LOCAL_MS;
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
