import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { BlobStore } from '../../../../src/blobs/blob-store.js';
import { openBlobStore } from '../../../../src/blobs/open-store.js';
import { CALL_PATIENCE } from '../../../../src/blobs/patience.js';
import { sha256 } from '../../../../src/contract/canonical.js';
import { startHttpFaultProxy, type HttpFaultProxy } from '../../../support/http-fault-proxy.js';
import { startS3Gateway, type S3Gateway } from '../../../support/s3-gateway.js';

let gateway: S3Gateway;
let proxy: HttpFaultProxy;
let store: BlobStore;
let direct: string | undefined;

beforeEach(async () => {
  gateway = await startS3Gateway();
  proxy = await startHttpFaultProxy(gateway.port);
  direct = process.env['AWS_ENDPOINT_URL_S3'];
  Object.assign(process.env, gateway.env, { AWS_ENDPOINT_URL_S3: proxy.url });
  store = await openBlobStore('s3://faults/store');
});
afterEach(async () => {
  process.env['AWS_ENDPOINT_URL_S3'] = direct;
  await proxy.close();
  await gateway.close();
});

const restart = async (): Promise<void> => {
  await gateway.kill();
  await gateway.start();
};
const large = Buffer.alloc(6_000_000, 'a picture that takes some time on its way ');
const unavailable = { code: 'STORE_UNAVAILABLE', retryable: true, message: expect.stringContaining('s3://faults/store') };
const key = 'attempts/a/0.json';
const created = /^PUT \/faults\/store\/attempts\/a\/0\.json/;

/** Of those that got one: while the server starts again the SDK may try several times. */
const repliesTo = (pattern: RegExp): string[] =>
  proxy.passed.filter(({ request }) => pattern.test(request)).flatMap(({ reply }) => reply?.split(' ')[1] ?? []);

describe('an S3 server that is killed', () => {
  it('during a put: the blob is put again, whole, and nothing else is left', async () => {
    proxy.next({ matches: /^PUT \/faults\/store\/sha256/, moment: 'during-request', afterBytes: 1_000_000, strike: restart });
    const { sha256: digest } = await store.putBlob(large);
    expect(proxy.hits).toMatchObject([{ moment: 'during-request', bytes: expect.any(Number) }]);
    expect(proxy.hits[0]?.bytes).toBeLessThan(large.length);
    expect((await store.getBlob(digest))?.equals(large)).toBe(true);
    expect(repliesTo(/^PUT \/faults\/store\/sha256/)).toEqual(['200']);
  });

  it('during a get: the blob is got again, whole', async () => {
    const { sha256: digest } = await store.putBlob(large);
    proxy.next({ matches: /^GET \/faults\/store\/sha256/, moment: 'during-reply', afterBytes: 1_000_000, strike: restart });
    expect((await store.getBlob(digest))?.equals(large)).toBe(true);
    expect(proxy.hits).toMatchObject([{ moment: 'during-reply', reply: expect.stringContaining('200') }]);
    expect(repliesTo(/^GET \/faults\/store\/sha256/)).toEqual(['200', '200']);
  });

  it.each([
    ['before its reply', 'during-request', [expect.stringMatching(/200|412/)]],
    ['after it was stored', 'lost-reply', ['200', '412']],
  ] as const)('during a conditional put, %s: one document stands, and it is told as ours', async (_, moment, replies) => {
    proxy.next({ matches: created, moment, afterBytes: 1, strike: restart });
    expect(await store.createDocument(key, Buffer.from('{"nonce":"ours"}'))).toBe(true);
    expect(proxy.hits).toMatchObject([{ moment }]);
    expect(repliesTo(created)).toEqual(replies);
    expect((await store.readDocument(key))?.bytes.toString()).toBe('{"nonce":"ours"}');
    expect(await store.createDocument(key, Buffer.from('{"nonce":"other"}'))).toBe(false);
  });

  it('and stays away is STORE_UNAVAILABLE, and the store works on when it is back', async () => {
    const { sha256: digest } = await store.putBlob(large);
    const away = await openBlobStore('s3://faults/store', CALL_PATIENCE);
    await gateway.kill();
    for (const call of [() => away.getBlob(digest), () => away.putBlob(Buffer.from('x')), () => away.createDocument(key, large), () => away.readDocument(key)]) {
      await expect(call()).rejects.toMatchObject({ ...unavailable, message: expect.stringMatching(/cannot be reached|does not answer/) });
    }
    await gateway.start();
    expect((await away.getBlob(digest))?.equals(large)).toBe(true);
    expect(await away.createDocument(key, large)).toBe(true);
  });
});

describe('an answer that is lost', () => {
  it('of a creation that somebody else had made before is no success', async () => {
    await store.createDocument(key, Buffer.from('first'));
    proxy.next({ matches: created, moment: 'lost-reply' });
    expect(await store.createDocument(key, Buffer.from('first'))).toBe(false);
    expect(proxy.hits).toMatchObject([{ reply: expect.stringContaining('412') }]);
  });

  it('of a replacement: it is known by its nonce', async () => {
    await store.createDocument(key, Buffer.from('first'));
    const first = await store.readDocument(key);
    proxy.next({ matches: created, moment: 'lost-reply' });
    expect(await store.replaceDocument(key, Buffer.from('second'), first?.version ?? '')).toBe(true);
    expect(repliesTo(created)).toEqual(['200', '200', '412']);
    expect((await store.readDocument(key))?.bytes.toString()).toBe('second');
  });
});

describe('an S3 server that hangs', () => {
  it('is STORE_UNAVAILABLE', async () => {
    const patient = await openBlobStore('s3://faults/store', CALL_PATIENCE);
    for (let attempt = 0; attempt < CALL_PATIENCE.attempts; attempt += 1) proxy.next({ matches: /^GET/, moment: 'hang' });
    await expect(patient.readDocument(key)).rejects.toMatchObject({ ...unavailable, message: expect.stringContaining('does not answer') });
    expect(proxy.hits).toHaveLength(CALL_PATIENCE.attempts);
    expect(await patient.statBlob(sha256('x'))).toBeUndefined();
  });
});
