import type { AccountRegistry } from '../accounts/registry.js';
import type { Attempts } from '../blobs/attempts.js';
import type { BlobStore } from '../blobs/blob-store.js';
import type { Manifests } from '../blobs/manifests.js';
import type { JobRuns } from '../blobs/retention.js';
import type { Settings } from '../config.js';
import type { ProviderName } from '../contract/names.js';
import type { Generator } from '../generators/generator.js';
import type { Logger } from '../log.js';
import type { Metrics } from '../metrics.js';
import type { Normaliser } from '../references/normalise.js';
import type { ProviderLimits } from '../shaping/limits.js';

/** What the activities work with; made once by src/worker.ts. */
export interface ActivityDependencies {
  settings: Settings;
  namespace: string;
  store: BlobStore;
  attempts: Attempts;
  manifests: Manifests;
  generators: ReadonlyMap<ProviderName, Generator>;
  /** Rate and concurrency of each provider as they are now. */
  limits: { of: (provider: ProviderName) => ProviderLimits };
  normaliser: Normaliser;
  accounts: AccountRegistry;
  /** Salt of the data folder: proves that an input was frozen by a client of this folder. */
  salt: Buffer;
  /** The local stack exports files, and its jobs carry the accounts of their clients. */
  local: { databaseId?: string } | undefined;
  logger: Logger;
  metrics: Metrics;
  /** Sockets that still listen for replies which their jobs gave up; a worker ends when they have. */
  lateReplies: Set<Promise<void>>;
  /** Starts a job that ended again, under its ID, because its paid result came late. */
  runAgain(jobId: string): Promise<void>;
  /** What Temporal knows of the jobs of this namespace. */
  runs: JobRuns;
}
