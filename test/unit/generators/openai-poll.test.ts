import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import type { Account } from '../../../src/accounts/account.js';
import type { PollOutcome } from '../../../src/generators/generator.js';
import { createOpenAiGenerator } from '../../../src/generators/openai/index.js';
import { startFakeOpenAi, type FakeOpenAi, type FaultInput } from '../../support/fake-openai.js';
import { account, ATTEMPT, failureOf, order, SETTINGS, submit } from './openai-helpers.js';

let fake: FakeOpenAi;
let mine: Account;
beforeEach(async () => {
  fake = await startFakeOpenAi({ complete_after_polls: 1 });
  mine = account(fake.url);
});
afterEach(async () => {
  await fake.close();
  expect(fake.violations).toEqual([]);
});

const generator = createOpenAiGenerator(SETTINGS);
const accepted = async (fault?: FaultInput): Promise<string> => {
  if (fault) fake.fault(fault);
  const outcome = await submit(generator, mine);
  if (outcome.type !== 'accepted') throw new Error(`not accepted: ${outcome.type}`);
  return outcome.handle;
};
const poll = async (handle: string, by = generator): Promise<PollOutcome | undefined> => by.poll?.(handle, mine);
const body = (fields: Record<string, unknown>): FaultInput => ({ kind: 'reply', on: 'poll', status: 200, body: JSON.stringify({ id: 'resp_1', ...fields }) });

describe('polling', () => {
  it('runs until the picture is there, and brings it with usage and notes', async () => {
    fake.settings.complete_after_polls = 2;
    const handle = await accepted();
    expect(await poll(handle)).toEqual({ type: 'running', message: 'in_progress' });
    const outcome = await poll(handle);
    expect(outcome).toMatchObject({ type: 'done', usage: { input_tokens: 60, image_gen: { total_tokens: 1608 } }, notes: ['Revised prompt: a red fox, in detail'] });
    const [image] = outcome?.type === 'done' ? outcome.images : [];
    expect(await sharp(image?.bytes).metadata()).toMatchObject({ format: 'png', width: 64, height: 48 });
    expect(fake.ledger().total).toBe(1);
  });

  it.each(['png', 'jpeg', 'webp'])('knows %s by its bytes', async (format) => {
    const prepared = await generator.prepare(order({ output_format: format }), mine, ATTEMPT, undefined);
    const outcome = await prepared.send(0);
    const done = await poll(outcome.type === 'accepted' ? outcome.handle : '');
    expect(done).toMatchObject({ type: 'done', images: [{ mimeType: `image/${format}` }] });
  });

  it('takes a picture whose item says that it is still generating', async () => {
    expect(await poll(await accepted({ kind: 'item_generating' }))).toMatchObject({ type: 'done' });
  });

  it('takes a picture of 20 MB', async () => {
    const outcome = await poll(await accepted({ kind: 'large_image' }));
    const [image] = outcome?.type === 'done' ? outcome.images : [];
    expect(image?.bytes.length).toBeGreaterThan(19_000_000);
  });

  it.each<[string, FaultInput, Record<string, unknown>]>([
    ['a refusal in words', { kind: 'refusal', message: 'I cannot\ndraw this.' }, { code: 'CONTENT_REFUSED', message: expect.stringContaining('"I cannot draw this."') }],
    ['nothing at all', { kind: 'empty' }, { code: 'NO_IMAGE' }],
    ['bytes that are no picture', { kind: 'image', image_base64: Buffer.from('<svg/>').toString('base64') }, { code: 'NO_IMAGE' }],
    ['text that is no base64', { kind: 'image', image_base64: 'iVBORw0KGgo!%!%' }, { code: 'NO_IMAGE' }],
    ['an error of the server', { kind: 'failed' }, { code: 'PROVIDER_UNAVAILABLE', retryable: false }],
    ['its own rate limit', { kind: 'failed', code: 'rate_limit_exceeded' }, { code: 'PROVIDER_RATE_LIMITED', retryable: false }],
    ['a policy', { kind: 'failed', code: 'image_content_policy_violation', message: 'No.' }, { code: 'CONTENT_REFUSED' }],
    ['moderation', { kind: 'failed', code: 'moderation_blocked' }, { code: 'CONTENT_REFUSED' }],
    ['a flagged prompt', { kind: 'failed', code: 'invalid_prompt', message: 'It violates our usage policies.' }, { code: 'CONTENT_REFUSED' }],
    ['a bad reference', { kind: 'failed', code: 'invalid_image_format' }, { code: 'PROVIDER_REJECTED' }],
    ['a filter', { kind: 'incomplete' }, { code: 'CONTENT_REFUSED' }],
    ['too few tokens', { kind: 'incomplete', reason: 'max_output_tokens' }, { code: 'NO_IMAGE', message: expect.stringContaining('max_output_tokens') }],
    ['an expired result', { kind: 'expires' }, { code: 'RESULT_EXPIRED', providerStatus: 404 }],
  ])('ends with %s', async (_name, fault, failure) => {
    expect(await poll(await accepted(fault))).toEqual({ type: 'ended', billing: 'maybe', failure: expect.objectContaining(failure) });
  });

  it.each<[string, FaultInput, Record<string, unknown>]>([
    ['an unknown status', body({ status: 'pondering' }), { type: 'running', message: 'pondering' }],
    ['no status', body({}), { type: 'running' }],
    ['no status and a picture', body({ output: [{ type: 'image_generation_call', result: 'data:image/gif;base64,R0lGODlhAQABAAAAACw=' }] }), { type: 'done', images: [{ mimeType: 'image/gif' }] }],
    ['incomplete with a picture', body({ status: 'incomplete', output: [{ type: 'image_generation_call', result: 'iVBORw0KGgo=' }] }), { type: 'done' }],
    ['a status for another item', body({ status: 'completed', output: [null, 'x', { type: 'reasoning' }, { type: 'image_generation_call', result: 'iVBORw0KGgo=', revised_prompt: null }] }), { type: 'done' }],
    ['two pictures, one broken', body({ status: 'completed', output: [{ type: 'image_generation_call', result: 'AAAA' }, { type: 'image_generation_call', result: 'iVBORw0KGgo=' }] }), { type: 'done', images: [{ mimeType: 'image/png' }], notes: [expect.stringContaining('not a picture')] }],
    ['a refusal field', body({ status: 'completed', output: [{ type: 'message', content: [{ type: 'output_text', text: 'Sorry.' }, { type: 'refusal', refusal: 'Not that.' }] }] }), { type: 'ended', failure: { message: expect.stringContaining('Not that.') } }],
    ['a cancellation', body({ status: 'cancelled' }), { type: 'ended', billing: 'maybe', failure: { code: 'CANCELLED' } }],
  ])('understands %s', async (_name, fault, expected) => {
    fake.fault(fault);
    expect(await poll('resp_1')).toMatchObject(expected);
  });

  it('keeps asking while a 404 is young: the provider may only be late to show it', async () => {
    const patient = createOpenAiGenerator({ ...SETTINGS, missingPatienceSeconds: 60 });
    const handle = await accepted({ kind: 'hidden', polls: 2 });
    expect([await poll(handle, patient), await poll(handle, patient)]).toMatchObject([{ type: 'running' }, { type: 'running' }]);
    expect(await poll(handle, patient)).toMatchObject({ type: 'done' });
  });

  it.each<[string, FaultInput, Record<string, unknown>]>([
    ['500', { kind: 'reply', on: 'poll', status: 500 }, { code: 'PROVIDER_UNAVAILABLE', retryable: true, providerStatus: 500 }],
    ['504 of what stands before it', { kind: 'reply', on: 'poll', status: 504 }, { code: 'PROVIDER_TIMEOUT', retryable: true, providerStatus: 504 }],
    ['503 with a delay', { kind: 'overloaded', on: 'poll', retry_after: '9' }, { code: 'PROVIDER_UNAVAILABLE', retryable: true, retryAfterSeconds: 9 }],
    ['429 with a delay', { kind: 'rate_limited', on: 'poll', retry_after: '4' }, { code: 'PROVIDER_RATE_LIMITED', retryable: true, retryAfterSeconds: 4 }],
    ['a reset', { kind: 'drop', on: 'poll' }, { code: 'PROVIDER_UNAVAILABLE', retryable: true }],
    ['a lost reply', { kind: 'reply_lost', on: 'poll' }, { code: 'PROVIDER_UNAVAILABLE', retryable: true }],
    ['half a reply', { kind: 'truncated_body', on: 'poll' }, { code: 'PROVIDER_UNAVAILABLE', retryable: true }],
    ['an unreadable reply', { kind: 'unreadable', on: 'poll' }, { code: 'PROVIDER_UNAVAILABLE', retryable: true }],
    ['a redirect', { kind: 'reply', on: 'poll', status: 302, headers: { location: 'http://127.0.0.1:1/' } }, { code: 'PROVIDER_UNAVAILABLE', retryable: true }],
    ['a key that no longer works', { kind: 'unauthorized', on: 'poll' }, { code: 'PROVIDER_AUTH', retryable: false, billing: 'maybe' }],
    ['another refusal', { kind: 'reply', on: 'poll', status: 400, body: 'no {key}' }, { code: 'PROVIDER_REJECTED', retryable: false, billing: 'maybe' }],
  ])('fails on %s, and the request itself is untouched', async (_name, fault, failure) => {
    const handle = await accepted();
    fake.fault(fault);
    expect(await failureOf(poll(handle))).toMatchObject(failure);
    expect(await poll(handle)).toMatchObject({ type: 'done' });
    expect(fake.ledger().total).toBe(1);
  });

  it('never leaves its path: an id is one piece of it', async () => {
    const handle = '../files?x=1#y';
    fake.fault({ kind: 'reply', on: 'poll', status: 404 });
    expect(await poll(handle)).toMatchObject({ type: 'ended' });
    expect(fake.requests[0]?.path).toBe('/v1/responses/..%2Ffiles%3Fx%3D1%23y');
    await failureOf(poll('..'));
    expect(fake.requests).toHaveLength(1);
  });

  it('needs the account', async () => {
    expect(await failureOf(generator.poll?.('resp_1', undefined))).toMatchObject({ code: 'PROVIDER_NOT_CONFIGURED' });
  });
});

describe('cancelling', () => {
  const cancel = async (handle: string): Promise<unknown> => generator.cancel?.(handle, mine);

  it('stops what runs, twice the same', async () => {
    const handle = await accepted();
    expect(await cancel(handle)).toEqual({ billing: 'maybe', message: expect.stringContaining('told to stop') });
    expect(await cancel(handle)).toMatchObject({ billing: 'maybe' });
    expect(await poll(handle)).toMatchObject({ type: 'ended', failure: { code: 'CANCELLED' } });
    expect(fake.requests.map(({ method, path }) => [method, path])).toContainEqual(['POST', `/v1/responses/${handle}/cancel`]);
  });

  it('says that a finished picture is billed', async () => {
    const handle = await accepted();
    await poll(handle);
    expect(await cancel(handle)).toMatchObject({ billing: 'billed' });
  });

  it('says so when the provider does not know or cannot cancel it', async () => {
    fake.fault({ kind: 'reply', on: 'cancel', status: 400, body: '{}' }, { kind: 'reply', on: 'cancel', status: 404 });
    expect(await cancel('resp_1')).toMatchObject({ billing: 'maybe', message: expect.stringContaining('could not cancel') });
    expect(await cancel('resp_1')).toMatchObject({ billing: 'maybe' });
  });

  it('is tried again after an outage', async () => {
    fake.fault({ kind: 'reply', on: 'cancel', status: 502 }, { kind: 'drop', on: 'cancel' });
    expect(await failureOf(cancel('resp_1'))).toMatchObject({ retryable: true });
    expect(await failureOf(cancel('resp_1'))).toMatchObject({ retryable: true });
  });
});

describe('capabilities', () => {
  it('are data, the same for every model', () => {
    expect(generator.capabilities('gpt-image-9')).toMatchObject({ maxReferences: 16, mask: true, seed: false, formats: ['png', 'jpeg', 'webp'], queue: true, cancel: true, generative: true });
    expect(generator.free).toBe(false);
  });
});
