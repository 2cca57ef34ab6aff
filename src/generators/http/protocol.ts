import type { Account } from '../../accounts/account.js';
import type { Billing } from '../../contract/errors.js';
import type { ProviderName } from '../../contract/names.js';
import type { AttemptIdentity, Capabilities, GenerationRequest, GenerationResult, PollOutcome, SubmitOutcome } from '../generator.js';
import type { HttpReply } from '../transport.js';

/**
 * What is special about one provider: its addresses, bodies and words. Everything that must be the same for all, one
 * request a record, what proves that nothing was billed, limits, redaction, stands in http-generator.ts.
 */
export interface Protocol {
  name: ProviderName;
  /** For sentences. */
  title: string;
  /** The variable that holds the key. */
  keyVariable: string;
  /** The variable that a missing account is set with, where that is not the key's. */
  accountVariable?: string;
  /** The header that carries the key. */
  authorise: (key: string) => Record<string, string>;
  /** The one paid request; nothing leaves. Throws JobFailure for what cannot be sent at all. */
  encode: (asking: Asking) => Encoded | Promise<Encoded>;
  /** A 2xx answer to it. Undefined: it says neither what was made nor a name for the request, so nobody can tell. */
  readSubmit: (answer: Answer) => SubmitOutcome | Download | undefined;
  /** An answer of another status in the form that the provider documents; undefined for any other body. */
  readError: (answer: Answer) => ProviderError | undefined;
  /** Free questions about an accepted request. */
  poll?: {
    ask: (handle: string, account: Account) => Question;
    /** Of any status. */
    read: (answer: Answer, handle: string) => PollReading | Further<PollReading>;
  };
  cancel?: {
    ask: (handle: string, account: Account) => Question;
    /** Of any status; undefined: the answer says nothing. */
    read: (answer: Answer) => { billing: Billing; message: string } | undefined;
  };
  /** Looks for a request whose answer was lost. */
  reconcile?: {
    ask: (attempt: AttemptIdentity, account: Account) => Question;
    /** Of any status: the handle of the one request that is this attempt's; undefined when it is not certain. */
    read: (answer: Answer, attempt: AttemptIdentity) => string | undefined | Further<string | undefined>;
  };
  /** The provider's own id within a handle that holds more, for sentences. */
  shown?: (handle: string) => string;
  /**
   * Hosts, beside the account's own, that returned addresses may have: 'fal.media' stands for itself and its subdomains.
   * The key goes to the account's own host and, of these, to those in `trusted`.
   */
  resultHosts?: readonly string[];
  trusted?: readonly string[];
}

export interface Asking {
  request: GenerationRequest;
  capabilities: Capabilities;
  account: Account;
  attempt: AttemptIdentity;
  form: string | undefined;
}

export interface Encoded {
  /** Below the account's base URL, beginning with a slash. */
  path: string;
  body: JsonBody | Multipart;
  headers?: Record<string, string>;
  /** Recorded with the attempt, where a provider has more than one form. */
  form?: string;
  /** The answer carries the picture, so it takes as long as the picture. */
  synchronous: boolean;
}

export interface JsonBody {
  json: unknown;
}

export interface Multipart {
  /** In this order; a name may come more than once. */
  parts: readonly Part[];
}

export type Part = { name: string; text: string } | { name: string; filename: string; mimeType: string; bytes: Buffer };

export interface Question {
  method: 'GET' | 'POST' | 'PUT';
  /** Below the account's base URL, or a whole URL that the provider returned: its host is checked. */
  at: string;
  json?: unknown;
}

/** `missing`: the provider does not have the request; undefined: judged by the status alone. */
export type PollReading = PollOutcome | Download | 'missing' | undefined;

/** The answer only leads to another free question, which is asked at once. */
export interface Further<T> {
  type: 'further';
  question: Question;
  read: (answer: Answer) => T | Further<T>;
}

/** A reply with what reading it takes. */
export interface Answer {
  reply: HttpReply;
  /** The body as JSON; undefined when it is none. */
  json: unknown;
  /** Text of the provider without secrets and control characters, at most 300 characters; undefined when empty. */
  clean: (text: unknown) => string | undefined;
  /** The form in which the paid request was sent, where a provider has more than one. */
  form?: string | undefined;
}

/** The pictures lie at these addresses; they are fetched at once, since they do not stay. */
export interface Download extends Omit<GenerationResult, 'type' | 'images'> {
  type: 'download';
  urls: readonly string[];
}

/**
 * What a documented error means. `rate` and `busy` get better by waiting; the others do not. `busy` is believed of a 5xx
 * only: the provider documents that such an answer means that it took nothing, or that nothing is charged. `taken`: the
 * provider had the request and ended it, so that what it costs is `billing`.
 */
export interface ProviderError {
  means: 'refused' | 'quota' | 'auth' | 'rate' | 'busy' | 'rejected' | 'other_form';
  reason?: string | undefined;
  /** Where it is not in a header that all providers share. */
  retryAfterSeconds?: number | undefined;
  /** Of `other_form`: the form of the request that the provider takes instead. */
  form?: string;
  /** The provider worked before it said no. */
  taken?: Billing;
}
