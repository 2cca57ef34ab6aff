import type { JobFailure } from '../../contract/errors.js';
import { cleanText } from '../clean-text.js';
import {
  authFailure,
  bodyExcerpt,
  busyFailure,
  notSentFailure,
  otherFormFailure,
  quotaFailure,
  quoted,
  rateLimitedFailure,
  refusedFailure,
  rejectedFailure,
  replyName,
} from '../failures.js';
import type { SubmitOutcome } from '../generator.js';
import type { HttpOutcome, HttpReply } from '../transport.js';
import type { Download, Protocol, ProviderError } from './protocol.js';
import { answerOf } from './reading.js';

export interface Sent {
  host: string;
  secrets: readonly string[];
  form?: string | undefined;
}

/**
 * The pay-once table for one sent request. `not_billed` needs proof: nothing left, or the provider says in the form that
 * it documents that it took nothing. 401 and 429 are such a statement by their meaning in HTTP. All else is ambiguous.
 */
export function submitOutcome(protocol: Protocol, outcome: HttpOutcome, sent: Sent): SubmitOutcome | Download {
  if (outcome.type === 'not_sent') return { type: 'not_billed', failure: notSentFailure(outcome, sent.host) };
  if (outcome.type === 'lost') {
    const reason = `the request was sent to ${sent.host} and ${outcome.detail}`;
    return { type: 'ambiguous', reason, ...(outcome.status === undefined ? {} : { providerStatus: outcome.status }) };
  }
  const { status } = outcome;
  if (status >= 200 && status < 300) {
    return protocol.readSubmit(answerOf(outcome, sent.secrets, sent.form)) ?? ambiguous(outcome, sent, 'its reply names neither a picture nor a request');
  }
  return refusal(protocol, outcome, sent);
}

function refusal(protocol: Protocol, reply: HttpReply, sent: Sent): SubmitOutcome {
  const { status } = reply;
  const error = protocol.readError(answerOf(reply, sent.secrets, sent.form));
  const reason = error?.reason;
  if (status === 401) return notBilled(authFailure(reply, reason));
  if (status === 429) return notBilled(error?.means === 'quota' ? quotaFailure(reply, reason) : rateLimitedFailure(reply, reason, error?.retryAfterSeconds));
  if (status >= 500 && error?.means === 'busy') return notBilled(busyFailure(reply, reason));
  // 408 and 409 speak of a request that may be running.
  if (status < 400 || status >= 500 || status === 408 || status === 409 || !error) return unclear(reply, sent, reason);
  const failure = failureOf(error, reply);
  if (error.taken !== undefined) return { type: 'ended', failure, billing: error.taken };
  if (error.means === 'other_form' && error.form !== undefined) return { type: 'not_billed', failure, nextForm: error.form };
  return notBilled(failure);
}

/** The failure that an error of the provider stands for; nothing was billed unless the caller knows better. */
function failureOf({ means, reason, retryAfterSeconds }: ProviderError, reply: HttpReply): JobFailure {
  switch (means) {
    case 'refused':
      return refusedFailure(reason, reply);
    case 'quota':
      return quotaFailure(reply, reason);
    case 'auth':
      return authFailure(reply, reason);
    case 'rate':
      return rateLimitedFailure(reply, reason, retryAfterSeconds);
    case 'busy':
      return busyFailure(reply, reason);
    case 'rejected':
      return rejectedFailure(reply, reason);
    case 'other_form':
      return otherFormFailure(reply);
  }
}

function notBilled(failure: JobFailure): SubmitOutcome {
  return { type: 'not_billed', failure };
}

function unclear(reply: HttpReply, sent: Sent, reason: string | undefined): SubmitOutcome {
  if (reply.status >= 300 && reply.status < 400) return ambiguous(reply, sent, 'it answered with a redirect, which is not followed', '');
  return ambiguous(reply, sent, 'its answer does not say whether it took the request', reason);
}

function ambiguous(reply: HttpReply, sent: Sent, what: string, reason = bodyExcerpt(reply.body, sent.secrets)): SubmitOutcome {
  const text = reason === undefined ? '' : quoted(cleanText(reason, sent.secrets));
  return { type: 'ambiguous', reason: `the request was sent to ${sent.host}, and ${what}${text}; ${replyName(reply)}`, providerStatus: reply.status };
}
