import * as z from 'zod';
import type { Fault } from './faults.js';
import { WireError, type FakeSpec, type RawRequest, type Reply } from './fake-provider.js';
import type { Received } from './tasks.js';
import { formOf, jsonOf, pictureOf, shortened, wrong, type SentFile } from './wire.js';

/**
 * OpenAI's Images API as its OpenAPI description has it (openai/openai-openapi, openapi.json: `CreateImageRequest`,
 * `CreateImageEditRequest`, `ImagesResponse`, `ErrorResponse`) and the image generation guide (sizes from gpt-image-2, qualities from 2.5 on). Replies and the unknown_parameter error as recorded in
 * vercel/ai, packages/openai/src/image/__fixtures__. Edits as multipart only, which is what we send.
 */
const MB = 1024 * 1024;
const shared = {
  model: z.string().min(1),
  prompt: z.string().min(1).max(32_000),
  size: z.string().optional(),
  quality: z.enum(['low', 'medium', 'high', 'xhigh', 'max', 'auto']).optional(),
  output_format: z.enum(['png', 'jpeg', 'webp']).optional(),
  background: z.enum(['transparent', 'opaque', 'auto']).optional(),
  moderation: z.enum(['low', 'auto']).optional(),
  user: z.string().optional(),
};
const generation = z.strictObject({ ...shared, n: z.int().min(1).max(10).default(1) });
const edit = z.strictObject({ ...shared, n: z.stringFormat('count', /^(?:[1-9]|10)$/).default('1'), input_fidelity: z.enum(['high', 'low']).optional() });

const failed = (status: number, fields: Record<string, unknown>, headers: Record<string, string> = {}): Reply => ({
  status,
  json: { error: { message: 'Bad request.', type: 'invalid_request_error', param: null, code: null, ...fields } },
  headers: { 'x-request-id': 'req_fake', ...headers },
});
const invalid = (message: string): Reply => failed(400, { message, code: 'invalid_value' });

export const openaiImagesFake: FakeSpec = {
  base: '/v1',
  route: ({ method, path }) => (method === 'POST' && /^\/images\/(?:generations|edits)$/.test(path) ? { on: 'submit' } : undefined),
  key: ({ authorization = '' }) => /^Bearer (.+)$/.exec(authorization)?.[1],
  synchronous: true,
  read: (request) => (request.path.endsWith('/edits') ? readEdit(request) : readGeneration(request)),

  async accepted(task, fake) {
    const { received, outcome } = task;
    const { output_format = 'png', quality = 'high', size = '1024x1024' } = z.looseObject({ output_format: z.string().optional(), quality: z.string().optional(), size: z.string().optional() }).parse(received.body);
    if (outcome?.kind === 'failed') return failed(500, { message: 'The server had an error while processing your request.', type: 'server_error' });
    if (outcome?.kind === 'refusal') return refused('output', outcome);
    const pictures = await fake.pictures(task);
    const data = pictures.map((bytes, index) =>
      outcome?.kind === 'expires'
        ? { url: fake.fileUrl(task, index) }
        : { b64_json: bytes.toString('base64'), revised_prompt: `${received.prompt}, in detail` },
    );
    const unknown = outcome?.kind === 'unknown_status' ? { status: 'pondering', background: 'plaid' } : {};
    const usage = { total_tokens: 100, input_tokens: 50, output_tokens: 50, input_tokens_details: { text_tokens: 10, image_tokens: 40 } };
    return { status: 200, json: { created: 1_770_935_251, background: 'opaque', data, output_format, quality, size, usage, ...unknown } };
  },

  // It has no questions to answer.
  shown: () => failed(404, {}),
  unknown: () => failed(404, {}),

  refusal(kind, fault, key) {
    switch (kind) {
      case 'unauthorized':
        return failed(401, { message: `Incorrect API key provided: ${key}. You can find your API key at the account page.`, code: 'invalid_api_key' });
      case 'quota':
        return failed(429, { message: 'You exceeded your current quota, please check your plan and billing details.', type: 'insufficient_quota', code: 'insufficient_quota' });
      case 'rate_limited':
        return failed(429, { message: 'Rate limit reached for images per minute.', type: 'images', code: 'rate_limit_exceeded' }, delay(fault));
      case 'moderation':
        return refused('input', fault);
      case 'rejected':
        return invalid("Invalid value: 'prompt' is too long.");
      case 'overloaded':
        return failed(503, { message: 'The server is currently overloaded. Please try again later.', type: 'server_error', code: 'server_overloaded' }, delay(fault));
      case 'server_error':
        return failed(500, { message: 'The server had an error while processing your request.', type: 'server_error' });
    }
  },
};

async function readGeneration(request: RawRequest): Promise<Received> {
  return readIn(checkedFields(generation, jsonOf(request, invalid)), {});
}

async function readEdit(request: RawRequest): Promise<Received> {
  const { texts, files } = await formOf(request, invalid);
  const fields = checkedFields(edit, texts);
  const images = files.filter(({ name }) => name === 'image[]' || name === 'image');
  const masks = files.filter(({ name }) => name === 'mask');
  const other = files.find((file) => ![...images, ...masks].includes(file));
  if (other) throw unknownParameter(other.name);
  if (images.length === 0) throw wrong(invalid, 'image: required');
  if (images.length > 16 || masks.length > 1) throw wrong(invalid, `image: at most 16, and one mask`);
  if (images.length > 1 && images.some(({ name }) => name === 'image')) throw wrong(invalid, 'image: several are image[]');
  const seen = await Promise.all(images.map((file) => seenFile(file, ['png', 'jpeg', 'webp'], 50 * MB)));
  const [mask] = await Promise.all(masks.map((file) => seenFile(file, ['png'], 4 * MB)));
  if (mask && (mask.width !== seen[0]?.width || mask.height !== seen[0]?.height)) throw wrong(invalid, 'mask: must be as large as the image');
  return readIn(fields, { 'image[]': seen, ...(mask ? { mask } : {}) });
}

function readIn(fields: z.infer<typeof generation> | z.infer<typeof edit>, images: Record<string, unknown>): Received {
  const { model, prompt, size = 'auto', output_format: format, background, quality } = fields;
  const first = model.startsWith('gpt-image-1');
  const [width = 0, height = 0] = size.split('x').map(Number);
  const listed = ['auto', '1024x1024', '1536x1024', '1024x1536'].includes(size);
  const free = width % 16 === 0 && height % 16 === 0 && width <= 3 * height && height <= 3 * width && Math.max(width, height) <= 3840 && width * height >= 655_360 && width * height <= 3840 * 2160;
  const known = !model.startsWith('gpt-image-') || listed || (!first && /^\d+x\d+$/.test(size) && free);
  if (!known) throw wrong(invalid, `size: ${size} is not supported by ${model}`);
  if (first && (quality === 'xhigh' || quality === 'max')) throw wrong(invalid, `quality: ${quality} is not supported by ${model}`);
  if (background === 'transparent' && format === 'jpeg') throw wrong(invalid, 'background: transparent needs png or webp');
  return { prompt, n: Number(fields.n), size: width > 0 ? size : '1024x1024', format, body: { ...shortened({ ...fields }), ...images } };
}

async function seenFile({ bytes, mimeType, filename, name }: SentFile, formats: readonly string[], most: number): Promise<Record<string, unknown> & { width: number; height: number }> {
  const { format, width, height, sha256 } = await pictureOf(bytes, invalid);
  if (!formats.includes(format) || mimeType !== `image/${format}`) throw wrong(invalid, `${name}: ${mimeType} with ${format} is not one of ${formats.join(', ')}`);
  if (bytes.length >= most) throw wrong(invalid, `${name}: too large`);
  return { filename, sha256, width, height };
}

function checkedFields<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  if (issue?.code === 'unrecognized_keys') throw unknownParameter(issue.keys[0] ?? '');
  throw wrong(invalid, `${issue?.path.join('.')}: ${issue?.message}`);
}

function unknownParameter(param: string): WireError {
  return new WireError(failed(400, { message: `Unknown parameter: '${param}'.`, param, code: 'unknown_parameter' }), `unknown parameter ${param}`);
}

function refused(stage: 'input' | 'output', { message = 'sexual' }: Fault): Reply {
  return failed(400, {
    message: `Your request was rejected by the safety system. safety_violations=[${message}].`,
    type: 'image_generation_user_error',
    code: 'moderation_blocked',
    moderation_details: { moderation_stage: stage, categories: [message] },
  });
}

/** Whole seconds, and where that is not exact also milliseconds. */
function delay({ retry_after: seconds }: Fault): Record<string, string> {
  if (seconds === undefined) return {};
  return { 'retry-after': String(Math.ceil(seconds)), ...(Number.isInteger(seconds) ? {} : { 'retry-after-ms': String(seconds * 1000) }) };
}
