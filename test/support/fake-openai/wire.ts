import { createHash } from 'node:crypto';
import sharp from 'sharp';
import * as z from 'zod';

/**
 * The wire format of `POST /v1/responses` as far as pictures use it (OpenAPI `CreateResponse`, `ImageGenTool`), strict:
 * a field that is not here is refused, as the API refuses unknown ones. `detail` and the forced tool are required, so
 * that a request which leaves its picture to chance is noticed.
 */
const imagePart = z.strictObject({
  type: z.literal('input_image'),
  detail: z.enum(['auto', 'low', 'high', 'original']),
  image_url: z.string(),
});
const textPart = z.strictObject({ type: z.literal('input_text'), text: z.string().min(1) });
const size = z.string().regex(/^(?:auto|[1-9]\d{1,3}x[1-9]\d{1,3})$/, "must be 'auto' or WxH");
const imageTool = z.strictObject({
  type: z.literal('image_generation'),
  model: z.string().startsWith('gpt-image-').optional(),
  action: z.enum(['generate', 'edit', 'auto']).optional(),
  size: size.optional(),
  quality: z.enum(['low', 'medium', 'high', 'auto', 'xhigh', 'max']).optional(),
  output_format: z.enum(['png', 'jpeg', 'webp']).optional(),
  output_compression: z.int().min(0).max(100).optional(),
  background: z.enum(['transparent', 'opaque', 'auto']).optional(),
  moderation: z.enum(['auto', 'low']).optional(),
  input_fidelity: z.enum(['high', 'low']).optional(),
  input_image_mask: z.strictObject({ image_url: z.string() }).optional(),
});
const requestSchema = z.strictObject({
  model: z.string().min(1),
  input: z
    .array(z.strictObject({ role: z.literal('user'), content: z.array(z.discriminatedUnion('type', [textPart, imagePart])).min(1) }))
    .length(1),
  tools: z.array(imageTool).length(1),
  tool_choice: z.strictObject({ type: z.literal('image_generation') }),
  background: z.boolean().optional(),
  store: z.boolean().optional(),
  max_tool_calls: z.int().min(1).optional(),
  metadata: z
    .record(z.string().max(64), z.string().max(512))
    .refine((pairs) => Object.keys(pairs).length <= 16, 'at most 16 pairs')
    .optional(),
});
export type ResponsesRequest = z.infer<typeof requestSchema>;

export interface ReceivedImage {
  mime_type: string;
  width: number;
  height: number;
  sha256: string;
}

export interface ReceivedRequest {
  request: ResponsesRequest;
  prompt: string;
  images: ReceivedImage[];
  mask?: ReceivedImage;
}

/** What OpenAI answers instead of a response; `wire` when the client broke the format. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string | null;
  readonly param: string | null;
  readonly type: string;

  constructor(status: number, message: string, fields: { code?: string; param?: string; type?: string } = {}) {
    super(message);
    this.status = status;
    this.code = fields.code ?? null;
    this.param = fields.param ?? null;
    this.type = fields.type ?? 'invalid_request_error';
  }

  body(): unknown {
    return { error: { message: this.message, type: this.type, param: this.param, code: this.code } };
  }
}

/** Reads and checks a body, decoding every picture in it. Throws ApiError. */
export async function readRequest(body: Buffer, contentType: string | undefined, minimumEdge: number): Promise<ReceivedRequest> {
  if (contentType?.split(';')[0] !== 'application/json') throw new ApiError(400, 'The content type must be application/json.');
  let json: unknown;
  try {
    json = JSON.parse(body.toString('utf8'));
  } catch {
    throw new ApiError(400, 'We could not parse the JSON body of your request.');
  }
  const parsed = requestSchema.safeParse(json);
  if (!parsed.success) throw schemaError(parsed.error);
  const request = parsed.data;
  const [tool] = request.tools;
  const content = request.input.flatMap((message) => message.content);
  const prompt = content.flatMap((part) => (part.type === 'input_text' ? [part.text] : [])).join('\n');
  if (prompt === '') throw new ApiError(400, 'There is no input_text.', { param: 'input', code: 'missing_required_parameter' });
  if (request.background === true && request.store === false) {
    throw new ApiError(400, "Background mode requires 'store' to be true.", { param: 'store', code: 'invalid_value' });
  }
  if (request.model.startsWith('missing-')) {
    throw new ApiError(404, `The model '${request.model}' does not exist.`, { code: 'model_not_found' });
  }
  if (tool) checkTool(tool);

  const urls = content.flatMap((part) => (part.type === 'input_image' ? [part.image_url] : []));
  const images: ReceivedImage[] = [];
  for (const [index, url] of urls.entries()) images.push((await readImage(url, `input[0].content[${index}]`, minimumEdge)).image);
  if (tool?.action === 'edit' && images.length === 0) {
    throw new ApiError(400, "The action 'edit' needs an input image.", { param: 'tools[0].action', code: 'invalid_value' });
  }
  const mask = tool?.input_image_mask ? await readMask(tool.input_image_mask.image_url, images[0], minimumEdge) : undefined;
  return { request, prompt, images, mask };
}

function checkTool(tool: z.infer<typeof imageTool>): void {
  if (tool.background === 'transparent' && tool.output_format === 'jpeg') {
    throw new ApiError(400, 'Transparent background is not supported for JPEG output format', {
      param: 'background',
      code: 'invalid_value',
    });
  }
  const match = /^(\d+)x(\d+)$/.exec(tool.size ?? '');
  if (!match) return;
  const classic = ['1024x1024', '1024x1536', '1536x1024'];
  const bad = /^gpt-image-1(?:-|$)/.test(tool.model ?? '')
    ? !classic.includes(tool.size ?? '')
    : [match[1], match[2]].some((edge) => Number(edge) % 16 !== 0) || Math.abs(Math.log(Number(match[1]) / Number(match[2]))) > Math.log(3.001);
  if (bad) throw new ApiError(400, `Invalid value: '${tool.size}'.`, { param: 'tools[0].size', code: 'invalid_value' });
}

async function readMask(url: string, first: ReceivedImage | undefined, minimumEdge: number): Promise<ReceivedImage> {
  const param = 'tools[0].input_image_mask';
  const { image, hasAlpha } = await readImage(url, param, minimumEdge);
  if (!hasAlpha) throw new ApiError(400, 'The mask has no alpha channel.', { param, code: 'invalid_image' });
  if (image.width !== first?.width || image.height !== first.height) {
    throw new ApiError(400, 'The mask must have the size of the first image.', { param, code: 'invalid_image' });
  }
  return image;
}

type Seen = { image: ReceivedImage; hasAlpha: boolean };

/** Good pictures of the last requests, by their data URL's digest: a load test does not measure sharp. */
const good = new Map<string, Seen>();
const MOST_KEPT = 64;

async function readImage(url: string, param: string, minimumEdge: number): Promise<Seen> {
  const name = `${minimumEdge}/${createHash('sha256').update(url).digest('hex')}`;
  const seen = good.get(name) ?? (await decodeImage(url, param, minimumEdge));
  good.set(name, seen);
  const [oldest] = good.keys();
  if (good.size > MOST_KEPT && oldest !== undefined) good.delete(oldest);
  return seen;
}

async function decodeImage(url: string, param: string, minimumEdge: number): Promise<Seen> {
  const match = /^data:(image\/(?:png|jpeg|webp|gif));base64,([A-Za-z0-9+/]+={0,2})$/.exec(url);
  if (!match || (match[2]?.length ?? 0) % 4 !== 0) {
    throw new ApiError(400, 'Expected a base64-encoded data URL of a PNG, JPEG, WebP or GIF.', { param, code: 'invalid_image_url' });
  }
  const bytes = Buffer.from(match[2] ?? '', 'base64');
  try {
    const picture = sharp(bytes, { failOn: 'warning' });
    const { format, width, height, hasAlpha } = await picture.metadata();
    // The header alone proves little: a picture that breaks off is refused too.
    await picture.stats();
    if (`image/${format}` !== match[1]) {
      throw new ApiError(400, `The picture is ${format}, not ${match[1]}.`, { param, code: 'unsupported_image_media_type' });
    }
    if (Math.min(width, height) < minimumEdge) {
      throw new ApiError(400, 'The image is too small.', { param, code: 'image_too_small' });
    }
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    return { image: { mime_type: match[1], width, height, sha256 }, hasAlpha };
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw new ApiError(400, 'The image cannot be decoded.', { param, code: 'image_parse_error' });
  }
}

/** One issue, in OpenAI's words. */
function schemaError(error: z.ZodError): ApiError {
  const [issue] = error.issues;
  const path = (issue?.path ?? []).reduce<string>(
    (all, step) => (typeof step === 'number' ? `${all}[${step}]` : all === '' ? String(step) : `${all}.${String(step)}`),
    '',
  );
  if (issue?.code === 'unrecognized_keys') {
    const param = path === '' ? issue.keys[0] : `${path}.${issue.keys[0]}`;
    return new ApiError(400, `Unknown parameter: '${param}'.`, { param, code: 'unknown_parameter' });
  }
  const absent = issue?.code === 'invalid_type' && issue.message.includes('received undefined');
  return new ApiError(400, absent ? `Missing required parameter: '${path}'.` : `Invalid value for '${path}': ${issue?.message}.`, {
    param: path,
    code: absent ? 'missing_required_parameter' : 'invalid_value',
  });
}
