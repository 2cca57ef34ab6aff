import sharp from 'sharp';
import { randomInt } from 'node:crypto';
import * as z from 'zod';
import type { FakeSpec, Reply, Shown } from './fake-provider.js';
import type { Task } from './tasks.js';
import { checked, imageOf, jsonOf, shortened, wrong, type SeenImage } from './wire.js';

/**
 * api.replicate.com/v1. Predictions as in Replicate's OpenAPI (copy: tryAGI/Replicate, src/libs/Replicate/openapi.yaml), inputs as in
 * the schemas on the "API" pages of the models; 429 as in nodetool-ai/nodetool#5196, errors of models as in
 * replicate.com/docs/reference/error-codes.
 */
const url = z.string().min(1);
const common = { prompt: z.string().min(1) };
const seed = { seed: z.int().min(0).optional() };
const jpg = (...more: string[]): { output_format: z.ZodType } => ({ output_format: z.enum(['jpg', 'png', ...more]).optional() });
const edge = (least: number, most: number): z.ZodType => z.int().min(least).max(most).multipleOf(least === 1024 ? 1 : 32).optional();
const ratio = { aspect_ratio: z.string().regex(/^\d+:\d+$|^match_input_image$/).optional() };
const custom = (most: number): z.ZodRawShape => ({ aspect_ratio: z.string().regex(/^\d+:\d+$|^custom$|^match_input_image$/).optional(), width: edge(256, most), height: edge(256, most) });

interface FakeModel {
  input: z.ZodRawShape;
  most?: number;
  /** The output is a list. */
  list?: true;
}
const MODELS: Readonly<Record<string, FakeModel>> = {
  'black-forest-labs/flux-2-pro': { input: { ...common, ...seed, ...custom(2048), ...jpg('webp'), input_images: z.array(url).optional() }, most: 8 },
  'black-forest-labs/flux-2-dev': { input: { ...common, ...seed, ...custom(1440), ...jpg('webp'), input_images: z.array(url).optional() }, most: 4 },
  'black-forest-labs/flux-kontext-pro': { input: { ...common, ...seed, ...ratio, ...jpg(), input_image: url.optional() } },
  'black-forest-labs/flux-fill-pro': { input: { ...common, ...seed, ...jpg(), image: url, mask: url.optional() } },
  'black-forest-labs/flux-1.1-pro': { input: { ...common, ...seed, ...custom(1440), ...jpg('webp'), image_prompt: url.optional() } },
  'black-forest-labs/flux-schnell': { input: { ...common, ...seed, ...ratio, ...jpg('webp'), num_outputs: z.literal(1).optional() }, list: true },
  'google/nano-banana-pro': { input: { ...common, ...ratio, ...jpg(), resolution: z.enum(['1K', '2K', '4K']).optional(), image_input: z.array(url).optional() }, most: 14 },
  'bytedance/seedream-4': {
    input: {
      ...common,
      size: z.enum(['1K', '2K', '4K', 'custom']).optional(),
      width: edge(1024, 4096),
      height: edge(1024, 4096),
      image_input: z.array(url).optional(),
      sequential_image_generation: z.literal('disabled').optional(),
    },
    most: 10,
    list: true,
  },
  'openai/gpt-image-1.5': {
    input: {
      ...common,
      aspect_ratio: z.enum(['1:1', '3:2', '2:3']).optional(),
      quality: z.enum(['low', 'medium', 'high', 'auto']).optional(),
      background: z.enum(['auto', 'transparent', 'opaque']).optional(),
      output_format: z.enum(['png', 'jpeg', 'webp']).optional(),
      input_images: z.array(url).optional(),
      number_of_images: z.literal(1).optional(),
    },
    most: 10,
    list: true,
  },
};
/** Of a model of the community, which runs by its version alone. */
export const VERSION = '5c7d5dc6dd8bf75c1acaa8565735e7986bc5b66206b55cca93cb72c9bf15ccaa';
const COMMUNITY: FakeModel = { input: { ...common, ...seed, ...ratio, ...jpg(), image: url.optional(), mask: url.optional() }, list: true };

const problem = (status: number, detail: string, title?: string): Reply => ({ status, json: { ...(title === undefined ? {} : { title }), detail, status } });
const invalid = (message: string): Reply => ({
  status: 422,
  json: { title: 'Input validation failed', detail: `- input: ${message}\n`, status: 422, invalid_fields: [{ type: 'invalid', field: 'input', description: message }] },
});
const SENSITIVE = 'The input or output was flagged as sensitive. Please try again with different inputs. (E005)';
const missing = (): Reply => problem(404, 'The requested resource could not be found.');

const picturesSchema = z.looseObject({
  image: z.string().optional(),
  input_image: z.string().optional(),
  image_prompt: z.string().optional(),
  input_images: z.array(z.string()).optional(),
  image_input: z.array(z.string()).optional(),
  mask: z.string().optional(),
  seed: z.int().optional(),
  width: z.int().optional(),
  height: z.int().optional(),
  output_format: z.string().optional(),
});

/** `pageSize`: 100 at Replicate. */
export function replicateFakeWith(pageSize: number): FakeSpec {
  return {
    base: '/v1',
    route({ method, path }) {
      if (/^\/models\/[\w.-]+\/[\w.-]+\/predictions$/.test(path)) return method === 'POST' ? { on: 'submit' } : undefined;
      if (path === '/predictions') return method === 'POST' ? { on: 'submit' } : method === 'GET' ? { on: 'list' } : undefined;
      const [, id, cancel] = /^\/predictions\/(\w+)(\/cancel)?$/.exec(path) ?? [];
      if (id === undefined) return undefined;
      if (cancel) return method === 'POST' ? { on: 'cancel', id } : undefined;
      return method === 'GET' ? { on: 'poll', id } : undefined;
    },
    key: ({ authorization }) => /^Bearer (.+)$/.exec(authorization ?? '')?.[1],

    async read(request) {
      const deadline = request.headers['cancel-after'];
      if (typeof deadline === 'string' && !/^(?:\d+h)?(?:\d+m)?(?:\d+s?)?$/.test(deadline)) throw wrong(invalid, 'Cancel-After is no duration');
      const named = /^\/v1\/models\/([^/]+\/[^/]+)\/predictions$/.exec(request.path)?.[1];
      const json = jsonOf(request, invalid);
      const envelope = named === undefined ? z.strictObject({ version: z.string(), input: z.unknown() }) : z.strictObject({ version: z.undefined().optional(), input: z.unknown() });
      const { version, input: raw } = checked<{ version?: string | undefined; input?: unknown }>(envelope, json, invalid);
      if (version !== undefined && version !== VERSION) throw wrong((detail) => problem(422, detail), 'Invalid version or not permitted');
      const model = named === undefined ? COMMUNITY : MODELS[named];
      if (!model) throw wrong(missing, `no such official model: ${named}`);
      const input = z.record(z.string(), z.unknown()).parse(checked(z.strictObject(model.input), raw, invalid));
      const found = picturesSchema.parse(input);
      const seen: SeenImage[] = [];
      const single = [found.image, found.input_image, found.image_prompt].filter((one) => one !== undefined);
      for (const one of [...single, ...(found.input_images ?? []), ...(found.image_input ?? [])]) seen.push(await imageOf(one, 'data', invalid));
      if (seen.length > (model.most ?? 1)) throw wrong(invalid, `at most ${model.most ?? 1} pictures`);
      if (found.mask !== undefined) await checkMask(found.mask, seen[0]);
      return {
        prompt: String(input['prompt']),
        n: 1,
        size: found.width === undefined ? undefined : `${found.width}x${found.height}`,
        format: found.output_format ?? 'png',
        attempt: found.seed === undefined ? undefined : String(found.seed),
        body: { model: named ?? `community/model`, ...(version === undefined ? {} : { version }), input: shortened(input) },
      };
    },

    accepted: (task, fake) => ({ status: 201, json: predictionOf(task, fake) }),
    shown: (task, fake) => ({ status: 200, json: predictionOf(task, fake) }),
    cancelled: (task, fake) => ({ status: 200, json: predictionOf(task, fake) }),
    gone: (task, fake) => ({ status: 200, json: { ...predictionOf(task, fake), input: {}, output: null, logs: '', data_removed: true } }),

    listed(tasks, fake, query) {
      const at = (name: string): number | undefined => (query.get(name) === null ? undefined : Date.parse(query.get(name) ?? ''));
      const [after = -Infinity, before = Infinity] = [at('created_after'), at('created_before')];
      const offset = Number(query.get('cursor') ?? 0);
      const fitting = [...tasks].reverse().filter((task) => task.at >= after && task.at < before);
      const next = new URLSearchParams([...query.entries()].filter(([name]) => name !== 'cursor'));
      next.set('cursor', String(offset + pageSize));
      const more = fitting.length > offset + pageSize;
      const results = fitting.slice(offset, offset + pageSize).map((task) => predictionOf(task, fake));
      return { status: 200, json: { next: more ? `${fake.url}/predictions?${next.toString()}` : null, previous: null, results } };
    },

    refusal(kind, fault, key) {
      switch (kind) {
        case 'unauthorized':
          return problem(401, `You did not pass a valid authentication token ${key}`, 'Unauthenticated');
        case 'quota':
          return problem(402, 'You have insufficient credit to run this model. Go to https://replicate.com/account/billing#billing to purchase credit.', 'Insufficient credit');
        case 'rate_limited': {
          const seconds = fault.retry_after ?? 30;
          const detail = `Request was throttled. Your rate limit for creating predictions is reduced to 6 requests per minute with a burst of 1 requests while you have less than $5.0 in credit. Your rate limit resets in ~${seconds}s.`;
          return { status: 429, json: { detail, status: 429, retry_after: seconds }, headers: fault.retry_after === undefined ? {} : { 'retry-after': String(seconds) } };
        }
        case 'moderation':
          return problem(422, fault.message ?? SENSITIVE);
        case 'rejected':
          return invalid('prompt is required');
        case 'overloaded':
          return problem(503, 'Service Unavailable');
        case 'server_error':
          return problem(500, 'Internal server error');
      }
    },

    unknown: missing,
    newId: () => Array.from({ length: 26 }, () => 'abcdefghijklmnopqrstuvwxyz0123456789'[randomInt(36)]).join(''),
  };
}
export const replicateFake = replicateFakeWith(100);

function predictionOf(task: Task, fake: Shown): Record<string, unknown> {
  const { id, received, outcome, state, endedAt } = task;
  const model = String(received.body['model']);
  const refused = outcome?.kind === 'refusal';
  const ended = endedAt === undefined ? {} : { completed_at: new Date(endedAt).toISOString(), metrics: { predict_time: 1.5, total_time: 1.6 } };
  const status = state === 'done' && refused ? 'failed' : WORDS[state];
  const urls = outcome?.kind === 'empty' ? [] : [fake.fileUrl(task, 0)];
  const one = MODELS[model]?.list || model.startsWith('community') ? urls : (urls[0] ?? null);
  return {
    id,
    model,
    version: received.body['version'] ?? 'hidden',
    input: received.body['input'],
    logs: '',
    output: status === 'succeeded' ? one : null,
    data_removed: false,
    error: status === 'failed' ? (refused ? (outcome.message ?? SENSITIVE) : 'Prediction interrupted; please retry (code: PA)') : null,
    source: 'api',
    status: outcome?.kind === 'unknown_status' && endedAt === undefined ? 'pondering' : status,
    created_at: new Date(task.at).toISOString(),
    ...ended,
    urls: { get: `${fake.url}/predictions/${id}`, cancel: `${fake.url}/predictions/${id}/cancel`, web: `https://replicate.com/p/${id}` },
  };
}

const WORDS: Readonly<Record<Task['state'], string>> = { queued: 'starting', running: 'processing', done: 'succeeded', failed: 'failed', cancelled: 'canceled' };

async function checkMask(mask: string, image: SeenImage | undefined): Promise<void> {
  const seen = await imageOf(mask, 'data', invalid);
  if (!image || image.width !== seen.width || image.height !== seen.height) throw wrong(invalid, 'the mask must be as large as the image');
  if ((await sharp(seen.bytes).metadata()).hasAlpha) throw wrong(invalid, 'the mask must be black and white');
}
