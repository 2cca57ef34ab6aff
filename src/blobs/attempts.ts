import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import { canonicalJson, sha256 } from '../contract/canonical.js';
import { PROVIDER_NAMES } from '../contract/names.js';
import type { StoredImage } from '../contract/plan.js';
import { jobErrorSchema, jobRecordSchema } from '../contract/record.js';
import type { BlobStore } from './blob-store.js';
import { readJson, toBytes } from './json-documents.js';
import { unavailable } from './store-failure.js';

const storedImageSchema: z.ZodType<StoredImage> = z.object({
  sha256: z.string(),
  size_bytes: z.number().int(),
  mime_type: z.string(),
  width: z.number().int(),
  height: z.number().int(),
});

const ATTEMPT_STATES = ['open', 'accepted', 'done', 'not_billed', 'ambiguous'] as const;
export type AttemptState = (typeof ATTEMPT_STATES)[number];

/** One request to a provider that may cost money; see "Pay once" in the design. Times are ISO 8601 in UTC. */
const attemptRecordSchema = z.object({
  state: z.enum(ATTEMPT_STATES),
  n: z.number().int().min(0),
  /** Of the sender that opened the record. */
  nonce: z.string(),
  job_id: z.string(),
  item: z.number().int().min(0),
  provider: z.enum(PROVIDER_NAMES),
  model: z.string().optional(),
  account: z.string().optional(),
  /** The form in which the request was sent, where the provider has more than one. */
  form: z.string().optional(),
  /** The form that the next attempt is to take. */
  next_form: z.string().optional(),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
  /** Until then the sender may be alive; afterwards an open record may be judged. */
  gives_up_at: z.iso.datetime(),
  /** The provider asked not to be called before. */
  not_before: z.iso.datetime().optional(),
  handle: z.string().optional(),
  cost: jobRecordSchema.shape.cost,
  outputs: z.array(storedImageSchema).optional(),
  generative: z.boolean().optional(),
  usage: z.record(z.string(), z.unknown()).optional(),
  notes: z.array(z.string()).optional(),
  /** The reply came after the record was given up. */
  late: z.boolean().optional(),
  reason: z.string().optional(),
  error: jobErrorSchema.optional(),
  billing: jobRecordSchema.shape.billing,
  /** Since then the picture may be bought again although this record stands: nothing was charged, or a person has said so. */
  released_at: z.iso.datetime().optional(),
});
export type AttemptRecord = z.infer<typeof attemptRecordSchema>;

/** What the opener says; the rest is the record's own. */
export type OpenFields = Pick<AttemptRecord, 'job_id' | 'item' | 'provider' | 'gives_up_at'> &
  Partial<Pick<AttemptRecord, 'nonce' | 'model' | 'account' | 'form'>>;

export interface WorkflowKey {
  namespace: string;
  workflowId: string;
}

/** What is bought: one item of one input of one job. */
export interface AttemptKey extends WorkflowKey {
  /** SHA-256 of the canonical input, lower-case hex. */
  inputDigest: string;
  item: number;
}

const NEXT: Readonly<Record<AttemptState, readonly AttemptState[]>> = {
  // Still open when its reply is known to be lost, as long as the provider may show the request.
  open: ['open', 'accepted', 'done', 'not_billed', 'ambiguous'],
  ambiguous: ['accepted', 'done'],
  accepted: ['accepted', 'done'],
  // Only with the same outputs, which changes nothing: two collectors may finish one record.
  done: ['done'],
  not_billed: [],
};

/** Whether a record in one state may be written in another. */
export function mayBecome(from: AttemptState, to: AttemptState): boolean {
  return NEXT[from].includes(to);
}

/** The attempt records of a store. A record that cannot be read is STORE_UNAVAILABLE, never "none": none would mean "pay". */
export class Attempts {
  readonly #store: BlobStore;
  readonly #now: () => Date;

  constructor(store: BlobStore, now: () => Date = () => new Date()) {
    this.#store = store;
    this.#now = now;
  }

  /** The record with the highest number. */
  async latest(key: AttemptKey): Promise<AttemptRecord | undefined> {
    let highest = -1;
    for await (const document of this.#store.listDocuments(itemPrefix(key))) {
      highest = Math.max(highest, Number(/\/(\d+)\.json$/.exec(document)?.[1] ?? -1));
    }
    return highest < 0 ? undefined : this.#existing(documentKey(key, highest)).then(({ value }) => value);
  }

  /**
   * Creates record n, durably, in state open; afterwards exactly one request may leave. Undefined: the record is somebody
   * else's. A record that shows our own nonce is ours: an earlier answer got lost.
   */
  async open(key: AttemptKey, n: number, fields: OpenFields): Promise<AttemptRecord | undefined> {
    const time = this.#now().toISOString();
    const { nonce = randomUUID(), ...rest } = fields;
    const record: AttemptRecord = { ...rest, state: 'open', n, nonce, created_at: time, updated_at: time };
    const name = documentKey(key, n);
    if (await this.#store.createDocument(name, toBytes(record, attemptRecordSchema))) return record;
    const { value } = await this.#existing(name);
    return value.nonce === nonce ? value : undefined;
  }

  /**
   * Changes record n against all other writers and gives what stands then. The change may be asked several times; undefined
   * leaves the record as it is. What is known already stays: a field that the change leaves out, and the identity
   * of the request. Throws a plain error for a transition that the pay-once table does not have.
   */
  async change(
    key: AttemptKey,
    n: number,
    change: (current: AttemptRecord) => AttemptRecord | undefined,
  ): Promise<AttemptRecord> {
    const name = documentKey(key, n);
    for (;;) {
      const { value: current, version } = await this.#existing(name);
      const wanted = change(current);
      if (wanted === undefined) return current;
      const next = successor(current, wanted);
      if (next === undefined) return current;
      const record = { ...next, updated_at: this.#now().toISOString() };
      if (await this.#store.replaceDocument(name, toBytes(record, attemptRecordSchema), version)) return record;
    }
  }

  /** Whether what this record paid for, or may have paid for, will not come any more. */
  async isSpent({ state, error, outputs }: AttemptRecord): Promise<boolean> {
    if (state === 'ambiguous') return true;
    if (state === 'accepted') return error !== undefined;
    if (state !== 'done') return false;
    const present = await Promise.all((outputs ?? []).map((output) => this.#store.statBlob(output.sha256)));
    return present.length === 0 || present.includes(undefined);
  }

  /** Whether the picture may be bought again although this record stands. */
  async isReleased(record: AttemptRecord): Promise<boolean> {
    return record.released_at !== undefined && (await this.isSpent(record));
  }

  /**
   * Lets the picture of each record that the rule names be bought again. The record keeps its state, so a late reply is still
   * written down; what was released stays so. Gives the number of records that are released now.
   */
  async release(key: WorkflowKey, mayBuyAgain: (record: AttemptRecord) => Promise<boolean>): Promise<number> {
    let released = 0;
    for await (const name of this.#store.listDocuments(workflowPrefix(key))) {
      for (;;) {
        const { value, version } = await this.#existing(name);
        if (value.released_at === undefined) {
          if (!(await mayBuyAgain(value))) break;
          const next = { ...value, released_at: this.#now().toISOString() };
          if (!(await this.#store.replaceDocument(name, toBytes(next, attemptRecordSchema), version))) continue;
        }
        released += 1;
        break;
      }
    }
    return released;
  }

  /** All records of a job: every input, item and number, in the order of item and number. */
  async list(key: WorkflowKey): Promise<AttemptRecord[]> {
    const records: AttemptRecord[] = [];
    for await (const name of this.#store.listDocuments(workflowPrefix(key))) {
      records.push((await this.#existing(name)).value);
    }
    return records.sort((a, b) => a.item - b.item || a.n - b.n || (a.created_at < b.created_at ? -1 : 1));
  }

  async #existing(name: string): Promise<{ value: AttemptRecord; version: string }> {
    const found = await readJson(this.#store, name, attemptRecordSchema);
    if (found === undefined) throw unavailable(`The attempt record ${name} is gone from the store.`, 'Restore the store; the job goes on by itself afterwards.');
    return found;
  }
}

/** What is to be written, or undefined when nothing would change. */
function successor(current: AttemptRecord, wanted: AttemptRecord): AttemptRecord | undefined {
  const { n, nonce, job_id, item, provider, created_at, gives_up_at } = current;
  const said = Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined));
  const next = { ...current, ...said, n, nonce, job_id, item, provider, created_at, gives_up_at };
  if (canonicalJson(next) === canonicalJson(current)) return undefined;
  const sameOutputs = canonicalJson(next.outputs) === canonicalJson(current.outputs);
  if (current.state === 'done' && next.state === 'done' && sameOutputs) return undefined;
  if (current.state !== 'done' && mayBecome(current.state, next.state)) return next;
  throw new Error(`Attempt ${n} of ${job_id}, item ${item}, is ${current.state} and cannot become ${next.state}.`);
}

function workflowPrefix({ namespace, workflowId }: WorkflowKey): string {
  // A namespace is another system's text and a workflow ID any text: neither may choose a path.
  const plain = /^[a-z0-9_-][a-z0-9._-]{0,199}$/.test(namespace);
  return `attempts/${plain ? namespace : sha256(namespace)}/${sha256(workflowId)}/`;
}

function itemPrefix(key: AttemptKey): string {
  return `${workflowPrefix(key)}${key.inputDigest}/${key.item}/`;
}

function documentKey(key: AttemptKey, n: number): string {
  return `${itemPrefix(key)}${n}.json`;
}
