import * as z from 'zod';
import { randomBytes } from 'node:crypto';
import type { FakeSpec, RawRequest, Reply, Shown } from './fake-provider.js';
import type { Received, Task } from './tasks.js';
import { checked, imageOf, jsonOf, shortened, wrong } from './wire.js';

/**
 * generativelanguage.googleapis.com. Bodies as in googleapis/js-genai (src/types.ts: GenerateContentResponse, ImageConfig,
 * FinishReason, BlockedReason; src/gaos/models/interactions: CreateModelInteraction, Interaction, ImageResponseFormat),
 * errors as ai.google.dev "api-errors" has them and as vercel/ai keeps one (google-429-retry-info.json). It lives twice: with
 * errors of generateContent, and of the Interactions API, which takes both forms of the request.
 */
const MOST_IMAGES = 14;
const RATIOS = ['1:1', '2:3', '3:2', '3:4', '4:3', '4:5', '5:4', '9:16', '16:9', '21:9', '1:4', '4:1', '1:8', '8:1'] as const;
const SIZES = ['512', '1K', '2K', '4K'] as const;
const MIME_TYPES = ['image/png', 'image/jpeg', 'image/webp'] as const;
const seed = z.int().min(0).max(2 ** 31 - 1).optional();
const blob = { data: z.string().min(1) };

const generateSchema = z.strictObject({
  contents: z
    .array(
      z.strictObject({
        role: z.literal('user'),
        parts: z
          .array(z.union([z.strictObject({ text: z.string().min(1) }), z.strictObject({ inlineData: z.strictObject({ mimeType: z.enum(MIME_TYPES), ...blob }) })]))
          .min(1),
      }),
    )
    .length(1),
  generationConfig: z.strictObject({
    responseModalities: z.array(z.enum(['TEXT', 'IMAGE'])).min(1),
    imageConfig: z.strictObject({ aspectRatio: z.enum(RATIOS).optional(), imageSize: z.enum(SIZES).optional() }).optional(),
    seed,
  }),
});
const interactionSchema = z.strictObject({
  model: z.string().min(1),
  input: z
    .array(
      z.strictObject({
        type: z.literal('user_input'),
        content: z
          .array(z.union([z.strictObject({ type: z.literal('text'), text: z.string().min(1) }), z.strictObject({ type: z.literal('image'), mime_type: z.enum(MIME_TYPES), ...blob })]))
          .min(1),
      }),
    )
    .length(1),
  background: z.literal(true),
  store: z.literal(true),
  response_format: z.strictObject({
    type: z.literal('image'),
    aspect_ratio: z.enum(RATIOS).optional(),
    image_size: z.enum(SIZES).optional(),
    delivery: z.enum(['inline', 'uri']).optional(),
  }),
  generation_config: z.strictObject({ seed }).optional(),
});

type Form = 'generate' | 'interactions';

const status = (code: number, word: string, message: string, details: object[] = []): Reply => ({
  status: code,
  json: { error: { code, message, status: word, ...(details.length > 0 ? { details } : {}) } },
});
const rpc = (type: string, rest: object): object => ({ '@type': `type.googleapis.com/google.rpc.${type}`, ...rest });
const invalid = (message: string): Reply => status(400, 'INVALID_ARGUMENT', message);
const interactionError = (code: number, word: string, message: string): Reply => ({ status: code, json: { error: { message, code: word } } });
const QUOTA = 'You exceeded your current quota, please check your plan and billing details.';

export const geminiFake: FakeSpec = specOf('generate');
export const geminiInteractionsFake: FakeSpec = specOf('interactions');

function specOf(form: Form): FakeSpec {
  return {
    base: '',
    route({ method, path }) {
      const named = /^\/v1beta\/interactions\/([\w-]+)(\/cancel)?$/.exec(path);
      if (named?.[1] !== undefined) {
        const id = named[1];
        if (method === 'GET' && named[2] === undefined) return { on: 'poll', id };
        return method === 'POST' && named[2] !== undefined ? { on: 'cancel', id } : undefined;
      }
      const submits = path === '/v1beta/interactions' || /^\/v1beta\/models\/[a-z0-9.-]+:generateContent$/.test(path);
      return method === 'POST' && submits ? { on: 'submit' } : undefined;
    },
    key: ({ 'x-goog-api-key': key }) => (typeof key === 'string' && key !== '' ? key : undefined),
    newId: () => `v1_${randomBytes(24).toString('base64url')}`,
    read: (request) => (request.path.endsWith('/interactions') ? readInteraction(request) : readGenerate(request)),
    synchronous: ({ body }) => body['background'] === undefined,
    accepted: (task, fake) => (task.received.body['background'] === undefined ? generated(task, fake) : { status: 200, json: interaction(task, 'in_progress') }),
    shown: async (task, fake) => ({ status: 200, json: await shown(task, fake) }),
    cancelled: (task) => (task.state === 'cancelled' ? { status: 200, json: interaction(task, 'cancelled') } : interactionError(400, 'invalid_request', 'The interaction is not running.')),
    refusal: (kind, fault, key) => refusalOf(kind, fault, key, form),
    unknown: () => interactionError(404, 'not_found', 'Failed to get completed interaction: Result not found.'),
  };
}

async function readGenerate(request: RawRequest): Promise<Received> {
  const body = checked(generateSchema, jsonOf(request, invalid), invalid);
  const model = /models\/(.+):generateContent$/.exec(request.path)?.[1] ?? '';
  const { imageConfig = {}, responseModalities } = body.generationConfig;
  if (!responseModalities.includes('IMAGE')) throw wrong(invalid, 'no picture is asked for');
  offered(model, imageConfig.imageSize);
  const parts = body.contents[0]?.parts ?? [];
  await taken(parts.flatMap((part) => ('inlineData' in part ? [part.inlineData] : [])));
  const prompt = parts.map((part) => ('text' in part ? part.text : '')).join('');
  return { prompt, n: 1, body: { model, ...shortened(body) } };
}

async function readInteraction(request: RawRequest): Promise<Received> {
  const bad = (message: string): Reply => interactionError(400, 'invalid_request', message);
  const body = checked(interactionSchema, jsonOf(request, bad), bad);
  offered(body.model, body.response_format.image_size);
  const content = body.input[0]?.content ?? [];
  await taken(content.flatMap((part) => ('data' in part ? [{ mimeType: part.mime_type, data: part.data }] : [])));
  const prompt = content.map((part) => ('text' in part ? part.text : '')).join('');
  return { prompt, n: 1, format: 'jpeg', body: shortened(body) };
}

function offered(model: string, size: string | undefined): void {
  if (size === undefined) return;
  if (/2\.5-flash-image|flash-lite-image/.test(model)) throw wrong(invalid, `image size is not supported by ${model}`);
  if (size === '512' && model.includes('nano-banana-2.1')) throw wrong(invalid, `image size 512 is not supported by ${model}`);
}

async function taken(images: readonly { mimeType: string; data: string }[]): Promise<void> {
  if (images.length > MOST_IMAGES) throw wrong(invalid, `at most ${MOST_IMAGES} images`);
  for (const { mimeType, data } of images) {
    const { format } = await imageOf(data, 'raw', invalid);
    if (`image/${format}` !== mimeType) throw wrong(invalid, `the image is ${format}, not ${mimeType}`);
  }
}

async function generated(task: Task, fake: Shown): Promise<Reply> {
  const { outcome } = task;
  if (outcome?.kind === 'failed') return status(504, 'DEADLINE_EXCEEDED', 'Deadline expired before operation could complete.');
  const tokens = outcome?.kind === 'empty' || outcome?.kind === 'refusal' ? 0 : 1120;
  const usageMetadata = {
    promptTokenCount: 12,
    candidatesTokenCount: tokens,
    thoughtsTokenCount: 90,
    totalTokenCount: 102 + tokens,
    promptTokensDetails: [{ modality: 'TEXT', tokenCount: 12 }],
  };
  const rest = { usageMetadata, modelVersion: task.received.body['model'], responseId: task.id };
  if (outcome?.kind === 'refusal') {
    const finishMessage = outcome.message ?? 'Unable to show the generated image.';
    return { status: 200, json: { candidates: [{ finishReason: 'IMAGE_SAFETY', finishMessage, index: 0 }], ...rest } };
  }
  if (outcome?.kind === 'empty') return { status: 200, json: { candidates: [{ content: { role: 'model' }, finishReason: 'NO_IMAGE', index: 0 }], ...rest } };
  const data = (await fake.pictures(task)).map((bytes) => ({ inlineData: { mimeType: 'image/png', data: bytes.toString('base64') } }));
  // What the model thinks, and draws while it thinks, comes first.
  const thoughts = [{ text: 'A fox, red.', thought: true }, { inlineData: { mimeType: 'image/png', data: 'iVBORw0KGgo=' }, thought: true }];
  const finishReason = outcome?.kind === 'unknown_status' ? 'PONDERED' : 'STOP';
  const parts = [...thoughts, ...data.map((part) => ({ ...part, thoughtSignature: 'c2lnbmF0dXJl' }))];
  return { status: 200, json: { candidates: [{ content: { role: 'model', parts }, finishReason, index: 0 }], ...rest } };
}

function interaction(task: Task, state: string, more: object = {}): object {
  const at = new Date(task.at).toISOString();
  return { id: task.id, object: 'interaction', model: task.received.body['model'], status: state, created: at, updated: at, ...more };
}

async function shown(task: Task, fake: Shown): Promise<object> {
  const { outcome, state } = task;
  if (state === 'cancelled') return interaction(task, 'cancelled');
  if (state === 'failed') return interaction(task, 'failed', { errors: [{ code: 'internal', message: 'An internal error has occurred.' }] });
  if (state !== 'done') return interaction(task, outcome?.kind === 'unknown_status' ? 'pondering' : 'in_progress');
  if (outcome?.kind === 'refusal') return interaction(task, 'failed', { errors: [{ code: 'image_safety', message: outcome.message ?? 'Unable to show the generated image.' }] });
  const pictures = (await fake.pictures(task)).map((bytes) => ({ type: 'image', mime_type: 'image/jpeg', data: bytes.toString('base64') }));
  const steps = [
    { type: 'thought', signature: 'c2lnbmF0dXJl', summary: [{ type: 'text', text: 'A fox, red.' }] },
    { type: 'model_output', content: pictures.length > 0 ? pictures : [{ type: 'text', text: 'Which fox do you mean?' }] },
  ];
  return interaction(task, 'completed', { steps, usage: { total_input_tokens: 12, total_output_tokens: 1120, total_tokens: 1132 } });
}

function refusalOf(kind: Parameters<FakeSpec['refusal']>[0], fault: Parameters<FakeSpec['refusal']>[1], key: string, form: Form): Reply {
  const own = (code: number, word: string, rpcWord: string, message: string, details: object[] = []): Reply =>
    form === 'interactions' ? interactionError(code, word, message) : status(code, rpcWord, message, details);
  const delay = fault.retry_after === undefined ? [] : [rpc('RetryInfo', { retryDelay: `${fault.retry_after}s` })];
  const violation = (of: string, value: string): object =>
    rpc('QuotaFailure', {
      violations: [{ quotaMetric: 'generativelanguage.googleapis.com/generate_content_free_tier_requests', quotaId: `GenerateRequestsPer${of}PerProjectPerModel-FreeTier`, quotaValue: value }],
    });
  switch (kind) {
    case 'unauthorized': {
      if (key === '') return status(403, 'PERMISSION_DENIED', "Method doesn't allow unregistered callers (callers without established identity).");
      const message = 'API key not valid. Please pass a valid API key.';
      const reason = rpc('ErrorInfo', { reason: 'API_KEY_INVALID', domain: 'googleapis.com', metadata: { service: 'generativelanguage.googleapis.com' } });
      return status(400, 'INVALID_ARGUMENT', message, [reason, rpc('LocalizedMessage', { locale: 'en-US', message })]);
    }
    case 'quota':
      return own(429, 'quota_exceeded', 'RESOURCE_EXHAUSTED', QUOTA, [violation('Day', '20'), rpc('RetryInfo', { retryDelay: '57s' })]);
    case 'rate_limited': {
      const reply = own(429, 'rate_limit_exceeded', 'RESOURCE_EXHAUSTED', QUOTA, [violation('Minute', '5'), ...delay]);
      return form === 'interactions' && fault.retry_after !== undefined ? { ...reply, headers: { 'retry-after': String(fault.retry_after) } } : reply;
    }
    case 'moderation':
      if (form === 'interactions') return interactionError(400, 'invalid_request', fault.message ?? 'The input was blocked: PROHIBITED_CONTENT');
      return {
        status: 200,
        json: { promptFeedback: { blockReason: 'PROHIBITED_CONTENT', ...(fault.message === undefined ? {} : { blockReasonMessage: fault.message }) }, usageMetadata: { promptTokenCount: 12, totalTokenCount: 12 } },
      };
    case 'rejected':
      return own(400, 'parameter_unknown', 'INVALID_ARGUMENT', 'Invalid JSON payload received. Unknown name "quality" at \'generation_config\': Cannot find field.');
    case 'overloaded':
      return own(503, 'unavailable', 'UNAVAILABLE', 'The model is overloaded. Please try again later.');
    case 'server_error':
      return own(500, 'internal', 'INTERNAL', 'An internal error has occurred. Please retry.');
  }
}
