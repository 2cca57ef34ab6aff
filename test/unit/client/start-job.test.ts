import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Account } from '../../../src/accounts/account.js';
import { openBlobStore } from '../../../src/blobs/open-store.js';
import { prepareJob, type CallContext } from '../../../src/client/start-job.js';
import { isSealed } from '../../../src/client/seal.js';
import { readSettings } from '../../../src/config.js';
import { JobFailure } from '../../../src/contract/errors.js';

let folder: string;
let context: CallContext;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'start-job-'));
  const settings = readSettings({ IMAGE_DATA_DIR: join(folder, 'data'), IMAGE_SAVE_ROOT: join(folder, 'pictures') });
  context = {
    settings,
    store: await openBlobStore(settings.blobStore),
    salt: Buffer.alloc(32, 7),
    clientRoots: [],
    accounts: new Map([['openai', { provider: 'openai', id: '0123abcd' }]]),
    accountsComplete: true,
    isKnown: async () => false,
  };
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const digestOf = async (extra: Record<string, unknown>): Promise<string> =>
  (await prepareJob('image_generate', { prompt: 'a red kite', ...extra }, context)).digest;

describe('the digest of a request', () => {
  it.each([{ n: 1 }, { size: '1024x1024' }, { size: '1024 X 1024' }, { priority: 2 }, { tags: ['a'] }, { basename: 'kite' }, { deadline_seconds: 9 }])(
    'is the same with %j',
    async (extra) => expect(await digestOf(extra)).toBe(await digestOf({})),
  );

  it.each([{ n: 2 }, { size: '512x512' }, { aspect_ratio: '16:9' }, { seed: 1 }, { provider: 'openai' }, { model: 'gpt-image-2' }])(
    'is another with %j',
    async (extra) => expect(await digestOf(extra)).not.toBe(await digestOf({})),
  );
});

describe('a prepared job', () => {
  it('carries the account and the folder of this process, sealed', async () => {
    const { jobId, input } = await prepareJob('image_generate', { prompt: 'a kite' }, context);
    expect(input.frozen).toMatchObject({ accounts: { openai: '0123abcd' }, save_dir: join(folder, 'pictures') });
    expect(isSealed(context.salt, jobId, input)).toBe(true);
    expect(isSealed(context.salt, jobId, { ...input, frozen: { ...input.frozen, store_id: '', save_dir: '/etc' } })).toBe(false);
    expect(isSealed(context.salt, 'img-other', input)).toBe(false);
    expect(isSealed(Buffer.alloc(32), jobId, input)).toBe(false);
  });

  it('is refused without a key, unless the stack could not be asked or the job is known', async () => {
    const none: CallContext = { ...context, accounts: new Map() };
    const call = { prompt: 'a kite', provider: 'openai', idempotency_key: 'k' };
    await expect(prepareJob('image_generate', call, none)).rejects.toMatchObject({ code: 'PROVIDER_NOT_CONFIGURED' });
    await expect(prepareJob('image_generate', call, { ...none, accountsComplete: false })).resolves.toBeDefined();
    await expect(prepareJob('image_generate', call, { ...none, isKnown: async () => true })).resolves.toBeDefined();
  });

  it('gets the usual fallbacks that have a key and can do it, unless the call names its own', async () => {
    const settings = readSettings({ IMAGE_DATA_DIR: join(folder, 'data'), IMAGE_SAVE_ROOT: join(folder, 'pictures'), IMAGE_FALLBACK: 'fal, gpt,bfl' });
    const accounts = new Map([...(context.accounts ?? []), ['bfl', { provider: 'bfl', id: '89abcdef' }] as const]);
    const withFallback: CallContext = { ...context, settings, accounts };
    const { input, digest } = await prepareJob('image_generate', { prompt: 'a red kite' }, withFallback);
    expect(input).toMatchObject({ provider: 'openai', fallback: ['bfl'], frozen: { accounts: { openai: '0123abcd', bfl: '89abcdef' } } });
    // A setting is no part of the request: the same call is the same job after it was changed.
    expect(digest).toBe(await digestOf({}));
    const named = await prepareJob('image_generate', { prompt: 'a red kite', fallback: ['local'] }, withFallback);
    expect(named.input.fallback).toEqual(['local']);
    const webp = await prepareJob('image_generate', { prompt: 'a red kite', output_format: 'webp' }, withFallback);
    expect(webp.input.fallback).toBeUndefined();
  });

  it('is refused when its folder cannot be made', async () => {
    const call = { prompt: 'a kite', save_dir: 'L'.repeat(300) };
    await expect(prepareJob('image_generate', call, context)).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
  });

  it('names every problem of arguments and files together', async () => {
    const call = { prompt: '', image_paths: [join(folder, 'missing.png'), 'ftp://x/y.png'], n: 99, save_dir: '/etc/pictures' };
    const refused = await prepareJob('image_multi_reference', call, context).catch((error: unknown) => error);
    const problems = refused instanceof JobFailure ? (refused.problems ?? []) : [];
    expect(problems.map(({ field }) => field).sort()).toEqual(['image_paths[0]', 'image_paths[1]', 'n', 'prompt', 'save_dir']);
  });
});

describe("the model of the account's environment", () => {
  it.each<[string, Record<string, string>, string | undefined]>([
    ['openai', { image: 'gpt-image-2', responses: 'gpt-6' }, 'gpt-image-2'],
    ['openai', { image: 'my-image-model', responses: 'gpt-6' }, 'gpt-6'],
    ['openai-images', { image: 'my-image-model', responses: 'gpt-6' }, 'my-image-model'],
    ['openai-images', { responses: 'gpt-6' }, undefined],
  ])('of %s with %j is %s', async (provider, models, model) => {
    const name = provider === 'openai' ? 'openai' : 'openai-images';
    const account = new Account({ provider: name, baseUrl: 'https://gateway.test/v1', key: 'sk-canary', models }, Buffer.from('salt'));
    const { input } = await prepareJob('image_generate', { prompt: 'a red kite', provider: name }, { ...context, accounts: new Map([[name, account]]) });
    expect(input.model).toBe(model);
  });
});
