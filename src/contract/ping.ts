import { TASK_QUEUES } from './names.js';

/** The ping of the workers as a workflow. Types and constants only: workflow code may import this file. */

export const PING_WORKFLOW_TYPE = 'imagePing';

/** The queues of activities that every worker serves; each provider's submit queue comes on top. */
export const PINGED_QUEUES: readonly string[] = [TASK_QUEUES.upload, TASK_QUEUES.collect, TASK_QUEUES.store];

/** More submit queues than these are not pinged: no worker serves so many. */
export const MOST_PINGED_PROVIDERS = 20;

/** The argument of the workflow. Any program may start it, so it is not believed. */
export interface PingOrder {
  /** Whose submit queues are pinged; `local` by default. */
  providers?: string[];
}

/** What a worker says of itself; no key and no path. */
export interface Pong {
  /** Process and host. */
  worker: string;
  version: string;
  store_id: string;
  /** Providers that it can use with an account that it knows. */
  providers: string[];
}

/** One queue: either the answer of a worker and how long it took, or why there was none. */
export interface PingedQueue extends Partial<Pong> {
  queue: string;
  round_trip_ms?: number;
  error?: string;
}

/** The result of the workflow. */
export interface PingReport {
  queues: PingedQueue[];
}

/** The activities of `imagePing`, as the workflow sees them. */
export interface PingActivities {
  ping(): Promise<Pong>;
}
