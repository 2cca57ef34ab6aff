import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Account } from '../../../src/accounts/account.js';
import type { GenerationRequest } from '../../../src/generators/generator.js';
import { openaiImages } from '../../../src/generators/openai-images.js';
import { startFakeProvider, type FakeProvider } from '../../support/fakes/fake-provider.js';
import type { FaultInput } from '../../support/fakes/faults.js';
import { openaiImagesFake } from '../../support/fakes/openai-images.js';
import { accepted, accountOf, ATTEMPT, ended, failureOf, finished, generatorOf, KEY, lastBody, notBilled, order, reference, submit, told } from './provider-helpers.js';

let fake: FakeProvider;
let mine: Account;
beforeEach(async () => {
  fake = await startFakeProvider(openaiImagesFake);
  mine = accountOf('openai-images', fake.url);
});
afterEach(async () => {
  await fake.close();
  expect(fake.violations).toEqual([]);
});
const generator = generatorOf(openaiImages);
const raw = (status: number, body: unknown = '', headers: Record<string, string> = {}): FaultInput => ({
  kind: 'reply',
  status,
  body: typeof body === 'string' ? body : JSON.stringify(body),
  headers,
});
const apiError = (fields: Record<string, unknown>): unknown => ({ error: { message: 'It is so.', type: 'invalid_request_error', param: null, code: null, ...fields } });

describe('what OpenAI gets', () => {
  it('a text: one picture, and all that shapes it', async () => {
    await submit(generator, mine, order({ size: '1536x1024', quality: 'high', output_format: 'JPG', background: 'opaque', seed: 7 }));
    expect(fake.requests[0]).toMatchObject({ method: 'POST', path: '/v1/images/generations' });
    expect(fake.requests[0]?.headers).toMatchObject({ authorization: `Bearer ${mine.key}`, 'content-type': 'application/json' });
    expect(lastBody(fake)).toEqual({ model: 'gpt-image-2.6-sunburst', prompt: 'a red fox', n: 1, size: '1536x1024', quality: 'high', output_format: 'jpeg', background: 'opaque' });
  });

  it('an edit as a form, with the mask as it is', async () => {
    const references = [await reference(64, 48)];
    const mask = await reference(64, 48, [0, 0, 32, 48]);
    await submit(generator, mine, order({ kind: 'image_edit', size: 'auto', quality: 'low' }, { references, mask }));
    expect(fake.requests[0]).toMatchObject({ path: '/v1/images/edits', headers: { 'content-type': expect.stringMatching(/^multipart\/form-data; boundary=/) } });
    const seen = (bytes: Buffer | undefined, filename: string): object => ({ filename, width: 64, height: 48, sha256: createHash('sha256').update(bytes ?? '').digest('hex') });
    expect(lastBody(fake)).toEqual({
      model: 'gpt-image-2.6-sunburst',
      prompt: 'a red fox',
      n: '1',
      size: 'auto',
      quality: 'low',
      'image[]': [seen(references[0]?.bytes, 'image-1.png')],
      mask: seen(mask.bytes, 'mask.png'),
    });
  });

  it('sixteen references, in order', async () => {
    const references = await Promise.all(Array.from({ length: 16 }, (_, at) => reference(64 + at, 64)));
    await submit(generator, mine, order({ kind: 'image_multi_reference' }, { references }));
    expect(lastBody(fake)['image[]']).toMatchObject(references.map(({ width }, at) => ({ width, filename: `image-${at + 1}.png` })));
  });

  it.each<[Partial<GenerationRequest['picture']>, string | undefined, string | undefined]>([
    [{ size: '2000x1000' }, undefined, '2000x1008'],
    [{ size: '64x64' }, undefined, '816x816'],
    [{ size: '4096x1024' }, undefined, '3072x1024'],
    [{ size: '8192x8192' }, undefined, '2880x2880'],
    [{ size: '64x1024' }, undefined, '480x1408'],
    [{ size: 'auto' }, undefined, 'auto'],
    [{ size: undefined }, undefined, undefined],
    [{ size: undefined, aspect_ratio: '16:9' }, 'gpt-image-2', '1360x768'],
    [{ size: '1000x600' }, 'gpt-image-1.5', '1536x1024'],
    [{ size: undefined, aspect_ratio: '2:3' }, 'gpt-image-1', '1024x1536'],
    [{ size: '1920x1080' }, 'sd-cpp-local', '1920x1080'],
    [{ size: undefined, aspect_ratio: '16:9' }, 'sd-cpp-local', '1368x768'],
  ])('the size of %j at %s', async (picture, model, size) => {
    await submit(generator, mine, order(picture, model === undefined ? {} : { model }));
    expect([lastBody(fake)['model'], lastBody(fake)['size']]).toEqual([model ?? 'gpt-image-2.6-sunburst', size]);
  });

  it("the account's image model, and its sizes, when nobody names one", async () => {
    const withModel = new Account({ provider: 'openai-images', baseUrl: fake.url, key: KEY, models: { image: 'gpt-image-2' } }, Buffer.from('salt'));
    await submit(generator, withModel, order({ size: '1600x800' }));
    await submit(generator, withModel, order({ size: '1600x800' }, { model: 'gpt-image-1' }));
    expect(fake.requests.map(({ body }) => [body?.['model'], body?.['size']])).toEqual([['gpt-image-2', '1600x800'], ['gpt-image-1', '1536x1024']]);
  });

  it('nothing, for a mask that belongs to no picture', async () => {
    const mask = await reference(64, 64);
    expect(await failureOf(generator.prepare(order({}, { mask }), mine, ATTEMPT, undefined))).toMatchObject({ code: 'INVALID_ARGUMENT', billing: 'none' });
    expect(fake.requests).toHaveLength(0);
  });
});

describe('what became of the one request', () => {
  it('completes with picture, usage and the revised prompt', async () => {
    expect(await submit(generator, mine)).toEqual({
      type: 'done',
      images: [{ mimeType: 'image/png', bytes: expect.any(Buffer) }],
      usage: { total_tokens: 100, input_tokens: 50, output_tokens: 50, input_tokens_details: { text_tokens: 10, image_tokens: 40 } },
      notes: ['Revised prompt: a red fox, in detail'],
    });
    expect(fake.ledger().total).toBe(1);
  });

  it('takes as long as the picture, and asks for it once', async () => {
    const prepared = await generator.prepare(order(), mine, ATTEMPT, undefined);
    expect(prepared.givesUpAfterSeconds).toBe(20);
    expect(await Promise.all([prepared.send(0), prepared.send(0)])).toMatchObject([{ type: 'done' }, { type: 'done' }]);
    expect(fake.requests).toHaveLength(1);
    expect(['cancel' in generator, 'reconcile' in generator]).toEqual([false, false]);
  });

  const one = { type: 'ambiguous' };
  it.each<[string, FaultInput, Record<string, unknown>]>([
    ['a wrong key', { kind: 'unauthorized' }, notBilled('PROVIDER_AUTH', false, { message: expect.stringContaining('[key]') })],
    ['401 without a body', raw(401), notBilled('PROVIDER_AUTH', false)],
    ['a key without the right', raw(403, apiError({ message: 'Your organization must be verified.' })), notBilled('PROVIDER_AUTH', false, { message: expect.stringContaining('verified') })],
    ['no quota', { kind: 'quota' }, notBilled('PROVIDER_QUOTA', false)],
    ['a hard limit', raw(400, apiError({ code: 'billing_hard_limit_reached' })), notBilled('PROVIDER_QUOTA', false)],
    ['an empty purse of a gateway', raw(402, apiError({ code: 'pay' })), notBilled('PROVIDER_QUOTA', false)],
    ['a rate limit', { kind: 'rate_limited' }, notBilled('PROVIDER_RATE_LIMITED', true, { retryAfterSeconds: undefined })],
    ['a rate limit with seconds', { kind: 'rate_limited', retry_after: 7 }, notBilled('PROVIDER_RATE_LIMITED', true, { retryAfterSeconds: 7 })],
    ['a rate limit in milliseconds', { kind: 'rate_limited', retry_after: 0.25 }, notBilled('PROVIDER_RATE_LIMITED', true, { retryAfterSeconds: 0.25 })],
    ['a rate limit with a date gone by', raw(429, apiError({ code: 'rate_limit_exceeded' }), { 'retry-after': 'Mon, 05 Jan 2015 10:00:00 GMT' }), notBilled('PROVIDER_RATE_LIMITED', true, { retryAfterSeconds: 0 })],
    ['moderation of the request', { kind: 'moderation' }, notBilled('CONTENT_REFUSED', false, { message: expect.stringContaining('safety_violations=[sexual]') })],
    ['a content policy', raw(400, apiError({ code: 'content_policy_violation' })), notBilled('CONTENT_REFUSED', false)],
    ['moderation of the picture', { kind: 'refusal', message: 'violence' }, ended('CONTENT_REFUSED', 'maybe', { message: expect.stringContaining('violence') })],
    ['unusable input', { kind: 'rejected' }, notBilled('PROVIDER_REJECTED', false)],
    ['an unknown model', raw(404, apiError({ code: 'model_not_found' })), notBilled('PROVIDER_REJECTED', false)],
    ['no picture', { kind: 'empty' }, ended('NO_IMAGE', 'maybe')],
    ['what is no picture', { kind: 'image', image_base64: Buffer.from('nothing').toString('base64') }, ended('NO_IMAGE', 'maybe')],
    ['items of another form', raw(200, { data: [{ text: 'no' }] }), ended('NO_IMAGE', 'maybe')],
    ['words that nobody knows, beside the picture', { kind: 'unknown_status' }, { type: 'done' }],
    ['overload in its own form', { kind: 'overloaded', retry_after: 3 }, notBilled('PROVIDER_UNAVAILABLE', true, { retryAfterSeconds: 3 })],
    ['503 of something between', raw(503, apiError({ type: 'upstream_error' })), { ...one, providerStatus: 503 }],
    ['an outage', { kind: 'server_error' }, { ...one, providerStatus: 500, reason: expect.stringContaining('The server had an error') }],
    ['a failure', { kind: 'failed' }, { ...one, providerStatus: 500 }],
    ['a lost reply', { kind: 'reply_lost' }, one],
    ['a reply that breaks off', { kind: 'truncated_body' }, { ...one, providerStatus: 200 }],
    ['an unreadable reply', { kind: 'unreadable' }, { ...one, providerStatus: 200 }],
    ['a reply without a list', raw(200, { created: 1 }), { ...one, providerStatus: 200 }],
    ['an error as 200', raw(200, apiError({})), { ...one, reason: expect.stringContaining('It is so.') }],
    ['a connection that drops', { kind: 'drop' }, one],
    ['400 of something between', raw(400, '<html>'), { ...one, providerStatus: 400 }],
    ["stable-diffusion.cpp's error", raw(400, { error: 'prompt required' }), { ...one, providerStatus: 400 }],
    ['408', raw(408, apiError({})), { ...one, providerStatus: 408 }],
    ['a redirect', raw(307, '', { location: '/v1/images' }), { ...one, reason: expect.stringContaining('redirect') }],
  ])('%s', async (_name, fault, expected) => {
    fake.fault(fault);
    expect(await submit(generator, mine)).toMatchObject(expected);
    expect(fake.requests).toHaveLength(1);
  });

  it('an answer that never comes is ambiguous at the very end', async () => {
    fake.fault({ kind: 'never_done' });
    const impatient = generatorOf(openaiImages, { syncSubmitTimeoutSeconds: 0.1 });
    const prepared = await impatient.prepare(order(), mine, ATTEMPT, undefined);
    expect(await prepared.send(0.2)).toMatchObject({ type: 'ambiguous', reason: expect.stringContaining('no complete reply') });
    expect(fake.ledger().total).toBe(1);
  });

  it('a key in a hostile answer is nowhere', async () => {
    const hostile = 'bad \u001b[31mkey\u202e {key}';
    fake.fault(raw(400, apiError({ message: hostile })), raw(500, hostile), raw(200, { data: [{ b64_json: 'iVBORw0KGgo=', revised_prompt: hostile }], usage: { echo: '{key}', total_tokens: 3 } }));
    const outcomes = [await submit(generator, mine), await submit(generator, mine), await submit(generator, mine)];
    expect(outcomes[2]).toMatchObject({ type: 'done', notes: ['Revised prompt: bad key [key]'], usage: { total_tokens: 3 } });
    // eslint-disable-next-line no-control-regex
    expect(told(outcomes)).not.toMatch(/\\u001b|\u202e/);
  });
});

describe('an address instead of the picture, from a gateway', () => {
  const address = async (url: string): Promise<string> => {
    fake.fault(raw(200, { data: [{ url }] }));
    return accepted(generator, mine);
  };

  it('is fetched at its own host', async () => {
    await submit(generator, mine);
    const [task] = fake.ledger().entries;
    const handle = await address(`${new URL(fake.url).origin}/__files__/${task?.id}/0`);
    expect(await finished(generator, mine, handle)).toMatchObject({ type: 'done', images: [{ mimeType: 'image/png' }] });
  });

  it('that is gone was paid', async () => {
    fake.fault({ kind: 'expires' });
    const handle = await accepted(generator, mine);
    expect(handle).toMatch(/^download:/);
    expect(await finished(generator, mine, handle)).toMatchObject(ended('RESULT_EXPIRED', 'billed'));
  });

  it('with the data in it is the picture', async () => {
    fake.fault(raw(200, { data: [{ url: 'data:image/png;base64,iVBORw0KGgo=' }] }));
    expect(await submit(generator, mine)).toMatchObject({ type: 'done', images: [{ mimeType: 'image/png' }] });
  });

  it('of somebody else is not asked, and gets no key', async () => {
    const foreign = await startFakeProvider(openaiImagesFake);
    try {
      const handle = await address(`${foreign.url}/picture.png`);
      expect(await generator.poll?.(handle, mine)).toMatchObject(ended('PROVIDER_REJECTED', 'maybe'));
      expect(foreign.requests).toHaveLength(0);
    } finally {
      await foreign.close();
    }
  });
});
