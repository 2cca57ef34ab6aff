import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import type { Account } from '../../../src/accounts/account.js';
import { fal } from '../../../src/generators/fal.js';
import { falFake } from '../../support/fakes/fal.js';
import { startFakeProvider, type FakeProvider } from '../../support/fakes/fake-provider.js';
import type { FaultInput } from '../../support/fakes/faults.js';
import { accepted, accountOf, ended, failureOf, finished, generatorOf, lastBody, notBilled, order, reference, submit, told } from './provider-helpers.js';

let fake: FakeProvider;
let mine: Account;
beforeEach(async () => {
  fake = await startFakeProvider(falFake, { complete_after_polls: 2 });
  mine = accountOf('fal', fake.url);
});
afterEach(async () => {
  await fake.close();
  expect(fake.violations).toEqual([]);
});
const generator = generatorOf(fal);

const references = (count: number): Promise<Awaited<ReturnType<typeof reference>>[]> => Promise.all(Array.from({ length: count }, (_, at) => reference(64 + at, 64)));
const dataUrl = ({ bytes }: { bytes: Buffer }): string => `data:image/png;base64,${bytes.toString('base64')}`;

describe('what fal gets', () => {
  it('a text: one picture, its size, seed and format; no retries of the platform, and objects that expire', async () => {
    await submit(generator, mine, order({ size: '1000x600', seed: 7, output_format: 'JPG' }));
    expect(lastBody(fake)).toEqual({ model: 'fal-ai/flux-2', prompt: 'a red fox', num_images: 1, image_size: { width: 1008, height: 608 }, seed: 7, output_format: 'jpeg' });
    const { headers, path } = fake.requests[0] ?? {};
    expect(path).toBe('/fal-ai/flux-2');
    expect(headers).toMatchObject({
      authorization: `Key ${mine.key}`,
      'x-fal-no-retry': '1',
      'x-fal-object-lifecycle-preference': '{"expiration_duration_seconds":604800}',
      'content-type': 'application/json',
    });
    expect(headers).not.toHaveProperty('x-fal-store-io');
  });

  it('four references at the edit endpoint of the model, in order', async () => {
    const given = await references(4);
    await submit(generator, mine, order({ kind: 'image_multi_reference', size: '1024x1024' }, { references: given }));
    expect(lastBody(fake)).toEqual({
      model: 'fal-ai/flux-2/edit',
      prompt: 'a red fox',
      num_images: 1,
      image_size: { width: 1024, height: 1024 },
      image_urls: given.map(dataUrl),
    });
  });

  it('an edit with a mask at the fill model, white where our alpha is 0', async () => {
    const given = await references(1);
    await submit(generator, mine, order({ kind: 'image_edit', seed: 3 }, { references: given, mask: await reference(64, 64, [0, 0, 32, 64]) }));
    const { mask_url: mask, ...body } = lastBody(fake);
    expect(body).toEqual({ model: 'fal-ai/flux-pro/v1/fill', prompt: 'a red fox', num_images: 1, image_url: given.map(dataUrl)[0], seed: 3 });
    expect(await pixels(mask)).toEqual([[255], [0]]);
  });

  it('a mask for a model of OpenAI, white and transparent where it is edited', async () => {
    const model = 'openai/gpt-image-2';
    await submit(generator, mine, order({ kind: 'image_edit', size: '1024x1536', quality: 'low' }, { model, references: await references(1), mask: await reference(64, 64, [0, 0, 32, 64]) }));
    const { mask_url: mask, image_urls: _images, ...body } = lastBody(fake);
    expect(body).toEqual({ model: 'openai/gpt-image-2/edit', prompt: 'a red fox', num_images: 1, image_size: { width: 1024, height: 1536 }, quality: 'low' });
    expect(await pixels(mask)).toEqual([
      [255, 255, 255, 0],
      [0, 0, 0, 255],
    ]);
  });

  it.each<[string, { model: string; picture: Parameters<typeof order>[0] }, Record<string, unknown>]>([
    ['a model without a number of pictures', { model: 'fal-ai/flux-2-pro', picture: { size: '1024x1024', seed: 1 } }, { model: 'fal-ai/flux-2-pro', image_size: { width: 1024, height: 1024 }, seed: 1 }],
    [
      'a size as a word, quality and background',
      { model: 'fal-ai/gpt-image-1.5', picture: { size: '1536x1024', seed: 1, quality: 'high', background: 'transparent' } },
      { model: 'fal-ai/gpt-image-1.5', num_images: 1, image_size: '1536x1024', quality: 'high', background: 'transparent' },
    ],
    [
      'a ratio and a class of resolution, and one picture whatever the prompt says',
      { model: 'fal-ai/nano-banana-pro', picture: { size: '2048x2048' } },
      { model: 'fal-ai/nano-banana-pro', num_images: 1, limit_generations: true, aspect_ratio: '1:1', resolution: '2K' },
    ],
    ['a ratio', { model: 'fal-ai/flux-pro/kontext', picture: { size: undefined, aspect_ratio: '21:9' } }, { model: 'fal-ai/flux-pro/kontext/text-to-image', num_images: 1, aspect_ratio: '21:9' }],
    ["fal's own word", { model: 'fal-ai/flux-2', picture: { size: 'portrait_16_9' } }, { model: 'fal-ai/flux-2', num_images: 1, image_size: 'portrait_16_9' }],
  ])('%s', async (_name, { model, picture }, body) => {
    await submit(generator, mine, order(picture, { model }));
    expect(lastBody(fake)).toEqual({ prompt: 'a red fox', ...body });
  });

  it.each([
    ['fal-ai/flux-pro/kontext', 1, 'fal-ai/flux-pro/kontext', 'image_url'],
    ['fal-ai/flux-pro/kontext', 2, 'fal-ai/flux-pro/kontext/multi', 'image_urls'],
    ['fal-ai/flux-2-pro', 8, 'fal-ai/flux-2-pro/edit', 'image_urls'],
    ['fal-ai/gpt-image-1.5', 16, 'fal-ai/gpt-image-1.5/edit', 'image_urls'],
    ['fal-ai/nano-banana-pro', 14, 'fal-ai/nano-banana-pro/edit', 'image_urls'],
    ['fal-ai/nano-banana/edit', 1, 'fal-ai/nano-banana/edit', 'image_urls'],
  ])('%s with %d references', async (model, count, endpoint, field) => {
    await submit(generator, mine, order({ size: '1024x1024' }, { model, references: await references(count) }));
    const body = lastBody(fake);
    expect(body['model']).toBe(endpoint);
    expect([body[field]].flat()).toHaveLength(count);
  });
});

describe('what became of the one request', () => {
  it('completes: the state, then the result, then the picture without a key', async () => {
    const handle = await accepted(generator, mine);
    expect(await generator.poll?.(handle, mine)).toEqual({ type: 'running', message: 'IN_PROGRESS' });
    expect(await generator.poll?.(handle, mine)).toMatchObject({ type: 'done', images: [{ mimeType: 'image/png' }] });
    const id = fake.ledger().entries[0]?.id;
    const request = `/fal-ai/flux-2/requests/${id}`;
    expect(fake.requests.map(({ method, path }) => `${method} ${path}`)).toEqual(['POST /fal-ai/flux-2', `GET ${request}/status`, `GET ${request}/status`, `GET ${request}`, `GET /__files__/${id}/0`]);
    expect(fake.ledger().total).toBe(1);
  });

  it.each<[string, FaultInput, Record<string, unknown>]>([
    ['a wrong key', { kind: 'unauthorized' }, notBilled('PROVIDER_AUTH', false, { message: expect.not.stringContaining('canary') })],
    ['no rights', { kind: 'reply', status: 403, body: '{"detail":"Forbidden for {key}"}' }, notBilled('PROVIDER_AUTH', false, { message: expect.not.stringContaining('canary') })],
    ['no balance', { kind: 'quota' }, notBilled('PROVIDER_QUOTA', false)],
    ['a rate limit with a delay', { kind: 'rate_limited', retry_after: 7 }, notBilled('PROVIDER_RATE_LIMITED', true, { retryAfterSeconds: 7 })],
    ['moderation of the request', { kind: 'moderation' }, notBilled('CONTENT_REFUSED', false)],
    ['unusable input', { kind: 'rejected' }, notBilled('PROVIDER_REJECTED', false)],
    ['a model that is not there', { kind: 'reply', status: 404, body: '{"detail":"Application \'flux-9\' not found"}' }, notBilled('PROVIDER_REJECTED', false, { message: expect.stringContaining('flux-9') })],
    ['an outage', { kind: 'overloaded' }, { type: 'ambiguous', providerStatus: 503 }],
    ['500', { kind: 'server_error' }, { type: 'ambiguous', providerStatus: 500 }],
    ['a lost reply', { kind: 'reply_lost' }, { type: 'ambiguous' }],
    ['an unreadable reply', { kind: 'unreadable' }, { type: 'ambiguous', providerStatus: 200 }],
    ['a reply without addresses', { kind: 'reply', status: 200, body: '{"request_id":"x"}' }, { type: 'ambiguous', providerStatus: 200 }],
    ['a reply that breaks off', { kind: 'truncated_body' }, { type: 'ambiguous', providerStatus: 200 }],
    ['a connection that drops', { kind: 'drop' }, { type: 'ambiguous' }],
    ['400 of something between', { kind: 'reply', status: 400, body: '<html>' }, { type: 'ambiguous', providerStatus: 400 }],
  ])('%s', async (_name, fault, expected) => {
    fake.fault(fault);
    expect(await submit(generator, mine)).toMatchObject(expected);
  });

  it.each<[string, FaultInput, Record<string, unknown>]>([
    ['a refusal', { kind: 'refusal' }, ended('CONTENT_REFUSED', 'maybe', { message: expect.stringContaining('flagged') })],
    ['no picture', { kind: 'empty' }, ended('NO_IMAGE', 'maybe')],
    ['a failure of the platform, which is never charged', { kind: 'failed' }, ended('PROVIDER_UNAVAILABLE', 'none', { message: expect.stringContaining('disconnected') })],
    ['an expired result', { kind: 'expires' }, ended('RESULT_EXPIRED', 'maybe')],
    ['an unknown status word, then the picture', { kind: 'unknown_status' }, { type: 'done' }],
  ])('%s', async (_name, fault, expected) => {
    fake.fault(fault);
    expect(await finished(generator, mine, await accepted(generator, mine))).toMatchObject(expected);
    expect(fake.ledger().total).toBe(1);
  });

  const result = (status: number, body: unknown, headers: Record<string, string> = {}): FaultInput => ({ kind: 'reply', on: 'poll', status, body: JSON.stringify(body), headers });
  const completed: FaultInput = result(200, { status: 'COMPLETED', request_id: 'x' });
  it.each<[string, FaultInput, Record<string, unknown>]>([
    ['a picture that is blacked out', result(200, { images: [{ url: 'https://v3b.fal.media/files/x.png' }], has_nsfw_concepts: [true] }), ended('CONTENT_REFUSED', 'maybe')],
    ['a model that made none', result(422, { detail: [{ loc: ['body'], msg: 'unsafe content', type: 'no_media_generated' }] }), ended('NO_IMAGE', 'maybe', { message: expect.stringContaining('unsafe content') })],
    ['input that is wrong', result(422, { detail: [{ loc: ['body', 'image_url'], msg: 'Image too small', type: 'image_too_small' }] }), ended('PROVIDER_REJECTED', 'maybe', { message: expect.stringContaining('image_url') })],
    ['a service behind it that failed', result(400, { detail: [{ loc: ['body'], msg: 'Downstream service error', type: 'downstream_service_error' }] }), ended('PROVIDER_UNAVAILABLE', 'maybe')],
    ['a timeout of the model', result(504, { detail: [{ loc: ['body'], msg: 'Generation timeout', type: 'generation_timeout' }] }), ended('PROVIDER_UNAVAILABLE', 'none')],
    ['a cancellation', result(499, { detail: 'Request was cancelled', error_type: 'client_cancelled' }), ended('CANCELLED', 'maybe')],
    ['a failure that only the header names', result(500, {}, { 'x-fal-error-type': 'runner_server_error' }), ended('PROVIDER_UNAVAILABLE', 'none')],
    ['a result that is not there yet', result(400, { detail: 'Request is still in progress' }), { type: 'running' }],
  ])('%s is told by the result', async (_name, fault, expected) => {
    const handle = await accepted(generator, mine);
    fake.fault(completed, fault);
    expect(await generator.poll?.(handle, mine)).toMatchObject(expected);
  });

  it('what the state says decides, when the result is no answer of fal', async () => {
    const handle = await accepted(generator, mine);
    fake.fault(result(200, { status: 'COMPLETED', error: 'Runner crashed' }), { kind: 'reply', on: 'poll', status: 502, body: 'Bad Gateway' });
    expect(await generator.poll?.(handle, mine)).toMatchObject(ended('PROVIDER_UNAVAILABLE', 'none', { message: expect.stringContaining('Runner crashed') }));
  });

  it('a picture whose address is gone was paid', async () => {
    fake.fault({ kind: 'reply', on: 'file', status: 403, body: 'expired' });
    expect(await finished(generator, mine, await accepted(generator, mine))).toMatchObject(ended('RESULT_EXPIRED', 'billed'));
  });

  it.each<[string, FaultInput[]]>([
    ['the state', [{ kind: 'reply', on: 'poll', status: 500, body: 'Internal Server Error' }]],
    ['the state that is limited', [{ kind: 'rate_limited', on: 'poll' }]],
    ['the result', [completed, { kind: 'reply', on: 'poll', status: 502, body: '<html>' }]],
    ['the result that breaks off', [completed, { kind: 'truncated_body', on: 'poll' }]],
    ['the picture', [{ kind: 'reply', on: 'file', status: 502 }]],
    ['the picture that breaks off', [{ kind: 'truncated_body', on: 'file' }]],
  ])('an outage at %s is asked again, names the id only, and nothing is sent twice', async (_name, faults) => {
    const handle = await accepted(generator, mine);
    await generator.poll?.(handle, mine);
    fake.fault(...faults);
    const failure = await failureOf(generator.poll?.(handle, mine));
    expect(failure).toMatchObject({ retryable: true, billing: 'maybe' });
    expect(told(failure)).toContain(fake.ledger().entries[0]?.id);
    expect(told(failure)).not.toContain('cancel');
    expect(await finished(generator, mine, handle)).toMatchObject({ type: 'done' });
    expect(fake.ledger().total).toBe(1);
  });

  it('addresses of somebody else are not asked, and get no key', async () => {
    const foreign = await startFakeProvider(falFake);
    const addresses = { status_url: `${foreign.url}/a/b/requests/x/status`, response_url: `${foreign.url}/a/b/requests/x`, cancel_url: `${foreign.url}/a/b/requests/x/cancel` };
    try {
      fake.fault({ kind: 'reply', status: 200, body: JSON.stringify({ request_id: 'x', ...addresses }) });
      const handle = await accepted(generator, mine);
      expect(await generator.poll?.(handle, mine)).toMatchObject(ended('PROVIDER_REJECTED', 'maybe'));
      expect(await failureOf(generator.cancel?.(handle, mine))).toMatchObject({ code: 'PROVIDER_REJECTED', billing: 'maybe' });
      const own = await accepted(generator, mine);
      fake.fault(completed, result(200, { images: [{ url: `${foreign.url}/__files__/x/0` }] }));
      expect(await generator.poll?.(own, mine)).toMatchObject(ended('PROVIDER_REJECTED', 'maybe'));
      expect(foreign.requests).toHaveLength(0);
    } finally {
      await foreign.close();
    }
  });
});

describe('cancelling', () => {
  it('by PUT at the address that fal gave; what it costs is not known', async () => {
    const handle = await accepted(generator, mine);
    expect(await generator.cancel?.(handle, mine)).toMatchObject({ billing: 'maybe', message: expect.stringContaining('told to stop') });
    expect(fake.requests.at(-1)).toMatchObject({ method: 'PUT', on: 'cancel', headers: { authorization: `Key ${mine.key}` } });
    expect(await generator.poll?.(handle, mine)).toMatchObject(ended('CANCELLED', 'maybe'));
  });

  it('too late', async () => {
    const handle = await accepted(generator, mine);
    await finished(generator, mine, handle);
    expect(await generator.cancel?.(handle, mine)).toMatchObject({ billing: 'maybe', message: expect.stringContaining('had ended') });
  });

  it('of a request that is gone', async () => {
    const handle = await accepted(generator, mine);
    fake.expire();
    expect(await generator.cancel?.(handle, mine)).toMatchObject({ billing: 'maybe', message: expect.stringContaining('does not show') });
  });

  it('during an outage is tried again', async () => {
    const handle = await accepted(generator, mine);
    fake.fault({ kind: 'server_error', on: 'cancel' });
    expect(await failureOf(generator.cancel?.(handle, mine))).toMatchObject({ code: 'PROVIDER_UNAVAILABLE', retryable: true });
  });
});

/** The leftmost and the rightmost pixel of the first row. */
async function pixels(url: unknown): Promise<number[][]> {
  const picture = sharp(Buffer.from(String(url).replace(/^data:image\/png;base64,/, ''), 'base64'));
  const { channels: own } = await picture.metadata();
  const { data, info } = await (own === 1 ? picture.extractChannel(0) : picture).raw().toBuffer({ resolveWithObject: true });
  const at = (x: number): number[] => [...data.subarray(x * info.channels, (x + 1) * info.channels)];
  return [at(0), at(info.width - 1)];
}
