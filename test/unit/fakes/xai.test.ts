import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { startFakeProvider, type FakeProvider } from '../../support/fakes/fake-provider.js';
import type { FaultInput } from '../../support/fakes/faults.js';
import { xaiFake } from '../../support/fakes/xai.js';
import { formOf, post } from './images-helpers.js';

let fake: FakeProvider;
let url: string;
beforeEach(async () => {
  fake = await startFakeProvider(xaiFake);
  const bytes = await sharp({ create: { width: 64, height: 64, channels: 3, background: '#00f' } }).png().toBuffer();
  url = `data:image/png;base64,${bytes.toString('base64')}`;
});
afterEach(() => fake.close());

const BODY = { model: 'grok-imagine-image', prompt: 'A collage of London landmarks' };

it('answers as the REST reference says: addresses, or base64 when asked, with the cost', async () => {
  const byUrl = await post(fake, '/images/generations', BODY);
  expect(byUrl).toMatchObject({ status: 200, json: { data: [{ url: expect.stringMatching(/^http/), mime_type: 'image/jpeg', respect_moderation: true }], usage: { cost_in_usd_ticks: 200_000_000 } } });
  const inline = await post(fake, '/images/generations', { ...BODY, response_format: 'b64_json', aspect_ratio: '16:9', resolution: '2k' });
  expect(inline.json).toMatchObject({ data: [{ b64_json: expect.stringMatching(/^\/9j\//), revised_prompt: '' }] });
  const { width, height } = await sharp(Buffer.from(String(/"b64_json":"([^"]+)"/.exec(inline.text)?.[1]), 'base64')).metadata();
  expect([width, height]).toEqual([2736, 1536]);
  expect(fake.ledger().total).toBe(2);
});

it('takes one image, or several: three, and five from 2.0 on', async () => {
  const image = { url, type: 'image_url' };
  expect((await post(fake, '/images/edits', { ...BODY, image })).status).toBe(200);
  expect((await post(fake, '/images/edits', { ...BODY, images: [image, image, image] })).status).toBe(200);
  expect((await post(fake, '/images/edits', { ...BODY, model: 'grok-imagine-image-2.0', images: Array.from({ length: 5 }, () => image) })).status).toBe(200);
});

describe('a body that is one field off is refused, and not billed', () => {
  it.each<[string, string, () => object, number, string]>([
    // Recorded with `quality` and `size` in 2025; the sentence stands.
    ["a field of OpenAI's", 'generations', () => ({ size: '1024x1024' }), 400, 'Argument not supported: size'],
    ['a ratio of nobody', 'generations', () => ({ aspect_ratio: '7:3' }), 422, 'Failed to deserialize the JSON body into the target type: aspect_ratio'],
    ['a resolution in capitals', 'generations', () => ({ resolution: '2K' }), 422, 'resolution'],
    ['eleven pictures', 'generations', () => ({ n: 11 }), 422, 'n:'],
    ['no prompt', 'generations', () => ({ prompt: undefined }), 422, 'prompt'],
    ['an image without an edit', 'generations', () => ({ image: { url, type: 'image_url' } }), 400, 'Argument not supported: image'],
    ['an edit without an image', 'edits', () => ({}), 400, 'image or images'],
    ['both forms at once', 'edits', () => ({ image: { url, type: 'image_url' }, images: [{ url, type: 'image_url' }] }), 400, 'mutually exclusive'],
    ['four images', 'edits', () => ({ images: Array.from({ length: 4 }, () => ({ url, type: 'image_url' })) }), 400, 'at most 3'],
    ['six images of 2.0', 'edits', () => ({ model: 'grok-imagine-image-2.0', images: Array.from({ length: 6 }, () => ({ url, type: 'image_url' })) }), 422, 'images'],
    ['a ratio of 2.0', 'generations', () => ({ aspect_ratio: '21:9' }), 400, 'aspect_ratio'],
    ['an image without its type', 'edits', () => ({ image: { url } }), 422, 'image.type'],
    ['a bare base64', 'edits', () => ({ image: { url: url.split(',')[1], type: 'image_url' } }), 400, 'data: URL'],
    ['what is no picture', 'edits', () => ({ image: { url: 'data:image/png;base64,AAAA', type: 'image_url' } }), 400, 'decoded'],
    ['a mask', 'edits', () => ({ image: { url, type: 'image_url' }, mask: { url } }), 400, 'Argument not supported: mask'],
  ])('%s', async (_name, path, off, status, text) => {
    const reply = await post(fake, `/images/${path}`, { ...BODY, ...off() });
    expect([reply.status, reply.text]).toEqual([status, expect.stringContaining(text)]);
    expect([fake.ledger().total, fake.violations.length]).toEqual([0, 1]);
  });

  it('a form, and a request without a key', async () => {
    expect((await post(fake, '/images/edits', formOf(BODY, []))).status).toBe(400);
    expect(await post(fake, '/images/generations', BODY, '')).toMatchObject({ status: 401, json: { code: 'unauthenticated:no-credentials', error: 'No credentials provided' } });
    expect(fake.ledger().total).toBe(0);
  });
});

describe('faults', () => {
  // Bodies as recorded by users of the API (2025 and 2026); the words of `code` have changed since, its place has not.
  it.each<[FaultInput, number, object, number]>([
    [{ kind: 'unauthorized' }, 400, { code: 'Client specified an invalid argument', error: expect.stringMatching(/^Incorrect API key provided: ke\*\*\*-1\./) }, 0],
    [{ kind: 'quota' }, 403, { error: expect.stringContaining('used all available credits or reached its monthly spending limit') }, 0],
    [{ kind: 'quota', status: 429 }, 429, { error: expect.stringContaining('used all available credits') }, 0],
    [{ kind: 'rate_limited' }, 429, { code: 'Some resource has been exhausted' }, 0],
    [{ kind: 'moderation' }, 403, { error: 'Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_BIO' }, 0],
    [{ kind: 'rejected' }, 400, { code: 'invalid-argument' }, 0],
    [{ kind: 'overloaded' }, 503, { code: 'unavailable' }, 0],
    [{ kind: 'server_error' }, 500, { code: 'internal' }, 0],
    [{ kind: 'reply', status: 418, body: '{"a":1}' }, 418, { a: 1 }, 0],
    [{ kind: 'unreadable' }, 200, {}, 1],
    [{ kind: 'refusal' }, 200, { data: [{ url: null, respect_moderation: false }], usage: { cost_in_usd_ticks: 200_000_000 } }, 1],
    [{ kind: 'refusal', status: 400 }, 400, { code: 'imagine:content-moderated', error: 'Generated image rejected by content moderation.', usage: { cost_in_usd_ticks: 200_000_000 } }, 1],
    [{ kind: 'empty' }, 200, { data: [] }, 1],
    [{ kind: 'failed' }, 500, { code: 'internal' }, 1],
    [{ kind: 'unknown_status' }, 200, { status: 'pondering', data: [{ respect_moderation: true }] }, 1],
    [{ kind: 'expires' }, 200, { data: [{ url: expect.stringContaining('/__files__/') }] }, 1],
    [{ kind: 'partial' }, 200, { data: [{ respect_moderation: true }, { respect_moderation: false }] }, 1],
    [{ kind: 'image', image_base64: 'AAAA' }, 200, { data: [{ b64_json: 'AAAA' }] }, 1],
  ])('%j', async (fault, status, json, billed) => {
    fake.fault(fault);
    const body = { ...BODY, response_format: 'b64_json' };
    expect(await post(fake, '/images/generations', body)).toMatchObject({ status, json });
    expect(fake.ledger().total).toBe(billed);
    expect((await post(fake, '/images/generations', body)).status).toBe(200);
  });

  it('says a delay', async () => {
    fake.fault({ kind: 'rate_limited', retry_after: 3 });
    expect((await post(fake, '/images/generations', BODY)).headers.get('retry-after')).toBe('3');
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
