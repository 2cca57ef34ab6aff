import * as z from 'zod';
import type { BlobStore } from '../blobs/blob-store.js';
import { readJson, toBytes } from '../blobs/json-documents.js';
import type { ProviderName } from '../contract/names.js';

/**
 * The strict rate: every request takes the next free moment of its provider, evenly spaced, from a document in the store
 * that is only ever replaced in the version that was read. Temporal's own limit is one a partition of the queue, each with a
 * burst of its own; this one is exact over all workers, and costs a write a request.
 */
const schema = z.object({ next_at: z.iso.datetime() });

/** Milliseconds to wait for the moment that is ours now; or, when it would be longer than `patienceMs`, when to ask again. */
export type Turn = { mine: true; waitMs: number } | { mine: false; waitMs: number };

export async function takeTurn(store: BlobStore, provider: ProviderName, requestsPerMinute: number, patienceMs: number): Promise<Turn> {
  const key = `pace/${provider}.json`;
  for (;;) {
    const found = await readJson(store, key, schema);
    const now = Date.now();
    const at = Math.max(now, found ? Date.parse(found.value.next_at) : now);
    if (at - now > patienceMs) return { mine: false, waitMs: at - now };
    const bytes = toBytes({ next_at: new Date(at + 60_000 / requestsPerMinute).toISOString() }, schema);
    const written = found ? await store.replaceDocument(key, bytes, found.version) : await store.createDocument(key, bytes);
    if (written) return { mine: true, waitMs: at - now };
  }
}
