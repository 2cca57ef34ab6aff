import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openBlobStore } from '../../../src/blobs/open-store.js';
import { temporaryFolder } from './support/children.js';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;

beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

describe('openBlobStore', () => {
  it('takes file: and a path as it is written, and file URLs', async () => {
    const path = join(folder.path, 'Application Support 100% #1');
    const store = await openBlobStore(`file:${path}`);
    expect((await stat(join(path, 'store.json'))).isFile()).toBe(true);
    expect((await openBlobStore(pathToFileURL(path).href)).id).toBe(store.id);
  });

  it.each(['/var/lib/store', 's3://', 's3://Bucket', 's3://bucket/../x', 'file:relative', 'file://host/path', 'file:', ''])('refuses %j', async (url) => {
    await expect(openBlobStore(url)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      retryable: false,
      nextStep: expect.stringContaining('file:'),
    });
  });

  it('does not repeat a password', async () => {
    await expect(openBlobStore('https://user:hunter2@host/?token=hunter2')).rejects.toMatchObject({
      message: expect.not.stringContaining('hunter2'),
    });
  });
});
