import { isGrpcServiceError } from '@temporalio/client';
import { isTransportError, type Seen } from './job-reader.js';
import { runningJobs } from './running-jobs.js';
import type { Connected } from './temporal.js';

export interface Asked {
  /** A Temporal that answers; undefined while there is none. */
  connected: Connected | undefined;
  /** There should be one: what it knows is missing. */
  expected: boolean;
  look: (jobId: string, deadline: number) => Promise<Seen>;
}

/** A list answers in under five seconds: so much of them is Temporal's, and most of that is for the one question about all jobs. */
const ALL_LOOKS_MS = 4000;
const RUNNING_MS = 3000;

const NOT_ANSWERING = 'Temporal does not answer in time: states may be older than they are, and jobs that other programs have just started are missing.';
const NOT_LISTING = 'This Temporal does not let its workflows be listed: jobs that other programs have just started are missing.';

const GRPC = { permissionDenied: 7, unimplemented: 12 } as const;

/** What Temporal tells a list of its jobs, as long as it answers in time; from then on the manifests answer alone. */
export class Witness {
  readonly running: ReadonlyMap<string, string>;
  readonly #look: Asked['look'];
  readonly #deadline: number;
  #answers: boolean;
  #warning: string | undefined;

  private constructor(running: ReadonlyMap<string, string>, answers: boolean, warning: string | undefined, look: Asked['look'], deadline: number) {
    this.running = running;
    this.#answers = answers;
    this.#warning = warning;
    this.#look = look;
    this.#deadline = deadline;
  }

  static async ask({ connected, expected, look }: Asked): Promise<Witness> {
    const deadline = Date.now() + ALL_LOOKS_MS;
    const witness = (answers: boolean, warning?: string, running = new Map<string, string>()): Witness =>
      new Witness(running, answers, warning, look, deadline);
    if (!connected) return witness(false, expected ? NOT_ANSWERING : undefined);
    try {
      return witness(true, undefined, await runningJobs(connected, Date.now() + RUNNING_MS));
    } catch (error) {
      // Then each open job is looked at by itself.
      if (refusesList(error)) return witness(true, NOT_LISTING);
      if (isTransportError(error)) return witness(false, NOT_ANSWERING);
      throw error;
    }
  }

  get warnings(): string[] {
    return this.#warning === undefined ? [] : [this.#warning];
  }

  /** Whether Temporal can still be asked. */
  get answers(): boolean {
    if (this.#answers && Date.now() > this.#deadline) this.#stop();
    return this.#answers;
  }

  /** One look at a job; undefined when Temporal does not answer (any more). */
  async look(jobId: string): Promise<Seen | undefined> {
    if (!this.answers) return undefined;
    try {
      const seen = await this.#look(jobId, this.#deadline);
      if (!seen.unanswered) return seen;
    } catch (error) {
      if (!isTransportError(error)) throw error;
    }
    this.#stop();
    return undefined;
  }

  #stop(): void {
    this.#answers = false;
    this.#warning = NOT_ANSWERING;
  }
}

function refusesList(error: unknown): boolean {
  return isGrpcServiceError(error) && (error.code === GRPC.permissionDenied || error.code === GRPC.unimplemented);
}
