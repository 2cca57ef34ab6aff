import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { falFake } from '../../support/fakes/fal.js';
import { startFakeProvider, type FakeProvider } from '../../support/fakes/fake-provider.js';
import type { FaultInput } from '../../support/fakes/faults.js';

/**
 * The fake against the bytes of fal: the examples of docs.fal.ai "Queue API", "Errors" and "Request errors", the input types of
 * fal-ai/fal-js, a recorded queue reply (vercel/ai, packages/fal/src/__fixtures__/fal-transcription-queue.json) and the lock of
 * an account without balance (fal-ai/fal#1147).
 */
let fake: FakeProvider;
beforeEach(async () => {
  fake = await startFakeProvider(falFake, { complete_after_polls: 2 });
});
afterEach(() => fake.close());

const FLUX = { prompt: 'a cat', num_images: 1, image_size: { width: 1024, height: 768 } };
interface Said {
  status: number;
  json: Record<string, unknown>;
  headers: Headers;
}

async function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Said> {
  const given = { authorization: 'Key key-1', 'x-fal-no-retry': '1', 'content-type': 'application/json', ...headers };
  const reply = await fetch(path.startsWith('http') ? path : `${fake.url}${path}`, { method, headers: given, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  const text = await reply.text();
  const json: unknown = text.startsWith('{') ? JSON.parse(text) : {};
  return { status: reply.status, json: Object.fromEntries(Object.entries(json ?? {})), headers: reply.headers };
}

async function image(edge = 64): Promise<string> {
  const png = await sharp({ create: { width: edge, height: edge, channels: 3, background: 'grey' } }).png().toBuffer();
  return `data:image/png;base64,${png.toString('base64')}`;
}

const at = (said: Said, name: string): string => String(said.json[name]);

describe("fal's queue, as documented", () => {
  it('takes a text and answers with the addresses of the request, without the sub-path of the model', async () => {
    const said = await call('POST', '/fal-ai/flux-2', FLUX);
    const id = at(said, 'request_id');
    const request = `${fake.url}/fal-ai/flux-2/requests/${id}`;
    expect(said.status).toBe(200);
    expect(said.json).toEqual({
      status: 'IN_QUEUE',
      request_id: id,
      response_url: request,
      status_url: `${request}/status`,
      cancel_url: `${request}/cancel`,
      logs: null,
      metrics: {},
      queue_position: 0,
    });
    expect(fake.ledger()).toMatchObject({ total: 1, by_key: { 'key-1': 1 }, by_prompt: { 'a cat': 1 } });
  });

  it('is 202 until it is completed, then has the result', async () => {
    const said = await call('POST', '/fal-ai/flux-2/edit', { prompt: 'a cat', num_images: 1, image_urls: [await image()] });
    expect(at(said, 'status_url')).toMatch(/\/fal-ai\/flux-2\/requests\/[\w-]+\/status$/);
    expect(await call('GET', at(said, 'status_url'))).toMatchObject({ status: 202, json: { status: 'IN_PROGRESS' } });
    expect(await call('GET', at(said, 'response_url'))).toMatchObject({ status: 400, json: { detail: 'Request is still in progress' } });
    expect(await call('GET', at(said, 'status_url'))).toMatchObject({ status: 200, json: { status: 'COMPLETED', metrics: { inference_time: 1.5 } } });
    const { json } = await call('GET', at(said, 'response_url'));
    expect(json).toMatchObject({ seed: 7, prompt: 'a cat', has_nsfw_concepts: [false], images: [{ content_type: 'image/png', url: expect.stringContaining('/__files__/') }] });
    expect(fake.ledger().total).toBe(1);
  });

  it.each<[string, FaultInput, number, Record<string, unknown>]>([
    ['an account without balance', { kind: 'quota' }, 403, { detail: 'User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard/billing.' }],
    ['a flagged prompt', { kind: 'moderation' }, 422, { detail: [{ loc: ['body', 'prompt'], type: 'content_policy_violation', msg: expect.any(String), url: expect.any(String) }] }],
    ['no runner', { kind: 'overloaded' }, 503, { error_type: 'runner_scheduling_failure', detail: expect.any(String) }],
    ['an error of its own', { kind: 'server_error' }, 500, { error_type: 'internal_error', detail: expect.any(String) }],
    ['unusable input', { kind: 'rejected' }, 422, { detail: [expect.objectContaining({ loc: ['body'] })] }],
    ['too many requests', { kind: 'rate_limited', retry_after: 3 }, 429, { detail: 'Rate limit exceeded' }],
    ['a wrong key', { kind: 'unauthorized' }, 401, { detail: expect.stringContaining('Authentication is required') }],
  ])('refuses %s in its own form, and takes nothing', async (_name, fault, status, json) => {
    fake.fault(fault);
    const said = await call('POST', '/fal-ai/flux-2', FLUX);
    expect(said).toMatchObject({ status, json });
    if (status === 503) expect(said.headers.get('x-fal-error-type')).toBe('runner_scheduling_failure');
    if (status === 429) expect(said.headers.get('retry-after')).toBe('3');
    expect(fake.ledger().total).toBe(0);
  });

  it.each<[FaultInput['kind'], number, Record<string, unknown>]>([
    ['refusal', 422, { detail: [expect.objectContaining({ type: 'content_policy_violation' })] }],
    ['empty', 200, { images: [] }],
    ['failed', 503, { error_type: 'runner_disconnected' }],
    ['partial', 200, { images: [expect.anything()] }],
    ['image', 200, { images: [expect.anything()] }],
  ])('the outcome %s', async (kind, status, json) => {
    fake.fault({ kind });
    const said = await call('POST', '/fal-ai/flux-2', FLUX);
    await call('GET', at(said, 'status_url'));
    expect((await call('GET', at(said, 'status_url'))).json).toMatchObject({ status: 'COMPLETED', ...(kind === 'failed' ? { error_type: 'runner_disconnected' } : {}) });
    expect(await call('GET', at(said, 'response_url'))).toMatchObject({ status, json });
    expect(fake.ledger().total).toBe(1);
  });

  it('other outcomes: an unknown word, never done, gone', async () => {
    fake.fault({ kind: 'unknown_status' }, { kind: 'never_done' }, { kind: 'expires' });
    const [strange, slow, gone] = [await call('POST', '/fal-ai/flux-2', FLUX), await call('POST', '/fal-ai/flux-2', FLUX), await call('POST', '/fal-ai/flux-2', FLUX)];
    expect((await call('GET', at(strange, 'status_url'))).json).toMatchObject({ status: 'PONDERING' });
    for (let polls = 0; polls < 4; polls += 1) expect((await call('GET', at(slow, 'status_url'))).json).toMatchObject({ status: 'IN_PROGRESS' });
    await call('GET', at(gone, 'status_url'));
    expect(await call('GET', at(gone, 'status_url'))).toMatchObject({ status: 404, json: { detail: 'Request not found' } });
    expect(fake.ledger().total).toBe(3);
  });

  it('cancels by PUT', async () => {
    const said = await call('POST', '/fal-ai/flux-2', FLUX);
    expect((await call('POST', at(said, 'cancel_url'))).status).toBe(404);
    expect(await call('PUT', at(said, 'cancel_url'))).toMatchObject({ status: 202, json: { status: 'CANCELLATION_REQUESTED' } });
    expect(await call('PUT', at(said, 'cancel_url'))).toMatchObject({ status: 400, json: { status: 'ALREADY_COMPLETED' } });
    expect((await call('PUT', `${fake.url}/fal-ai/flux-2/requests/nothing/cancel`)).status).toBe(404);
  });
});

describe('a request that is one field off', () => {
  it.each<[string, string, Record<string, unknown>, Record<string, string>]>([
    ['a field of another model', '/fal-ai/flux-2-pro', FLUX, {}],
    ['references at the endpoint for texts', '/fal-ai/flux-2', { ...FLUX, image_urls: ['x'] }, {}],
    ['one reference where a list is', '/fal-ai/flux-2/edit', { ...FLUX, image_url: 'x' }, {}],
    ['a list where one reference is', '/fal-ai/flux-pro/kontext', { prompt: 'a', image_urls: ['x'] }, {}],
    ['no prompt', '/fal-ai/flux-2', { num_images: 1 }, {}],
    ['a size that is too small', '/fal-ai/flux-2', { ...FLUX, image_size: { width: 256, height: 512 } }, {}],
    ['a size as text', '/fal-ai/flux-2', { ...FLUX, image_size: '1024x768' }, {}],
    ['two pictures', '/fal-ai/flux-2', { ...FLUX, num_images: 2 }, {}],
    ['a reference that is no picture', '/fal-ai/flux-2/edit', { ...FLUX, image_urls: ['data:image/png;base64,AAAA'] }, {}],
    ['a model that is not there', '/fal-ai/flux-9', FLUX, {}],
    ['retries of the platform', '/fal-ai/flux-2', FLUX, { 'x-fal-no-retry': '0' }],
    ['another content type', '/fal-ai/flux-2', FLUX, { 'content-type': 'text/plain' }],
    ['a key in another form', '/fal-ai/flux-2', FLUX, { authorization: 'Bearer key-1' }],
  ])('%s is refused', async (_name, path, body, headers) => {
    expect((await call('POST', path, body, headers)).status).toBeGreaterThanOrEqual(400);
    expect(fake.violations).toHaveLength(1);
    expect(fake.ledger().total).toBe(0);
  });

  it('more references than the model uses, and a mask of another size or kind', async () => {
    const picture64 = await image();
    const urls = Array.from({ length: 5 }, () => picture64);
    expect((await call('POST', '/fal-ai/flux-2/edit', { ...FLUX, image_urls: urls })).status).toBe(422);
    const fill = { prompt: 'a', image_url: picture64 };
    expect((await call('POST', '/fal-ai/flux-pro/v1/fill', { ...fill, mask_url: await image(32) })).status).toBe(422);
    expect((await call('POST', '/fal-ai/flux-pro/v1/fill', { ...fill, mask_url: picture64 })).status).toBe(200);
    expect((await call('POST', '/openai/gpt-image-2/edit', { prompt: 'a', image_urls: [picture64], mask_url: picture64 })).status).toBe(422);
    expect(fake.violations).toHaveLength(3);
  });
});
