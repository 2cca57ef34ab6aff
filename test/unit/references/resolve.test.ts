import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from '@jest/globals';
import { openBlobStore } from '../../../src/blobs/open-store.js';
import { sha256 } from '../../../src/contract/canonical.js';
import { resolveReference, type ResolveContext } from '../../../src/references/resolve.js';
import { png, redBlue } from '../../support/hostile-images.js';

const base = realpathSync(mkdtempSync(join(tmpdir(), 'image-resolve-')));
const folder = join(base, 'pictures');
mkdirSync(folder);
const picture = png({ width: 4, height: 4 });
const fetched = await redBlue(6, 6).jpeg().toBuffer();
const output = await redBlue(7, 7).png().toBuffer();
writeFileSync(join(folder, 'cat.png'), picture);
writeFileSync(join(base, 'secret.png'), picture);

const server = createServer((request, response) => void response.end(request.url === '/picture' ? fetched : '<html>'));
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const address = server.address();
const site = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
afterAll(() => {
  server.close();
  rmSync(base, { recursive: true });
});

const store = await openBlobStore(`file:${join(base, 'store')}`);
await store.putBlob(output);
const context: ResolveContext = {
  store,
  roots: { folders: [folder], cwd: folder },
  outputDigest: (jobId, index) => Promise.resolve(jobId === 'img-1' && index === 0 ? sha256(output) : undefined),
  fetch: { allowPrivate: true, timeoutSeconds: 20, connectTimeoutSeconds: 10 },
};

describe("a reference of a job's input", () => {
  it.each([
    ['a blob', { sha256: sha256(output) }, output],
    ['an output of an earlier job', 'image://jobs/img-1/outputs/0', output],
    ['a URL', `${site}/picture`, fetched],
    ["an absolute path under the worker's roots", join(folder, 'cat.png'), picture],
    ['a file URL', pathToFileURL(join(folder, 'cat.png')).href, picture],
  ])('as %s gives its bytes, which are in the store', async (_, reference, bytes) => {
    await expect(resolveReference(reference, context)).resolves.toEqual({ bytes, sha256: sha256(bytes) });
    await expect(store.getBlob(sha256(bytes))).resolves.toEqual(bytes);
  });

  it.each([
    ['a blob of another store', { sha256: '1'.repeat(64) }, 'REFERENCE_UNREADABLE', /not in this store/],
    ['an unknown job', 'image://jobs/img-2/outputs/0', 'REFERENCE_UNREADABLE', /no picture/],
    ['a missing output', 'image://jobs/img-1/outputs/1', 'REFERENCE_UNREADABLE', /no picture/],
    ['a broken URI', 'image://jobs/img-1', 'INVALID_ARGUMENT', /URI/],
    ['data:', `data:image/png;base64,${picture.toString('base64')}`, 'INVALID_ARGUMENT', /data:/],
    ['a relative path', 'cat.png', 'INVALID_ARGUMENT', /absolute/],
    ['another scheme', 's3://bucket/cat.png', 'INVALID_ARGUMENT', /absolute/],
    ['a path outside the roots', join(base, 'secret.png'), 'PERMISSION_DENIED', /outside/],
    ['a URL of a web page', `${site}/page`, 'UNSUPPORTED_IMAGE', /HTML/],
  ])('as %s is refused', async (_, reference, code, says) => {
    await expect(resolveReference(reference, context)).rejects.toMatchObject({ code, message: expect.stringMatching(says) });
  });

  it('as a private URL is refused where that is not allowed', async () => {
    const strict = { ...context, fetch: { ...context.fetch, allowPrivate: false } };
    await expect(resolveReference('https://127.0.0.1/picture', strict)).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
  });

  it('as a blob is held to the limits, whoever stored it', async () => {
    const large = Buffer.concat([picture, Buffer.alloc(20 * 1024 * 1024)]);
    await store.putBlob(large);
    const unread = { ...context, store: { id: store.id, statBlob: store.statBlob.bind(store), putBlob: store.putBlob.bind(store), getBlob: () => Promise.reject(new Error('was read')) } };
    await expect(resolveReference({ sha256: sha256(large) }, unread)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
    const text = Buffer.from('not a picture');
    await store.putBlob(text);
    await expect(resolveReference({ sha256: sha256(text) }, context)).rejects.toMatchObject({ code: 'UNSUPPORTED_IMAGE' });
  });

  it('that is no picture is not kept', async () => {
    await expect(resolveReference(`${site}/page`, context)).rejects.toMatchObject({ code: 'UNSUPPORTED_IMAGE' });
    await expect(store.statBlob(sha256('<html>'))).resolves.toBeUndefined();
  });
});
