import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { startFakeProvider, type FakeProvider } from '../../support/fakes/fake-provider.js';
import type { FaultInput } from '../../support/fakes/faults.js';
import { replicateFakeWith, VERSION } from '../../support/fakes/replicate.js';

/**
 * The fake against Replicate's bytes: the examples and schemas of its OpenAPI (copy: tryAGI/Replicate,
 * src/libs/Replicate/openapi.yaml), the throttling of an account with little credit (nodetool-ai/nodetool#5196), the cancelled
 * prediction of replicate/replicate-javascript (index.test.ts).
 */
let fake: FakeProvider;
beforeEach(async () => {
  fake = await startFakeProvider(replicateFakeWith(2), { complete_after_polls: 2 });
});
afterEach(() => fake.close());

const FLUX = '/models/black-forest-labs/flux-2-pro/predictions';
const INPUT = { input: { prompt: 'a cat' } };
interface Said {
  status: number;
  json: Record<string, unknown>;
  headers: Headers;
}

async function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Said> {
  const given = { authorization: 'Bearer r8_key', 'content-type': 'application/json', ...headers };
  const reply = await fetch(path.startsWith('http') ? path : `${fake.url}${path}`, { method, headers: given, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  const text = await reply.text();
  const json: unknown = text.startsWith('{') ? JSON.parse(text) : {};
  return { status: reply.status, json: Object.fromEntries(Object.entries(json ?? {})), headers: reply.headers };
}

const create = async (): Promise<string> => String((await call('POST', FLUX, INPUT)).json['id']);
const get = async (id: string): Promise<Record<string, unknown>> => (await call('GET', `/predictions/${id}`)).json;

async function image(edge = 64): Promise<string> {
  const png = await sharp({ create: { width: edge, height: edge, channels: 3, background: 'grey' } }).png().toBuffer();
  return `data:image/png;base64,${png.toString('base64')}`;
}

describe("Replicate's predictions, as documented", () => {
  it('are created with all that the schema requires', async () => {
    const { status, json } = await call('POST', FLUX, INPUT, { 'cancel-after': '1h30m45s' });
    expect(status).toBe(201);
    const id = String(json['id']);
    expect(id).toMatch(/^[a-z0-9]{26}$/);
    expect(json).toEqual({
      id,
      model: 'black-forest-labs/flux-2-pro',
      version: 'hidden',
      input: { prompt: 'a cat' },
      logs: '',
      output: null,
      data_removed: false,
      error: null,
      source: 'api',
      status: 'starting',
      created_at: expect.stringMatching(/^20\d\d-/),
      urls: { get: `${fake.url}/predictions/${id}`, cancel: `${fake.url}/predictions/${id}/cancel`, web: `https://replicate.com/p/${id}` },
    });
    expect(fake.ledger()).toMatchObject({ total: 1, by_key: { r8_key: 1 }, by_prompt: { 'a cat': 1 } });
  });

  it('go from starting to processing to succeeded; an hour later their data is removed', async () => {
    const id = await create();
    expect(await get(id)).toMatchObject({ status: 'processing', output: null });
    expect(await get(id)).toMatchObject({ status: 'succeeded', output: expect.stringContaining('/__files__/'), completed_at: expect.any(String), metrics: { predict_time: 1.5 } });
    fake.expire();
    expect(await get(id)).toMatchObject({ status: 'succeeded', output: null, input: {}, data_removed: true });
    expect(fake.ledger().total).toBe(1);
  });

  it('are listed newest first, page by page, of the own key and in the asked time', async () => {
    const from = new Date().toISOString();
    const ids = [await create(), await create(), await create()];
    await call('POST', FLUX, INPUT, { authorization: 'Bearer somebody' });
    const first = await call('GET', `/predictions?created_after=${from}`);
    expect(first.json).toMatchObject({ previous: null, results: [{ id: ids[2] }, { id: ids[1], input: { prompt: 'a cat' } }] });
    const second = await call('GET', String(first.json['next']));
    expect(second.json).toMatchObject({ next: null, results: [{ id: ids[0] }] });
    expect((await call('GET', `/predictions?created_before=${from}`)).json).toMatchObject({ results: [] });
  });

  it('are cancelled by POST', async () => {
    const id = await create();
    expect(await call('POST', `/predictions/${id}/cancel`)).toMatchObject({ status: 200, json: { id, status: 'canceled' } });
    expect(await get(id)).toMatchObject({ status: 'canceled', output: null });
    expect(await call('POST', '/predictions/nothing/cancel')).toMatchObject({ status: 404, json: { detail: 'The requested resource could not be found.' } });
  });

  it('run by version, for models that are not official', async () => {
    const { status, json } = await call('POST', '/predictions', { version: VERSION, input: { prompt: 'a cat', image: await image() } });
    expect([status, json['version']]).toEqual([201, VERSION]);
    await get(String(json['id']));
    expect(await get(String(json['id']))).toMatchObject({ output: [expect.any(String)] });
  });

  it.each<[string, FaultInput, number, Record<string, unknown>]>([
    ['too little credit', { kind: 'quota' }, 402, { title: 'Insufficient credit', status: 402, detail: expect.stringContaining('insufficient credit') }],
    ['too many requests', { kind: 'rate_limited', retry_after: 5 }, 429, { retry_after: 5, status: 429, detail: expect.stringContaining('resets in ~5s.') }],
    ['a wrong key', { kind: 'unauthorized' }, 401, { title: 'Unauthenticated', status: 401 }],
    ['a flagged prompt', { kind: 'moderation' }, 422, { detail: expect.stringContaining('(E005)') }],
    ['unusable input', { kind: 'rejected' }, 422, { title: 'Input validation failed', invalid_fields: [{ field: 'input' }] }],
    ['an outage', { kind: 'overloaded' }, 503, { detail: 'Service Unavailable' }],
    ['an error of its own', { kind: 'server_error' }, 500, { detail: 'Internal server error' }],
  ])('refuse %s in their own form, and take nothing', async (_name, fault, status, json) => {
    fake.fault(fault);
    const said = await call('POST', FLUX, INPUT);
    expect(said).toMatchObject({ status, json });
    if (status === 429) expect(said.headers.get('retry-after')).toBe('5');
    expect(fake.ledger().total).toBe(0);
  });

  it.each<[FaultInput['kind'], Record<string, unknown>]>([
    ['refusal', { status: 'failed', error: expect.stringContaining('(E005)'), output: null }],
    ['failed', { status: 'failed', error: expect.stringContaining('code: PA') }],
    ['empty', { status: 'succeeded', output: null, data_removed: false }],
    ['partial', { status: 'succeeded', output: expect.any(String) }],
    ['image', { status: 'succeeded', output: expect.any(String) }],
    ['never_done', { status: 'processing' }],
    ['expires', { status: 'succeeded', output: null, data_removed: true }],
  ])('the outcome %s', async (kind, json) => {
    fake.fault({ kind });
    const id = await create();
    await get(id);
    expect(await get(id)).toMatchObject(json);
    expect(fake.ledger().total).toBe(1);
  });

  it('the outcome unknown_status', async () => {
    fake.fault({ kind: 'unknown_status' });
    const id = await create();
    expect(await get(id)).toMatchObject({ status: 'pondering' });
    expect(await get(id)).toMatchObject({ status: 'succeeded' });
  });
});

describe('a request that is one field off', () => {
  const png = image();
  it.each<[string, string, (picture: string) => unknown, Record<string, string>]>([
    ['no input', FLUX, () => ({ prompt: 'a cat' }), {}],
    ['no prompt', FLUX, () => ({ input: { seed: 1 } }), {}],
    ['a version where the model is named', FLUX, () => ({ version: VERSION, ...INPUT }), {}],
    ['no version where none is', '/predictions', () => INPUT, {}],
    ['a version that is not there', '/predictions', () => ({ version: 'abc', ...INPUT }), {}],
    ['a model that is not official', '/models/somebody/model/predictions', () => INPUT, {}],
    ['the field of another model', FLUX, (picture) => ({ input: { prompt: 'a', image_input: [picture] } }), {}],
    ['a list where one reference is', '/models/black-forest-labs/flux-kontext-pro/predictions', (picture) => ({ input: { prompt: 'a', input_image: [picture] } }), {}],
    ['more references than it takes', FLUX, (picture) => ({ input: { prompt: 'a', input_images: Array.from({ length: 9 }, () => picture) } }), {}],
    ['a reference that is no picture', FLUX, () => ({ input: { prompt: 'a', input_images: ['data:image/png;base64,AAAA'] } }), {}],
    ['a seed of a model without one', '/models/google/nano-banana-pro/predictions', () => ({ input: { prompt: 'a', seed: 1 } }), {}],
    ['jpeg where it is jpg', FLUX, () => ({ input: { prompt: 'a', output_format: 'jpeg' } }), {}],
    ['a width that is no multiple', FLUX, () => ({ input: { prompt: 'a', aspect_ratio: 'custom', width: 1000, height: 1024 } }), {}],
    ['a mask without its picture', '/models/black-forest-labs/flux-fill-pro/predictions', (picture) => ({ input: { prompt: 'a', mask: picture } }), {}],
    ['a deadline that is no duration', FLUX, () => INPUT, { 'cancel-after': 'tomorrow' }],
    ['another content type', FLUX, () => INPUT, { 'content-type': 'text/plain' }],
    ['a key in another form', FLUX, () => INPUT, { authorization: 'Key r8_key' }],
  ])('%s is refused', async (_name, path, body, headers) => {
    expect((await call('POST', path, body(await png), headers)).status).toBeGreaterThanOrEqual(400);
    expect(fake.violations).toHaveLength(1);
    expect(fake.ledger().total).toBe(0);
  });
});
