import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Account } from '../../../src/accounts/account.js';
import type { GenerationRequest } from '../../../src/generators/generator.js';
import { Endpoint } from '../../../src/generators/http/endpoint.js';
import { xai } from '../../../src/generators/xai.js';
import { startFakeProvider, type FakeProvider } from '../../support/fakes/fake-provider.js';
import type { FaultInput } from '../../support/fakes/faults.js';
import { xaiFake } from '../../support/fakes/xai.js';
import { accepted, accountOf, ATTEMPT, ended, failureOf, finished, generatorOf, lastBody, notBilled, order, reference, submit, told } from './provider-helpers.js';

let fake: FakeProvider;
let mine: Account;
let violations = 0;
beforeEach(async () => {
  fake = await startFakeProvider(xaiFake);
  mine = accountOf('xai', fake.url);
  violations = 0;
});
afterEach(async () => {
  await fake.close();
  expect(fake.violations).toHaveLength(violations);
});
const generator = generatorOf(xai);
const raw = (status: number, body: unknown = ''): FaultInput => ({ kind: 'reply', status, body: typeof body === 'string' ? body : JSON.stringify(body) });
const COST = { amount: 0.02, currency: 'USD', source: 'xai' };

describe('what xAI gets', () => {
  it('a text: one picture in base64, ratio, resolution and quality', async () => {
    await submit(generator, mine, order({ size: '2048x1152', quality: 'medium', seed: 7, background: 'opaque' }, { model: 'grok-imagine-image-2.0' }));
    expect(fake.requests[0]).toMatchObject({ method: 'POST', path: '/v1/images/generations', headers: { authorization: `Bearer ${mine.key}` } });
    expect(lastBody(fake)).toEqual({
      model: 'grok-imagine-image-2.0',
      prompt: 'a red fox',
      n: 1,
      response_format: 'b64_json',
      aspect_ratio: '16:9',
      resolution: '2k',
      quality: 'medium',
    });
  });

  it.each<[number, string | undefined]>([[1, undefined], [2, undefined], [3, undefined], [5, 'grok-imagine-image-2.0']])('%i references at %s: one is image, several are images, in order', async (count, model) => {
    const references = await Promise.all(Array.from({ length: count }, (_, at) => reference(32 + at, 32)));
    await submit(generator, mine, order({ kind: 'image_edit', size: '1024x1024' }, { references, ...(model === undefined ? {} : { model }) }));
    const images = references.map(({ bytes }) => ({ type: 'image_url', url: `data:image/png;base64,${bytes.toString('base64')}` }));
    expect(fake.requests[0]).toMatchObject({ path: '/v1/images/edits', headers: { 'content-type': 'application/json' } });
    expect(lastBody(fake)).toEqual({
      model: model ?? 'grok-imagine-image',
      prompt: 'a red fox',
      n: 1,
      response_format: 'b64_json',
      aspect_ratio: '1:1',
      resolution: '1k',
      ...(count === 1 ? { image: images[0] } : { images }),
    });
  });

  it('no quality, at the model that has none', async () => {
    await submit(generator, mine, order({ quality: 'high' }));
    expect(lastBody(fake)).not.toHaveProperty('quality');
  });

  it.each<[Partial<GenerationRequest['picture']>, string | undefined, string | undefined, string | undefined]>([
    [{ size: '1024x1536' }, '2:3', '1k', undefined],
    [{ size: undefined, aspect_ratio: '9:19.5' }, '9:19.5', '1k', undefined],
    [{ size: undefined, aspect_ratio: '21:9' }, '20:9', '1k', undefined],
    [{ size: undefined, aspect_ratio: '21:9' }, '21:9', '1k', 'grok-imagine-image-2.0'],
    [{ size: undefined, aspect_ratio: 'auto' }, 'auto', undefined, undefined],
    [{ size: '2K' }, undefined, '2k', undefined],
    [{ size: undefined }, undefined, undefined, undefined],
  ])('the size of %j', async (picture, ratio, resolution, model) => {
    await submit(generator, mine, order(picture, model === undefined ? {} : { model }));
    expect([lastBody(fake)['aspect_ratio'], lastBody(fake)['resolution']]).toEqual([ratio, resolution]);
  });
});

describe('what became of the one request', () => {
  it('completes with the picture and what it cost', async () => {
    expect(await submit(generator, mine)).toEqual({
      type: 'done',
      images: [{ mimeType: 'image/jpeg', bytes: expect.any(Buffer) }],
      cost: COST,
      usage: { cost_in_usd_ticks: 200_000_000 },
    });
    expect(fake.ledger().total).toBe(1);
    expect(['cancel' in generator, 'reconcile' in generator]).toEqual([false, false]);
  });

  it('keeps the good picture beside a refused one', async () => {
    fake.fault({ kind: 'partial' });
    expect(await submit(generator, mine)).toMatchObject({ type: 'done', images: [{}], notes: ['A further picture was refused by the provider.'] });
  });

  const one = { type: 'ambiguous' };
  const error = (text: string, more: object = {}): object => ({ code: 'invalid-argument', error: text, ...more });
  it.each<[string, FaultInput, Record<string, unknown>]>([
    ['a wrong key, which is a 400', { kind: 'unauthorized' }, notBilled('PROVIDER_AUTH', false, { message: expect.stringContaining('Incorrect API key') })],
    ['a 401', raw(401, error('No credentials provided')), notBilled('PROVIDER_AUTH', false)],
    ['a blocked key', raw(403, { code: 'permission-denied', error: 'Your API key is blocked.' }), notBilled('PROVIDER_AUTH', false)],
    ['no credit as 403', { kind: 'quota' }, notBilled('PROVIDER_QUOTA', false)],
    ['no credit as 429', { kind: 'quota', status: 429 }, notBilled('PROVIDER_QUOTA', false)],
    ['a rate limit with a delay', { kind: 'rate_limited', retry_after: 7 }, notBilled('PROVIDER_RATE_LIMITED', true, { retryAfterSeconds: 7 })],
    ['unusable input', { kind: 'rejected' }, notBilled('PROVIDER_REJECTED', false)],
    ['a model that is not there', raw(404, error('The model grok-9 does not exist')), notBilled('PROVIDER_REJECTED', false)],
    ["an error in OpenAI's form", raw(400, { error: { message: 'No.', type: 'invalid_request_error' } }), notBilled('PROVIDER_REJECTED', false)],
    // The guidelines' violations are charged, says "Models and pricing".
    ['guidelines', { kind: 'moderation' }, ended('CONTENT_REFUSED', 'maybe', { message: expect.stringContaining('SAFETY_CHECK_TYPE_BIO') })],
    ['a refused picture with its cost', { kind: 'refusal', status: 400 }, ended('CONTENT_REFUSED', 'billed', { message: expect.stringContaining('rejected by content moderation') })],
    ['a refused picture of which no cost is said', raw(400, error('Generated image rejected by content moderation.')), ended('CONTENT_REFUSED', 'maybe')],
    ['a placeholder instead of the picture', { kind: 'refusal' }, ended('CONTENT_REFUSED', 'billed', { message: expect.stringContaining('moderation') })],
    ['any error with a cost', raw(400, error('It broke.', { usage: { cost_in_usd_ticks: 1e8 } })), ended('PROVIDER_REJECTED', 'billed')],
    ['no picture', { kind: 'empty' }, ended('NO_IMAGE', 'maybe')],
    ['no picture, but its cost', raw(200, { data: [], usage: { cost_in_usd_ticks: 5e8 } }), ended('NO_IMAGE', 'billed')],
    ['what is no picture', { kind: 'image', image_base64: 'AAAA' }, ended('NO_IMAGE', 'billed')],
    ['a status that nobody knows, beside the picture', { kind: 'unknown_status' }, { type: 'done' }],
    ['503, of which nobody says that it took nothing', { kind: 'overloaded' }, { ...one, providerStatus: 503 }],
    ['500', { kind: 'server_error' }, { ...one, providerStatus: 500 }],
    ['a failure', { kind: 'failed' }, { ...one, providerStatus: 500 }],
    ['a lost reply', { kind: 'reply_lost' }, one],
    ['a reply that breaks off', { kind: 'truncated_body' }, { ...one, providerStatus: 200 }],
    ['an unreadable reply', { kind: 'unreadable' }, { ...one, providerStatus: 200 }],
    ['a connection that drops', { kind: 'drop' }, one],
    ['400 of something between', raw(400, '<html>'), { ...one, providerStatus: 400 }],
    ['400 with a sentence alone', raw(400, { error: 'upstream failed' }), { ...one, providerStatus: 400 }],
    ['422 of something between', raw(422, 'nope'), { ...one, providerStatus: 422 }],
  ])('%s', async (_name, fault, expected) => {
    fake.fault(fault);
    expect(await submit(generator, mine)).toMatchObject(expected);
    expect(fake.requests).toHaveLength(1);
  });

  it('a word that its parser does not know took nothing', async () => {
    violations = 1;
    expect(await submit(generator, mine, order({ size: undefined, aspect_ratio: 'wide' }))).toMatchObject(
      notBilled('PROVIDER_REJECTED', false, { providerStatus: 422, message: expect.stringContaining('aspect_ratio') }),
    );
    expect(fake.ledger().total).toBe(0);
  });

  it('an answer that never comes is ambiguous at the very end', async () => {
    fake.fault({ kind: 'never_done' });
    const prepared = await generatorOf(xai, { syncSubmitTimeoutSeconds: 0.1 }).prepare(order(), mine, ATTEMPT, undefined);
    expect(await prepared.send(0.2)).toMatchObject({ type: 'ambiguous', reason: expect.stringContaining('no complete reply') });
    expect(fake.ledger().total).toBe(1);
  });

  it('a key in a hostile answer is nowhere', async () => {
    fake.fault(raw(400, '{"code":"{key}","error":"bad \\u001b[31mkey {key}"}'), raw(422, 'Failed to deserialize the JSON body: {key}'), raw(500, '{key}'));
    const outcomes = [await submit(generator, mine), await submit(generator, mine), await submit(generator, mine)];
    expect(outcomes.map(({ type }) => type)).toEqual(['not_billed', 'not_billed', 'ambiguous']);
    expect(told(outcomes)).toContain('[key]');
  });
});

describe('an address instead of the picture', () => {
  it('is fetched at once, and keeps cost and usage', async () => {
    await submit(generator, mine);
    const url = `${new URL(fake.url).origin}/__files__/${fake.ledger().entries[0]?.id}/0`;
    fake.fault(raw(200, { data: [{ url, respect_moderation: true }], usage: { cost_in_usd_ticks: 200_000_000 } }));
    const outcome = await submit(generator, mine);
    expect(outcome).toMatchObject({ type: 'accepted', cost: COST });
    const handle = outcome.type === 'accepted' ? outcome.handle : '';
    expect(await finished(generator, mine, handle)).toMatchObject({ type: 'done', images: [{ mimeType: 'image/jpeg' }], cost: COST, usage: {} });
  });

  it('that is gone was paid', async () => {
    fake.fault({ kind: 'expires' });
    expect(await finished(generator, mine, await accepted(generator, mine))).toMatchObject(ended('RESULT_EXPIRED', 'billed'));
  });

  it('that cannot be reached is asked again, and nothing is sent twice', async () => {
    await submit(generator, mine);
    fake.fault(raw(200, { data: [{ url: `${new URL(fake.url).origin}/__files__/${fake.ledger().entries[0]?.id}/0` }] }));
    const handle = await accepted(generator, mine);
    fake.fault({ kind: 'reply', on: 'file', status: 502 });
    expect(await failureOf(generator.poll?.(handle, mine))).toMatchObject({ retryable: true, billing: 'maybe' });
    expect(await finished(generator, mine, handle)).toMatchObject({ type: 'done' });
  });

  it('of somebody else is not asked; those of xAI get no key', async () => {
    const foreign = await startFakeProvider(xaiFake);
    try {
      fake.fault(raw(200, { data: [{ url: `${foreign.url}/picture.jpg` }] }));
      const handle = await accepted(generator, mine);
      expect(await generator.poll?.(handle, mine)).toMatchObject(ended('PROVIDER_REJECTED', 'maybe'));
      expect(foreign.requests).toHaveLength(0);
    } finally {
      await foreign.close();
    }
    const endpoint = new Endpoint(xai, accountOf('xai', 'https://api.x.ai/v1'));
    expect(told(endpoint.locate('https://imgen.x.ai/xai-imgen/one.jpeg').headers)).not.toContain(mine.key);
    expect(() => endpoint.locate('https://imgen.x.ai.example/one.jpeg')).toThrow('not its own');
    expect(() => endpoint.locate('http://imgen.x.ai/one.jpeg')).toThrow('not its own');
  });
});
