import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import type { Account } from '../../../src/accounts/account.js';
import { bfl } from '../../../src/generators/bfl.js';
import { bflFake } from '../../support/fakes/bfl.js';
import { startFakeProvider, type FakeProvider } from '../../support/fakes/fake-provider.js';
import type { FaultInput } from '../../support/fakes/faults.js';
import { Endpoint } from '../../../src/generators/http/endpoint.js';
import { accepted, accountOf, ended, failureOf, finished, generatorOf, KEY, lastBody, notBilled, order, reference, submit } from './provider-helpers.js';

let fake: FakeProvider;
let mine: Account;
beforeEach(async () => {
  fake = await startFakeProvider(bflFake, { complete_after_polls: 2 });
  mine = accountOf('bfl', fake.url);
});
afterEach(async () => {
  await fake.close();
  expect(fake.violations).toEqual([]);
});
const generator = generatorOf(bfl);

describe('what Black Forest Labs gets', () => {
  it('a text: prompt, size in steps of 16, seed and format', async () => {
    await submit(generator, mine, order({ size: '1000x600', seed: 7, output_format: 'JPG' }));
    expect(lastBody(fake)).toEqual({ model: 'flux-2-pro', prompt: 'a red fox', width: 1008, height: 608, seed: 7, output_format: 'jpeg' });
    expect(fake.requests[0]?.headers).toMatchObject({ 'x-key': mine.key });
  });

  it('eight references, in order', async () => {
    const references = await Promise.all(Array.from({ length: 8 }, (_, at) => reference(64 + at, 64)));
    await submit(generator, mine, order({ kind: 'image_multi_reference' }, { references }));
    expect(Object.keys(lastBody(fake)).filter((name) => name.startsWith('input_image'))).toHaveLength(8);
    expect(lastBody(fake)).toMatchObject({ input_image: references[0]?.bytes.toString('base64'), input_image_8: references[7]?.bytes.toString('base64') });
  });

  it('a mask at the fill model, white where our alpha is 0', async () => {
    const references = [await reference(64, 64)];
    await submit(generator, mine, order({ kind: 'image_edit' }, { references, mask: await reference(64, 64, [0, 0, 32, 64]) }));
    const { model, mask } = lastBody(fake);
    expect(model).toBe('flux-pro-1.0-fill');
    const { data } = await sharp(Buffer.from(String(mask), 'base64')).extractChannel(0).raw().toBuffer({ resolveWithObject: true });
    expect([data[0], data[63]]).toEqual([255, 0]);
  });

  it('an aspect ratio at a model that knows ratios', async () => {
    await submit(generator, mine, order({ size: undefined, aspect_ratio: '16:9' }, { model: 'flux-kontext-pro' }));
    expect(lastBody(fake)).toEqual({ model: 'flux-kontext-pro', prompt: 'a red fox', aspect_ratio: '16:9' });
  });
});

describe('what became of the one request', () => {
  it('completes, with the cost that was said at the submit', async () => {
    const outcome = await submit(generator, mine);
    expect(outcome).toMatchObject({ type: 'accepted', cost: { amount: 0.04, currency: 'USD', source: 'bfl' } });
    const handle = outcome.type === 'accepted' ? outcome.handle : '';
    expect(await generator.poll?.(handle, mine)).toEqual({ type: 'running', percent: 25, message: 'Pending' });
    expect(await finished(generator, mine, handle)).toMatchObject({ type: 'done', images: [{ mimeType: 'image/jpeg' }] });
    expect(fake.ledger().total).toBe(1);
  });

  it.each<[string, FaultInput, Record<string, unknown>]>([
    ['a wrong key', { kind: 'unauthorized' }, notBilled('PROVIDER_AUTH', false, { message: expect.not.stringContaining('canary') })],
    ['no credits', { kind: 'quota' }, notBilled('PROVIDER_QUOTA', false)],
    ['a rate limit with a delay', { kind: 'rate_limited', retry_after: 7 }, notBilled('PROVIDER_RATE_LIMITED', true, { retryAfterSeconds: 7 })],
    ['moderation of the request', { kind: 'moderation' }, notBilled('CONTENT_REFUSED', false)],
    ['unusable input', { kind: 'rejected' }, notBilled('PROVIDER_REJECTED', false)],
    ['an outage', { kind: 'overloaded' }, { type: 'ambiguous', providerStatus: 503 }],
    ['500', { kind: 'server_error' }, { type: 'ambiguous', providerStatus: 500 }],
    ['a lost reply', { kind: 'reply_lost' }, { type: 'ambiguous' }],
    ['an unreadable reply', { kind: 'unreadable' }, { type: 'ambiguous', providerStatus: 200 }],
    ['a reply that breaks off', { kind: 'truncated_body' }, { type: 'ambiguous', providerStatus: 200 }],
    ['a connection that drops', { kind: 'drop' }, { type: 'ambiguous' }],
    ['400 of something between', { kind: 'reply', status: 400, body: '<html>' }, { type: 'ambiguous', providerStatus: 400 }],
  ])('%s', async (_name, fault, expected) => {
    fake.fault(fault);
    expect(await submit(generator, mine)).toMatchObject(expected);
  });

  it.each<[string, FaultInput, Record<string, unknown>]>([
    ['a moderated picture', { kind: 'refusal' }, ended('CONTENT_REFUSED', 'maybe', { message: expect.stringContaining('Violence') })],
    ['no picture', { kind: 'empty' }, ended('NO_IMAGE', 'maybe')],
    ['a failure', { kind: 'failed' }, ended('PROVIDER_UNAVAILABLE', 'maybe')],
    ['an expired result', { kind: 'expires' }, ended('RESULT_EXPIRED', 'maybe')],
    ['an unknown status word, then the picture', { kind: 'unknown_status' }, { type: 'done' }],
  ])('%s', async (_name, fault, expected) => {
    fake.fault(fault);
    expect(await finished(generator, mine, await accepted(generator, mine))).toMatchObject(expected);
    expect(fake.ledger().total).toBe(1);
  });

  it('a picture whose address is gone was paid', async () => {
    fake.fault({ kind: 'reply', on: 'file', status: 403, body: 'expired' });
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

  it('an address of somebody else is not asked, and gets no key', async () => {
    const foreign = await startFakeProvider(bflFake);
    try {
      fake.fault({ kind: 'reply', status: 200, body: JSON.stringify({ id: 'x', polling_url: `${foreign.url}/get_result?id=x` }) });
      const handle = await accepted(generator, mine);
      expect(await generator.poll?.(handle, mine)).toMatchObject(ended('PROVIDER_REJECTED', 'maybe'));
      expect(foreign.requests).toHaveLength(0);
    } finally {
      await foreign.close();
    }
  });

  it.each<[string, Record<string, unknown>]>([
    ['id', { id: `task-${KEY}` }],
    ['address', { id: 'x', polling_url: `KEEP/get_result?id=x&k=${KEY}` }],
  ])('a name of the request that repeats the key is written down nowhere: %s', async (_name, body) => {
    fake.fault({ kind: 'reply', status: 200, body: JSON.stringify(body).replace('KEEP', fake.url) });
    expect(await submit(generator, mine)).toMatchObject({ type: 'ambiguous', reason: expect.not.stringContaining(KEY) });
  });

  it('the key of a gateway goes to no host of the provider, that of the provider to its regions', () => {
    const asks = (baseUrl: string): unknown => new Endpoint(bfl, accountOf('bfl', baseUrl)).locate('https://api.eu1.bfl.ai/v1/get_result?id=1').headers['x-key'];
    expect(asks('https://gateway.example/bfl/v1')).toBeUndefined();
    expect(asks('https://api.bfl.ai/v1')).toBe(KEY);
  });

  it('no path leads out of the base URL', () => {
    expect(() => new Endpoint(bfl, mine).locate('/../../steal')).toThrow('leads out');
  });

  it('a delay that is asked for at a poll is no longer than a minute: the picture does not stay', async () => {
    const handle = await accepted(generator, mine);
    fake.fault({ kind: 'rate_limited', on: 'poll', retry_after: 1_000_000_000 });
    expect(await failureOf(generator.poll?.(handle, mine))).toMatchObject({ code: 'PROVIDER_RATE_LIMITED', retryAfterSeconds: 60 });
  });

  it('status words count whatever their case', async () => {
    const handle = await accepted(generator, mine);
    fake.fault({ kind: 'reply', on: 'poll', status: 200, body: JSON.stringify({ id: 'x', status: ' READY ', result: { sample: `${fake.url.replace('/v1', '')}/__files__/${fake.ledger().entries[0]?.id}/0` } }) });
    expect(await generator.poll?.(handle, mine)).toMatchObject({ type: 'done' });
  });
});
