import * as z from 'zod';
import type { BlobStore } from '../blobs/blob-store.js';
import { readJson, toBytes } from '../blobs/json-documents.js';
import type { ProviderName } from '../contract/names.js';

/**
 * Until when nobody sends to an account of a provider, because it asked one of us to wait. A time in the store, not a
 * state of a process: all workers see it, and it is over by itself when whoever wrote it has died.
 */
const schema = z.object({ until: z.iso.datetime() });

export async function pausedUntil(store: BlobStore, provider: ProviderName, account: string | undefined, now = Date.now()): Promise<Date | undefined> {
  const found = await readJson(store, keyOf(provider, account), schema);
  const until = found && new Date(found.value.until);
  return until && until.getTime() > now ? until : undefined;
}

/** Never shortens a longer pause. */
export async function pause(store: BlobStore, provider: ProviderName, account: string | undefined, until: Date): Promise<void> {
  const key = keyOf(provider, account);
  const bytes = toBytes({ until: until.toISOString() }, schema);
  for (;;) {
    const found = await readJson(store, key, schema);
    if (found && Date.parse(found.value.until) >= until.getTime()) return;
    const written = found ? await store.replaceDocument(key, bytes, found.version) : await store.createDocument(key, bytes);
    if (written) return;
  }
}

function keyOf(provider: ProviderName, account: string | undefined): string {
  return `pauses/${provider}-${account !== undefined && /^[0-9a-f]{8}$/.test(account) ? account : 'workers'}.json`;
}
