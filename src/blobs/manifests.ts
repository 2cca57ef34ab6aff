import * as z from 'zod';
import { canonicalJson, sha256 } from '../contract/canonical.js';
import { JobFailure } from '../contract/errors.js';
import { jobInputSchema, type JobInput } from '../contract/input.js';
import { jobRecordSchema } from '../contract/record.js';
import type { BlobStore, DocumentTime } from './blob-store.js';
import { readJson, toBytes } from './json-documents.js';

/** `deleted`: somebody asked for it; `retention`: IMAGE_RETENTION_DAYS after its end. */
const DELETION_REASONS = ['deleted', 'retention'] as const;
export type DeletionReason = (typeof DELETION_REASONS)[number];

/** The journal of a job. Times are ISO 8601 in UTC, digests SHA-256 in lower-case hex. */
const manifestSchema = z.object({
  job_id: z.string(),
  state: z.enum(['accepted', 'ended', 'deleted']),
  created_at: z.iso.datetime(),
  created_by: z.enum(['client', 'worker']),
  /** Temporal's. */
  namespace: z.string(),
  /** The database of the local stack in which the job was started. */
  database_id: z.string().optional(),
  request_digest: z.string().optional(),
  /** Created for an idempotency_key. */
  idempotent: z.boolean().optional(),
  input: jobInputSchema,
  /** Digests of what was fetched, by URL. */
  references: z.record(z.string(), z.string()).default({}),
  /** Blobs that the work needs: references, mask, plan. They go some time after the end. */
  pins: z.array(z.string()).default([]),
  /** Blobs that people see: outputs, thumbnails, previews. They stay as long as the job does. */
  output_pins: z.array(z.string()).default([]),
  /** The smaller pictures of an output, by its digest. */
  derived: z.record(z.string(), z.object({ thumbnail: z.string(), preview: z.string() })).optional(),
  record: jobRecordSchema.optional(),
  ended_at: z.iso.datetime().optional(),
  /** When the job, which had ended, was last to be started again: written before the start, so that nobody deletes it under its feet. */
  restarted_at: z.iso.datetime().optional(),
  /** Of a deleted job; absent in those of earlier versions. */
  deletion: z
    .object({
      /** A word of a later version counts as the ordinary one. */
      reason: z.enum(DELETION_REASONS).catch('deleted'),
      at: z.iso.datetime(),
      /** Temporal has been told to delete its closed workflow, or does not know it any more. */
      workflow_deleted: z.boolean(),
    })
    .optional(),
});
export type Manifest = z.output<typeof manifestSchema>;

/** A manifest as its creator gives it: lists that are empty may be left out. */
export type NewManifest = z.input<typeof manifestSchema>;

/** Manifests at one moment. */
export interface ManifestIndex {
  has(jobId: string): boolean;
  /** By last change. Not by creation, but what was created later was also changed later than a job's creation. */
  newestFirst(): AsyncIterable<{ manifest: Manifest; changedAt: Date }>;
}

const PREFIX = 'manifests/';
/** Small files: enough at once to keep the disk busy. */
const READ_TOGETHER = 16;

/** The manifests of a store, by job_id. */
export class Manifests {
  readonly #store: BlobStore;

  constructor(store: BlobStore) {
    this.#store = store;
  }

  /** Creates a manifest durably; false when the job has one. */
  async create(manifest: NewManifest): Promise<boolean> {
    const complete = manifestSchema.parse(manifest);
    return this.#store.createDocument(documentKey(complete.job_id), toBytes(complete, manifestSchema));
  }

  /** STORE_UNAVAILABLE, with the document's key, when there is one that cannot be read. */
  async read(jobId: string): Promise<Manifest | undefined> {
    return (await readJson(this.#store, documentKey(jobId), manifestSchema))?.value;
  }

  /**
   * Changes a manifest against all other writers and gives what stands then, undefined when there is none.
   * The change may be asked several times; undefined leaves the manifest as it is.
   */
  async update(jobId: string, change: (manifest: Manifest) => Manifest | undefined): Promise<Manifest | undefined> {
    const key = documentKey(jobId);
    for (;;) {
      const current = await readJson(this.#store, key, manifestSchema);
      if (current === undefined) return undefined;
      const next = change(current.value);
      if (next === undefined) return current.value;
      if (next.job_id !== jobId) throw new Error(`The manifest of ${jobId} cannot become that of ${next.job_id}.`);
      if (await this.#store.replaceDocument(key, toBytes(next, manifestSchema), current.version)) return next;
    }
  }

  /** Removes a manifest; only for its creator, after a definite refusal. */
  remove(jobId: string): Promise<void> {
    return this.#store.deleteDocument(documentKey(jobId));
  }

  /** All manifests, in no order. One that cannot be read is reported and left out. */
  async *list(onUnreadable: (key: string, failure: JobFailure) => void = () => {}): AsyncIterable<Manifest> {
    for await (const key of this.#store.listDocuments(PREFIX)) {
      const manifest = await this.#readOrReport(key, onUnreadable);
      if (manifest !== undefined) yield manifest;
    }
  }

  /** What is there now, for readers that want the latest jobs first. */
  async index(): Promise<ManifestIndex> {
    const times = await this.#store.documentTimes(PREFIX);
    const keys = new Set(times.map(({ key }) => key));
    return {
      has: (jobId) => keys.has(documentKey(jobId)),
      newestFirst: () => this.#newestFirst(times),
    };
  }

  async *#newestFirst(times: readonly DocumentTime[]): AsyncIterable<{ manifest: Manifest; changedAt: Date }> {
    const sorted = [...times].sort((a, b) => b.changedAt.getTime() - a.changedAt.getTime());
    for (let start = 0; start < sorted.length; start += READ_TOGETHER) {
      const some = sorted.slice(start, start + READ_TOGETHER);
      const read = await Promise.all(some.map(({ key }) => this.#readOrReport(key, () => {})));
      for (const [index, { changedAt }] of some.entries()) {
        const manifest = read[index];
        if (manifest) yield { manifest, changedAt };
      }
    }
  }

  async #readOrReport(key: string, onUnreadable: (key: string, failure: JobFailure) => void): Promise<Manifest | undefined> {
    try {
      return (await readJson(this.#store, key, manifestSchema))?.value;
    } catch (error) {
      if (!(error instanceof JobFailure)) throw error;
      onUnreadable(key, error);
      return undefined;
    }
  }
}

/** A manifest whose job runs again with this input. References that were read for the same request stay as they were read. */
export function reopened(now: Manifest, run: Pick<Manifest, 'input' | 'namespace' | 'database_id'>): Manifest {
  const { record: _record, ended_at: _endedAt, deletion: _deletion, ...kept } = now;
  const same = canonicalJson(asked(now.input)) === canonicalJson(asked(run.input));
  return { ...kept, ...run, state: 'accepted', references: same ? now.references : {} };
}

/** What is asked, whoever asks: a retry runs with the accounts of its caller. */
function asked(input: JobInput): JobInput {
  return { ...input, frozen: undefined };
}

/** When the last run of a job ended, or else began; the age of a job counts from here. */
export function lastRunOf({ ended_at, restarted_at, created_at }: Manifest): Date {
  const ended = Date.parse(ended_at ?? created_at);
  return new Date(restarted_at === undefined ? ended : Math.max(ended, Date.parse(restarted_at)));
}

/**
 * What remains of a deleted job: that it was there, which request it answered, and why it went. Its input is a placeholder
 * without content.
 */
export function tombstone(manifest: Manifest, reason: DeletionReason = 'deleted', at: Date = new Date()): Manifest {
  const { job_id, created_at, created_by, namespace, database_id, request_digest, idempotent, ended_at } = manifest;
  return {
    job_id,
    state: 'deleted',
    created_at,
    created_by,
    namespace,
    database_id,
    request_digest,
    idempotent,
    input: { kind: 'image_generate', prompt: '(deleted)' },
    references: {},
    pins: [],
    output_pins: [],
    derived: {},
    ended_at,
    deletion: { reason, at: at.toISOString(), workflow_deleted: false },
  };
}

/** A job_id is any text: it never chooses a path. */
function documentKey(jobId: string): string {
  // One folder: a new one for each first two digits would cost every other submit two more fsyncs.
  return `${PREFIX}${sha256(jobId)}.json`;
}
