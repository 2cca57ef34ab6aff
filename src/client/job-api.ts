import type { JobKind } from '../contract/names.js';
import type { Cost, JobRecord, JobStage, JobStatus, SavedImage } from '../contract/record.js';

export interface WaitOptions {
  jobIds: string[];
  until: 'all' | 'any';
  timeoutSeconds: number;
  /** Ends the wait, never a job. */
  signal?: AbortSignal;
  onUpdate?: (records: JobRecord[]) => void;
}

export interface WaitResult {
  /** One an ID, in the order of the IDs. */
  records: JobRecord[];
  /** The IDs of those that still run. */
  pending: string[];
  /** The time of the wait was over (or the wait cancelled). */
  timedOut: boolean;
  /** It ended before its time: nothing that is pending moves until somebody does what its message says. Waiting again at once ends at once. */
  stuck?: true;
}

export interface ListOptions {
  status?: JobStatus;
  kind?: JobKind;
  provider?: string;
  tag?: string;
  /** Jobs that were accepted at or after it. */
  since?: Date;
  /** 1 to 100. */
  limit: number;
  /** The `nextCursor` of the page before; INVALID_ARGUMENT when it is none of ours. */
  cursor?: string;
}

/** One job of a list. */
export interface ListedJob {
  job_id: string;
  /** The first 60 characters of the prompt on one line; absent when the job was deleted. */
  title?: string;
  kind?: JobKind;
  provider?: string;
  status: JobStatus;
  stage?: JobStage;
  created_at: string;
  age_seconds: number;
  /** Of its first picture, where it is known; not looked at. */
  path?: string;
  cost?: Cost;
}

export interface ListResult {
  /** Newest first. */
  jobs: ListedJob[];
  /** Absent on the last page. */
  nextCursor?: string;
  /** What the list may lack or have from before. */
  warnings?: string[];
}

export interface RetryOptions {
  /** A person has said that what may have been paid may be bought again. Who may say so is the caller's to decide. */
  acknowledgePossibleDoubleCharge: boolean;
}

export const PICTURE_VARIANTS = ['thumbnail', 'preview', 'full'] as const;
export type ImageVariant = (typeof PICTURE_VARIANTS)[number];

/** A picture of an ended job in one of its sizes. */
export interface JobImage {
  /** The picture itself, with its path on this machine. */
  saved: SavedImage;
  variant: ImageVariant;
  /** Of the variant. */
  mimeType: string;
  sizeBytes: number;
  /** As they were stored, whatever became of the exported file. RESULT_EXPIRED when they are gone. */
  bytes(): Promise<Buffer>;
  /** Where anybody can read them for so many seconds; undefined where the store has no such links. */
  link(seconds: number): Promise<string | undefined>;
}

/** What a door of the product (MCP, command line) needs of the client. Every method throws JobFailure and nothing else. */
export interface JobApi {
  /** Checks the raw arguments and files together and starts the job; several problems are one INVALID_ARGUMENT. */
  start(kind: JobKind, rawArguments: unknown): Promise<JobRecord>;
  /** A record with status `unknown` for an ID that was never seen here. */
  status(jobId: string): Promise<JobRecord>;
  wait(options: WaitOptions): Promise<WaitResult>;
  cancel(jobId: string, reason?: string): Promise<JobRecord>;
  /** Newest first, just-started ones included. Starts nothing: while Temporal is away, hangs or the local stack is down, the manifests answer. */
  list(options: ListOptions): Promise<ListResult>;
  /**
   * Runs a failed or cancelled job, or the failed items of a completed one, again under its ID; what was paid is found, not
   * bought again. NOT_FOUND; INVALID_STATE when there is nothing to run again; MAYBE_BILLED when all that is left may
   * have been paid and nobody has acknowledged it; TEMPORAL_UNAVAILABLE when Temporal does not confirm it in time.
   */
  retry(jobId: string, options: RetryOptions): Promise<JobRecord>;
  /**
   * Its blobs that no other job needs, its manifest's contents and its closed workflow; gives the expired record, whose message
   * says when the workflow is left to the garbage collection. NOT_FOUND, INVALID_STATE while it runs.
   */
  delete(jobId: string): Promise<JobRecord>;
  /** A picture by its place in `saved`. NOT_FOUND, INVALID_STATE while the job runs, RESULT_EXPIRED. A variant that was never made: NOT_FOUND. */
  image(jobId: string, index: number, variant: ImageVariant): Promise<JobImage>;
  serverInfo(): Promise<Record<string, unknown>>;
  /** Absolute folders that the MCP client declares as its roots. */
  setClientRoots(paths: string[]): void;
  close(): Promise<void>;
}
