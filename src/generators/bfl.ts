import * as z from 'zod';
import { refusedFailure } from './failures.js';
import { endedWith } from './http/poll-failures.js';
import type { Answer, Asking, Encoded, Protocol, ProviderError } from './http/protocol.js';
import { usableHandle } from './http/reading.js';
import { maskWithoutReference, whiteWhereEdited } from './masks.js';
import { mapSize } from './sizes.js';
import { formatOf, modelPath } from './spelling.js';

/**
 * Black Forest Labs: submit answers with an id, the address to poll and the cost; the picture lies ten minutes at an
 * address of its own. Sources: api.bfl.ai OpenAPI (FLUX.2, Kontext, Fill), docs.bfl.ai "errors". No list of requests and no
 * cancel: a lost reply stays unknown.
 */
const FILL_MODEL = 'flux-pro-1.0-fill';

const text = z.string().optional().catch(undefined);
const submitSchema = z.looseObject({ id: text, polling_url: text, cost: z.number().nullish().catch(undefined) });
const pollSchema = z.looseObject({
  status: z.string(),
  result: z.looseObject({ sample: text }).nullish().catch(undefined),
  progress: z.number().nullish().catch(undefined),
  details: z.unknown().optional(),
  cost: z.number().nullish().catch(undefined),
});
/** FastAPI's errors: a sentence, or the places that are wrong. */
const errorSchema = z.looseObject({
  detail: z.union([z.string(), z.array(z.looseObject({ msg: z.string(), loc: z.array(z.union([z.string(), z.number()])).optional() })).min(1)]),
});

export const bfl: Protocol = {
  name: 'bfl',
  title: 'Black Forest Labs',
  keyVariable: 'BFL_API_KEY',
  authorise: (key) => ({ 'x-key': key }),
  // Polls go to the region that took the request, pictures come from delivery hosts.
  trusted: ['bfl.ai'],

  encode,

  readSubmit({ json }) {
    const read = submitSchema.safeParse(json);
    const address = read.success && /^https?:/.test(read.data.polling_url ?? '') ? read.data.polling_url : undefined;
    const handle = read.success ? usableHandle(address ?? read.data.id) : undefined;
    if (!read.success || handle === undefined) return undefined;
    return { type: 'accepted', handle, ...priced(read.data.cost) };
  },

  readError,

  poll: {
    ask: (handle) => ({ method: 'GET', at: /^https?:/.test(handle) ? handle : `/get_result?id=${encodeURIComponent(handle)}` }),
    read({ reply, json, clean }) {
      const read = pollSchema.safeParse(json);
      if (!read.success || (reply.status !== 200 && reply.status !== 404)) return undefined;
      const { status, result, progress, details, cost } = read.data;
      switch (status.trim().toLowerCase()) {
        case 'ready':
          if (result?.sample === undefined) return endedWith('NO_IMAGE', 'The provider finished without a picture.', 'maybe');
          return { type: 'download', urls: [result.sample], ...priced(cost) };
        case 'request moderated':
        case 'content moderated':
          // Nobody documents whether a moderated task is charged.
          return { type: 'ended', failure: refusedFailure(clean(reasonOf(details)) ?? status), billing: 'maybe' };
        case 'error':
        case 'failed': {
          const reason = clean(reasonOf(details));
          return endedWith('PROVIDER_UNAVAILABLE', `The provider took the request and failed to carry it out${reason === undefined ? '' : `: "${reason}"`}.`, 'maybe');
        }
        case 'task not found':
          return 'missing';
        default: {
          const percent = progress === undefined || progress === null ? {} : { percent: Math.round(Math.min(1, Math.max(0, progress)) * 100) };
          return { type: 'running', ...percent, message: clean(status) ?? 'running' };
        }
      }
    },
  },
};

async function encode({ request, capabilities }: Asking): Promise<Encoded> {
  const { picture, references, mask } = request;
  const { seed, prompt } = picture;
  const output_format = formatOf(picture.output_format);
  const base64 = (bytes: Buffer): string => bytes.toString('base64');
  const [first, ...others] = references;
  const model = request.model ?? (mask ? FILL_MODEL : (capabilities.defaultModel ?? 'flux-2-pro'));
  const path = `/${modelPath(model)}`;
  if (mask) {
    if (!first) throw maskWithoutReference();
    const white = await whiteWhereEdited(mask);
    return { path, synchronous: false, body: { json: { prompt, image: base64(first.bytes), mask: base64(white), seed, output_format } } };
  }
  const { width, height, ratio } = mapSize({ size: picture.size, aspect_ratio: picture.aspect_ratio }, capabilities.sizes);
  const named = others.map(({ bytes }, index): [string, string] => [`input_image_${index + 2}`, base64(bytes)]);
  const images = first ? { input_image: base64(first.bytes), ...Object.fromEntries(named) } : {};
  return { path, synchronous: false, body: { json: { prompt, ...images, width, height, aspect_ratio: ratio, seed, output_format } } };
}

function readError({ reply, json, clean }: Answer): ProviderError | undefined {
  const read = errorSchema.safeParse(json);
  if (!read.success) return undefined;
  const { detail } = read.data;
  const reason = clean(typeof detail === 'string' ? detail : detail.map(({ loc = [], msg }) => `${loc.join('.')}: ${msg}`).join('; '));
  if (reply.status === 402) return { means: 'quota', reason };
  if (reply.status === 403) return { means: 'auth', reason };
  return { means: /moderat|safety/i.test(reason ?? '') ? 'refused' : 'rejected', reason };
}

/** In credits of one US cent. */
function priced(credits: number | null | undefined): { cost?: { amount: number; currency: string; source: string } } {
  return typeof credits === 'number' ? { cost: { amount: Math.round(credits * 100) / 10_000, currency: 'USD', source: 'bfl' } } : {};
}

function reasonOf(details: unknown): unknown {
  return typeof details === 'object' && details !== null ? JSON.stringify(details) : details;
}
