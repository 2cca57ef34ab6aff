import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Account } from '../../../src/accounts/account.js';
import { capabilitiesOf } from '../../../src/generators/capabilities.js';
import { gemini } from '../../../src/generators/gemini.js';
import type { Generator } from '../../../src/generators/generator.js';
import { createHttpGenerator } from '../../../src/generators/http/http-generator.js';
import type { Picture } from '../../../src/contract/plan.js';
import { startFakeProvider, type FakeProvider } from '../../support/fakes/fake-provider.js';
import type { FaultInput } from '../../support/fakes/faults.js';
import { geminiFake, geminiInteractionsFake } from '../../support/fakes/gemini.js';
import { accepted, accountOf, ended, failureOf, finished, generatorOf, KEY, lastBody, notBilled, order, reference, submit, told } from './provider-helpers.js';

let fake: FakeProvider;
let mine: Account;
afterEach(async () => {
  await fake.close();
  expect(fake.violations).toEqual([]);
});

const generate = generatorOf(gemini);
const TIMES = { submitTimeoutSeconds: 10, syncSubmitTimeoutSeconds: 20, connectTimeoutSeconds: 3, missingPatienceSeconds: 0 };
const background = createHttpGenerator(gemini, TIMES, (model) => ({ ...capabilitiesOf('gemini', model), interactions: true }));
const FOX = { contents: [{ role: 'user', parts: [{ text: 'a red fox' }] }] };
const DEFAULT = 'gemini-nano-banana-2.1';

describe('what Gemini gets', () => {
  beforeEach(async () => {
    fake = await startFakeProvider(geminiFake);
    mine = accountOf('gemini', fake.url);
  });

  it.each<[string, Partial<Picture>, string | undefined, string, Record<string, unknown>]>([
    ['a size, with the seed', { size: '1820x1024', seed: 7 }, undefined, DEFAULT, { imageConfig: { aspectRatio: '16:9', imageSize: '1K' }, seed: 7 }],
    ['a large size', { size: '4096x4096' }, undefined, DEFAULT, { imageConfig: { aspectRatio: '1:1', imageSize: '4K' } }],
    ['a ratio that only some models have', { size: undefined, aspect_ratio: '8:1' }, undefined, DEFAULT, { imageConfig: { aspectRatio: '8:1', imageSize: '1K' } }],
    ['a word of its own', { size: '2k' }, undefined, DEFAULT, { imageConfig: { imageSize: '2K' } }],
    ['no size', { size: 'auto' }, undefined, DEFAULT, {}],
    ['a seed of 32 bits', { size: 'auto', seed: 4_294_967_295 }, undefined, DEFAULT, { seed: 2_147_483_647 }],
    ['the family', {}, 'nano-banana', DEFAULT, { imageConfig: { aspectRatio: '1:1', imageSize: '1K' } }],
    ['Pro', { size: '2048x2048' }, 'nano-banana-pro', 'gemini-3-pro-image', { imageConfig: { aspectRatio: '1:1', imageSize: '2K' } }],
    ['2, which has small pictures', { size: '512x512' }, 'nano-banana-2', 'gemini-3.1-flash-image', { imageConfig: { aspectRatio: '1:1', imageSize: '512' } }],
    ['2 Lite, which has one size', {}, 'Nano-Banana-2-Lite', 'gemini-3.1-flash-lite-image', { imageConfig: { aspectRatio: '1:1' } }],
    ['the first one', {}, 'gemini-2.5-flash-image', 'gemini-2.5-flash-image', { imageConfig: { aspectRatio: '1:1' } }],
    ['a model of tomorrow', { size: 'auto' }, 'models/gemini-5-image', 'gemini-5-image', {}],
  ])('%s', async (_name, picture, model, asked, config) => {
    const request = order(picture, model === undefined ? {} : { model });
    expect(await submit(generate, mine, request)).toMatchObject({ type: 'done' });
    expect(lastBody(fake)).toEqual({ model: asked, ...FOX, generationConfig: { responseModalities: ['IMAGE'], ...config } });
    expect(fake.requests[0]).toMatchObject({ path: `/v1beta/models/${asked}:generateContent`, headers: { 'x-goog-api-key': KEY } });
  });

  it('fourteen references after the text, in order', async () => {
    const references = await Promise.all(Array.from({ length: 14 }, (_, at) => reference(64 + at, 64)));
    await submit(generate, mine, order({ kind: 'image_multi_reference', size: 'auto' }, { references }));
    const parts = references.map(({ bytes }) => ({ inlineData: { mimeType: 'image/png', data: bytes.toString('base64') } }));
    expect(lastBody(fake)).toMatchObject({ contents: [{ role: 'user', parts: [{ text: 'a red fox' }, ...parts] }] });
  });

  it('a base URL that has the version already', async () => {
    await submit(generate, accountOf('gemini', `${fake.url}/v1beta/`));
    expect(fake.ledger().total).toBe(1);
  });

  it('no mask: nothing leaves', async () => {
    const request = order({ kind: 'image_edit' }, { references: [await reference(64, 64)], mask: await reference(64, 64, [0, 0, 32, 64]) });
    expect(await failureOf(submit(generate, mine, request))).toMatchObject({ code: 'INVALID_ARGUMENT', billing: 'none' });
    expect(fake.requests).toEqual([]);
  });
});

const BROKEN: [string, FaultInput, Record<string, unknown>][] = [
  ['a wrong key', { kind: 'unauthorized' }, notBilled('PROVIDER_AUTH', false)],
  ['a key that is echoed', { kind: 'reply', status: 403, body: '{"error":{"code":403,"status":"PERMISSION_DENIED","message":"not {key}"}}' }, notBilled('PROVIDER_AUTH', false, { message: expect.stringContaining('not [key]') })],
  ['the quota of the day, whatever the delay', { kind: 'quota' }, notBilled('PROVIDER_QUOTA', false)],
  ['a rate limit', { kind: 'rate_limited' }, notBilled('PROVIDER_RATE_LIMITED', true)],
  ['an unknown parameter', { kind: 'rejected' }, notBilled('PROVIDER_REJECTED', false, { message: expect.stringContaining('Unknown name') })],
  ['503, in its form', { kind: 'overloaded' }, notBilled('PROVIDER_UNAVAILABLE', true)],
  ['500, in its form, which is not charged', { kind: 'server_error' }, notBilled('PROVIDER_UNAVAILABLE', true)],
  ['500 of something between', { kind: 'reply', status: 500, body: '<html>' }, { type: 'ambiguous', providerStatus: 500 }],
  ['503 of something between', { kind: 'reply', status: 503, body: '{"error":{"code":503,"message":"no"}}' }, { type: 'ambiguous', providerStatus: 503 }],
  ['400 of something between', { kind: 'reply', status: 400, body: '<html>' }, { type: 'ambiguous', providerStatus: 400 }],
  ['a lost reply', { kind: 'reply_lost' }, { type: 'ambiguous' }],
  ['an unreadable reply', { kind: 'unreadable' }, { type: 'ambiguous', providerStatus: 200 }],
  ['a reply that breaks off', { kind: 'truncated_body' }, { type: 'ambiguous', providerStatus: 200 }],
  ['a connection that drops', { kind: 'drop' }, { type: 'ambiguous' }],
  ['a reply that says nothing', { kind: 'reply', status: 200, body: '{}' }, { type: 'ambiguous', providerStatus: 200 }],
];

describe('generateContent', () => {
  beforeEach(async () => {
    fake = await startFakeProvider(geminiFake);
    mine = accountOf('gemini', fake.url);
  });

  it('answers with the picture, not with the drafts of its thoughts', async () => {
    const usage = { promptTokenCount: 12, candidatesTokenCount: 1120, thoughtsTokenCount: 90, totalTokenCount: 1222 };
    const outcome = await submit(generate, mine);
    expect(outcome).toMatchObject({ type: 'done', usage, images: [{ mimeType: 'image/png' }] });
    expect(outcome.type === 'done' && outcome.images).toHaveLength(1);
    expect(fake.ledger().total).toBe(1);
  });

  const limited = (body: object): FaultInput => ({ kind: 'reply', status: 429, body: JSON.stringify({ error: { code: 429, status: 'RESOURCE_EXHAUSTED', ...body } }) });
  it.each<[string, FaultInput, Record<string, unknown>]>([
    ...BROKEN,
    ['the delay of a rate limit, in the body', { kind: 'rate_limited', retry_after: 34.4 }, notBilled('PROVIDER_RATE_LIMITED', true, { retryAfterSeconds: 34.4 })],
    ['no credit, as 402', { kind: 'reply', status: 402, body: '{"error":{"code":402,"status":"RESOURCE_EXHAUSTED","message":"x"}}' }, notBilled('PROVIDER_QUOTA', false)],
    ['no credit, as 429', limited({ message: 'Your prepayment credits are depleted.' }), notBilled('PROVIDER_QUOTA', false)],
    ['a model that the tier does not have', limited({ message: '* Quota exceeded for metric: x, limit: 0, model: y' }), notBilled('PROVIDER_QUOTA', false)],
    ['no billing', { kind: 'reply', status: 400, body: '{"error":{"code":400,"status":"FAILED_PRECONDITION","message":"Please enable billing."}}' }, notBilled('PROVIDER_QUOTA', false)],
    ['a model that is not there', { kind: 'reply', status: 404, body: '{"error":{"code":404,"status":"NOT_FOUND","message":"models/x is not found"}}' }, notBilled('PROVIDER_REJECTED', false)],
    ['504, in its form', { kind: 'failed' }, { type: 'ambiguous', providerStatus: 504 }],
    ['an error of another API', { kind: 'reply', status: 400, body: '{"error":{"code":"bad","message":"no background"}}' }, { type: 'ambiguous', providerStatus: 400 }],
    ['a refused prompt', { kind: 'moderation', message: 'no such thing' }, ended('CONTENT_REFUSED', 'maybe', { message: expect.stringContaining('PROHIBITED_CONTENT: no such thing') })],
    ['a refused picture', { kind: 'refusal' }, ended('CONTENT_REFUSED', 'maybe', { message: expect.stringContaining('IMAGE_SAFETY') })],
    ['no picture', { kind: 'empty' }, ended('NO_IMAGE', 'maybe', { message: expect.stringContaining('NO_IMAGE') })],
    ['something that is no picture', { kind: 'image', image_base64: 'R0lG' }, ended('NO_IMAGE', 'maybe')],
    ['an unknown word beside the picture', { kind: 'unknown_status' }, { type: 'done' }],
  ])('%s', async (_name, fault, expected) => {
    fake.fault(fault);
    const outcome = await submit(generate, mine);
    expect(outcome).toMatchObject(expected);
    expect(told(outcome)).not.toContain('canary');
  });

  it.each(['SAFETY', 'RECITATION', 'BLOCKLIST', 'PROHIBITED_CONTENT', 'SPII', 'IMAGE_PROHIBITED_CONTENT', 'IMAGE_RECITATION'])('%s is a refusal', async (finishReason) => {
    fake.fault({ kind: 'reply', status: 200, body: JSON.stringify({ candidates: [{ finishReason }] }) });
    expect(await submit(generate, mine)).toMatchObject(ended('CONTENT_REFUSED', 'maybe'));
  });

  it.each(['STOP', 'OTHER', 'IMAGE_OTHER', 'MAX_TOKENS', 'LANGUAGE', 'PONDERED'])('%s without a picture is none', async (finishReason) => {
    fake.fault({ kind: 'reply', status: 200, body: JSON.stringify({ candidates: [{ finishReason, content: { parts: [{ text: 'Which fox?' }] } }] }) });
    expect(await submit(generate, mine)).toMatchObject(ended('NO_IMAGE', 'maybe', { message: expect.stringContaining('Which fox?') }));
  });
});

describe('interactions in the background', () => {
  beforeEach(async () => {
    fake = await startFakeProvider(geminiInteractionsFake, { complete_after_polls: 2 });
    mine = accountOf('gemini', fake.url);
  });

  it('only for models that a row marks', async () => {
    await submit(generate, mine, order({}, { model: 'gemini-3-pro-image' }));
    expect(fake.requests[0]?.path).toContain(':generateContent');
  });

  it('the request', async () => {
    const [first, second] = [await reference(64, 64), await reference(65, 64)];
    await submit(background, mine, order({ kind: 'image_multi_reference', size: '1024x1024', seed: 7 }, { references: [first, second] }));
    const image = (bytes: Buffer): object => ({ type: 'image', mime_type: 'image/png', data: bytes.toString('base64') });
    expect(lastBody(fake)).toEqual({
      model: DEFAULT,
      input: [{ type: 'user_input', content: [{ type: 'text', text: 'a red fox' }, image(first.bytes), image(second.bytes)] }],
      background: true,
      store: true,
      response_format: { type: 'image', aspect_ratio: '1:1', image_size: '1K', delivery: 'inline' },
      generation_config: { seed: 7 },
    });
  });

  it('is accepted at once, and the picture is polled', async () => {
    const handle = await accepted(background, mine);
    expect(await background.poll?.(handle, mine)).toEqual({ type: 'running', message: 'in_progress' });
    expect(await finished(background, mine, handle)).toMatchObject({ type: 'done', images: [{ mimeType: 'image/jpeg' }], usage: { total_output_tokens: 1120 } });
    expect(fake.ledger().total).toBe(1);
  });

  it.each<[string, FaultInput, Record<string, unknown>]>([
    ...BROKEN,
    ['the delay of a rate limit, in a header', { kind: 'rate_limited', retry_after: 7 }, notBilled('PROVIDER_RATE_LIMITED', true, { retryAfterSeconds: 7 })],
  ])('%s', async (_name, fault, expected) => {
    fake.fault(fault);
    expect(await submit(background, mine)).toMatchObject(expected);
  });

  it.each([
    [400, { error: { message: "Model 'gemini-2.5-flash' does not support background interactions.", code: 'invalid_request' } }],
    [400, { error: { code: 400, status: 'INVALID_ARGUMENT', message: 'background is not supported for this model' } }],
    [404, { error: { code: 'model_not_found', message: 'The model is not available in the Interactions API.' } }],
  ])('%d that names it: generateContent, under a record of its own', async (status, body) => {
    fake.fault({ kind: 'reply', status, body: JSON.stringify(body) });
    expect(await submit(background, mine)).toMatchObject({ ...notBilled('PROVIDER_REJECTED', true), nextForm: 'generate' });
    expect(await submit(background, mine, order(), 'generate')).toMatchObject({ type: 'done' });
    expect(fake.ledger().total).toBe(1);
  });

  it.each<[string, FaultInput, Record<string, unknown>]>([
    ['a refused picture', { kind: 'refusal' }, ended('CONTENT_REFUSED', 'maybe', { message: expect.stringContaining('image_safety') })],
    ['no picture', { kind: 'empty' }, ended('NO_IMAGE', 'maybe', { message: expect.stringContaining('Which fox') })],
    ['a failure', { kind: 'failed' }, ended('PROVIDER_UNAVAILABLE', 'maybe')],
    ['an expired result', { kind: 'expires' }, ended('RESULT_EXPIRED', 'maybe')],
    ['an unknown status word, then the picture', { kind: 'unknown_status' }, { type: 'done' }],
  ])('%s', async (_name, fault, expected) => {
    fake.fault(fault);
    expect(await finished(background, mine, await accepted(background, mine))).toMatchObject(expected);
    expect(fake.ledger().total).toBe(1);
  });

  it.each(['incomplete', 'budget_exceeded', 'requires_action'])('%s ends without a picture', async (status) => {
    const handle = await accepted(background, mine);
    fake.fault({ kind: 'reply', on: 'poll', status: 200, body: JSON.stringify({ id: handle, status }) });
    expect(await background.poll?.(handle, mine)).toMatchObject(ended('NO_IMAGE', 'maybe', { message: expect.stringContaining(status) }));
  });

  it.each<[string, FaultInput]>([
    ['an outage', { kind: 'server_error', on: 'poll' }],
    ['a limit', { kind: 'rate_limited', on: 'poll' }],
    ['something unreadable', { kind: 'unreadable', on: 'poll' }],
  ])('%s at a poll is asked again, and nothing is sent twice', async (_name, fault) => {
    const handle = await accepted(background, mine);
    fake.fault(fault);
    expect(await failureOf(background.poll?.(handle, mine))).toMatchObject({ retryable: true, billing: 'maybe' });
    expect(await finished(background, mine, handle)).toMatchObject({ type: 'done' });
    expect(fake.ledger().total).toBe(1);
  });

  const cancel = async (generator: Generator, handle: string): Promise<unknown> => generator.cancel?.(handle, mine);
  it('is cancelled, as far as it can be', async () => {
    const handle = await accepted(background, mine);
    expect(await cancel(background, handle)).toMatchObject({ billing: 'maybe' });
    expect(await finished(background, mine, handle)).toMatchObject(ended('CANCELLED', 'maybe'));
    expect(await cancel(background, handle)).toMatchObject({ billing: 'maybe' });
  });

  it('an address of somebody else is not asked', async () => {
    const handle = await accepted(background, mine);
    const steps = [{ type: 'model_output', content: [{ type: 'image', uri: 'https://files.example/x.png' }] }];
    fake.fault({ kind: 'reply', on: 'poll', status: 200, body: JSON.stringify({ id: handle, status: 'completed', steps }) });
    expect(await background.poll?.(handle, mine)).toMatchObject(ended('PROVIDER_REJECTED', 'maybe'));
  });
});
