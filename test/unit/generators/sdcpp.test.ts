import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import type { Account } from '../../../src/accounts/account.js';
import type { Picture } from '../../../src/contract/plan.js';
import { sdcpp } from '../../../src/generators/sdcpp.js';
import { startFakeProvider, type FakeProvider } from '../../support/fakes/fake-provider.js';
import type { FaultInput } from '../../support/fakes/faults.js';
import { sdcppFake } from '../../support/fakes/sdcpp.js';
import { accepted, accountOf, ended, failureOf, finished, generatorOf, KEY, lastBody, notBilled, order, reference, submit } from './provider-helpers.js';

let fake: FakeProvider;
let mine: Account;
beforeEach(async () => {
  fake = await startFakeProvider(sdcppFake, { complete_after_polls: 2 });
  mine = accountOf('sdcpp', fake.url.replace(/\/sdcpp\/v1$/, ''), '');
});
afterEach(async () => {
  await fake.close();
  expect(fake.violations).toEqual([]);
});
const generator = generatorOf(sdcpp);
const FREE = { amount: 0, currency: 'USD', source: 'own machine' };
const base64 = ({ bytes }: { bytes: Buffer }): string => bytes.toString('base64');

describe('what a stable-diffusion.cpp server gets', () => {
  it.each<[string, Partial<Picture>, Record<string, unknown>]>([
    ['a size, in multiples of 64', { size: '1000x600', seed: 7, output_format: 'JPG' }, { width: 1024, height: 576, seed: 7, output_format: 'jpeg' }],
    ['a ratio', { size: undefined, aspect_ratio: '16:9', seed: 0 }, { width: 1344, height: 768, seed: 0 }],
    ['no size', { size: 'auto', seed: 4_294_967_295 }, { seed: 4_294_967_295 }],
    ['no seed: one of ours, since the server would always take the same', {}, { width: 64, height: 64, seed: 1_526_377_904 }],
  ])('%s', async (_name, picture, asked) => {
    await submit(generator, mine, order(picture));
    expect(lastBody(fake)).toEqual({ prompt: 'a red fox', batch_count: 1, ...asked });
    expect(fake.requests[0]).toMatchObject({ path: '/sdcpp/v1/img_gen' });
    expect(fake.requests[0]?.headers).not.toHaveProperty('authorization');
  });

  it('a picture to edit, in the size of the picture', async () => {
    const picture = await reference(200, 120);
    await submit(generator, mine, order({ kind: 'image_edit', size: 'auto', seed: 1 }, { references: [picture] }));
    const image = base64(picture);
    expect(lastBody(fake)).toEqual({ prompt: 'a red fox', width: 192, height: 128, seed: 1, batch_count: 1, init_image: image, ref_images: [image] });
  });

  it('a mask, white where our alpha is 0', async () => {
    const mask = await reference(64, 64, [0, 0, 32, 64]);
    await submit(generator, mine, order({ kind: 'image_edit' }, { references: [await reference(64, 64)], mask }));
    const { data, info } = await sharp(Buffer.from(String(lastBody(fake)['mask_image']), 'base64')).extractChannel(0).raw().toBuffer({ resolveWithObject: true });
    expect([info.channels, data[0], data[63]]).toEqual([1, 255, 0]);
  });

  it('ten references, in order, and none of them to start from', async () => {
    const references = await Promise.all(Array.from({ length: 10 }, (_, at) => reference(64 + at, 64)));
    await submit(generator, mine, order({ kind: 'image_multi_reference' }, { references }));
    expect(lastBody(fake)).toMatchObject({ ref_images: references.map(base64) });
    expect(lastBody(fake)).not.toHaveProperty('init_image');
  });

  it('no mask without a picture: nothing leaves', async () => {
    expect(await failureOf(submit(generator, mine, order({}, { mask: await reference(64, 64, [0, 0, 9, 9]) })))).toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(fake.requests).toEqual([]);
  });

  it('a key where something in front of it wants one, and a base URL that has the prefix', async () => {
    const guarded = accountOf('sdcpp', fake.url);
    await finished(generator, guarded, await accepted(generator, guarded));
    expect(fake.requests.map(({ headers }) => headers.authorization)).toEqual(fake.requests.map(() => `Bearer ${KEY}`));
  });

  it('no account: the variable that makes one is named', async () => {
    const attempt = { nonce: 'x', jobId: 'img-1', item: 0 };
    expect(await failureOf(generator.prepare(order(), undefined, attempt, undefined))).toMatchObject({ code: 'PROVIDER_NOT_CONFIGURED', nextStep: expect.stringContaining('SDCPP_BASE_URL') });
  });
});

describe('what became of the one request', () => {
  it('waits in line, is made, and costs nothing', async () => {
    const outcome = await submit(generator, mine);
    expect(outcome).toEqual({ type: 'accepted', handle: expect.stringMatching(/^job_/), cost: FREE });
    const handle = outcome.type === 'accepted' ? outcome.handle : '';
    expect(await generator.poll?.(handle, mine)).toEqual({ type: 'running', message: 'generating' });
    expect(await finished(generator, mine, handle)).toMatchObject({ type: 'done', images: [{ mimeType: 'image/png' }], cost: FREE });
    expect(fake.ledger().total).toBe(1);
  });

  it.each<[string, FaultInput, Record<string, unknown>]>([
    ['a guard that wants a key', { kind: 'unauthorized' }, notBilled('PROVIDER_AUTH', false)],
    ['a full queue', { kind: 'rate_limited' }, notBilled('PROVIDER_RATE_LIMITED', true, { message: expect.stringContaining('job queue is full') })],
    ['a full queue behind something that names a delay', { kind: 'rate_limited', retry_after: 7 }, notBilled('PROVIDER_RATE_LIMITED', true, { retryAfterSeconds: 7 })],
    ['unusable input', { kind: 'rejected' }, notBilled('PROVIDER_REJECTED', false, { message: expect.stringContaining('invalid generation parameters') })],
    ['a model for videos', { kind: 'reply', status: 400, body: '{"error":"loaded model does not support img_gen"}' }, notBilled('PROVIDER_REJECTED', false)],
    ['an outage', { kind: 'overloaded' }, { type: 'ambiguous', providerStatus: 503 }],
    ['500', { kind: 'server_error' }, { type: 'ambiguous', providerStatus: 500 }],
    ['a lost reply', { kind: 'reply_lost' }, { type: 'ambiguous' }],
    ['an unreadable reply', { kind: 'unreadable' }, { type: 'ambiguous', providerStatus: 200 }],
    ['a reply that breaks off', { kind: 'truncated_body' }, { type: 'ambiguous', providerStatus: 202 }],
    ['a connection that drops', { kind: 'drop' }, { type: 'ambiguous' }],
    ['400 of something between', { kind: 'reply', status: 400, body: '<html>' }, { type: 'ambiguous', providerStatus: 400 }],
  ])('%s', async (_name, fault, expected) => {
    fake.fault(fault);
    expect(await submit(generator, mine)).toMatchObject(expected);
  });

  it('a server that does not run: nothing was sent', async () => {
    await fake.close();
    expect(await submit(generator, mine)).toMatchObject(notBilled('PROVIDER_UNAVAILABLE', true));
  });

  it.each<[string, FaultInput, Record<string, unknown>]>([
    ['no picture', { kind: 'empty' }, ended('NO_IMAGE', 'none', { message: expect.stringContaining('no results') })],
    ['something that is no picture', { kind: 'image', image_base64: 'R0lG' }, ended('NO_IMAGE', 'none')],
    ['a failure', { kind: 'failed' }, ended('PROVIDER_UNAVAILABLE', 'none', { message: expect.stringContaining('unknown generation error') })],
    ['an expired result (410)', { kind: 'expires' }, ended('RESULT_EXPIRED', 'none')],
    ['an unknown status word, then the picture', { kind: 'unknown_status' }, { type: 'done' }],
  ])('%s', async (_name, fault, expected) => {
    fake.fault(fault);
    expect(await finished(generator, mine, await accepted(generator, mine))).toMatchObject(expected);
    expect(fake.ledger().total).toBe(1);
  });

  it('a server that was started again has lost it (404)', async () => {
    expect(await generator.poll?.('job_6742_00000001', mine)).toMatchObject(ended('RESULT_EXPIRED', 'none', { message: expect.stringContaining('started again') }));
  });

  it.each<[string, FaultInput]>([
    ['an outage', { kind: 'overloaded', on: 'poll' }],
    ['something unreadable', { kind: 'unreadable', on: 'poll' }],
    ['a lost answer', { kind: 'reply_lost', on: 'poll' }],
  ])('%s at a poll is asked again, and nothing is sent twice', async (_name, fault) => {
    const handle = await accepted(generator, mine);
    fake.fault(fault);
    expect(await failureOf(generator.poll?.(handle, mine))).toMatchObject({ retryable: true });
    expect(await finished(generator, mine, handle)).toMatchObject({ type: 'done' });
    expect(fake.ledger().total).toBe(1);
  });
});

describe('cancel', () => {
  it('takes a request out of the queue', async () => {
    const handle = await accepted(generator, mine);
    expect(await generator.cancel?.(handle, mine)).toEqual({ billing: 'none', message: expect.stringContaining('out of its queue') });
    expect(await finished(generator, mine, handle)).toMatchObject(ended('CANCELLED', 'none'));
    expect(await generator.cancel?.(handle, mine)).toMatchObject({ billing: 'none' });
  });

  it('cannot interrupt the machine at work (409), nor what is over', async () => {
    const handle = await accepted(generator, mine);
    await generator.poll?.(handle, mine);
    expect(await generator.cancel?.(handle, mine)).toEqual({ billing: 'none', message: expect.stringContaining('cannot be interrupted') });
    expect(await finished(generator, mine, handle)).toMatchObject({ type: 'done' });
    expect(await generator.cancel?.(handle, mine)).toEqual({ billing: 'none', message: expect.stringContaining('had ended before (completed)') });
  });

  it('of a request that the server does not have', async () => {
    expect(await generator.cancel?.('job_6742_00000001', mine)).toEqual({ billing: 'none', message: expect.stringContaining('does not have') });
  });

  it('is asked again after an outage', async () => {
    const handle = await accepted(generator, mine);
    fake.fault({ kind: 'overloaded', on: 'cancel' });
    expect(await failureOf(generator.cancel?.(handle, mine))).toMatchObject({ retryable: true });
  });
});
