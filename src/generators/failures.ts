import { JobFailure, type ErrorCode } from '../contract/errors.js';
import { cleanText } from './clean-text.js';
import { requestId, retryAfterSeconds, type HttpReply, type Lost, type NotSent } from './transport.js';

/** Failures that every provider over HTTP has in common. Their texts are for people; `reason` must be cleaned text. */

/** `: "reason"` when the provider gave one. */
export function quoted(reason: string | undefined): string {
  return reason === undefined || reason === '' ? '' : `: "${reason}"`;
}

/** Status and request id of a reply, for a sentence. */
export function replyName(reply: HttpReply): string {
  const id = requestId(reply.headers);
  return `HTTP ${reply.status}${id === undefined ? '' : ` (request ${id})`}`;
}

/** Texts within JSON as they read: what is escaped there would hide a key, or a terminal sequence inside it. */
function unescaped(text: string): string {
  return text.replace(/\\u([0-9a-f]{4})/gi, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))).replace(/\\["\\/]/g, (pair) => pair.slice(1));
}

/** The start of a body that is not in the provider's form, as one clean line; undefined when empty. */
export function bodyExcerpt(body: Buffer, secrets: readonly string[]): string | undefined {
  // The excerpt is cut after cleaning: a cut through a key would hide it from the redaction.
  const raw = body.subarray(0, 65_536).toString('utf8');
  return cleanText(unescaped(raw), secrets, 120) || undefined;
}

/** Before the socket was ready: nothing left, so nothing is billed and it may be tried again. */
export function notSentFailure(outcome: NotSent, host: string): JobFailure {
  return new JobFailure({
    code: outcome.timedOut ? 'PROVIDER_TIMEOUT' : 'PROVIDER_UNAVAILABLE',
    message: `Nothing was sent to ${host}, because ${outcome.detail}.`,
    nextStep: 'Check the network and the base URL; it is tried again.',
    retryable: outcome.phase !== 'local',
    billing: 'none',
  });
}

export function authFailure(reply: HttpReply, reason: string | undefined): JobFailure {
  return new JobFailure({
    code: 'PROVIDER_AUTH',
    message: `The provider did not accept the key or its rights (${replyName(reply)})${quoted(reason)}.`,
    nextStep: 'Correct the key or its rights in the environment of the client and start a new job.',
    providerStatus: reply.status,
    billing: 'none',
  });
}

export function quotaFailure(reply: HttpReply, reason: string | undefined): JobFailure {
  return new JobFailure({
    code: 'PROVIDER_QUOTA',
    message: `The provider account has no quota or credit left (${replyName(reply)})${quoted(reason)}.`,
    nextStep: "Raise the limit or add credit in the provider's billing settings, then call image_job_retry.",
    providerStatus: reply.status,
    billing: 'none',
  });
}

/** `delaySeconds`: where the provider says it elsewhere than in the headers that all share. */
export function rateLimitedFailure(reply: HttpReply, reason: string | undefined, delaySeconds?: number): JobFailure {
  return new JobFailure({
    code: 'PROVIDER_RATE_LIMITED',
    message: `The provider asks to wait (${replyName(reply)})${quoted(reason)}.`,
    nextStep: 'Nothing to do: it is tried again after the delay.',
    retryable: true,
    retryAfterSeconds: delaySeconds ?? retryAfterSeconds(reply.headers),
    providerStatus: reply.status,
    billing: 'none',
  });
}

export function rejectedFailure(reply: HttpReply, reason: string | undefined): JobFailure {
  return new JobFailure({
    code: 'PROVIDER_REJECTED',
    message: `The provider rejected the request (${replyName(reply)})${quoted(reason)}.`,
    nextStep: 'Change what the provider names and start a new job.',
    providerStatus: reply.status,
    billing: 'none',
  });
}

export function busyFailure(reply: HttpReply, reason: string | undefined): JobFailure {
  return new JobFailure({
    code: 'PROVIDER_UNAVAILABLE',
    message: `The provider could not take the request and charges nothing for it (${replyName(reply)})${quoted(reason)}.`,
    nextStep: 'Nothing to do: it is tried again.',
    retryable: true,
    retryAfterSeconds: retryAfterSeconds(reply.headers),
    providerStatus: reply.status,
    billing: 'none',
  });
}

export function refusedFailure(reason: string | undefined, reply?: HttpReply): JobFailure {
  return new JobFailure({
    code: 'CONTENT_REFUSED',
    message: `The provider refused to make this picture${quoted(reason)}.`,
    nextStep: 'Change the prompt or the references and start a new job; the same request will be refused again.',
    providerStatus: reply?.status,
  });
}

/** A picture that is paid does not stay for ever: whatever the provider says, it is asked for again within a minute. */
function boundedDelay(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : Math.min(seconds, 60);
}

/** A free question (poll, cancel) found no answer: asked again, the accepted request is not touched. */
export function outageFailure(outcome: NotSent | Lost | HttpReply, host: string, handle: string): JobFailure {
  const what = outcome.type === 'reply' ? `it answered ${replyName(outcome)}` : outcome.detail;
  return new JobFailure({
    code: outageCode(outcome),
    message: `${host} could not be asked for the accepted request ${handle}: ${what}.`,
    nextStep: 'Nothing to do: it is asked again, and nothing is sent twice.',
    retryable: true,
    retryAfterSeconds: outcome.type === 'reply' ? boundedDelay(retryAfterSeconds(outcome.headers)) : undefined,
    providerStatus: outcome.type === 'reply' ? outcome.status : undefined,
    billing: 'maybe',
  });
}

function outageCode(outcome: NotSent | Lost | HttpReply): ErrorCode {
  if (outcome.type !== 'reply') return outcome.timedOut ? 'PROVIDER_TIMEOUT' : 'PROVIDER_UNAVAILABLE';
  if (outcome.status === 429) return 'PROVIDER_RATE_LIMITED';
  // What stands before the provider got no answer of it in time.
  return outcome.status === 504 ? 'PROVIDER_TIMEOUT' : 'PROVIDER_UNAVAILABLE';
}

/** The provider takes the request in another form, which is sent under a record of its own. */
export function otherFormFailure(reply: HttpReply): JobFailure {
  return new JobFailure({
    code: 'PROVIDER_REJECTED',
    message: `The provider does not take this form of the request (${replyName(reply)}).`,
    nextStep: 'Nothing to do: the request is sent in its other form.',
    retryable: true,
    providerStatus: reply.status,
    billing: 'none',
  });
}
