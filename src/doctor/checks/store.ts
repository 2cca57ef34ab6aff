import { randomUUID } from 'node:crypto';
import { JobFailure } from '../../contract/errors.js';
import type { Check } from '../context.js';
import { error, ok } from '../finding.js';

export const store: Check = {
  id: 'store',
  area: 'Settings and folders',
  async look({ store: opened, settings: { blobStore } }) {
    if (opened === undefined) return [ok('store', `There is no store at ${blobStore} yet; the first job makes it.`)];
    if (opened instanceof JobFailure) throw opened;
    const key = `doctor/${randomUUID()}.json`;
    const bytes = Buffer.from('{}\n');
    await opened.createDocument(key, bytes);
    const read = await opened.readDocument(key);
    await opened.deleteDocument(key);
    if (read?.bytes.equals(bytes)) return [ok('store', `The store ${blobStore} takes, gives and removes documents (id ${opened.id}).`)];
    const what = `The store ${blobStore} does not give back what was written.`;
    return [error('store', what, 'Use a disk whose writes can be read at once, and name a folder on it in IMAGE_BLOB_STORE.')];
  },
};
