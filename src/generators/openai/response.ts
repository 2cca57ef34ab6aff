import * as z from 'zod';
import type { Billing, ErrorCode } from '../../contract/errors.js';
import { JobFailure } from '../../contract/errors.js';
import { cleanText } from '../clean-text.js';
import { quoted, refusedFailure } from '../failures.js';
import type { GeneratedImage, GenerationResult } from '../generator.js';
import { isRefusal } from '../http/openai-errors.js';
import { numbersOf, readJson } from '../http/reading.js';
import { decodePicture } from '../picture.js';

/**
 * The Response object (OpenAPI `Response`: id, status, output, error, incomplete_details, usage), read leniently: real
 * replies lack fields that the schema requires and have others, and gateways differ more. Nothing but `output` and
 * `status` decides.
 */
const text = z.string().optional().catch(undefined);
const objects = z.array(z.looseObject({}).catch({})).catch([]);
const responseSchema = z.looseObject({
  id: text,
  status: text,
  output: objects,
  error: z.looseObject({ code: text, message: text }).nullish().catch(undefined),
  incomplete_details: z.looseObject({ reason: text }).nullish().catch(undefined),
  usage: z.unknown().optional(),
  tool_usage: z.looseObject({ image_gen: z.unknown().optional() }).nullish().catch(undefined),
});
const callSchema = z.looseObject({
  type: z.literal('image_generation_call'),
  result: text,
  revised_prompt: text,
});
const messageSchema = z.looseObject({ type: z.literal('message'), content: objects });
const contentSchema = z.looseObject({ text, refusal: text });

export type ResponseBody = z.infer<typeof responseSchema>;

export type ResponseState =
  | GenerationResult
  | { type: 'running'; message?: string }
  | { type: 'ended'; failure: JobFailure; billing: Billing };

/** Undefined: not a JSON object. */
export function readResponse(body: Buffer): ResponseBody | undefined {
  const parsed = responseSchema.safeParse(readJson(body));
  return parsed.success ? parsed.data : undefined;
}

/** Whether the body holds pictures, whatever its status says: those are paid. */
export function hasPicture(body: ResponseBody): boolean {
  return resultsOf(body).length > 0;
}

/**
 * What the response says. Decided by `response.status` and by results that are there, never by an item's status (a real
 * item says "generating" beside its full result). An unknown status runs on. Nobody documents what an ended response
 * without a picture costs, so its billing is 'maybe'.
 */
export function stateOf(body: ResponseBody, secrets: readonly string[]): ResponseState {
  const clean = (value: string | null | undefined): string | undefined =>
    value === undefined || value === null ? undefined : cleanText(value, secrets) || undefined;
  const pictures = resultsOf(body);
  switch (body.status ?? (body.output.length > 0 ? 'completed' : undefined)) {
    case 'completed':
      if (pictures.length > 0) return result(body, pictures, secrets);
      return ended(withoutPicture(clean(spokenText(body))));
    case 'incomplete': {
      const reason = body.incomplete_details?.reason;
      if (reason === 'content_filter') return ended(refusedFailure(clean(spokenText(body)) ?? 'content_filter'));
      if (pictures.length > 0) return result(body, pictures, secrets);
      return ended(noPicture(`The provider stopped before the picture was there${quoted(clean(reason))}.`));
    }
    case 'failed':
      return ended(failureOfCode(clean(body.error?.code), clean(body.error?.message)));
    case 'cancelled':
      return ended(
        new JobFailure({
          code: 'CANCELLED',
          message: 'The request was cancelled at the provider.',
          nextStep: 'Call image_job_retry to have the picture made after all.',
        }),
      );
    default: {
      const status = clean(body.status);
      return { type: 'running', ...(status !== undefined && { message: status }) };
    }
  }
}

function failureOfCode(code: string | undefined, message: string | undefined): JobFailure {
  const reason = message ?? code;
  if (isRefusal(code, message)) return refusedFailure(reason);
  const failure = (as: ErrorCode, what: string): JobFailure =>
    new JobFailure({
      code: as,
      message: `${what}${quoted(reason)}.`,
      nextStep: 'The attempt may have been charged; ask the user, then call image_job_retry with acknowledge_possible_double_charge.',
    });
  if (code === 'rate_limit_exceeded') return failure('PROVIDER_RATE_LIMITED', 'The provider took the request and then hit its own limit');
  if (code !== undefined && /^(?:invalid|image|unsupported|empty|failed_to_download)_/.test(code)) {
    return failure('PROVIDER_REJECTED', 'The provider took the request and could not use it');
  }
  return failure('PROVIDER_UNAVAILABLE', 'The provider took the request and failed to carry it out');
}

function withoutPicture(spoken: string | undefined): JobFailure {
  return spoken === undefined ? noPicture('The provider finished without a picture and without a reason.') : refusedFailure(spoken);
}

function noPicture(message: string): JobFailure {
  return new JobFailure({
    code: 'NO_IMAGE',
    message,
    nextStep: 'The attempt may have been charged; ask the user, then call image_job_retry with acknowledge_possible_double_charge or change the prompt.',
  });
}

function ended(failure: JobFailure): ResponseState {
  return { type: 'ended', failure, billing: 'maybe' };
}

function result(body: ResponseBody, results: readonly string[], secrets: readonly string[]): ResponseState {
  const images = results.map(decodePicture).filter((image): image is GeneratedImage => image !== undefined);
  if (images.length === 0) return ended(noPicture('The provider sent something that is not a picture.'));
  const notes = callsOf(body)
    .flatMap((call) => (call.revised_prompt === undefined ? [] : [cleanText(call.revised_prompt, secrets)]))
    .filter((note) => note !== '')
    .map((note) => `Revised prompt: ${note}`);
  if (images.length < results.length) notes.push('A further result of the provider is not a picture.');
  const usage = { ...numbersOf(body.usage), ...named('image_gen', numbersOf(body.tool_usage?.image_gen)) };
  return {
    type: 'done',
    images,
    ...(Object.keys(usage).length > 0 && { usage }),
    ...(notes.length > 0 && { notes }),
  };
}

function callsOf(body: ResponseBody): z.infer<typeof callSchema>[] {
  return body.output.flatMap((item) => {
    const call = callSchema.safeParse(item);
    return call.success ? [call.data] : [];
  });
}

function resultsOf(body: ResponseBody): string[] {
  return callsOf(body).flatMap((call) => (call.result === undefined || call.result === '' ? [] : [call.result]));
}

/** What the model says instead of a picture: a refusal before other text. */
function spokenText(body: ResponseBody): string | undefined {
  const contents = body.output.flatMap((item) => {
    const message = messageSchema.safeParse(item);
    return message.success ? message.data.content : [];
  });
  const parts = contents.flatMap((content) => {
    const part = contentSchema.safeParse(content);
    return part.success ? [part.data] : [];
  });
  return parts.find((part) => part.refusal)?.refusal ?? parts.find((part) => part.text)?.text;
}

function named(name: string, value: Record<string, unknown>): Record<string, unknown> {
  return Object.keys(value).length > 0 ? { [name]: value } : {};
}
