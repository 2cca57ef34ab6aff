import type { Billing } from '../contract/errors.js';
import type { JobFailure } from '../contract/errors.js';
import type { Picture } from '../contract/plan.js';
import type { ProviderName } from '../contract/names.js';
import type { Cost } from '../contract/record.js';
import type { Account } from '../accounts/account.js';
import type { SizeRule } from './sizes.js';

/** A reference as the provider gets it: decoded, oriented, stripped and re-encoded by uploadReferences. */
export interface ReferenceImage {
  bytes: Buffer;
  mimeType: string;
  width: number;
  height: number;
}

/** One picture to be made. */
export interface GenerationRequest {
  picture: Picture;
  model?: string;
  references: ReferenceImage[];
  /** Pixels with alpha 0 are edited (OpenAI's sense); as large as the first reference. */
  mask?: ReferenceImage;
}

/** What identifies this attempt at the provider, where the provider takes such a thing. */
export interface AttemptIdentity {
  nonce: string;
  jobId: string;
  item: number;
  /** Of a request whose answer was lost: when its record was opened, and until when its sender listened; ISO 8601. */
  openedAt?: string;
  givesUpAt?: string;
}

export interface GeneratedImage {
  bytes: Buffer;
  mimeType: string;
}

export interface GenerationResult {
  type: 'done';
  images: GeneratedImage[];
  cost?: Cost;
  usage?: Record<string, unknown>;
  /** Cleaned text of the provider, for instance a revised prompt. */
  notes?: string[];
}

/** What became of the one request; see the pay-once table. */
export type SubmitOutcome =
  | GenerationResult
  | { type: 'accepted'; handle: string; cost?: Cost }
  /** Certainly not billed: it was not sent, or the provider said, in a form that it documents, that it took nothing. */
  | { type: 'not_billed'; failure: JobFailure; nextForm?: string }
  /** Taken and ended without a picture (a refusal, an empty answer). */
  | { type: 'ended'; failure: JobFailure; billing: Billing }
  /** Nobody can tell. */
  | { type: 'ambiguous'; reason: string; providerStatus?: number };

export type PollOutcome =
  | GenerationResult
  | { type: 'running'; percent?: number; message?: string }
  | { type: 'ended'; failure: JobFailure; billing: Billing };

/** A request that is ready to leave: all that can fail locally is behind it. */
export interface PreparedSubmit {
  /** The form of the request, where a provider has more than one (background, synchronous); recorded with the attempt. */
  form?: string;
  /** Seconds after which the record may be judged; the socket stays open longer. */
  givesUpAfterSeconds: number;
  /** Sends exactly one request and never rejects; settles when the reply came, the socket died, or listenSeconds are over. */
  send(listenSeconds: number): Promise<SubmitOutcome>;
}

/** What a provider and model can do; data, so that a refusal names the limit. */
export interface Capabilities {
  kinds: readonly Picture['kind'][];
  maxReferences: number;
  mask: boolean;
  seed: boolean;
  quality: boolean;
  background: boolean;
  formats: readonly string[];
  /** Longest edge that the provider takes; larger references are scaled down. */
  maxReferenceEdge: number;
  /** Submit and collect are two steps. */
  queue: boolean;
  /** Gemini: the model takes interactions in the background, so that no picture hangs on one connection. */
  interactions?: boolean | undefined;
  cancel: boolean;
  generative: boolean;
  sizes: SizeRule;
  /** The model when nobody names one. */
  defaultModel?: string | undefined;
  /** How long a finished picture stays at the provider, where that is known. */
  resultLifeSeconds?: number | undefined;
  /** What one picture costs, for providers that do not say it in their answers. */
  price?: Price | undefined;
}

/** Of one picture, or of the tokens that the answer counts. `source`: who says so, and when. */
export interface Price {
  currency: string;
  source: string;
  perImage?: number | undefined;
  /** Of a million tokens, by the name that the provider's usage has for them. */
  perMillion?: Readonly<Record<string, number>> | undefined;
}

/**
 * One provider. A generator knows HTTP and this interface, nothing of Temporal, the store or MCP.
 * Errors that it throws are JobFailure; `retryable` ones are tried again by Temporal.
 */
export interface Generator {
  readonly name: ProviderName;
  /** Unable to bill: no attempt record is kept. */
  readonly free: boolean;
  capabilities(model: string | undefined): Capabilities;
  /** Encodes the request and looks up the address; nothing leaves. Throws JobFailure for what cannot be sent at all. */
  prepare(
    request: GenerationRequest,
    account: Account | undefined,
    attempt: AttemptIdentity,
    form: string | undefined,
  ): Promise<PreparedSubmit>;
  /** Asks once for the state of an accepted request. Free; throws a retryable JobFailure on an outage. */
  poll?(handle: string, account: Account | undefined): Promise<PollOutcome>;
  /** Asks the provider to stop; idempotent. */
  cancel?(handle: string, account: Account | undefined): Promise<{ billing: Billing; message: string }>;
  /** The handle of a request whose reply was lost, where the provider can show it. */
  reconcile?(attempt: AttemptIdentity, account: Account | undefined): Promise<string | undefined>;
}
