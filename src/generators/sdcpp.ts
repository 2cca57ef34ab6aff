import { createHash } from 'node:crypto';
import * as z from 'zod';
import type { Billing } from '../contract/errors.js';
import { quoted } from './failures.js';
import type { PollOutcome } from './generator.js';
import { endedWith } from './http/poll-failures.js';
import type { Answer, Asking, Encoded, Protocol } from './http/protocol.js';
import { decodePictures, usableHandle } from './http/reading.js';
import { maskWithoutReference, whiteWhereEdited } from './masks.js';
import { mapSize } from './sizes.js';
import { formatOf } from './spelling.js';

/**
 * The server of stable-diffusion.cpp on a machine of one's own, by its native interface: submit, poll, the picture in the
 * answer, kept ten minutes in memory. Sources: leejet/stable-diffusion.cpp examples/server/api.md (sdcpp API),
 * routes_sdcpp.cpp (statuses and bodies), async_jobs.cpp (states), examples/common/common.cpp (what a request may hold) and
 * src/stable-diffusion.cpp (a mask of 1, white, is drawn anew). It bills nothing, so what ends there is unpaid; a lost reply
 * is still unknown, since the machine may be at work on it. No list of requests.
 */
const OWN_MACHINE = { amount: 0, currency: 'USD', source: 'own machine' };
const UNPAID: Billing = 'none';

const text = z.string().optional().catch(undefined);
const jobSchema = z.looseObject({
  status: z.string(),
  queue_position: z.number().optional().catch(undefined),
  result: z.looseObject({ images: z.array(z.looseObject({ b64_json: text })).catch([]) }).nullish().catch(undefined),
  error: z.looseObject({ message: text }).nullish().catch(undefined),
});
const errorSchema = z.looseObject({ error: z.string(), message: text });

export const sdcpp: Protocol = {
  name: 'sdcpp',
  title: 'the stable-diffusion.cpp server',
  keyVariable: 'SDCPP_API_KEY',
  accountVariable: 'SDCPP_BASE_URL',
  // The server itself knows no keys; something in front of it may.
  authorise: (key) => ({ authorization: `Bearer ${key}` }),
  encode,

  readSubmit({ json }) {
    const handle = usableHandle(z.looseObject({ id: text }).safeParse(json).data?.id);
    return handle === undefined ? undefined : { type: 'accepted', handle, cost: OWN_MACHINE };
  },

  readError({ reply, json, clean }) {
    const read = errorSchema.safeParse(json);
    if (!read.success) return undefined;
    const reason = clean([read.data.error, read.data.message].filter((one) => one !== undefined).join(': '));
    // "job queue is full"
    if (reply.status === 429) return { means: 'rate', reason };
    return { means: reply.status === 403 ? 'auth' : 'rejected', reason };
  },

  poll: {
    ask: (handle, { baseUrl }) => ({ method: 'GET', at: `${prefix(baseUrl)}/jobs/${encodeURIComponent(handle)}` }),
    read: (answer) => (answer.reply.status === 200 ? readJob(answer) : gone(answer)),
  },

  cancel: {
    ask: (handle, { baseUrl }) => ({ method: 'POST', at: `${prefix(baseUrl)}/jobs/${encodeURIComponent(handle)}/cancel` }),
    read(answer) {
      const { status } = answer.reply;
      if (status === 409) return { billing: UNPAID, message: 'The server is at work on the picture and cannot be interrupted; it costs nothing but its time.' };
      if (gone(answer)) return { billing: UNPAID, message: 'The server does not have the request any more; nothing was charged.' };
      const state = status === 200 ? jobSchema.safeParse(answer.json).data?.status : undefined;
      if (state === undefined) return undefined;
      const message = state === 'cancelled' ? 'The server took the request out of its queue; nothing was charged.' : `The request had ended before (${answer.clean(state) ?? ''}); nothing was charged.`;
      return { billing: UNPAID, message };
    },
  },
};

async function encode({ request, capabilities, account, attempt }: Asking): Promise<Encoded> {
  const { picture, references, mask } = request;
  const base64 = (bytes: Buffer): string => bytes.toString('base64');
  const [first] = references;
  if (mask && !first) throw maskWithoutReference();
  const asked = mapSize({ size: picture.size, aspect_ratio: picture.aspect_ratio }, capabilities.sizes);
  // Without a size the server makes its own, and cuts no picture to it.
  const size = asked.width === undefined && first ? mapSize({ size: `${first.width}x${first.height}` }, capabilities.sizes) : asked;
  const images = references.map(({ bytes }) => base64(bytes));
  // Both, as its own /v1/images/edits does: models that edit read the references, the others start from the picture.
  const start = picture.kind === 'image_multi_reference' && !mask ? undefined : images[0];
  const json = {
    prompt: picture.prompt,
    width: size.width,
    height: size.height,
    // The server's defaults are its command line's: without these, 42 and perhaps several pictures.
    seed: picture.seed ?? seedOf(attempt.nonce),
    batch_count: 1,
    init_image: start,
    ref_images: images.length > 0 ? images : undefined,
    mask_image: mask && base64(await whiteWhereEdited(mask)),
    output_format: formatOf(picture.output_format),
  };
  return { path: `${prefix(account.baseUrl)}/img_gen`, synchronous: false, body: { json } };
}

function readJob({ json, clean }: Answer): PollOutcome | undefined {
  const read = jobSchema.safeParse(json);
  if (!read.success) return undefined;
  const { status, queue_position: position, result, error } = read.data;
  switch (status.trim().toLowerCase()) {
    case 'completed': {
      const images = decodePictures((result?.images ?? []).flatMap(({ b64_json }) => b64_json ?? []));
      return images.length > 0 ? { type: 'done', images, cost: OWN_MACHINE } : endedWith('NO_IMAGE', 'The server finished without a picture.', UNPAID);
    }
    case 'failed':
      if (/returned (no results|empty)/.test(error?.message ?? '')) return endedWith('NO_IMAGE', `The server finished without a picture${quoted(clean(error?.message))}.`, UNPAID);
      return endedWith('PROVIDER_UNAVAILABLE', `The server took the request and could not carry it out${quoted(clean(error?.message))}.`, UNPAID);
    case 'cancelled':
      return endedWith('CANCELLED', 'The request was cancelled at the server.', UNPAID);
    default:
      return { type: 'running', message: status === 'queued' && position !== undefined ? `queued, place ${position}` : (clean(status) ?? 'running') };
  }
}

/** In its own words: its jobs live in memory, so what it does not know is lost, and at once. */
function gone({ reply, json }: Answer): PollOutcome | undefined {
  const error = errorSchema.safeParse(json).data?.error;
  if (reply.status === 410 && error === 'job expired') return endedWith('RESULT_EXPIRED', 'The server kept the picture for ten minutes and has it no longer.', UNPAID);
  if (reply.status === 404 && error === 'job not found') return endedWith('RESULT_EXPIRED', 'The server does not know the request any more; it was started again.', UNPAID);
  return undefined;
}

/** Any, and the same when the request is encoded again. */
function seedOf(nonce: string): number {
  return createHash('sha256').update(nonce).digest().readUInt32BE(0);
}

function prefix(baseUrl: string): string {
  return baseUrl.endsWith('/sdcpp/v1') ? '' : '/sdcpp/v1';
}
