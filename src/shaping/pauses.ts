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

/** The latest end of the pauses of a provider's accounts. */
export async function pausesOf(store: BlobStore, provider: ProviderName): Promise<Date | undefined> {
  const found = await Promise.all((await keysOf(store, provider)).map((key) => readJson(store, key, schema)));
  const ends = found.flatMap((one) => (one ? [Date.parse(one.value.until)] : [])).filter((end) => end > Date.now());
  return ends.length > 0 ? new Date(Math.max(...ends)) : undefined;
}

/** A person knows better than what the provider said. */
export async function liftPauses(store: BlobStore, provider: ProviderName): Promise<void> {
  await Promise.all((await keysOf(store, provider)).map((key) => store.deleteDocument(key)));
}

async function keysOf(store: BlobStore, provider: ProviderName): Promise<string[]> {
  const keys: string[] = [];
  const own = new RegExp(`^pauses/${provider}-(?:[0-9a-f]{8}|workers)\\.json$`);
  for await (const key of store.listDocuments('pauses/')) if (own.test(key)) keys.push(key);
  return keys;
}

function keyOf(provider: ProviderName, account: string | undefined): string {
  return `pauses/${provider}-${account !== undefined && /^[0-9a-f]{8}$/.test(account) ? account : 'workers'}.json`;
}
