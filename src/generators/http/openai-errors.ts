import * as z from 'zod';
import type { Answer, ProviderError } from './protocol.js';

/** An error in the form of OpenAI's APIs (OpenAPI `ErrorResponse`), which gateways and other providers copy. */
export interface OpenAiError {
  message: string;
  type?: string;
  param?: string;
  code?: string;
  /** Of a refusal: `input`, or `output` for the finished picture. */
  moderationStage?: string;
}

const word = z
  .union([z.string(), z.number()])
  .transform(String)
  .nullish()
  .catch(undefined)
  .transform((value) => value || undefined);
const errorBody = z.looseObject({
  error: z.looseObject({
    message: z.string(),
    type: word,
    param: word,
    code: word,
    moderation_details: z.looseObject({ moderation_stage: word }).nullish().catch(undefined),
  }),
});

/** Undefined for any other body. A message alone is not that form: type or code must be there. */
export function parseOpenAiError(json: unknown): OpenAiError | undefined {
  const parsed = errorBody.safeParse(json);
  if (!parsed.success) return undefined;
  const { message, type, param, code, moderation_details: moderation } = parsed.data.error;
  if (type === undefined && code === undefined) return undefined;
  return { message, type, param, code, moderationStage: moderation?.moderation_stage };
}

/** No credit: also `insufficient_user_quota` and the like of gateways. Waiting does not help. */
export function isQuota(error: OpenAiError): boolean {
  const final = /insufficient_\w{0,40}(?:quota|balance|credit|funds)|billing_(?:hard_limit|not_active)/i;
  return [error.code, error.type].some((value) => value !== undefined && final.test(value));
}

/** OpenAI's words for "overloaded, try later" in a 503. */
export function isBusy(error: OpenAiError): boolean {
  const busy = /^(?:server_error|\w{0,40}overloaded\w{0,40}|service_unavailable\w{0,40}|slow_down)$/i;
  return [error.code, error.type].some((value) => value !== undefined && busy.test(value));
}

/** Words in a code that mean "not this content", in the Responses API, the Images API and gateways. */
const REFUSAL_CODES = /policy|moderation|safety|content_filter/i;

/** Whether an error is about content: final, and not the caller's form. */
export function isRefusal(code: string | undefined, message: string | undefined): boolean {
  if (code === 'invalid_prompt') return /polic|safety|flagged/i.test(message ?? '');
  return code !== undefined && REFUSAL_CODES.test(code);
}

/** What such an error means, for a protocol's `readError`. */
export function readOpenAiError({ reply, json, clean }: Answer): ProviderError | undefined {
  const error = parseOpenAiError(json);
  if (!error) return undefined;
  const reason = clean(error.message);
  const { status } = reply;
  // Refused for the finished picture, not for the prompt: then work was done, and nobody says what it costs.
  if (isRefusal(error.code, error.message)) return { means: 'refused', reason, ...(error.moderationStage === 'output' ? { taken: 'maybe' } : {}) };
  if (status === 503 && isBusy(error)) return { means: 'busy', reason };
  if (isQuota(error) || status === 402) return { means: 'quota', reason };
  if (status === 429) return { means: 'rate', reason };
  return { means: status === 403 ? 'auth' : 'rejected', reason };
}
