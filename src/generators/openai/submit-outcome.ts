import * as z from 'zod';
import { JobFailure } from '../../contract/errors.js';
import { cleanText } from '../clean-text.js';
import {
  authFailure,
  bodyExcerpt,
  busyFailure,
  notSentFailure,
  quotaFailure,
  quoted,
  rateLimitedFailure,
  refusedFailure,
  rejectedFailure,
  replyName,
} from '../failures.js';
import type { SubmitOutcome } from '../generator.js';
import type { HttpOutcome, HttpReply } from '../transport.js';
import { isBusy, isQuota, isRefusal, parseOpenAiError, type OpenAiError } from '../http/openai-errors.js';
import { readJson, usableHandle } from '../http/reading.js';
import { hasPicture, readResponse, stateOf } from './response.js';

export type OpenAiForm = 'background' | 'synchronous';

/** What the classification needs to know of the request. */
export interface Sent {
  form: OpenAiForm;
  host: string;
  secrets: readonly string[];
  /** The image tool has a field `background` of its own; true when the request carried it. */
  toolBackground: boolean;
}

/**
 * The pay-once table for `POST /responses`. `not_billed` needs proof: nothing left, or the provider itself says in its
 * documented form (OpenAPI `ErrorResponse`: `{error: {message, type, param, code}}`) that it took nothing. 401 and 429
 * are such a statement by their meaning in HTTP. Everything that is left is ambiguous.
 */
export function submitOutcome(outcome: HttpOutcome, sent: Sent): SubmitOutcome {
  if (outcome.type === 'not_sent') return { type: 'not_billed', failure: notSentFailure(outcome, sent.host) };
  if (outcome.type === 'lost') {
    return {
      type: 'ambiguous',
      reason: `the request was sent to ${sent.host} and ${outcome.detail}`,
      ...(outcome.status !== undefined && { providerStatus: outcome.status }),
    };
  }
  return outcome.status >= 200 && outcome.status < 300 ? success(outcome, sent) : refusal(outcome, sent);
}

function success(reply: HttpReply, sent: Sent): SubmitOutcome {
  const body = readResponse(reply.body);
  if (!body) return ambiguous(reply, sent, 'its reply cannot be read');
  const handle = usableHandle(body.id);
  if (handle === undefined && !hasPicture(body)) return ambiguous(reply, sent, 'its reply names no request');
  const state = stateOf(body, sent.secrets);
  if (state.type !== 'running') return state;
  return handle === undefined ? ambiguous(reply, sent, 'its reply names no request') : { type: 'accepted', handle };
}

function refusal(reply: HttpReply, sent: Sent): SubmitOutcome {
  const { status } = reply;
  const error = parseOpenAiError(readJson(reply.body));
  const reason = error && (cleanText(error.message, sent.secrets) || undefined);
  const notBilled = (failure: JobFailure): SubmitOutcome => ({ type: 'not_billed', failure });

  if (status === 401) return notBilled(authFailure(reply, reason));
  if (status === 429) return notBilled((error && isQuota(error) ? quotaFailure : rateLimitedFailure)(reply, reason));
  if (status === 503 && error && isBusy(error)) return notBilled(busyFailure(reply, reason));
  // 408 and 409 speak of a request that may be running.
  if (status < 400 || status >= 500 || status === 408 || status === 409) return unclear(reply, sent, reason);

  if (error && isRefusal(error.code, error.message)) {
    const failure = refusedFailure(reason, reply);
    // Refused for the finished picture, not for the prompt: then work was done, and nobody says what it costs.
    return error.moderationStage === 'output' ? { type: 'ended', failure, billing: 'maybe' } : notBilled(failure);
  }
  if (sent.form === 'background' && status !== 403 && refusesBackground(reply.body, error, sent)) {
    return { type: 'not_billed', failure: synchronousInstead(reply), nextForm: 'synchronous' };
  }
  if (!error) return unclear(reply, sent, undefined);
  if (isQuota(error) || status === 402) return notBilled(quotaFailure(reply, reason));
  return notBilled((status === 403 ? authFailure : rejectedFailure)(reply, reason));
}

function unclear(reply: HttpReply, sent: Sent, reason: string | undefined): SubmitOutcome {
  if (reply.status >= 300 && reply.status < 400) return ambiguous(reply, sent, 'it answered with a redirect, which is not followed');
  const text = reason ?? bodyExcerpt(reply.body, sent.secrets);
  return ambiguous(reply, sent, `its answer does not say whether it took the request${quoted(text)}`, false);
}

function ambiguous(reply: HttpReply, sent: Sent, what: string, excerpt = true): SubmitOutcome {
  const text = excerpt && reply.status >= 200 && reply.status < 300 ? quoted(bodyExcerpt(reply.body, sent.secrets)) : '';
  return {
    type: 'ambiguous',
    reason: `the request was sent to ${sent.host}, and ${what}${text}; ${replyName(reply)}`,
    providerStatus: reply.status,
  };
}

const UNSUPPORTED =
  /unsupported|unknown|unrecogni[sz]ed|unexpected|not (?:support|allowed|permitted|available|enabled|recogni[sz]ed)|invalid|extra|cannot|must/i;
/** Text that speaks of a parameter, not of what stands behind somebody in a picture. */
const NAMES_PARAMETER =
  /['"`]background['"`]|\bbackground\s*[=:]|^\W*background (?:is|was)\b|\b(?:parameter|argument|field|property|option)s?\b[^.]{0,20}\bbackground\b/i;
const detailText = z.looseObject({ detail: z.string() });
const detailList = z.looseObject({
  detail: z.array(z.looseObject({ loc: z.array(z.union([z.string(), z.number()])) })).min(1),
});

/**
 * Whether a 4xx names background mode: the parameter `background` of the request, or `store`, which it needs. The image
 * tool has a field of the same name (transparent, opaque), which OpenAI reports as `background` or `tools[0].background`.
 * Gateways say it as `{"detail": "Unsupported parameter: background"}` or as FastAPI's list of locations.
 */
function refusesBackground(body: Buffer, error: OpenAiError | undefined, sent: Sent): boolean {
  const json = readJson(body);
  const list = detailList.safeParse(json);
  if (list.success) return list.data.detail.some(({ loc }) => loc.length === 2 && loc[0] === 'body' && loc[1] === 'background');
  const detail = detailText.safeParse(json);
  const message = error?.message ?? (detail.success ? detail.data.detail : undefined);
  if (message === undefined) return false;

  if (/\bbackground (?:mode|responses?|requests?|execution|processing)\b/i.test(message)) return UNSUPPORTED.test(message);
  const param = error?.param;
  if (param === 'store') return UNSUPPORTED.test(message);
  if (param !== undefined && param !== 'background') return false;
  if (/tools?\b|transparent|opaque|image|jpe?g|png|webp|alpha/i.test(message)) return !sent.toolBackground && param === 'background';
  return UNSUPPORTED.test(message) && (param === 'background' || NAMES_PARAMETER.test(message));
}

function synchronousInstead(reply: HttpReply): JobFailure {
  return new JobFailure({
    code: 'PROVIDER_REJECTED',
    message: `The provider does not take background mode (${replyName(reply)}).`,
    nextStep: 'Nothing to do: the request is sent in its synchronous form.',
    retryable: true,
    providerStatus: reply.status,
    billing: 'none',
  });
}
