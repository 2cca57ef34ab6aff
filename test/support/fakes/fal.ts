import sharp from 'sharp';
import * as z from 'zod';
import type { FakeSpec, Reply } from './fake-provider.js';
import type { Task } from './tasks.js';
import { checked, imageOf, jsonOf, shortened, wrong, type SeenImage } from './wire.js';

/**
 * queue.fal.run. Inputs as in the vendor's client (fal-ai/fal-js, libs/client/src/types/endpoints.ts: Flux2Input,
 * Flux2EditInput, Flux2MaxInput, Flux2MaxEditInput, GptImage15EditInput, GptImage2EditInput, NanoBananaProInput, NanoBananaEditInput,
 * FluxKontextInput, FluxKontextMultiInput, FluxProFillInput); queue, errors and cancel as in fal.ai/docs.
 */
const common = { prompt: z.string().min(1), seed: z.int().min(0).optional(), output_format: z.enum(['jpeg', 'png', 'webp']).optional() };
const one = z.literal(1).optional();
const url = z.string().min(1);
const urls = z.array(url).min(1);
const word = z.enum(['square_hd', 'square', 'portrait_4_3', 'portrait_16_9', 'landscape_4_3', 'landscape_16_9', 'auto']);
const within = (least: number, most: number): z.ZodType => z.union([z.strictObject({ width: z.int().min(least).max(most), height: z.int().min(least).max(most) }), word]).optional();
const ratio = z.string().regex(/^\d+:\d+$/).optional();
const flux2 = { ...common, num_images: one, image_size: within(512, 2048) };
const flux2Max = { ...common, output_format: z.enum(['jpeg', 'png']).optional(), image_size: within(64, 4096) };
const gpt = { prompt: common.prompt, output_format: common.output_format, num_images: one, quality: z.enum(['auto', 'low', 'medium', 'high']).optional() };
const gpt15 = { ...gpt, image_size: z.enum(['auto', '1024x1024', '1536x1024', '1024x1536']).optional(), background: z.enum(['auto', 'transparent', 'opaque']).optional() };
const gpt2 = { ...gpt, image_size: within(16, 3840) };
const banana = { ...common, num_images: one, limit_generations: z.boolean().optional(), aspect_ratio: ratio };
const bananaPro = { ...banana, resolution: z.enum(['1K', '2K', '4K']).optional() };
const kontext = { ...common, num_images: one, aspect_ratio: ratio };

/** References beyond this many are left out without a word; a test that sends more is wrong. */
const MODELS: Readonly<Record<string, { input: z.ZodRawShape; most?: number; alphaMask?: boolean }>> = {
  'fal-ai/flux-2': { input: flux2 },
  'fal-ai/flux-2/edit': { input: { ...flux2, image_urls: urls }, most: 4 },
  'fal-ai/flux-2-pro': { input: flux2Max },
  'fal-ai/flux-2-pro/edit': { input: { ...flux2Max, image_urls: urls }, most: 8 },
  'fal-ai/gpt-image-1.5': { input: gpt15 },
  'fal-ai/gpt-image-1.5/edit': { input: { ...gpt15, image_urls: urls, mask_image_url: url.optional() }, most: 16, alphaMask: true },
  'openai/gpt-image-2': { input: gpt2 },
  'openai/gpt-image-2/edit': { input: { ...gpt2, image_urls: urls, mask_url: url.optional() }, most: 16, alphaMask: true },
  'fal-ai/nano-banana/edit': { input: { ...banana, image_urls: urls }, most: 10 },
  'fal-ai/nano-banana-pro': { input: bananaPro },
  'fal-ai/nano-banana-pro/edit': { input: { ...bananaPro, image_urls: urls }, most: 14 },
  'fal-ai/flux-pro/kontext/text-to-image': { input: kontext },
  'fal-ai/flux-pro/kontext': { input: { ...kontext, image_url: url } },
  'fal-ai/flux-pro/kontext/multi': { input: { ...kontext, image_urls: urls }, most: 4 },
  'fal-ai/flux-pro/v1/fill': { input: { ...common, num_images: one, image_url: url, mask_url: url } },
};

const fieldsSchema = z.looseObject({
  image_url: z.string().optional(),
  image_urls: z.array(z.string()).optional(),
  mask_url: z.string().optional(),
  mask_image_url: z.string().optional(),
  image_size: z.union([z.string(), z.object({ width: z.number(), height: z.number() })]).optional(),
  output_format: z.string().optional(),
});

const problem = (loc: string[], msg: string, type: string): Record<string, unknown> => ({ loc, msg, type, url: `https://docs.fal.ai/errors#${type}` });
const invalid = (msg: string): Reply => ({ status: 422, json: { detail: [problem(['body'], msg, 'value_error')] }, headers: { 'x-fal-retryable': 'false' } });
const infrastructure = (status: number, error_type: string, detail: string): Reply => ({ status, json: { detail, error_type }, headers: { 'x-fal-error-type': error_type } });

/** The owner and the app: status, result and cancel drop the rest of the model's name. */
function appOf(task: Task): string {
  return String(task.received.body['model']).split('/').slice(0, 2).join('/');
}

export const falFake: FakeSpec = {
  base: '',
  route({ method, path }) {
    const request = /^\/[\w.-]+\/[\w.-]+\/requests\/([\w-]+)(\/status|\/cancel)?$/.exec(path);
    if (request) {
      const [, id = '', part] = request;
      if (part === '/cancel') return method === 'PUT' ? { on: 'cancel', id } : undefined;
      if (method !== 'GET') return undefined;
      return part === '/status' ? { on: 'poll', id } : { on: 'poll', id, part: 'result' };
    }
    return method === 'POST' && /^\/[\w-]+\/[\w.-]+(\/[\w.-]+)*$/.test(path) ? { on: 'submit' } : undefined;
  },
  key: ({ authorization }) => /^Key (.+)$/.exec(authorization ?? '')?.[1],

  async read(request) {
    const name = request.path.slice(1);
    const model = MODELS[name];
    if (!model) throw wrong((detail) => ({ status: 404, json: { detail } }), `Application '${name}' not found`);
    if (request.headers['x-fal-no-retry'] !== '1') throw wrong(invalid, 'the platform would retry');
    const body = z.record(z.string(), z.unknown()).parse(checked(z.strictObject(model.input), jsonOf(request, invalid), invalid));
    const { image_url, image_urls = [], mask_url, mask_image_url, image_size, output_format } = fieldsSchema.parse(body);
    const seen: SeenImage[] = [];
    for (const given of image_url === undefined ? image_urls : [image_url]) seen.push(await imageOf(given, 'data', invalid));
    if (seen.length > (model.most ?? 1)) throw wrong(invalid, `only the first ${model.most ?? 1} pictures are used`);
    const mask = mask_url ?? mask_image_url;
    if (mask !== undefined) await checkMask(mask, seen[0], model.alphaMask === true);
    const size = typeof image_size === 'object' ? `${image_size.width}x${image_size.height}` : image_size;
    return {
      prompt: String(body['prompt']),
      n: 1,
      size: size !== undefined && /^\d+x\d+$/.test(size) ? size : undefined,
      format: output_format ?? 'png',
      body: { model: name, ...shortened(body) },
    };
  },

  accepted(task, { url: at }) {
    const request = `${at}/${appOf(task)}/requests/${task.id}`;
    const addresses = { response_url: request, status_url: `${request}/status`, cancel_url: `${request}/cancel` };
    return { status: 200, json: { status: 'IN_QUEUE', request_id: task.id, ...addresses, logs: null, metrics: {}, queue_position: 0 } };
  },

  shown(task, fake, part) {
    const request = `${fake.url}/${appOf(task)}/requests/${task.id}`;
    const over = task.endedAt !== undefined;
    if (part === 'result') return over ? resultOf(task, (index) => fake.fileUrl(task, index)) : { status: 400, json: { detail: 'Request is still in progress' } };
    const about = { request_id: task.id, response_url: request, status_url: `${request}/status`, cancel_url: `${request}/cancel`, logs: null };
    if (task.outcome?.kind === 'unknown_status' && !over) return { status: 202, json: { ...about, status: 'PONDERING' } };
    if (!over) return { status: 202, json: { ...about, status: 'IN_PROGRESS' } };
    const failed = task.state === 'failed' ? { error: 'Runner disconnected', error_type: 'runner_disconnected' } : {};
    return { status: 200, json: { ...about, status: 'COMPLETED', metrics: { inference_time: 1.5 }, ...failed } };
  },

  cancelled: (_task, _fake, was) => (was === 'queued' || was === 'running' ? { status: 202, json: { status: 'CANCELLATION_REQUESTED' } } : { status: 400, json: { status: 'ALREADY_COMPLETED' } }),

  refusal(kind, fault, key) {
    switch (kind) {
      case 'unauthorized':
        return { status: 401, json: { detail: `Cannot access application. Authentication is required to access this application. ${key}` } };
      case 'quota':
        return { status: 403, json: { detail: 'User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard/billing.' } };
      case 'rate_limited':
        return { status: 429, json: { detail: 'Rate limit exceeded' }, headers: fault.retry_after === undefined ? {} : { 'retry-after': String(fault.retry_after) } };
      case 'moderation':
        return policy(fault.message);
      case 'rejected':
        return invalid('Input should be a valid string');
      case 'overloaded':
        return infrastructure(503, 'runner_scheduling_failure', 'No runner available');
      case 'server_error':
        return infrastructure(500, 'internal_error', 'Internal error');
    }
  },

  unknown: () => ({ status: 404, json: { detail: 'Request not found' } }),
};

function policy(message = 'The content could not be processed because it contained material flagged by a content checker.'): Reply {
  return { status: 422, json: { detail: [problem(['body', 'prompt'], message, 'content_policy_violation')] }, headers: { 'x-fal-retryable': 'false' } };
}

function resultOf(task: Task, fileUrl: (index: number) => string): Reply {
  const { outcome, received } = task;
  if (task.state === 'cancelled') return infrastructure(499, 'client_cancelled', 'Request was cancelled');
  if (task.state === 'failed') return infrastructure(503, 'runner_disconnected', 'Runner disconnected');
  if (outcome?.kind === 'refusal') return policy(outcome.message);
  const images = outcome?.kind === 'empty' ? [] : [{ url: fileUrl(0), content_type: `image/${received.format ?? 'png'}`, width: 64, height: 64 }];
  return { status: 200, json: { images, timings: { inference: 1.5 }, seed: 7, has_nsfw_concepts: images.map(() => false), prompt: received.prompt } };
}

async function checkMask(mask: string, image: SeenImage | undefined, alpha: boolean): Promise<void> {
  const seen = await imageOf(mask, 'data', invalid);
  if (!image || image.width !== seen.width || image.height !== seen.height) throw wrong(invalid, 'the mask must be as large as the image');
  const { hasAlpha } = await sharp(seen.bytes).metadata();
  if (alpha && !hasAlpha) throw wrong(invalid, 'the mask must have an alpha channel');
  if (!alpha && hasAlpha) throw wrong(invalid, 'the mask must be black and white');
}
