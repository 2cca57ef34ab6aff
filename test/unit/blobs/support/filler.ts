import { openBlobStore } from '../../../../src/blobs/open-store.js';
import { JobFailure } from '../../../../src/contract/errors.js';

/** Prints what a store says on a disk that fills up, and after some space was freed; see full-disk.test.ts. */
const [url = '', mode = ''] = process.argv.slice(2);
const said: Record<string, unknown> = {};
const store = await openBlobStore(url);

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  try {
    return await work;
  } catch (error) {
    return error instanceof JobFailure ? error.toJobError() : String(error);
  }
}

const key = 'attempts/a/1.json';
if (mode === 'full') {
  await store.createDocument(key, Buffer.from('first'));
  const { sha256 } = await store.putBlob(Buffer.alloc(150_000));
  const big = Buffer.alloc(600_000, 1);
  said['blob'] = await failureOf(store.putBlob(big));
  const current = await store.readDocument(key);
  said['replacement'] = await failureOf(store.replaceDocument(key, big, current?.version ?? ''));
  said['document'] = (await store.readDocument(key))?.bytes.toString();
  await store.deleteBlob(sha256);
  said['afterwards'] = await failureOf(store.createDocument('attempts/a/2.json', Buffer.alloc(40_000)));
} else {
  said['document'] = (await store.readDocument(key))?.bytes.toString();
  said['creation'] = await failureOf(store.createDocument('attempts/a/3.json', Buffer.from('third')));
  said['replacement'] = await failureOf(store.replaceDocument(key, Buffer.from('second'), ''));
  said['blob'] = await failureOf(store.putBlob(Buffer.from('x')));
}
process.stdout.write(`${JSON.stringify(said)}\n`);
