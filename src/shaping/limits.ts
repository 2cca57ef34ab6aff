import * as z from 'zod';
import type { BlobStore } from '../blobs/blob-store.js';
import { readJson, toBytes } from '../blobs/json-documents.js';
import type { Settings } from '../config.js';
import type { ProviderName } from '../contract/names.js';

/** What holds for the submits of one provider. */
export interface ProviderLimits {
  /** Requests in flight from one worker. */
  concurrency: number;
  /** Over all workers; undefined: no limit. */
  requestsPerMinute?: number | undefined;
}

/** Set at run time by the command `limits`; what is absent follows the settings, null is "no limit". */
const documentSchema = z.object({
  concurrency: z.int().positive().optional(),
  requests_per_minute: z.number().positive().nullable().optional(),
  changed_at: z.iso.datetime(),
});
export type LimitsDocument = z.infer<typeof documentSchema>;
export type LimitsChange = Omit<LimitsDocument, 'changed_at'>;

type LimitSettings = Pick<Settings, 'IMAGE_SUBMIT_CONCURRENCY' | 'IMAGE_CONCURRENCY_BY_PROVIDER' | 'IMAGE_REQUESTS_PER_MINUTE'>;

export function limitsOf(provider: ProviderName, settings: LimitSettings, document: LimitsDocument | undefined): ProviderLimits {
  const concurrency = document?.concurrency ?? settings.IMAGE_CONCURRENCY_BY_PROVIDER[provider] ?? settings.IMAGE_SUBMIT_CONCURRENCY;
  const told = document?.requests_per_minute;
  const requestsPerMinute = told === null ? undefined : (told ?? settings.IMAGE_REQUESTS_PER_MINUTE[provider]);
  return { concurrency, ...(requestsPerMinute === undefined ? {} : { requestsPerMinute }) };
}

export async function readLimits(store: BlobStore, provider: ProviderName): Promise<LimitsDocument | undefined> {
  return (await readJson(store, keyOf(provider), documentSchema))?.value;
}

/** Changes what is named and keeps the rest. */
export async function changeLimits(store: BlobStore, provider: ProviderName, change: LimitsChange, now = new Date()): Promise<LimitsDocument> {
  for (;;) {
    const found = await readJson(store, keyOf(provider), documentSchema);
    const next: LimitsDocument = { ...found?.value, ...change, changed_at: now.toISOString() };
    const bytes = toBytes(next, documentSchema);
    const written = found
      ? await store.replaceDocument(keyOf(provider), bytes, found.version)
      : await store.createDocument(keyOf(provider), bytes);
    if (written) return next;
  }
}

/** Back to the settings. */
export async function forgetLimits(store: BlobStore, provider: ProviderName): Promise<void> {
  await store.deleteDocument(keyOf(provider));
}

function keyOf(provider: ProviderName): string {
  return `limits/${provider}.json`;
}
