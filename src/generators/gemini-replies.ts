import * as z from 'zod';
import { quoted, refusedFailure } from './failures.js';
import type { PollOutcome, SubmitOutcome } from './generator.js';
import { endedWith } from './http/poll-failures.js';
import type { Answer, Download, ProviderError } from './http/protocol.js';
import { decodePictures, numbersOf, usableHandle } from './http/reading.js';

/**
 * What Gemini answers. Sources: googleapis/js-genai src/types.ts (GenerateContentResponse, FinishReason, BlockedReason) and
 * src/gaos/models/interactions (Interaction, ModelOutputStep); ai.google.dev "api-errors", "troubleshooting" and "billing":
 * a request that fails with 400 or 500 is not charged. Of an answer without a picture nobody says whether it is.
 */
const text = z.string().optional().catch(undefined);
const partSchema = z.looseObject({
  text,
  thought: z.boolean().optional().catch(undefined),
  inlineData: z.looseObject({ data: text }).optional().catch(undefined),
});
const candidateSchema = z.looseObject({
  content: z.looseObject({ parts: z.array(partSchema).catch([]) }).optional().catch(undefined),
  finishReason: text,
  finishMessage: text,
});
const generatedSchema = z.looseObject({
  candidates: z.array(candidateSchema).optional(),
  promptFeedback: z.looseObject({ blockReason: text, blockReasonMessage: text }).optional(),
  usageMetadata: z.looseObject({}).optional(),
});
const faultSchema = z.looseObject({ code: z.union([z.string(), z.number()]).optional().catch(undefined), message: text });
const stepSchema = z.looseObject({
  type: text,
  content: z.array(z.looseObject({ type: text, text, data: text, uri: text })).optional().catch(undefined),
  error: faultSchema.optional().catch(undefined),
});
const interactionSchema = z.looseObject({
  status: z.string(),
  steps: z.array(stepSchema).catch([]),
  errors: z.array(faultSchema).catch([]),
  usage: z.unknown().optional(),
});
/** google.rpc.Status of generateContent, and the form of the Interactions API, whose code is a word. */
const detailSchema = z.looseObject({
  reason: text,
  retryDelay: text,
  violations: z.array(z.looseObject({ quotaId: text })).optional().catch(undefined),
});
const errorSchema = z.looseObject({
  error: z.looseObject({ code: z.union([z.number(), z.string()]), status: text, message: text, details: z.array(detailSchema).catch([]) }),
});

/** A policy speaks, of the text or of the picture. What else ends without a picture (NO_IMAGE, OTHER, MAX_TOKENS …) is none. */
const REFUSALS = /^((IMAGE_)?(SAFETY|PROHIBITED_CONTENT|RECITATION)|BLOCKLIST|SPII)$/;

export function readGenerated({ json, clean }: Answer): SubmitOutcome | undefined {
  const read = generatedSchema.safeParse(json);
  if (!read.success) return undefined;
  const { candidates, promptFeedback, usageMetadata } = read.data;
  if (!candidates && !promptFeedback && !usageMetadata) return undefined;
  const [candidate] = candidates ?? [];
  // Thoughts hold drafts of the picture.
  const parts = (candidates ?? []).flatMap(({ content }) => content?.parts ?? []).filter(({ thought }) => thought !== true);
  const images = decodePictures(parts.flatMap(({ inlineData }) => inlineData?.data ?? []));
  // A count of zero is left out.
  if (images.length > 0) return { type: 'done', images, ...counted(usageMetadata && { thoughtsTokenCount: 0, ...usageMetadata }) };
  const blocked = promptFeedback?.blockReason;
  const word = blocked ?? candidate?.finishReason;
  const said = promptFeedback?.blockReasonMessage ?? candidate?.finishMessage ?? parts.map((part) => part.text ?? '').join(' ');
  return withoutPicture(clean(joined([word, said])), blocked !== undefined || REFUSALS.test(word ?? ''));
}

export function readHandle({ json }: Answer): SubmitOutcome | undefined {
  const handle = usableHandle(z.looseObject({ id: text }).safeParse(json).data?.id);
  return handle === undefined ? undefined : { type: 'accepted', handle };
}

export function readInteraction({ json, clean }: Answer): PollOutcome | Download | undefined {
  const read = interactionSchema.safeParse(json);
  if (!read.success) return undefined;
  const { status, steps, errors, usage } = read.data;
  const content = steps.filter(({ type }) => type === 'model_output').flatMap((step) => step.content ?? []);
  const pictures = content.filter(({ type }) => type === 'image');
  const faults = [...errors, ...steps.map(({ error }) => error)].map((fault) => joined([fault?.code?.toString(), fault?.message]));
  const reason = clean(joined([...faults, ...content.map((part) => part.text)]));
  const refused = faults.some((fault) => /safety|prohibited|blocklist|recitation|\bspii\b|polic/i.test(fault));
  switch (status) {
    case 'completed': {
      const images = decodePictures(pictures.flatMap(({ data }) => data ?? []));
      const urls = pictures.flatMap(({ uri }) => uri ?? []);
      if (images.length > 0) return { type: 'done', images, ...counted(usage) };
      return urls.length > 0 ? { type: 'download', urls, ...counted(usage) } : withoutPicture(reason, refused);
    }
    case 'failed':
      if (refused) return withoutPicture(reason, true);
      return endedWith('PROVIDER_UNAVAILABLE', `The provider took the request and failed to carry it out${quoted(reason)}.`, 'maybe');
    case 'cancelled':
      return endedWith('CANCELLED', 'The request was cancelled at the provider; it may have been charged.', 'maybe');
    case 'incomplete':
    case 'budget_exceeded':
    case 'requires_action':
      return withoutPicture(clean(joined([status, reason])), refused);
    default:
      return { type: 'running', message: clean(status) ?? 'running' };
  }
}

export function readError({ reply: { status }, json, clean, form }: Answer): ProviderError | undefined {
  const read = errorSchema.safeParse(json);
  if (!read.success) return undefined;
  const { code, status: word = code, message = '', details } = read.data.error;
  // Words where numbers belong, and numbers without their word: an error of something between.
  if (typeof word === 'number' || (typeof code === 'string' && form === 'generate')) return undefined;
  const reason = clean(message);
  const other = form === 'interactions' && (status === 400 || status === 404) && /background|interaction/i.test(message);
  if (other) return { means: 'other_form', form: 'generate', reason };
  if (details.some((detail) => detail.reason?.startsWith('API_KEY_'))) return { means: 'auth', reason };
  // A limit of the day, or an empty purse, does not heal by the delay that may come with it.
  const daily = word === 'quota_exceeded' || details.some(({ violations = [] }) => violations.some(({ quotaId }) => /PerDay/.test(quotaId ?? '')));
  if (status === 402 || (status === 429 && (daily || /prepay|spend(ing)? cap|limit: 0\b/i.test(message)))) return { means: 'quota', reason };
  if (status === 429) return { means: 'rate', reason, retryAfterSeconds: secondsOf(details) };
  if (status === 403) return { means: 'auth', reason };
  if (status === 500 || status === 503) return { means: 'busy', reason };
  return { means: /failed_precondition/i.test(word) && /billing/i.test(message) ? 'quota' : 'rejected', reason };
}

/** RetryInfo: "34.4s". */
function secondsOf(details: readonly z.infer<typeof detailSchema>[]): number | undefined {
  const [delay] = details.flatMap(({ retryDelay }) => /^(\d{1,6}(?:\.\d{1,9})?)s$/.exec(retryDelay ?? '')?.[1] ?? []);
  return delay === undefined ? undefined : Math.min(Number(delay), 86_400);
}

function withoutPicture(reason: string | undefined, refused: boolean): PollOutcome & { type: 'ended' } {
  if (refused) return { type: 'ended', failure: refusedFailure(reason), billing: 'maybe' };
  return endedWith('NO_IMAGE', `The provider answered without a picture${quoted(reason)}.`, 'maybe');
}

function counted(usage: unknown): { usage?: Record<string, unknown> } {
  const numbers = numbersOf(usage);
  return Object.keys(numbers).length > 0 ? { usage: numbers } : {};
}

function joined(texts: readonly (string | undefined)[]): string {
  return texts.filter((one) => one !== undefined && one !== '').join(': ');
}
