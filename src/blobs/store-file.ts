import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import { jsonOrUndefined } from './json-documents.js';
import { unavailable } from './store-failure.js';

/** `store.json` in the root of a store: what makes a place a store, and this one. */
export const STORE_FILE = 'store.json';
const storeFileSchema = z.object({ id: z.string().min(1), created_at: z.string() });

/** The content of the file of a new store. */
export function newStoreFile(): Buffer {
  const content: z.infer<typeof storeFileSchema> = { id: randomUUID(), created_at: new Date().toISOString() };
  return Buffer.from(`${JSON.stringify(content)}\n`);
}

/** The id in such a file, which lies at a place that the error names. */
export function readStoreFile(text: string, place: string): string {
  const parsed = storeFileSchema.safeParse(jsonOrUndefined(text));
  if (parsed.success) return parsed.data.id;
  throw unavailable(
    `${place} cannot be read as the description of a blob store.`,
    'Restore this file from a backup, or name another place in IMAGE_BLOB_STORE.',
  );
}
