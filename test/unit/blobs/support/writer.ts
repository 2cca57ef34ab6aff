import { createHash } from 'node:crypto';
import { openBlobStore } from '../../../../src/blobs/open-store.js';

/** Creates and replaces documents and stores blobs without end, until it is killed. */
const [url = '', run = ''] = process.argv.slice(2);
const store = await openBlobStore(url);
process.send?.('ready');

/** A text that says of itself whether it is whole. */
function whole(content: string): Buffer {
  const body = content.repeat(2000);
  return Buffer.from(JSON.stringify({ body, digest: createHash('sha256').update(body).digest('hex') }));
}

const shared = 'documents/shared.json';
await store.createDocument(shared, whole('first'));
for (let round = 0; ; round += 1) {
  await Promise.all([
    store.createDocument(`documents/${run}/${round}.json`, whole(`${run}-${round}`)),
    store.putBlob(Buffer.alloc(200_000, `${run}-${round}`)),
    store.readDocument(shared).then((now) => now && store.replaceDocument(shared, whole(`${run}-${round}`), now.version)),
  ]);
}
