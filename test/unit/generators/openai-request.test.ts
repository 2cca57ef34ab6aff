import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { createOpenAiGenerator } from '../../../src/generators/openai/index.js';
import { sizeOf } from '../../../src/generators/openai/request.js';
import { startFakeOpenAi, type FakeOpenAi } from '../../support/fake-openai.js';
import { account, ATTEMPT, failureOf, order, reference, SETTINGS, submit } from './openai-helpers.js';

let fake: FakeOpenAi;
beforeEach(async () => {
  fake = await startFakeOpenAi();
});
afterEach(() => fake.close());
const generator = createOpenAiGenerator(SETTINGS);

describe('the request to OpenAI', () => {
  it('for a picture from text', async () => {
    expect(await submit(generator, account(fake.url))).toEqual({ type: 'accepted', handle: expect.stringMatching(/^resp_/) });
    expect(fake.violations).toEqual([]);
    expect(fake.requests[0]?.body).toEqual({
      model: 'gpt-5.5',
      background: true,
      store: true,
      max_tool_calls: 1,
      metadata: { attempt: 'nonce-1', job_id: 'img-0123', item: '2' },
      input: [{ role: 'user', content: [{ type: 'input_text', text: 'a red fox' }] }],
      tools: [{ type: 'image_generation', action: 'generate', size: '64x48' }],
      tool_choice: { type: 'image_generation' },
    });
  });

  it('for an edit with references, mask and all that shapes the picture', async () => {
    const references = [await reference(64, 48), await reference(32, 32)];
    const mask = await reference(64, 48, 0.2);
    const picture = { kind: 'image_edit', quality: 'high', output_format: 'webp', background: 'transparent' } as const;
    expect(await submit(generator, account(fake.url), order(picture, { references, mask }))).toMatchObject({ type: 'accepted' });
    expect(fake.violations).toEqual([]);
    const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
    const [entry] = fake.ledger().entries;
    expect(entry?.images.map(({ sha256 }) => sha256)).toEqual(references.map(({ bytes }) => digest(bytes)));
    expect(entry?.mask?.sha256).toBe(digest(mask.bytes));
    expect(fake.requests[0]?.body).toMatchObject({
      input: [{ content: [{}, { detail: 'auto' }, { detail: 'auto' }] }],
      tools: [{ action: 'edit', quality: 'high', output_format: 'webp', background: 'transparent' }],
    });
  });

  it.each<[string | undefined, { image?: string; responses?: string }, string, string | undefined]>([
    [undefined, {}, 'gpt-5.5', undefined],
    [undefined, { image: 'gpt-image-2', responses: 'gpt-6' }, 'gpt-6', 'gpt-image-2'],
    ['gpt-image-1', { image: 'gpt-image-2', responses: 'gpt-6' }, 'gpt-6', 'gpt-image-1'],
    ['gpt-4.1', { image: 'gpt-image-2', responses: 'gpt-6' }, 'gpt-4.1', 'gpt-image-2'],
  ])('model %p of accounts with %j', async (model, models, responses, image) => {
    await submit(generator, account(fake.url, models), order({ size: '1024x1024' }, { model }));
    const tool = image === undefined ? expect.not.objectContaining({ model: expect.anything() }) : expect.objectContaining({ model: image });
    expect(fake.requests[0]?.body).toMatchObject({ model: responses, tools: [tool] });
  });

  it.each([
    ['jpg', '1024 × 1024'],
    ['JPG', '1024X1024'],
    ['JPEG', ' 1024*1024 '],
  ])('format %j and size %j in the spelling of the API', async (output_format, size) => {
    await submit(generator, account(fake.url), order({ output_format, size }));
    expect(fake.requests[0]?.body).toMatchObject({ tools: [{ output_format: 'jpeg', size: '1024x1024' }] });
  });

  it('goes over a connection of its own each time', async () => {
    await submit(generator, account(fake.url));
    await submit(generator, account(fake.url));
    expect(new Set(fake.requests.map(({ connection }) => connection)).size).toBe(2);
  });

  it('keeps path and query of the base URL', async () => {
    const base = fake.url.replace(/v1$/, 'gateway/v1/?api-version=1');
    expect(await submit(generator, account(base))).toMatchObject({ type: 'not_billed', failure: { providerStatus: 404 } });
    expect(fake.requests.map(({ path }) => path)).toEqual(['/gateway/v1/responses']);
  });

  it('leaves once, however often it is told to', async () => {
    const prepared = await generator.prepare(order(), account(fake.url), ATTEMPT, undefined);
    const [one, two] = await Promise.all([prepared.send(0), prepared.send(0)]);
    expect(two).toBe(one);
    expect(fake.requests).toHaveLength(1);
  });

  it('does not leave before it is told to', async () => {
    await generator.prepare(order(), account(fake.url), ATTEMPT, undefined);
    expect(fake.requests).toEqual([]);
  });
});

describe('sizes', () => {
  it.each<[string | undefined, string | undefined, string | undefined, string | undefined]>([
    [undefined, undefined, undefined, undefined],
    ['auto', undefined, undefined, 'auto'],
    ['640x480', '4:3', undefined, '640x480'],
    [undefined, '1:1', undefined, '1024x1024'],
    [undefined, '16:9', undefined, '1536x1024'],
    [undefined, '4:3', 'gpt-image-1', '1536x1024'],
    [undefined, '9:16', 'gpt-image-1', '1024x1536'],
    [undefined, '10:9', 'gpt-image-1.5', '1024x1024'],
    [undefined, '3:2', 'gpt-image-2', '1536x1024'],
    [undefined, '16:9', 'gpt-image-2', '1680x944'],
  ])('size %p, ratio %p, model %p: %p', (size, ratio, model, sent) => expect(sizeOf(size, ratio, model)).toBe(sent));

  it('of gpt-image-2 stay within what it takes', () => {
    for (const ratio of ['1:1', '2:3', '21:9', '3:1', '1:3', '10:1', '1:10', '7:5', '2.39:1']) {
      const [width, height] = (sizeOf(undefined, ratio, 'gpt-image-2.5') ?? '').split('x').map(Number);
      expect([Number(width) % 16, Number(height) % 16]).toEqual([0, 0]);
      expect(Math.max(Number(width) / Number(height), Number(height) / Number(width))).toBeLessThanOrEqual(3);
      expect(Number(width) * Number(height)).toBeLessThanOrEqual(2560 * 1440);
    }
  });
});

describe('what cannot be sent is refused before anything leaves', () => {
  const prepare = (request = order(), to: Parameters<typeof generator.prepare>[1] = account(fake.url)): Promise<unknown> =>
    failureOf(generator.prepare(request, to, ATTEMPT, undefined));
  afterEach(() => expect(fake.requests).toEqual([]));

  it('no account', async () => {
    const failure = await failureOf(generator.prepare(order(), undefined, ATTEMPT, undefined));
    expect(failure).toMatchObject({ code: 'PROVIDER_NOT_CONFIGURED', retryable: false });
  });

  it('too many references', async () => {
    const references = Array.from({ length: 17 }, () => ({ bytes: Buffer.from('x'), mimeType: 'image/png', width: 1, height: 1 }));
    expect(await prepare(order({}, { references }))).toMatchObject({ code: 'LIMIT_EXCEEDED', message: expect.stringContaining('16') });
  });

  it('a mask without a reference', async () => {
    expect(await prepare(order({}, { mask: await reference(8, 8) }))).toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('a base URL that is none', async () => {
    for (const url of ['localhost:80/v1', 'ftp://a.test', 'nonsense']) {
      expect(await prepare(order(), account(url))).toMatchObject({ code: 'PROVIDER_NOT_CONFIGURED' });
    }
  });

  it('a key that no header can carry', async () => {
    const failure = await prepare(order(), account(fake.url, {}, 'sk-one\nsk-two'));
    expect(failure).toMatchObject({ code: 'PROVIDER_AUTH' });
    expect(JSON.stringify(failure)).not.toContain('sk-one');
  });

  it('a name that does not resolve: tried again', async () => {
    expect(await prepare(order(), account('https://provider.invalid/v1'))).toMatchObject({ code: 'PROVIDER_UNAVAILABLE', retryable: true, billing: 'none' });
  });
});
