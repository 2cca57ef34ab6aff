import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import type { Account } from '../../../src/accounts/account.js';
import type { AttemptIdentity, GenerationRequest } from '../../../src/generators/generator.js';
import { replicate } from '../../../src/generators/replicate.js';
import { seedOf } from '../../../src/generators/replicate-reconcile.js';
import { startFakeProvider, type FakeProvider } from '../../support/fakes/fake-provider.js';
import type { FaultInput } from '../../support/fakes/faults.js';
import { replicateFake, replicateFakeWith, VERSION } from '../../support/fakes/replicate.js';
import { accepted, accountOf, ATTEMPT, ended, failureOf, finished, generatorOf, KEY, lastBody, notBilled, order, reference, submit } from './provider-helpers.js';

let fake: FakeProvider;
let mine: Account;
beforeEach(async () => {
  fake = await startFakeProvider(replicateFake, { complete_after_polls: 2 });
  mine = accountOf('replicate', fake.url);
});
afterEach(async () => {
  await fake.close();
  expect(fake.violations).toEqual([]);
});
const generator = generatorOf(replicate);
const SEED = seedOf(ATTEMPT.nonce);

const references = (count: number): Promise<GenerationRequest['references']> => Promise.all(Array.from({ length: count }, (_, at) => reference(64 + at, 64)));
const dataUrl = ({ bytes }: { bytes: Buffer }): string => `data:image/png;base64,${bytes.toString('base64')}`;

describe('what Replicate gets', () => {
  it('a text: size in steps of 32, the seed of the caller and its word for JPEG, with a deadline', async () => {
    await submit(generator, mine, order({ size: '1000x600', seed: 7, output_format: 'JPEG' }));
    expect(lastBody(fake)).toEqual({
      model: 'black-forest-labs/flux-2-pro',
      input: { prompt: 'a red fox', aspect_ratio: 'custom', width: 992, height: 608, seed: 7, output_format: 'jpg' },
    });
    const { headers, path } = fake.requests[0] ?? {};
    expect(path).toBe('/v1/models/black-forest-labs/flux-2-pro/predictions');
    expect(headers).toMatchObject({ authorization: `Bearer ${mine.key}`, 'cancel-after': '1h', 'content-type': 'application/json' });
  });

  it('eight references, in order, and a seed that marks the attempt', async () => {
    const given = await references(8);
    await submit(generator, mine, order({ kind: 'image_multi_reference', size: '1024x1024' }, { references: given }));
    expect(lastBody(fake)).toEqual({
      model: 'black-forest-labs/flux-2-pro',
      input: { prompt: 'a red fox', aspect_ratio: 'custom', width: 1024, height: 1024, seed: SEED, input_images: given.map(dataUrl) },
    });
  });

  it('an edit with a mask at the fill model, white where our alpha is 0', async () => {
    const given = await references(1);
    await submit(generator, mine, order({ kind: 'image_edit', seed: 3 }, { references: given, mask: await reference(64, 64, [0, 0, 32, 64]) }));
    const { model, input } = lastBody(fake);
    const { mask, ...rest } = Object.fromEntries(Object.entries(input ?? {}));
    expect({ model, rest }).toEqual({ model: 'black-forest-labs/flux-fill-pro', rest: { prompt: 'a red fox', image: given.map(dataUrl)[0], seed: 3 } });
    const picture = sharp(Buffer.from(String(mask).replace(/^data:image\/png;base64,/, ''), 'base64'));
    const { data } = await picture.extractChannel(0).raw().toBuffer({ resolveWithObject: true });
    expect([data[0], data[63]]).toEqual([255, 0]);
  });

  it('a model of the community by its version', async () => {
    await submit(generator, mine, order({ size: '1024x1024' }, { model: `somebody/model:${VERSION}`, references: await references(1) }));
    expect(fake.requests[0]?.path).toBe('/v1/predictions');
    expect(lastBody(fake)).toMatchObject({ version: VERSION, input: { prompt: 'a red fox', aspect_ratio: '1:1', image: expect.stringMatching(/^data:image\/png;base64,/) } });
    expect(lastBody(fake)['input']).not.toHaveProperty('seed');
  });

  it.each<[string, string, Parameters<typeof order>[0], Record<string, unknown>]>([
    ['a ratio', 'black-forest-labs/flux-kontext-pro', { size: undefined, aspect_ratio: '21:9', output_format: 'jpg' }, { aspect_ratio: '21:9', seed: SEED, output_format: 'jpg' }],
    ['a ratio and a class of resolution, without a seed', 'google/nano-banana-pro', { size: '2048x2048', seed: 5 }, { aspect_ratio: '1:1', resolution: '2K' }],
    ['pixels under another name, and no format', 'bytedance/seedream-4', { size: '2048x1024', output_format: 'png' }, { size: 'custom', width: 2048, height: 1024, sequential_image_generation: 'disabled' }],
    [
      'quality, background, and one picture',
      'openai/gpt-image-1.5',
      { size: '1536x1024', quality: 'low', background: 'opaque', output_format: 'jpeg' },
      { aspect_ratio: '3:2', quality: 'low', background: 'opaque', output_format: 'jpeg', number_of_images: 1 },
    ],
    ['one of several outputs', 'black-forest-labs/flux-schnell', { size: '1024x1024' }, { aspect_ratio: '1:1', seed: SEED, num_outputs: 1 }],
  ])('%s', async (_name, model, picture, input) => {
    await submit(generator, mine, order(picture, { model }));
    expect(lastBody(fake)).toEqual({ model, input: { prompt: 'a red fox', ...input } });
  });

  it.each([
    ['black-forest-labs/flux-2-dev', 4, 'input_images'],
    ['black-forest-labs/flux-kontext-pro', 1, 'input_image'],
    ['black-forest-labs/flux-1.1-pro', 1, 'image_prompt'],
    ['google/nano-banana-pro', 14, 'image_input'],
    ['bytedance/seedream-4', 10, 'image_input'],
    ['openai/gpt-image-1.5', 10, 'input_images'],
  ])('%s with %d references', async (model, count, field) => {
    await submit(generator, mine, order({ size: '1024x1024' }, { model, references: await references(count) }));
    const input = Object.fromEntries(Object.entries(lastBody(fake)['input'] ?? {}));
    expect([input[field]].flat()).toHaveLength(count);
  });
});

describe('what became of the one request', () => {
  it('completes, and the picture is fetched with the key', async () => {
    const handle = await accepted(generator, mine);
    expect(await generator.poll?.(handle, mine)).toEqual({ type: 'running', message: 'processing' });
    expect(await finished(generator, mine, handle)).toMatchObject({ type: 'done', images: [{ mimeType: 'image/png' }], usage: { predict_time: 1.5 } });
    expect(fake.requests.at(-1)).toMatchObject({ on: 'file', headers: { authorization: `Bearer ${mine.key}` } });
    expect(fake.ledger().total).toBe(1);
  });

  it('an output that is a list', async () => {
    const handle = await accepted(generator, mine, order({ size: '1024x1024' }, { model: 'black-forest-labs/flux-schnell' }));
    expect(await finished(generator, mine, handle)).toMatchObject({ type: 'done', images: [{}] });
  });

  it('an output that is an object', async () => {
    const handle = await accepted(generator, mine);
    fake.fault({ kind: 'reply', on: 'poll', status: 200, body: JSON.stringify({ id: handle, status: 'succeeded', output: { image: fileOf(handle), nsfw: false } }) });
    expect(await generator.poll?.(handle, mine)).toMatchObject({ type: 'done', images: [{ mimeType: 'image/png' }] });
  });

  it.each<[string, FaultInput, Record<string, unknown>]>([
    ['a wrong key', { kind: 'unauthorized' }, notBilled('PROVIDER_AUTH', false, { message: expect.not.stringContaining('canary') })],
    ['no credit', { kind: 'quota' }, notBilled('PROVIDER_QUOTA', false, { message: expect.stringContaining('insufficient credit') })],
    ['a rate limit with a delay in header and text', { kind: 'rate_limited', retry_after: 7 }, notBilled('PROVIDER_RATE_LIMITED', true, { retryAfterSeconds: 7 })],
    ['a rate limit with a delay in the body', { kind: 'rate_limited' }, notBilled('PROVIDER_RATE_LIMITED', true, { retryAfterSeconds: 30 })],
    [
      'a rate limit with a delay in the text alone',
      { kind: 'reply', status: 429, body: '{"detail":"Request was throttled. Your rate limit resets in ~12s."}' },
      notBilled('PROVIDER_RATE_LIMITED', true, { retryAfterSeconds: 12 }),
    ],
    [
      'the older text',
      { kind: 'reply', status: 429, body: '{"detail":"Request was throttled. Expected available in 1 second."}', headers: { 'retry-after': '4' } },
      notBilled('PROVIDER_RATE_LIMITED', true, { retryAfterSeconds: 4 }),
    ],
    ['moderation of the request', { kind: 'moderation' }, notBilled('CONTENT_REFUSED', false)],
    ['unusable input', { kind: 'rejected' }, notBilled('PROVIDER_REJECTED', false, { message: expect.stringContaining('prompt is required') })],
    ['a limit of the safety setting', { kind: 'reply', status: 422, body: '{"detail":"- input.safety_tolerance: must be at most 5"}' }, notBilled('PROVIDER_REJECTED', false)],
    ['an outage', { kind: 'overloaded' }, { type: 'ambiguous', providerStatus: 503 }],
    ['500', { kind: 'server_error' }, { type: 'ambiguous', providerStatus: 500 }],
    ['a lost reply', { kind: 'reply_lost' }, { type: 'ambiguous' }],
    ['an unreadable reply', { kind: 'unreadable' }, { type: 'ambiguous', providerStatus: 200 }],
    ['a reply that breaks off', { kind: 'truncated_body' }, { type: 'ambiguous', providerStatus: 201 }],
    ['a connection that drops', { kind: 'drop' }, { type: 'ambiguous' }],
    ['400 of something between', { kind: 'reply', status: 400, body: '<html>' }, { type: 'ambiguous', providerStatus: 400 }],
  ])('%s', async (_name, fault, expected) => {
    fake.fault(fault);
    expect(await submit(generator, mine)).toMatchObject(expected);
  });

  it.each<[string, FaultInput, Record<string, unknown>]>([
    ['a refusal', { kind: 'refusal' }, ended('CONTENT_REFUSED', 'maybe', { message: expect.stringContaining('E005') })],
    ['no picture', { kind: 'empty' }, ended('NO_IMAGE', 'maybe')],
    ['a failure', { kind: 'failed' }, ended('PROVIDER_UNAVAILABLE', 'maybe', { message: expect.stringContaining('code: PA') })],
    ['an output that was removed', { kind: 'expires' }, ended('RESULT_EXPIRED', 'billed')],
    ['an unknown status word, then the picture', { kind: 'unknown_status' }, { type: 'done' }],
  ])('%s', async (_name, fault, expected) => {
    fake.fault(fault);
    expect(await finished(generator, mine, await accepted(generator, mine))).toMatchObject(expected);
    expect(fake.ledger().total).toBe(1);
  });

  it.each<[string, Record<string, unknown>, Record<string, unknown>]>([
    ['a prediction that never started costs nothing', { status: 'aborted' }, ended('PROVIDER_TIMEOUT', 'none')],
    ['one that was stopped', { status: 'canceled' }, ended('CANCELLED', 'maybe')],
    ['one that was stopped by its deadline', { status: 'canceled', deadline: '2026-11-25T10:00:00Z', completed_at: '2026-11-25T10:00:01Z' }, ended('PROVIDER_TIMEOUT', 'maybe')],
    ['an error that is an object', { status: 'failed', error: { message: 'NSFW content detected' } }, ended('CONTENT_REFUSED', 'maybe')],
    ['an error without a text', { status: 'failed', error: null }, ended('PROVIDER_UNAVAILABLE', 'maybe')],
  ])('%s', async (_name, body, expected) => {
    const handle = await accepted(generator, mine);
    fake.fault({ kind: 'reply', on: 'poll', status: 200, body: JSON.stringify({ id: handle, output: null, ...body }) });
    expect(await generator.poll?.(handle, mine)).toMatchObject(expected);
  });

  it('a request that Replicate does not know any more', async () => {
    expect(await generator.poll?.('gm3qorzdhgbfurvjtvhg6dckhu', mine)).toMatchObject(ended('RESULT_EXPIRED', 'maybe'));
  });

  it('a picture whose address is gone was paid', async () => {
    fake.fault({ kind: 'reply', on: 'file', status: 404, body: 'expired' });
    expect(await finished(generator, mine, await accepted(generator, mine))).toMatchObject(ended('RESULT_EXPIRED', 'billed'));
  });

  it.each<[string, FaultInput]>([
    ['a poll', { kind: 'server_error', on: 'poll' }],
    ['a poll that is limited', { kind: 'rate_limited', on: 'poll' }],
    ['the picture', { kind: 'reply', on: 'file', status: 502 }],
    ['the picture that breaks off', { kind: 'truncated_body', on: 'file' }],
  ])('an outage at %s is asked again, and nothing is sent twice', async (_name, fault) => {
    const handle = await accepted(generator, mine);
    await generator.poll?.(handle, mine);
    fake.fault(fault);
    expect(await failureOf(generator.poll?.(handle, mine))).toMatchObject({ retryable: true, billing: 'maybe' });
    expect(await finished(generator, mine, handle)).toMatchObject({ type: 'done' });
    expect(fake.ledger().total).toBe(1);
  });

  it('an address of somebody else gets no key', async () => {
    const foreign = await startFakeProvider(replicateFake);
    try {
      const handle = await accepted(generator, mine);
      fake.fault({ kind: 'reply', on: 'poll', status: 200, body: JSON.stringify({ id: handle, status: 'succeeded', output: `${foreign.url}/__files__/x/0` }) });
      expect(await generator.poll?.(handle, mine)).toMatchObject(ended('PROVIDER_REJECTED', 'maybe'));
      expect(foreign.requests).toHaveLength(0);
    } finally {
      await foreign.close();
    }
  });
});

describe('cancelling', () => {
  it('is asked for; the time that it ran is billed', async () => {
    const handle = await accepted(generator, mine);
    expect(await generator.cancel?.(handle, mine)).toMatchObject({ billing: 'maybe', message: expect.stringContaining('time that it ran') });
    expect(await generator.poll?.(handle, mine)).toMatchObject(ended('CANCELLED', 'maybe'));
  });

  it('too late', async () => {
    const handle = await accepted(generator, mine);
    await finished(generator, mine, handle);
    expect(await generator.cancel?.(handle, mine)).toMatchObject({ billing: 'billed' });
  });

  it.each<[string, number, string, Record<string, unknown>]>([
    ['before it started', 200, '{"id":"x","status":"aborted"}', { billing: 'none' }],
    ['of a request that is not there', 404, '{"detail":"The requested resource could not be found.","status":404}', { billing: 'maybe' }],
  ])('%s', async (_name, status, body, expected) => {
    const handle = await accepted(generator, mine);
    fake.fault({ kind: 'reply', on: 'cancel', status, body });
    expect(await generator.cancel?.(handle, mine)).toMatchObject(expected);
  });
});

describe('a request whose reply was lost', () => {
  const lost: AttemptIdentity = { ...ATTEMPT, openedAt: new Date(Date.now() - 2000).toISOString(), givesUpAt: new Date(Date.now() + 2000).toISOString() };
  const find = (attempt = lost): Promise<string | undefined> | undefined => generator.reconcile?.(attempt, mine);
  /** Predictions of others, made by hand. */
  const another = async (input: Record<string, unknown>, key = KEY): Promise<void> => {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    await fetch(`${fake.url}/models/black-forest-labs/flux-2-pro/predictions`, { method: 'POST', headers, body: JSON.stringify({ input: { prompt: 'another', ...input } }) });
  };
  const loseOne = async (request = order()): Promise<string | undefined> => {
    fake.fault({ kind: 'reply_lost' });
    await submit(generator, mine, request);
    return fake.ledger().entries.at(-1)?.id;
  };

  it('is found by its seed among others, and its picture is collected', async () => {
    await another({ seed: 1 });
    const id = await loseOne();
    await another({});
    expect(await find()).toBe(id);
    expect(await finished(generator, mine, id ?? '')).toMatchObject({ type: 'done' });
    expect(fake.ledger().by_prompt).toEqual({ another: 2, 'a red fox': 1 });
    expect(fake.requests.filter(({ on }) => on === 'list').map(({ method, path }) => `${method} ${path}`)).toEqual(['GET /v1/predictions']);
  });

  it('is found on a later page, as long as it is the only one', async () => {
    await fake.close();
    fake = await startFakeProvider(replicateFakeWith(2));
    mine = accountOf('replicate', fake.url);
    const id = await loseOne();
    for (let at = 1; at < 6; at += 1) await another({ seed: at });
    expect(await find()).toBe(id);
    expect(fake.requests.filter(({ on }) => on === 'list')).toHaveLength(3);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['when it never arrived', async () => another({ seed: 9 })],
    ['when two have its seed', async () => [await loseOne(), await another({ seed: SEED })]],
    ['with the seed of the caller, whose siblings look the same', async () => loseOne(order({ seed: 5 }))],
    ['with a model that takes no seed', async () => loseOne(order({ size: '1024x1024' }, { model: 'google/nano-banana-pro' }))],
    ['with a model that is not known', async () => loseOne(order({ size: '1024x1024' }, { model: `somebody/model:${VERSION}` }))],
    ['when its input was removed', async () => [await loseOne(), fake.fault({ kind: 'reply', on: 'list', status: 200, body: '{"next":null,"results":[{"id":"x","status":"succeeded","input":{},"data_removed":true}]}' })]],
    ['when somebody repeats it on the website', async () => fake.fault({ kind: 'reply', on: 'list', status: 200, body: JSON.stringify({ next: null, results: [{ id: 'x', status: 'starting', source: 'web', input: { seed: SEED } }] }) })],
    ['when the key lost its rights', async () => [await loseOne(), fake.fault({ kind: 'unauthorized', on: 'list' })]],
    ['when the list is too large to be read', async () => [await loseOne(), fake.fault({ kind: 'reply', on: 'list', status: 200, body: 'x'.repeat(65 * 1024 * 1024) })]],
    ['when the list is of another form', async () => [await loseOne(), fake.fault({ kind: 'reply', on: 'list', status: 200, body: '{"items":[]}' })]],
  ])('stays unknown %s', async (_name, prepare) => {
    await prepare();
    expect(await find()).toBeUndefined();
  });

  it('is not looked for outside its time, nor among the predictions of another account', async () => {
    await loseOne();
    const old = { openedAt: '2026-01-01T10:00:00.000Z', givesUpAt: '2026-01-01T10:02:00.000Z' };
    expect(await find({ ...lost, ...old })).toBeUndefined();
    expect(await generator.reconcile?.(lost, accountOf('replicate', fake.url, 'another-key'))).toBeUndefined();
    expect(await find(ATTEMPT)).toBe(fake.ledger().entries[0]?.id);
  });

  it('is asked for again during an outage', async () => {
    await loseOne();
    fake.fault({ kind: 'server_error', on: 'list' });
    expect(await failureOf(find())).toMatchObject({ code: 'PROVIDER_UNAVAILABLE', retryable: true });
  });

  it('has its next page asked at the own address, whatever the list names', async () => {
    const id = await loseOne();
    fake.fault({ kind: 'reply', on: 'list', status: 200, body: '{"next":"http://127.0.0.1:9/v1/predictions?cursor=0","results":[]}' });
    expect(await find()).toBe(id);
  });

  it.each([
    ['a next page without an address', '"nothing"'],
    ['pages without end', '"http://127.0.0.1:9/v1/predictions?cursor=0"'],
  ])('stays unknown with %s', async (_name, next) => {
    await loseOne();
    fake.fault({ kind: 'reply', on: 'list', status: 200, body: `{"next":${next},"results":[]}`, times: 60 });
    expect(await find()).toBeUndefined();
    expect(fake.requests.filter(({ on }) => on === 'list').length).toBeLessThanOrEqual(50);
  });

  it('has a seed of 31 bits, always the same for a nonce and another for another', () => {
    expect(seedOf(ATTEMPT.nonce)).toBe(seedOf(ATTEMPT.nonce));
    const seeds = Array.from({ length: 2000 }, (_, at) => seedOf(`nonce ${at}`));
    expect(new Set(seeds).size).toBe(2000);
    for (const seed of seeds) expect(Number.isInteger(seed) && seed >= 1 && seed < 2 ** 31).toBe(true);
  });
});

function fileOf(id: string): string {
  return `${new URL(fake.url).origin}/__files__/${id}/0`;
}
