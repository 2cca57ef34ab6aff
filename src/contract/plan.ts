import type { JobError, Billing } from './errors.js';
import type { JobKind, ProviderName } from './names.js';
import type { Cost, JobRecord } from './record.js';

/** What passes between the workflow and its activities. Types only: bytes never enter history, blobs are named by digest. */

/** A picture in the store. */
export interface StoredImage {
  sha256: string;
  size_bytes: number;
  mime_type: string;
  width: number;
  height: number;
}

/** One provider that the job may use; the first is the asked one, the others its fallbacks. */
export interface Target {
  provider: ProviderName;
  model?: string;
  /** The account that the job runs with; absent where the workers' own accounts run (a remote Temporal). */
  account?: string;
  /** Whether this provider is unable to bill: then no attempt record is kept. */
  free: boolean;
  /** SHA-256 of the canonical input for this provider: what is bought (for a batch together with the item's own digest). */
  input_digest: string;
  /** The store that has its references and its attempt records; absent in plans of earlier versions. */
  store_id?: string;
  warnings: string[];
}

/** One picture to be made. */
export interface PlannedItem {
  item: number;
  references: StoredImage[];
  mask?: StoredImage;
  /** Of a batch: SHA-256 of this item's own original. Each item is a purchase by itself, whatever becomes of its siblings. */
  digest?: string;
  /** An input of a batch that could not be read: its siblings go on. */
  error?: JobError;
}

/** Numbers for the workflow's activities: settings of the worker, recorded in history by the first activity. */
export interface Timing {
  submitStartToCloseSeconds: number;
  submitHeartbeatSeconds: number;
  collectStartToCloseSeconds: number;
  collectHeartbeatSeconds: number;
  storeStartToCloseSeconds: number;
  retryInitialSeconds: number;
  retryMaximumSeconds: number;
}

/** What shapes the picture, apart from the references; with the prompt as it will be sent. */
export interface Picture {
  kind: JobKind;
  prompt: string;
  size?: string;
  aspect_ratio?: string;
  quality?: string;
  output_format?: string;
  background?: string;
  seed?: number;
}

/** The result of uploadReferences. */
export interface Plan {
  picture: Picture;
  targets: [Target, ...Target[]];
  items: PlannedItem[];
  n_references: number;
  timing: Timing;
  warnings: string[];
}

/** The argument of submitGeneration: one picture at one provider. */
export interface GenerationOrder {
  /** Nothing is sent after it, ISO 8601; absent: whenever it is this order's turn. */
  deadline_at?: string;
  picture: Picture;
  target: Target;
  item: PlannedItem;
  /** The targets that come after this one: an earlier run may have bought the picture there. */
  fallbacks: Target[];
}

/** A paid request that the provider has accepted. */
export interface Accepted {
  state: 'accepted';
  /** The provider's own id of the request. */
  handle: string;
  /** Which attempt record holds it. */
  attempt: number;
}

/** Pictures of one order, in the store. */
export interface Generated {
  state: 'done';
  outputs: StoredImage[];
  generative: boolean;
  cost?: Cost;
  usage?: Record<string, unknown>;
  notes?: string[];
  /** The reply came after the job had given it up. */
  late?: boolean;
}

/** The argument of collectGeneration. */
export interface AcceptedOrder {
  order: GenerationOrder;
  accepted: Accepted;
}

/** What cancelGeneration learned; no message: nothing was sent. */
export interface Cancelled {
  billing: Billing;
  message?: string;
}

/** One item's end, for storeOutputs. */
export interface ItemOutcome {
  item: number;
  provider: ProviderName;
  generated?: Generated;
  error?: JobError;
  billing: Billing;
}

/** The argument of storeOutputs. */
export interface StoreOrder {
  /** The record so far; storeOutputs adds the saved images and returns it whole. */
  record: JobRecord;
  outcomes: ItemOutcome[];
  n_references?: number;
}

/** The argument of recordEnd: the record of a job that ends without images. */
export interface EndOrder {
  record: JobRecord;
}

/** The activities of `imageJob`, as the workflow sees them. */
export interface JobActivities {
  uploadReferences(input: unknown): Promise<Plan>;
  submitGeneration(order: GenerationOrder): Promise<Accepted | Generated>;
  collectGeneration(order: AcceptedOrder): Promise<Generated>;
  cancelGeneration(order: GenerationOrder): Promise<Cancelled>;
  storeOutputs(order: StoreOrder): Promise<JobRecord>;
  recordEnd(order: EndOrder): Promise<void>;
}

/** Heartbeat details of submitGeneration and collectGeneration; status reads them without a worker. */
export interface GenerationProgress {
  phase: 'sending' | 'polling';
  handle?: string;
  /** Nonce of the attempt record that the handle belongs to. */
  nonce?: string;
  percent?: number;
}
