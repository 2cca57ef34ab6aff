import type { JobKind } from '../contract/names.js';
import type { JobRecord } from '../contract/record.js';

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
  timedOut: boolean;
}

/** What a door of the product (MCP, command line) needs of the client. Every method throws JobFailure and nothing else. */
export interface JobApi {
  /** Checks the raw arguments and files together and starts the job; several problems are one INVALID_ARGUMENT. */
  start(kind: JobKind, rawArguments: unknown): Promise<JobRecord>;
  /** A record with status `unknown` for an ID that was never seen here. */
  status(jobId: string): Promise<JobRecord>;
  wait(options: WaitOptions): Promise<WaitResult>;
  cancel(jobId: string, reason?: string): Promise<JobRecord>;
  serverInfo(): Promise<Record<string, unknown>>;
  /** Absolute folders that the MCP client declares as its roots. */
  setClientRoots(paths: string[]): void;
  close(): Promise<void>;
}
