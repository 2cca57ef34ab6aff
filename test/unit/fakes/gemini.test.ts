import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import * as z from 'zod';
import { startFakeProvider, type FakeProvider } from '../../support/fakes/fake-provider.js';
import type { FaultInput } from '../../support/fakes/faults.js';
import { geminiFake, geminiInteractionsFake } from '../../support/fakes/gemini.js';

/** The body that vercel/ai sends (packages/google/src/google-image-model.ts), with what ai.google.dev "image-generation" adds. */
const part = async (format: 'png' | 'jpeg' = 'png'): Promise<{ inlineData: { mimeType: string; data: string } }> => {
  const bytes = await sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } }).toFormat(format).toBuffer();
  return { inlineData: { mimeType: `image/${format}`, data: bytes.toString('base64') } };
};
const generate = (config: object = {}, parts: object[] = []): object => ({
  contents: [{ role: 'user', parts: [{ text: 'a red fox' }, ...parts] }],
  generationConfig: { responseModalities: ['IMAGE'], imageConfig: { aspectRatio: '16:9', imageSize: '2K' }, ...config },
});
/** As TanStack/ai sends it for videos (packages/ai-gemini/src/adapters/video.ts), for a picture. */
const interact = (changes: object = {}): object => ({
  model: 'gemini-3-pro-image',
  input: [{ type: 'user_input', content: [{ type: 'text', text: 'a red fox' }] }],
  background: true,
  store: true,
  response_format: { type: 'image', aspect_ratio: '16:9', image_size: '2K' },
  ...changes,
});
const GENERATE = '/v1beta/models/gemini-nano-banana-2.1:generateContent';
const reply = z.looseObject({ error: z.looseObject({ code: z.unknown(), message: z.string() }).optional(), id: z.string().optional(), status: z.string().optional() });

let fake: FakeProvider;
afterEach(() => fake.close());
const call = async (method: string, path: string, json?: object, key = 'AIza-one'): Promise<{ status: number; json: z.infer<typeof reply>; retryAfter: string | null }> => {
  const response = await fetch(`${fake.url}${path}`, {
    method,
    headers: { 'content-type': 'application/json', ...(key === '' ? {} : { 'x-goog-api-key': key }) },
    ...(json === undefined ? {} : { body: JSON.stringify(json) }),
  });
  const text = await response.text();
  return { status: response.status, json: reply.parse(text.startsWith('{') ? JSON.parse(text) : {}), retryAfter: response.headers.get('retry-after') };
};

describe('the fake generateContent', () => {
  beforeEach(async () => {
    fake = await startFakeProvider(geminiFake);
  });

  it('answers with a picture beside the thoughts, and bills it', async () => {
    const { status, json } = await call('POST', GENERATE, generate({ seed: 7 }, [await part(), await part('jpeg')]));
    expect(status).toBe(200);
    expect(json).toMatchObject({ candidates: [{ content: { parts: [{ thought: true }, { thought: true }, { inlineData: { mimeType: 'image/png' } }] }, finishReason: 'STOP' }] });
    expect(json).toMatchObject({ usageMetadata: { candidatesTokenCount: 1120 }, modelVersion: 'gemini-nano-banana-2.1' });
    expect(fake.ledger()).toMatchObject({ total: 1, by_prompt: { 'a red fox': 1 }, by_key: { 'AIza-one': 1 } });
  });

  it.each<[string, string, () => object | Promise<object>]>([
    ['a field that is not its own', GENERATE, () => ({ ...generate(), model: 'x' })],
    ['a setting that is not its own', GENERATE, () => generate({ quality: 'high' })],
    ['no picture', GENERATE, () => generate({ responseModalities: ['TEXT'] })],
    ['an unknown ratio', GENERATE, () => generate({ imageConfig: { aspectRatio: '7:3' } })],
    ['a size in lower case', GENERATE, () => generate({ imageConfig: { imageSize: '2k' } })],
    ['a size that the model lacks', GENERATE, () => generate({ imageConfig: { imageSize: '512' } })],
    ['a size at a model with one', '/v1beta/models/gemini-2.5-flash-image:generateContent', () => generate()],
    ['a seed of 32 bits', GENERATE, () => generate({ seed: 2 ** 31 })],
    ['something that is no picture', GENERATE, () => generate({}, [{ inlineData: { mimeType: 'image/png', data: 'bm9uZQ==' } }])],
    ['a picture of another type', GENERATE, async () => generate({}, [{ inlineData: { ...(await part()).inlineData, mimeType: 'image/jpeg' } }])],
    ['fifteen pictures', GENERATE, async () => generate({}, await Promise.all(Array.from({ length: 15 }, () => part())))],
    ['no text', GENERATE, () => ({ ...generate(), contents: [{ role: 'user', parts: [] }] })],
  ])('refuses %s', async (_name, path, body) => {
    const { status, json } = await call('POST', path, await body());
    expect([status, json.error]).toEqual([400, expect.objectContaining({ code: 400, status: 'INVALID_ARGUMENT' })]);
    expect(fake.ledger().total).toBe(0);
    expect(fake.violations).toHaveLength(1);
  });

  it('refuses another address, and a call without a key', async () => {
    expect((await call('POST', '/v1beta/models/gemini-nano-banana-2.1:predict', generate())).status).toBe(404);
    expect(await call('POST', GENERATE, generate(), '')).toMatchObject({ status: 403, json: { error: { status: 'PERMISSION_DENIED' } } });
  });

  /** vercel/ai packages/google/src/__fixtures__/google-429-retry-info.json; the answer to a wrong key: ai.google.dev "api-errors". */
  it.each<[FaultInput, number, object]>([
    [{ kind: 'rate_limited', retry_after: 34.4 }, 429, { code: 429, status: 'RESOURCE_EXHAUSTED', details: [{ violations: [{ quotaId: 'GenerateRequestsPerMinutePerProjectPerModel-FreeTier' }] }, { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '34.4s' }] }],
    [{ kind: 'quota' }, 429, { status: 'RESOURCE_EXHAUSTED', details: [{ violations: [{ quotaId: 'GenerateRequestsPerDayPerProjectPerModel-FreeTier' }] }, { retryDelay: '57s' }] }],
    [{ kind: 'unauthorized' }, 400, { code: 400, message: 'API key not valid. Please pass a valid API key.', details: [{ reason: 'API_KEY_INVALID', domain: 'googleapis.com' }, {}] }],
    [{ kind: 'rejected' }, 400, { status: 'INVALID_ARGUMENT' }],
    [{ kind: 'server_error' }, 500, { status: 'INTERNAL' }],
    [{ kind: 'overloaded' }, 503, { status: 'UNAVAILABLE' }],
  ])('%j, in its own form, unbilled', async (fault, status, error) => {
    fake.fault(fault);
    expect(await call('POST', GENERATE, generate())).toMatchObject({ status, json: { error } });
    expect(fake.ledger().total).toBe(0);
  });

  it.each<[FaultInput, number, number, object]>([
    [{ kind: 'moderation' }, 200, 0, { promptFeedback: { blockReason: 'PROHIBITED_CONTENT' } }],
    [{ kind: 'refusal' }, 200, 1, { candidates: [{ finishReason: 'IMAGE_SAFETY' }] }],
    [{ kind: 'empty' }, 200, 1, { candidates: [{ finishReason: 'NO_IMAGE' }] }],
    [{ kind: 'unknown_status' }, 200, 1, { candidates: [{ finishReason: 'PONDERED' }] }],
    [{ kind: 'partial' }, 200, 1, { candidates: [{ finishReason: 'STOP' }] }],
    [{ kind: 'image', image_base64: 'R0lG' }, 200, 1, { candidates: [{ content: { parts: [{}, {}, { inlineData: { data: 'R0lG' } }] } }] }],
    [{ kind: 'failed' }, 504, 1, { error: { status: 'DEADLINE_EXCEEDED' } }],
  ])('%j', async (fault, status, billed, json) => {
    fake.fault(fault);
    expect(await call('POST', GENERATE, generate())).toMatchObject({ status, json });
    expect(fake.ledger().total).toBe(billed);
  });
});

describe('the fake Interactions API', () => {
  beforeEach(async () => {
    fake = await startFakeProvider(geminiInteractionsFake, { complete_after_polls: 2 });
  });
  const create = (changes: object = {}): ReturnType<typeof call> => call('POST', '/v1beta/interactions', interact(changes));

  it('goes from in_progress to completed, with the picture in the step of the model', async () => {
    const { status, json } = await create();
    expect([status, json.status, json.id]).toEqual([200, 'in_progress', expect.stringMatching(/^v1_/)]);
    expect((await call('GET', `/v1beta/interactions/${json.id}`)).json.status).toBe('in_progress');
    const done = await call('GET', `/v1beta/interactions/${json.id}`);
    expect(done.json).toMatchObject({ status: 'completed', steps: [{ type: 'thought' }, { type: 'model_output', content: [{ type: 'image', mime_type: 'image/jpeg' }] }] });
    expect(await call('GET', `/v1beta/interactions/${json.id}`, undefined, 'AIza-two')).toMatchObject({ status: 404, json: { error: { code: 'not_found' } } });
    expect(fake.ledger().total).toBe(1);
  });

  it.each([{ n: 2 }, { background: false }, { store: undefined }, { response_format: { type: 'image', aspectRatio: '1:1' } }, { generation_config: { seed: -1 } }, { input: 'a red fox', agent: 'x' }])('refuses %j', async (changes) => {
    expect(await create(changes)).toMatchObject({ status: 400, json: { error: { code: 'invalid_request' } } });
    expect(fake.ledger().total).toBe(0);
  });

  it('cancels what runs, and no more than that', async () => {
    const { json } = await create();
    expect((await call('POST', `/v1beta/interactions/${json.id}/cancel`)).json.status).toBe('cancelled');
    const other = await create();
    await call('GET', `/v1beta/interactions/${other.json.id}`);
    await call('GET', `/v1beta/interactions/${other.json.id}`);
    expect((await call('POST', `/v1beta/interactions/${other.json.id}/cancel`)).status).toBe(400);
  });

  it.each<[FaultInput, number, string]>([
    [{ kind: 'rate_limited', retry_after: 7 }, 429, 'rate_limit_exceeded'],
    [{ kind: 'quota' }, 429, 'quota_exceeded'],
    [{ kind: 'rejected' }, 400, 'parameter_unknown'],
    [{ kind: 'moderation' }, 400, 'invalid_request'],
    [{ kind: 'overloaded' }, 503, 'unavailable'],
    [{ kind: 'server_error' }, 500, 'internal'],
  ])('%j, with a word as its code', async (fault, status, code) => {
    fake.fault(fault);
    expect(await create()).toMatchObject({ status, json: { error: { code } }, ...(fault.retry_after === undefined ? {} : { retryAfter: '7' }) });
    expect(fake.ledger().total).toBe(0);
  });

  it.each<[FaultInput, object]>([
    [{ kind: 'refusal' }, { json: { status: 'failed', errors: [{ code: 'image_safety' }] } }],
    [{ kind: 'failed' }, { json: { status: 'failed', errors: [{ code: 'internal' }] } }],
    [{ kind: 'empty' }, { json: { status: 'completed', steps: [{}, { content: [{ type: 'text' }] }] } }],
    [{ kind: 'expires' }, { status: 404 }],
    [{ kind: 'never_done' }, { json: { status: 'in_progress' } }],
  ])('%j', async (fault, expected) => {
    fake.fault(fault);
    const { json } = await create();
    await call('GET', `/v1beta/interactions/${json.id}`);
    expect(await call('GET', `/v1beta/interactions/${json.id}`)).toMatchObject(expected);
    expect(fake.ledger().total).toBe(1);
  });

  it('an unknown status word, before the picture', async () => {
    fake.fault({ kind: 'unknown_status' });
    const { json } = await create();
    expect((await call('GET', `/v1beta/interactions/${json.id}`)).json.status).toBe('pondering');
  });
});
