import { JobFailure, type Billing, type ErrorCode } from '../../contract/errors.js';
import { bodyExcerpt, quoted, replyName } from '../failures.js';
import type { PollOutcome } from '../generator.js';
import type { HttpReply } from '../transport.js';
import type { Answer } from './protocol.js';

/** Accepted requests that the provider says it does not have: believed only when it says so for a while. */
export class MissingRequests {
  readonly #since = new Map<string, number>();

  constructor(
    private readonly patienceSeconds: number,
    /** What is then believed. */
    private readonly gone: (handle: string, reply: HttpReply) => JobFailure,
  ) {}

  seen(handle: string): void {
    this.#since.delete(handle);
  }

  look(handle: string, reply: HttpReply): PollOutcome {
    const since = this.#since.get(handle) ?? Date.now();
    this.#since.set(handle, since);
    if (Date.now() - since < this.patienceSeconds * 1000) {
      return { type: 'running', message: 'the provider does not show the request at the moment' };
    }
    this.#since.delete(handle);
    return { type: 'ended', failure: this.gone(handle, reply), billing: 'maybe' };
  }
}

/** How long an accepted request must be missing by default: believing too early throws a paid picture away. */
export const MISSING_PATIENCE_SECONDS = 20;

/** An answer to a free question that is worth asking again: an outage, or something between that answered instead. */
export function isPassing(status: number): boolean {
  return status < 400 || status >= 500 || status === 408 || status === 409 || status === 425 || status === 429;
}

/** A result that was there, or may have been, and is gone. */
export function expiredFailure(title: string, why: string): JobFailure {
  return new JobFailure({
    code: 'RESULT_EXPIRED',
    message: `${title} no longer has the result of the accepted request (${why}); it may have been paid and is lost.`,
    nextStep: 'Ask the user whether to buy it again, then call image_job_retry with acknowledge_possible_double_charge.',
  });
}

/** A free question that the provider refuses: the key or the address does not fit any more. */
export function unanswerable(answer: Answer, handle: string): JobFailure {
  const { reply } = answer;
  const auth = reply.status === 401 || reply.status === 403;
  return new JobFailure({
    code: auth ? 'PROVIDER_AUTH' : 'PROVIDER_REJECTED',
    message: `The provider does not answer for the accepted request ${handle.slice(0, 80)} (${replyName(reply)})${quoted(answer.clean(bodyExcerpt(reply.body, [])))}.`,
    nextStep: 'Correct the key or the base URL, then call image_job_retry: it asks for the same request and buys nothing new.',
    providerStatus: reply.status,
    billing: 'maybe',
  });
}

/** An answer beyond all measure; the accepted request is not touched. */
export function oversized(title: string, handle: string): JobFailure {
  return new JobFailure({
    code: 'PROVIDER_UNAVAILABLE',
    message: `The answer of ${title} for the accepted request ${handle.slice(0, 80)} is too large to be read.`,
    nextStep: 'Nothing to do: it is asked again, and nothing is sent twice.',
    retryable: true,
    billing: 'maybe',
  });
}

export function cancelledWithoutWord(reply: HttpReply): { billing: Billing; message: string } {
  const told = reply.status >= 200 && reply.status < 300;
  return {
    billing: 'maybe',
    message: told
      ? 'The provider was told to stop; it may still bill what it had done.'
      : `The provider could not cancel the request (${replyName(reply)}); it may still bill.`,
  };
}

/** The end of a request that the provider took: what it says, and what that may cost. */
export function endedWith(code: ErrorCode, message: string, billing: Billing, providerStatus?: number): PollOutcome & { type: 'ended' } {
  const next: Partial<Record<ErrorCode, string>> = {
    CONTENT_REFUSED: 'Change the prompt or the references and start a new job; the same request will be refused again.',
    CANCELLED: 'Call image_job_retry to have the picture made after all.',
    PROVIDER_REJECTED: 'Change what the provider names and start a new job.',
  };
  const paid = billing === 'none' ? 'Nothing was charged; call image_job_retry.' : 'The attempt may have been charged; ask the user, then call image_job_retry with acknowledge_possible_double_charge or change the prompt.';
  const failure = new JobFailure({ code, message, nextStep: next[code] ?? paid, ...(providerStatus === undefined ? {} : { providerStatus }) });
  return { type: 'ended', failure, billing };
}
