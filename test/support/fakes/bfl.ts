import * as z from 'zod';
import type { FakeSpec, Reply } from './fake-provider.js';
import { checked, imageOf, jsonOf, shortened, wrong } from './wire.js';

/**
 * api.bfl.ai. Bodies as in the vendor's OpenAPI (generated copy: tryAGI/BlackForestLabs, src/libs/BlackForestLabs/openapi.json;
 * AsyncResponse, ResultResponse, StatusResponse, HTTPValidationError) and docs.bfl.ai "errors" (402, 403, 429).
 */
const base64 = z.string().min(1);
const shared = {
  prompt: z.string().min(1),
  seed: z.int().optional(),
  output_format: z.enum(['jpeg', 'png']).optional(),
  safety_tolerance: z.int().min(0).max(5).optional(),
};
const images = Object.fromEntries(Array.from({ length: 7 }, (_, at) => [`input_image_${at + 2}`, base64.optional()]));
const edge = z.int().min(64).multipleOf(16).optional();
const flux2 = z.strictObject({ ...shared, input_image: base64.optional(), ...images, width: edge, height: edge });
const kontext = z.strictObject({
  ...shared,
  input_image: base64.optional(),
  input_image_2: base64.optional(),
  input_image_3: base64.optional(),
  input_image_4: base64.optional(),
  aspect_ratio: z.string().regex(/^\d+:\d+$/).optional(),
});
const fill = z.strictObject({ ...shared, image: base64, mask: base64 });
const pro = z.strictObject({ ...shared, width: edge, height: edge });

const invalid = (message: string): Reply => ({ status: 422, json: { detail: [{ loc: ['body'], msg: message, type: 'value_error' }] } });

export const bflFake: FakeSpec = {
  base: '/v1',
  route({ method, path, query }) {
    if (method === 'GET' && path === '/get_result') return { on: 'poll', id: query.get('id') ?? '' };
    return method === 'POST' && /^\/flux-[a-z0-9.-]+$/.test(path) ? { on: 'submit' } : undefined;
  },
  key: ({ 'x-key': key }) => (typeof key === 'string' ? key : undefined),

  async read(request) {
    const json = jsonOf(request, invalid);
    const model = request.path.slice('/v1/'.length);
    const schema: z.ZodType<Record<string, unknown>> = model.includes('fill') ? fill : model.includes('kontext') ? kontext : model.startsWith('flux-2-') ? flux2 : pro;
    const body = checked(schema, json, invalid);
    const { width, height } = z.looseObject({ width: z.number().default(64), height: z.number().default(64) }).parse(body);
    if (width * height > 4_000_000) throw wrong(invalid, 'width x height must be at most 4 megapixels');
    const texts = Object.entries(body).filter(([name]) => name === 'image' || name === 'mask' || name.startsWith('input_image'));
    const seen = new Map<string, Awaited<ReturnType<typeof imageOf>>>();
    for (const [name, value] of texts) seen.set(name, await imageOf(String(value), 'raw', invalid));
    const [image, mask] = [seen.get('image'), seen.get('mask')];
    if (image && mask && (image.width !== mask.width || image.height !== mask.height)) throw wrong(invalid, 'the mask must be as large as the image');
    const format = typeof body['output_format'] === 'string' ? body['output_format'] : 'jpeg';
    return { prompt: String(body['prompt']), n: 1, size: `${width}x${height}`, format, body: { model, ...shortened(body) } };
  },

  accepted: ({ id }, { url }) => ({ status: 200, json: { id, polling_url: `${url}/get_result?id=${id}`, cost: 4, input_mp: 0, output_mp: 1 } }),

  shown(task, fake) {
    const shown = (status: string, result: unknown = null, more: object = {}): Reply => ({
      status: 200,
      json: { id: task.id, status, result, progress: null, details: null, preview: null, ...more },
    });
    if (task.state === 'failed') return shown('Error', null, { details: { error: 'worker crashed' } });
    if (task.state !== 'done') return shown(task.outcome?.kind === 'unknown_status' ? 'Pondering' : 'Pending', null, { progress: 0.25 });
    if (task.outcome?.kind === 'refusal') return shown('Content Moderated', null, { details: { 'Moderation Reasons': [task.outcome.message ?? 'Violence'] } });
    if (task.outcome?.kind === 'empty') return shown('Ready', {});
    return shown('Ready', { sample: fake.fileUrl(task, 0), seed: 7, prompt: task.received.prompt });
  },

  refusal(kind, fault, key) {
    switch (kind) {
      case 'unauthorized':
        return { status: 403, json: { detail: key === '' ? 'Not authenticated - Invalid Authentication' : `Not authenticated - unknown key ${key}` } };
      case 'quota':
        return { status: 402, json: { detail: 'Insufficient credits. Please visit api.bfl.ai to add more credits.' } };
      case 'rate_limited':
        return {
          status: 429,
          json: { detail: 'Rate limit exceeded: too many active tasks.' },
          headers: fault.retry_after === undefined ? {} : { 'retry-after': String(fault.retry_after) },
        };
      case 'moderation':
        return { status: 422, json: { detail: [{ loc: ['body', 'prompt'], msg: `Request moderated: ${fault.message ?? 'violence'}`, type: 'moderation' }] } };
      case 'rejected':
        return invalid('prompt is too long');
      case 'overloaded':
        return { status: 503, json: { detail: 'Service unavailable' } };
      case 'server_error':
        return { status: 500, bytes: Buffer.from('Internal Server Error') };
    }
  },

  unknown: (id) => ({ status: 404, json: { id, status: 'Task not found', result: null } }),
};
