import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { startFakeProvider, type FakeProvider } from '../../support/fakes/fake-provider.js';
import type { FaultInput } from '../../support/fakes/faults.js';
import { openaiImagesFake } from '../../support/fakes/openai-images.js';
import { formOf, post } from './images-helpers.js';

let fake: FakeProvider;
beforeEach(async () => {
  fake = await startFakeProvider(openaiImagesFake);
});
afterEach(() => fake.close());

const BODY = { model: 'gpt-image-1', prompt: 'A cute baby sea otter', n: 1, size: '1024x1024' };
const png = (width: number, height: number): Promise<Buffer> => sharp({ create: { width, height, channels: 4, background: '#00f8' } }).png().toBuffer();

it('answers with the fields of recorded replies', async () => {
  const { status, json } = await post(fake, '/images/generations', { ...BODY, quality: 'high', output_format: 'png' });
  expect(status).toBe(200);
  // openai-image-edit.json and openai-image.json of vercel/ai; the usage as in the example of the OpenAPI description.
  expect(json).toEqual({
    created: expect.any(Number),
    background: 'opaque',
    data: [{ b64_json: expect.stringMatching(/^iVBORw0KGgo/), revised_prompt: expect.any(String) }],
    output_format: 'png',
    quality: 'high',
    size: '1024x1024',
    usage: { total_tokens: 100, input_tokens: 50, output_tokens: 50, input_tokens_details: { text_tokens: 10, image_tokens: 40 } },
  });
  expect(fake.ledger()).toMatchObject({ total: 1, by_key: { 'key-1': 1 } });
});

it('refuses response_format with the recorded error', async () => {
  const { status, json } = await post(fake, '/images/generations', { ...BODY, response_format: 'b64_json' });
  expect(status).toBe(400);
  // gpt-image-response-format-error.json of vercel/ai.
  expect(json).toEqual({
    error: { message: "Unknown parameter: 'response_format'.", type: 'invalid_request_error', param: 'response_format', code: 'unknown_parameter' },
  });
});

describe('a body that is one field off is refused, and not billed', () => {
  it.each<[string, Record<string, unknown>]>([
    ['no model', { model: undefined }],
    ['no prompt', { prompt: undefined }],
    ['an empty prompt', { prompt: '' }],
    ['eleven pictures', { n: 11 }],
    ['a number as text', { n: '1' }],
    ['a quality of nobody', { quality: 'best' }],
    ['jpg', { output_format: 'jpg' }],
    ['a size that the model does not have', { size: '1000x600' }],
    ['a size between the steps of gpt-image-2', { model: 'gpt-image-2', size: '1000x600' }],
    ['too few pixels', { model: 'gpt-image-2', size: '512x512' }],
    ['a quality that the model does not have', { quality: 'max' }],
    ['a shape beyond 3:1', { model: 'gpt-image-2', size: '2048x512' }],
    ['a transparent JPEG', { background: 'transparent', output_format: 'jpeg' }],
    ['a field of another API', { aspect_ratio: '1:1' }],
  ])('%s', async (_name, off) => {
    expect(await post(fake, '/images/generations', { ...BODY, ...off })).toMatchObject({ status: 400, json: { error: { type: 'invalid_request_error' } } });
    expect([fake.ledger().total, fake.violations.length]).toEqual([0, 1]);
  });

  const FORM = { model: 'gpt-image-1', prompt: 'with a beret', n: '1' };
  it.each<[string, () => Promise<FormData> | FormData]>([
    ['no image', () => formOf(FORM, [])],
    ['no prompt', async () => formOf({ model: 'gpt-image-1' }, [{ name: 'image', bytes: await png(64, 64) }])],
    ['seventeen images', async () => formOf(FORM, Array.from({ length: 17 }, () => ({ name: 'image[]', bytes: Buffer.from('') })))],
    ['several under the name of one', async () => formOf(FORM, [{ name: 'image', bytes: await png(64, 64) }, { name: 'image', bytes: await png(64, 64) }])],
    ['what is no picture', () => formOf(FORM, [{ name: 'image[]', bytes: Buffer.from('no picture') }])],
    ['another type than it says', async () => formOf(FORM, [{ name: 'image[]', bytes: await png(64, 64), type: 'image/webp' }])],
    ['a mask of another size', async () => formOf(FORM, [{ name: 'image[]', bytes: await png(64, 64) }, { name: 'mask', bytes: await png(64, 32) }])],
    ['a mask that is a JPEG', async () => formOf(FORM, [{ name: 'image[]', bytes: await png(64, 64) }, { name: 'mask', bytes: await sharp(await png(64, 64)).jpeg().toBuffer(), type: 'image/jpeg' }])],
    ['a file of nobody', async () => formOf(FORM, [{ name: 'image[]', bytes: await png(64, 64) }, { name: 'style', bytes: await png(64, 64) }])],
    ['a text of nobody', async () => formOf({ ...FORM, response_format: 'b64_json' }, [{ name: 'image[]', bytes: await png(64, 64) }])],
  ])('an edit with %s', async (_name, form) => {
    expect(await post(fake, '/images/edits', await form())).toMatchObject({ status: 400 });
    expect([fake.ledger().total, fake.violations.length]).toEqual([0, 1]);
  });

  it('an edit as JSON, a request without a key, another address', async () => {
    expect(await post(fake, '/images/edits', BODY)).toMatchObject({ status: 400 });
    expect(await post(fake, '/images/generations', BODY, '')).toMatchObject({ status: 401, json: { error: { code: 'invalid_api_key' } } });
    expect(await post(fake, '/images/variations', BODY)).toMatchObject({ status: 404 });
    expect(fake.ledger().total).toBe(0);
  });
});

it('counts the images of an edit', async () => {
  const files = [{ name: 'image[]', bytes: await png(64, 64) }, { name: 'image[]', bytes: await png(32, 32) }, { name: 'mask', bytes: await png(64, 64) }];
  expect(await post(fake, '/images/edits', formOf({ model: 'gpt-image-1', prompt: 'with a beret' }, files))).toMatchObject({ status: 200 });
  expect(fake.requests[0]?.body).toMatchObject({ 'image[]': [{ width: 64 }, { width: 32 }], mask: { width: 64 } });
});

describe('faults', () => {
  const error = (fields: Record<string, unknown>): Record<string, unknown> => ({ error: expect.objectContaining(fields) });
  it.each<[FaultInput, number, Record<string, unknown>, number]>([
    [{ kind: 'unauthorized' }, 401, error({ code: 'invalid_api_key' }), 0],
    [{ kind: 'quota' }, 429, error({ code: 'insufficient_quota' }), 0],
    [{ kind: 'rate_limited' }, 429, error({ code: 'rate_limit_exceeded' }), 0],
    [{ kind: 'moderation' }, 400, error({ code: 'moderation_blocked', type: 'image_generation_user_error', message: expect.stringContaining('safety_violations=[sexual]') }), 0],
    [{ kind: 'rejected' }, 400, error({ code: 'invalid_value' }), 0],
    [{ kind: 'overloaded' }, 503, error({ type: 'server_error' }), 0],
    [{ kind: 'server_error' }, 500, error({ type: 'server_error' }), 0],
    [{ kind: 'reply', status: 418, body: '{"a":1}' }, 418, { a: 1 }, 0],
    [{ kind: 'unreadable' }, 200, {}, 1],
    [{ kind: 'refusal' }, 400, error({ moderation_details: { moderation_stage: 'output', categories: ['sexual'] } }), 1],
    [{ kind: 'empty' }, 200, { data: [] }, 1],
    [{ kind: 'failed' }, 500, error({ type: 'server_error' }), 1],
    [{ kind: 'unknown_status' }, 200, { status: 'pondering', data: [{ b64_json: expect.any(String) }] }, 1],
    [{ kind: 'expires' }, 200, { data: [{ url: expect.stringContaining('/__files__/') }] }, 1],
    [{ kind: 'image', image_base64: 'AAAA' }, 200, { data: [{ b64_json: 'AAAA' }] }, 1],
  ])('%j', async (fault, status, json, billed) => {
    fake.fault(fault);
    const reply = await post(fake, '/images/generations', BODY);
    expect(reply).toMatchObject({ status, json });
    expect(fake.ledger().total).toBe(billed);
    expect((await post(fake, '/images/generations', BODY)).status).toBe(200);
  });

  it('of a part of the pictures', async () => {
    fake.fault({ kind: 'partial' });
    const { json } = await post(fake, '/images/generations', { ...BODY, n: 3 });
    expect(json['data']).toHaveLength(2);
  });

  it('of an address that is gone', async () => {
    fake.fault({ kind: 'expires' });
    const { text } = await post(fake, '/images/generations', BODY);
    expect((await fetch(/http[^"]+/.exec(text)?.[0] ?? '')).status).toBe(404);
  });

  it('says a delay in seconds and milliseconds', async () => {
    fake.fault({ kind: 'rate_limited', retry_after: 7 }, { kind: 'rate_limited', retry_after: 0.25 });
    const headers = [await post(fake, '/images/generations', BODY), await post(fake, '/images/generations', BODY)].map((reply) => [reply.headers.get('retry-after'), reply.headers.get('retry-after-ms')]);
    expect(headers).toEqual([['7', null], ['1', '250']]);
  });

  it.each<[FaultInput['kind'], number]>([['drop', 0], ['reply_lost', 1], ['truncated_body', 1]])('%s: no whole reply', async (kind, billed) => {
    fake.fault({ kind });
    await expect(post(fake, '/images/generations', BODY)).rejects.toThrow();
    expect(fake.ledger().total).toBe(billed);
  });

  it.each<FaultInput['kind']>(['hang', 'never_done'])('%s: no answer until it is let go', async (kind) => {
    fake.fault({ kind });
    const reply = post(fake, '/images/generations', BODY);
    await fake.waitForRequest(({ fault }) => fault === 'hang');
    expect([fake.ledger().total, fake.release()]).toEqual([1, 1]);
    expect((await reply).status).toBe(200);
  });
});
