import { randomBytes } from 'node:crypto';
import * as z from 'zod';
import type { BlobStore } from '../blobs/blob-store.js';
import { readJson, toBytes } from '../blobs/json-documents.js';

const KEY = 'accounts/salt.json';
const schema = z.object({ salt: z.string().regex(/^[0-9a-f]{64}$/) });

/**
 * The salt of the account ids of all workers of a remote Temporal, made once in their store: what one worker has sent, any other must be
 * able to collect, so the same key and URL have to be the same account on each machine.
 */
export async function readSharedSalt(store: BlobStore): Promise<Buffer> {
  const known = await readJson(store, KEY, schema);
  if (known) return Buffer.from(known.value.salt, 'hex');
  const salt = randomBytes(32);
  if (await store.createDocument(KEY, toBytes({ salt: salt.toString('hex') }, schema))) return salt;
  return readSharedSalt(store);
}
