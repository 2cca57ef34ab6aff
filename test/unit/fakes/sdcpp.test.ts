import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import * as z from 'zod';
import { startFakeProvider, type FakeProvider } from '../../support/fakes/fake-provider.js';
import type { FaultInput } from '../../support/fakes/faults.js';
import { sdcppFake } from '../../support/fakes/sdcpp.js';

/** Of the example in leejet/stable-diffusion.cpp examples/server/api.md, "Request Body" of img_gen. */
const body = (changes: object = {}): object => ({
  prompt: 'a cat sitting on a chair',
  negative_prompt: '',
  clip_skip: -1,
  width: 1024,
  height: 1024,
  strength: 0.75,
  seed: -1,
  batch_count: 1,
  auto_resize_ref_image: true,
  increase_ref_index: false,
  embed_image_metadata: true,
  init_image: null,
  ref_images: [],
  mask_image: null,
  sample_params: { scheduler: 'discrete', sample_method: 'euler_a', sample_steps: 28 },
  output_format: 'png',
  output_compression: 100,
  ...changes,
});
const png = async (channels: 1 | 3, edge = 64): Promise<string> => {
  const image = sharp({ create: { width: edge, height: edge, channels: 3, background: 'white' } });
  return (await (channels === 1 ? image.toColourspace('b-w') : image).png().toBuffer()).toString('base64');
};
const replySchema = z.looseObject({ id: z.string().optional(), status: z.string().optional(), error: z.unknown().optional() });

let fake: FakeProvider;
beforeEach(async () => {
  fake = await startFakeProvider(sdcppFake, { complete_after_polls: 2 });
});
afterEach(() => fake.close());
const call = async (method: string, path: string, json?: object): Promise<{ status: number; json: z.infer<typeof replySchema> }> => {
  const response = await fetch(`${fake.url}${path}`, { method, ...(json === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(json) }) });
  const text = await response.text();
  return { status: response.status, json: replySchema.parse(text.startsWith('{') ? JSON.parse(text) : {}) };
};
const submit = async (changes: object = {}): Promise<string> => (await call('POST', '/img_gen', body(changes))).json.id ?? '';

describe('the fake stable-diffusion.cpp server', () => {
  /** api.md, "Completion Result". */
  it('goes from queued over generating to completed, with the picture in the answer', async () => {
    const { status, json } = await call('POST', '/img_gen', body());
    expect([status, json]).toEqual([202, { id: expect.stringMatching(/^job_[0-9a-f]+_\d{8}$/), kind: 'img_gen', status: 'queued', created: expect.any(Number), poll_url: `/sdcpp/v1/jobs/${json.id}` }]);
    expect((await call('GET', `/jobs/${json.id}`)).json).toMatchObject({ status: 'generating', started: expect.any(Number), completed: null, queue_position: 0, result: null, error: null });
    const done = await call('GET', `/jobs/${json.id}`);
    expect(done.json).toMatchObject({ status: 'completed', completed: expect.any(Number), result: { output_format: 'png', images: [{ index: 0, b64_json: expect.stringMatching(/^iVBORw0KGgo/) }] }, error: null });
    expect(fake.ledger()).toMatchObject({ total: 1, by_prompt: { 'a cat sitting on a chair': 1 }, by_key: { '': 1 } });
  });

  it('takes a picture, its mask and references', async () => {
    const [image, mask] = [await png(3), await png(1)];
    expect((await call('POST', '/img_gen', body({ init_image: image, mask_image: mask, ref_images: [image, image] }))).status).toBe(202);
  });

  it.each<[string, () => object | Promise<object>]>([
    ['a field that is not its own', () => ({ model: 'x' })],
    ['a width that some models would change', () => ({ width: 1000 })],
    ['a height beyond its limit', () => ({ height: 8192 })],
    ['nine pictures', () => ({ batch_count: 9 })],
    ['a format that it has not', () => ({ output_format: 'gif' })],
    ['a strength above 1', () => ({ strength: 2 })],
    ['a picture that is none', () => ({ init_image: 'bm9uZQ==' })],
    ['a grey picture', async () => ({ init_image: await png(1) })],
    ['a mask in colour', async () => ({ init_image: await png(3), mask_image: await png(3) })],
    ['a mask alone', async () => ({ mask_image: await png(1) })],
    ['a mask of another size', async () => ({ init_image: await png(3), mask_image: await png(1, 32) })],
  ])('refuses %s', async (_name, changes) => {
    expect(await call('POST', '/img_gen', body(await changes()))).toEqual({ status: 400, json: { error: 'invalid generation parameters' } });
    expect(fake.ledger().total).toBe(0);
    expect(fake.violations).toHaveLength(1);
  });

  it('refuses what is not JSON, and another address', async () => {
    const response = await fetch(`${fake.url}/img_gen`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{' });
    expect([response.status, await response.json()]).toEqual([400, { error: 'invalid json' }]);
    expect((await call('POST', '/vid_gen', body())).status).toBe(404);
  });

  /** routes_sdcpp.cpp: the answers to jobs and jobs/cancel. */
  it('says which it never had, and which it has forgotten', async () => {
    expect(await call('GET', '/jobs/job_1_00000000x')).toEqual({ status: 404, json: { error: 'job not found' } });
    const id = await submit();
    fake.expire();
    expect(await call('GET', `/jobs/${id}`)).toEqual({ status: 410, json: { error: 'job expired' } });
    expect(await call('POST', `/jobs/${id}/cancel`)).toEqual({ status: 410, json: { error: 'job expired' } });
  });

  it('cancels what waits, and not what it works on', async () => {
    const waiting = await submit();
    expect((await call('POST', `/jobs/${waiting}/cancel`)).json).toMatchObject({ status: 'cancelled', started: null, error: { code: 'cancelled', message: 'job cancelled by client' } });
    const working = await submit();
    await call('GET', `/jobs/${working}`);
    expect(await call('POST', `/jobs/${working}/cancel`)).toEqual({ status: 409, json: { error: 'job is currently generating and cannot be interrupted yet' } });
    expect((await call('GET', `/jobs/${working}`)).json.status).toBe('completed');
    expect((await call('POST', `/jobs/${working}/cancel`)).json.status).toBe('completed');
  });

  it.each<[FaultInput, number, object]>([
    [{ kind: 'unauthorized' }, 401, { error: 'unauthorized' }],
    [{ kind: 'rate_limited' }, 429, { error: 'job queue is full' }],
    [{ kind: 'rejected' }, 400, { error: 'invalid generation parameters' }],
    [{ kind: 'server_error' }, 500, { error: 'server_error', message: expect.any(String) }],
    [{ kind: 'overloaded' }, 503, {}],
  ])('%j, unbilled', async (fault, status, json) => {
    fake.fault(fault);
    expect(await call('POST', '/img_gen', body())).toEqual({ status, json });
    expect(fake.ledger().total).toBe(0);
  });

  /** api.md, "Failure Result". */
  it.each<[FaultInput, object]>([
    [{ kind: 'empty' }, { status: 'failed', result: null, error: { code: 'generation_failed', message: 'generate_image returned no results' } }],
    [{ kind: 'failed' }, { status: 'failed', error: { code: 'generation_failed' } }],
    [{ kind: 'refusal', message: 'no' }, { status: 'failed', error: { code: 'generation_failed', message: 'no' } }],
    [{ kind: 'never_done' }, { status: 'generating' }],
    [{ kind: 'expires' }, { error: 'job expired' }],
    [{ kind: 'image', image_base64: 'R0lG' }, { status: 'completed', result: { images: [{ b64_json: 'R0lG' }] } }],
    [{ kind: 'unknown_status' }, { status: 'completed' }],
  ])('%j', async (fault, expected) => {
    fake.fault(fault);
    const id = await submit();
    const before = await call('GET', `/jobs/${id}`);
    expect(before.json.status).toBe(fault.kind === 'unknown_status' ? 'dreaming' : 'generating');
    expect((await call('GET', `/jobs/${id}`)).json).toMatchObject(expected);
    expect(fake.ledger().total).toBe(1);
  });

  it('partial: of two pictures, one', async () => {
    fake.fault({ kind: 'partial' });
    const id = await submit({ batch_count: 2 });
    await call('GET', `/jobs/${id}`);
    expect((await call('GET', `/jobs/${id}`)).json).toMatchObject({ result: { images: [{ index: 0 }] } });
  });
});
