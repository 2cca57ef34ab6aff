import * as z from 'zod';
import { WireError, type FakeSpec, type Reply } from './fake-provider.js';
import { imageOf, jsonOf, shortened, wrong } from './wire.js';

/**
 * api.x.ai: docs.x.ai, REST reference "Images", release notes of August 2026 (2.0: five images, 21:9, 5:2, quality), and
 * xai-proto, image.proto (ratios, resolutions, 10 MiB, image or images);
 * errors `{code, error}` as "Debugging errors" and recorded bodies have them: a wrong key is 400, no credit is 403 or 429, a
 * refused picture is 400 with what it cost, or 200 with `respect_moderation: false`.
 */
const ratios = ['1:1', '3:4', '4:3', '9:16', '16:9', '2:3', '3:2', '9:19.5', '19.5:9', '9:20', '20:9', '1:2', '2:1', '21:9', '5:2', 'auto'] as const;
const image = z.strictObject({ url: z.string().min(1), type: z.literal('image_url') });
const generation = z.strictObject({
  model: z.string().min(1),
  prompt: z.string().min(1),
  n: z.int().min(1).max(10).default(1),
  aspect_ratio: z.enum(ratios).optional(),
  resolution: z.enum(['1k', '1.5k', '2k']).optional(),
  quality: z.enum(['low', 'medium', 'high', 'auto']).optional(),
  response_format: z.enum(['url', 'b64_json']).default('url'),
  user: z.string().optional(),
});
const edit = generation.extend({ image: image.optional(), images: z.array(image).min(1).max(5).optional() });
const PICTURE = { cost_in_usd_ticks: 200_000_000 };
const MAX_REFERENCE = 10 * 1024 * 1024;

const failed = (status: number, code: string, error: string, more: object = {}, headers: Record<string, string> = {}): Reply => ({ status, json: { code, error, ...more }, headers });
const invalid = (message: string): Reply => failed(400, 'invalid-argument', message);

export const xaiFake: FakeSpec = {
  base: '/v1',
  route: ({ method, path }) => (method === 'POST' && /^\/images\/(?:generations|edits)$/.test(path) ? { on: 'submit' } : undefined),
  key: ({ authorization = '' }) => /^Bearer (.+)$/.exec(authorization)?.[1],
  synchronous: true,

  async read(request) {
    const isEdit = request.path.endsWith('/edits');
    const schema: z.ZodType<z.infer<typeof edit>> = isEdit ? edit : generation;
    const parsed = schema.safeParse(jsonOf(request, invalid));
    if (!parsed.success) throw unreadable(parsed.error.issues[0]);
    const body = parsed.data;
    const given = body.images ?? (body.image ? [body.image] : []);
    if (isEdit && given.length === 0) throw wrong(invalid, 'image or images is required');
    if (body.model === 'grok-imagine-image' && given.length > 3) throw wrong(invalid, 'images: at most 3 for this model');
    if (body.model === 'grok-imagine-image' && ['21:9', '5:2'].includes(body.aspect_ratio ?? '')) throw wrong(invalid, 'aspect_ratio: not of this model');
    if (body.image && body.images) throw wrong(invalid, 'image and images are mutually exclusive');
    for (const { url } of given) {
      const { bytes, format } = await imageOf(url, 'data', invalid);
      if (!['png', 'jpeg', 'webp'].includes(format) || bytes.length > MAX_REFERENCE) throw wrong(invalid, 'an image must be PNG, JPG or WebP of at most 10 MiB');
    }
    return { prompt: body.prompt, n: body.n, size: sizeOf(body), format: 'jpeg', body: shortened(body) };
  },

  async accepted(task, fake) {
    const { outcome, received } = task;
    if (outcome?.kind === 'failed') return failed(500, 'internal', 'Internal error');
    const placeholder = { url: null, mime_type: 'image/jpeg', respect_moderation: false };
    if (outcome?.kind === 'refusal') {
      if (outcome.status === 400) return failed(400, 'imagine:content-moderated', 'Generated image rejected by content moderation.', { usage: PICTURE });
      return { status: 200, json: { data: [placeholder], usage: PICTURE } };
    }
    const byUrl = received.body['response_format'] === 'url' || outcome?.kind === 'expires';
    const pictures = await fake.pictures(task);
    const data: object[] = pictures.map((bytes, index) => ({
      ...(byUrl ? { url: fake.fileUrl(task, index) } : { b64_json: bytes.toString('base64') }),
      mime_type: 'image/jpeg',
      revised_prompt: '',
      respect_moderation: true,
    }));
    if (outcome?.kind === 'partial') data.push(placeholder);
    if (outcome?.kind === 'empty') return { status: 200, json: { data: [] } };
    return { status: 200, json: { data, usage: PICTURE, ...(outcome?.kind === 'unknown_status' ? { status: 'pondering' } : {}) } };
  },

  // It has no questions to answer.
  shown: () => failed(404, 'not-found', 'Not found'),
  unknown: () => failed(404, 'not-found', 'Not found'),

  refusal(kind, fault, key) {
    switch (kind) {
      case 'unauthorized':
        if (key === '') return failed(401, 'unauthenticated:no-credentials', 'No credentials provided');
        return failed(400, 'Client specified an invalid argument', `Incorrect API key provided: ${key.slice(0, 2)}***${key.slice(-2)}. You can obtain an API key from the console.`);
      case 'quota':
        return failed(
          fault.status ?? 403,
          'The caller does not have permission to execute the specified operation',
          'Your team 16f2151a has either used all available credits or reached its monthly spending limit. To continue making API requests, please purchase more credits or raise your spending limit.',
        );
      case 'rate_limited':
        return failed(429, 'Some resource has been exhausted', 'Too many requests.', {}, fault.retry_after === undefined ? {} : { 'retry-after': String(fault.retry_after) });
      case 'moderation':
        return failed(403, 'The caller does not have permission to execute the specified operation', `Content violates usage guidelines. Failed check: ${fault.message ?? 'SAFETY_CHECK_TYPE_BIO'}`);
      case 'rejected':
        return invalid('Prompt is too long.');
      case 'overloaded':
        return failed(503, 'unavailable', 'The service is currently unavailable.');
      case 'server_error':
        return failed(500, 'internal', 'Internal error');
    }
  },
};

/** A field of the wrong kind does not get past the parser, which answers with a text; a field of OpenAI's is named. */
function unreadable(issue: z.core.$ZodIssue | undefined): WireError {
  if (issue?.code === 'unrecognized_keys') return wrong(invalid, `Argument not supported: ${issue.keys.join(', ')}`);
  const message = `Failed to deserialize the JSON body into the target type: ${issue?.path.join('.')}: ${issue?.message}`;
  return new WireError({ status: 422, bytes: Buffer.from(message), headers: { 'content-type': 'text/plain; charset=utf-8' } }, message);
}

/** About a megapixel, or four, in multiples of 16. */
function sizeOf({ aspect_ratio: ratio = '1:1', resolution = '1k' }: z.infer<typeof generation>): string {
  const [across = 1, down = 1] = ratio === 'auto' ? [] : ratio.split(':').map(Number);
  const area = (1024 * Number.parseFloat(resolution)) ** 2;
  const edge = (length: number): number => Math.round(length / 16) * 16;
  return `${edge(Math.sqrt((area * across) / down))}x${edge(Math.sqrt((area * down) / across))}`;
}
