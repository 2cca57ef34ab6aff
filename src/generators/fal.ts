import * as z from 'zod';
import { refusedFailure } from './failures.js';
import { encode } from './fal-request.js';
import { endedWith } from './http/poll-failures.js';
import type { Answer, PollReading, Protocol, ProviderError } from './http/protocol.js';
import { usableHandle } from './http/reading.js';

/**
 * fal's queue: submit answers with an id and three addresses, which drop the model's sub-path and are used as they came.
 * There is no "failed": a request is COMPLETED, and its result is the picture or the error that the model answered with.
 * Sources: fal.ai/docs inference-api/queue (submit, status, result, cancel), documentation/model-apis (request-errors, errors,
 * faq, common-parameters, media-expiration), the clients fal-ai/fal (Completed.error) and fal-ai/fal-js; the balance lock:
 * fal-ai/fal#1147. No list of requests: a lost reply stays unknown.
 */
const text = z.string().nullish().catch(undefined);
const submitSchema = z.looseObject({ request_id: text, status_url: z.url(), response_url: z.url(), cancel_url: z.url() });
const handleSchema = z.strictObject({ id: z.string(), status: z.string(), response: z.string(), cancel: z.string() });
const statusSchema = z.looseObject({ status: z.string(), queue_position: z.number().nullish().catch(undefined), error: text, error_type: text });
const file = z.looseObject({ url: z.string() });
const resultSchema = z.looseObject({
  images: z.array(file).nullish().catch(undefined),
  image: file.nullish().catch(undefined),
  has_nsfw_concepts: z.array(z.boolean()).nullish().catch(undefined),
});
/** Of a model: the places that are wrong, by type. Of the platform: a sentence, and a type beside it. */
const problem = z.looseObject({ msg: z.string(), type: z.string().optional(), loc: z.array(z.union([z.string(), z.number()])).optional() });
const errorSchema = z.looseObject({ detail: z.union([z.string(), z.array(problem).min(1)]), error_type: z.string().optional() });
const cancelSchema = z.looseObject({ status: z.string() });

export const fal: Protocol = {
  name: 'fal',
  title: 'fal',
  keyVariable: 'FAL_KEY',
  authorise: (key) => ({ authorization: `Key ${key}` }),
  trusted: ['queue.fal.run'],
  // Public for those who know the address: they get no key.
  resultHosts: ['fal.media'],

  encode,

  readSubmit({ json }) {
    const read = submitSchema.safeParse(json);
    const id = read.success ? usableHandle(read.data.request_id) : undefined;
    if (!read.success || id === undefined) return undefined;
    const { status_url: status, response_url: response, cancel_url: cancel } = read.data;
    return { type: 'accepted', handle: JSON.stringify({ id, status, response, cancel }) };
  },

  readError({ reply, json, clean }) {
    const error = errorOf(json);
    if (!error) return undefined;
    return { means: meaning(reply.status, error), reason: clean(error.reason) };
  },

  shown: (handle) => partsOf(handle).id,

  poll: {
    ask: (handle) => ({ method: 'GET', at: partsOf(handle).status }),
    read({ reply, json, clean }, handle) {
      const read = statusSchema.safeParse(json);
      if (reply.status === 404) return 'missing';
      if (!read.success || reply.status >= 300) return undefined;
      const { status, queue_position: position, error, error_type: type } = read.data;
      if (status !== 'COMPLETED') {
        const message = clean(status) ?? 'running';
        return { type: 'running', message: typeof position === 'number' ? `${message}, ${position} before it` : message };
      }
      const failed = clean(error ?? type);
      return { type: 'further', question: { method: 'GET', at: partsOf(handle).response }, read: (answer) => resultOf(answer, failed) };
    },
  },

  cancel: {
    ask: (handle) => ({ method: 'PUT', at: partsOf(handle).cancel }),
    read({ reply, json }) {
      const word = cancelSchema.safeParse(json).data?.status;
      if (reply.status === 400 && word === 'ALREADY_COMPLETED') return { billing: 'maybe', message: 'The request had ended before the cancellation; a picture that was made is billed.' };
      if (reply.status === 404) return { billing: 'maybe', message: 'fal does not show the request any more; it may be billed.' };
      return undefined;
    },
  },
};

interface FalError {
  reason: string;
  types: string[];
}

function errorOf(json: unknown): FalError | undefined {
  const read = errorSchema.safeParse(json);
  if (!read.success) return undefined;
  const { detail, error_type: type } = read.data;
  if (typeof detail === 'string') return { reason: detail, types: type === undefined ? [] : [type] };
  return { reason: detail.map(({ loc = [], msg }) => `${loc.join('.')}: ${msg}`).join('; '), types: detail.flatMap((one) => one.type ?? []) };
}

function meaning(status: number, { reason, types }: FalError): ProviderError['means'] {
  if (types.includes('content_policy_violation')) return 'refused';
  if (status === 402 || (status === 403 && /balance|top.?up|billing/i.test(reason))) return 'quota';
  return status === 403 ? 'auth' : 'rejected';
}

/** What the model answered. `failed`: the queue already said that it is no picture. */
function resultOf({ reply, json, clean }: Answer, failed: string | undefined): PollReading {
  const { status } = reply;
  if (status === 200) return pictureOf(json);
  const error = errorOf(json);
  const reason = clean(error?.reason) ?? failed;
  const types = error?.types ?? [];
  if (status === 400 && failed === undefined && /in progress/i.test(reason ?? '')) return { type: 'running', message: 'the result is not there yet' };
  const why = reason === undefined ? '' : `: "${reason}"`;
  if (types.includes('content_policy_violation')) return { type: 'ended', failure: refusedFailure(reason, reply), billing: 'maybe' };
  if (types.includes('no_media_generated')) return endedWith('NO_IMAGE', `The model made no picture${why}.`, 'maybe', status);
  if (types.includes('client_cancelled')) return endedWith('CANCELLED', 'The request was cancelled at fal.', 'maybe', status);
  // Invalid input "may still be charged if a runner spent GPU time".
  if (status === 422 && error) return endedWith('PROVIDER_REJECTED', `The model rejected the request${why}.`, 'maybe', status);
  const said = failed !== undefined || types.length > 0 || reply.headers['x-fal-error-type'] !== undefined;
  if (!said) return status === 404 ? 'missing' : undefined;
  // "Server errors (HTTP 500+) are never charged."
  return endedWith('PROVIDER_UNAVAILABLE', `fal took the request and failed to carry it out${why}.`, status >= 500 ? 'none' : 'maybe', status);
}

function pictureOf(json: unknown): PollReading {
  const read = resultSchema.safeParse(json);
  if (!read.success) return undefined;
  const { images, image, has_nsfw_concepts: nsfw } = read.data;
  // The picture that comes with it is blacked out.
  if (nsfw?.includes(true)) return { type: 'ended', failure: refusedFailure('the picture was flagged as not safe for work'), billing: 'maybe' };
  const urls = [...(images ?? []), ...(image ? [image] : [])].map(({ url }) => url);
  if (urls.length === 0) return endedWith('NO_IMAGE', 'fal finished without a picture.', 'maybe');
  return { type: 'download', urls };
}

function partsOf(handle: string): z.infer<typeof handleSchema> {
  return handleSchema.parse(JSON.parse(handle));
}
