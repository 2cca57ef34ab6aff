import * as z from 'zod';
import type { Cost } from '../contract/record.js';
import { readImageList } from './http/image-list.js';
import { readOpenAiError } from './http/openai-errors.js';
import type { Answer, Asking, Encoded, Protocol, ProviderError } from './http/protocol.js';
import { mapSize } from './sizes.js';
import { dataUrl } from './spelling.js';

/**
 * xAI's images: the answer carries the picture, or an address that does not stay. There is no list of requests and no
 * cancel, so a request without an answer stays unknown. Sources: docs.x.ai, REST reference "Images", "Image generation",
 * "Debugging errors", release notes, "Models and pricing" (what violates the guidelines is charged); xai-proto, image.proto.
 * Edits are JSON only. A refusal often costs the full price: its body carries what was charged.
 */
const ticks = z.looseObject({ cost_in_usd_ticks: z.number().nonnegative().nullish().catch(undefined) }).nullish().catch(undefined);
const billedSchema = z.looseObject({ usage: ticks });
const errorSchema = z.looseObject({ code: z.string().nullish().catch(undefined), error: z.string().min(1) });
const TICKS_IN_USD = 1e10;

export const xai: Protocol = {
  name: 'xai',
  title: 'xAI',
  keyVariable: 'XAI_API_KEY',
  authorise: (key) => ({ authorization: `Bearer ${key}` }),
  // Pictures lie at imgen.x.ai, and need no key.
  resultHosts: ['x.ai'],
  encode,
  readSubmit: (answer) => readImageList(answer, costOf(answer)),
  readError,
};

function encode({ request, capabilities }: Asking): Encoded {
  const { picture, references } = request;
  const { ratio, resolution, word } = mapSize({ size: picture.size, aspect_ratio: picture.aspect_ratio }, capabilities.sizes);
  const isResolution = word !== undefined && /^\d(?:\.\d)?k$/i.test(word);
  const [image, ...others] = references.map((reference) => ({ type: 'image_url', url: dataUrl(reference) }));
  const json = {
    model: request.model ?? capabilities.defaultModel,
    prompt: picture.prompt,
    n: 1,
    response_format: 'b64_json',
    aspect_ratio: isResolution ? undefined : (ratio ?? word),
    resolution: isResolution ? word.toLowerCase() : resolution,
    // The first model has none.
    quality: capabilities.quality ? picture.quality : undefined,
    // One or the other, never both.
    ...(others.length > 0 ? { images: [image, ...others] } : { image }),
  };
  return { path: image ? '/images/edits' : '/images/generations', synchronous: true, body: { json } };
}

/** `{code, error}`, both texts; of code only its being there is used, because its words have changed. */
function readError(answer: Answer): ProviderError | undefined {
  const { reply, json, clean } = answer;
  const { status } = reply;
  const read = errorSchema.safeParse(json);
  if (!read.success) return status === 422 ? readUnparsed(answer) : readOpenAiError(answer);
  const { code, error } = read.data;
  const reason = clean(error);
  const cost = costOf(answer);
  const paid: Pick<ProviderError, 'taken'> = cost && cost.amount > 0 ? { taken: 'billed' } : {};
  if (/content[ -]moderat|violates usage guidelines/i.test(`${code} ${error}`)) return { means: 'refused', reason, taken: 'maybe', ...paid };
  if (/used all available credits|spending limit/i.test(error)) return { means: 'quota', reason };
  // A wrong key is a 400.
  if (/^incorrect api key/i.test(error)) return { means: 'auth', reason };
  if (!code) return undefined;
  return { means: status === 403 ? 'auth' : 'rejected', reason, ...paid };
}

/** A body that its parser could not read, so that nothing was done: a text of axum, the web framework behind it. */
function readUnparsed({ reply, clean }: Answer): ProviderError | undefined {
  const said = reply.body.subarray(0, 1000).toString('utf8');
  return said.startsWith('Failed to deserialize the JSON body') ? { means: 'rejected', reason: clean(said) } : undefined;
}

function costOf({ json }: Answer): Cost | undefined {
  const charged = billedSchema.safeParse(json).data?.usage?.cost_in_usd_ticks;
  return typeof charged === 'number' ? { amount: Math.round((charged / TICKS_IN_USD) * 1e6) / 1e6, currency: 'USD', source: 'xai' } : undefined;
}
