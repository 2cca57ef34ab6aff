import * as z from 'zod';
import type { FakeSpec, Reply } from './fake-provider.js';
import type { Task } from './tasks.js';
import { checked, imageOf, jsonOf, shortened, wrong } from './wire.js';

/**
 * The native interface of stable-diffusion.cpp's server. Fields as in leejet/stable-diffusion.cpp examples/server/api.md
 * ("Request Body" of img_gen), statuses and bodies as in routes_sdcpp.cpp and async_jobs.cpp. It knows no keys, credit and
 * moderation: what guards it may answer 401; a refusal of content is a failed generation.
 */
const edge = z.int().min(64).max(4096).multipleOf(64, 'other multiples make a picture of another size at some models').optional();
const unit = z.number().min(0).max(1).optional();
const image = z.string().min(1).nullish();
const requestSchema = z.strictObject({
  prompt: z.string(),
  negative_prompt: z.string().optional(),
  clip_skip: z.int().optional(),
  width: edge,
  height: edge,
  strength: unit,
  seed: z.int().min(-1),
  batch_count: z.int().min(1).max(8),
  auto_resize_ref_image: z.boolean().optional(),
  increase_ref_index: z.boolean().optional(),
  embed_image_metadata: z.boolean().optional(),
  init_image: image,
  ref_images: z.array(z.string().min(1)).nullish(),
  mask_image: image,
  sample_params: z.looseObject({}).optional(),
  output_format: z.enum(['png', 'jpeg', 'webp']).optional(),
  output_compression: z.int().min(0).max(100).optional(),
});

const refused = (status: number, error: string, message?: string): Reply => ({ status, json: { error, ...(message === undefined ? {} : { message }) } });
const invalid = (): Reply => refused(400, 'invalid generation parameters');

let given = 0;

export const sdcppFake: FakeSpec = {
  base: '/sdcpp/v1',
  route({ method, path }) {
    const job = /^\/jobs\/([\w-]+)(\/cancel)?$/.exec(path);
    if (job?.[1] !== undefined) {
      if (method === 'GET' && job[2] === undefined) return { on: 'poll', id: job[1] };
      return method === 'POST' && job[2] !== undefined ? { on: 'cancel', id: job[1] } : undefined;
    }
    return method === 'POST' && path === '/img_gen' ? { on: 'submit' } : undefined;
  },
  // None is as good as any.
  key: ({ authorization = '' }) => authorization.replace(/^Bearer /, ''),
  newId: () => `job_${Math.floor(Date.now() / 1000).toString(16)}_${String(given++).padStart(8, '0')}`,

  async read(request) {
    const body = checked(requestSchema, jsonOf(request, () => refused(400, 'invalid json')), invalid);
    const start = body.init_image ? await picture(body.init_image) : undefined;
    for (const reference of body.ref_images ?? []) await picture(reference);
    if (body.mask_image) {
      const mask = await imageOf(body.mask_image, 'raw', invalid);
      if (!start) throw wrong(invalid, 'a mask without the picture that it belongs to');
      if (mask.width !== start.width || mask.height !== start.height) throw wrong(invalid, 'the mask must be as large as the picture');
      if (mask.channels !== 1) throw wrong(invalid, `a mask has 1 channel, not ${mask.channels}`);
    }
    const format = body.output_format ?? 'png';
    return { prompt: body.prompt, n: body.batch_count, size: `${body.width ?? 512}x${body.height ?? 512}`, format, body: shortened(body) };
  },

  accepted: ({ id, at }, { url }) => ({
    status: 202,
    json: { id, kind: 'img_gen', status: 'queued', created: seconds(at), poll_url: `${new URL(url).pathname}/jobs/${id}` },
  }),
  shown: async (task, fake) => ({ status: 200, json: jobOf(task, (await fake.pictures(task)).map((bytes) => bytes.toString('base64'))) }),
  cancellable: ({ state }) => state === 'queued',
  cancelled: (task) => (task.state === 'running' ? refused(409, 'job is currently generating and cannot be interrupted yet') : { status: 200, json: jobOf(task, []) }),

  refusal(kind, fault) {
    switch (kind) {
      case 'unauthorized':
        return refused(401, 'unauthorized');
      case 'rate_limited':
      case 'quota':
        return { ...refused(429, 'job queue is full'), headers: fault.retry_after === undefined ? {} : { 'retry-after': String(fault.retry_after) } };
      case 'moderation':
      case 'rejected':
        return invalid();
      case 'overloaded':
        return { status: 503, bytes: Buffer.from('Service Unavailable') };
      case 'server_error':
        return refused(500, 'server_error', 'vector::_M_range_check');
    }
  },

  gone: () => refused(410, 'job expired'),
  unknown: () => refused(404, 'job not found'),
};

/** The server refuses a picture with fewer channels than it wants. */
async function picture(text: string): Promise<Awaited<ReturnType<typeof imageOf>>> {
  const seen = await imageOf(text, 'raw', invalid);
  if (seen.channels < 3) throw wrong(invalid, `a picture has 3 channels, not ${seen.channels}`);
  return seen;
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}

function jobOf({ id, at, state, outcome, endedAt }: Task, images: readonly string[]): object {
  const failed = state === 'failed' || (state === 'done' && (outcome?.kind === 'refusal' || outcome?.kind === 'empty'));
  const status = failed ? 'failed' : state === 'done' ? 'completed' : state === 'cancelled' ? 'cancelled' : state === 'queued' ? 'queued' : outcome?.kind === 'unknown_status' ? 'dreaming' : 'generating';
  const message = outcome?.kind === 'empty' ? 'generate_image returned no results' : (outcome?.message ?? 'unknown generation error');
  return {
    id,
    kind: 'img_gen',
    status,
    created: seconds(at),
    started: status === 'queued' || status === 'cancelled' ? null : seconds(at),
    completed: endedAt === undefined ? null : seconds(endedAt),
    queue_position: status === 'queued' ? 1 : 0,
    result: status === 'completed' ? { output_format: 'png', images: images.map((b64_json, index) => ({ index, b64_json })) } : null,
    error: failed ? { code: 'generation_failed', message } : status === 'cancelled' ? { code: 'cancelled', message: 'job cancelled by client' } : null,
  };
}
