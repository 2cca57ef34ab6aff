import type * as z from 'zod';
import type { BlobStore } from './blob-store.js';
import { unavailable } from './store-failure.js';

/** One JSON document and its version. */
export interface Versioned<T> {
  value: T;
  version: string;
}

/** Reads a document; a document that does not fit the schema is STORE_UNAVAILABLE with its key. Fields of newer versions are ignored. */
export async function readJson<T>(store: BlobStore, key: string, schema: z.ZodType<T>): Promise<Versioned<T> | undefined> {
  const document = await store.readDocument(key);
  if (document === undefined) return undefined;
  return { value: parsed(document.bytes, key, schema), version: document.version };
}

/** The same of a note. */
export async function readNote<T>(store: BlobStore, key: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const bytes = await store.readNote(key);
  return bytes && parsed(bytes, key, schema);
}

/** The bytes of a document; throws a plain error for a value that could not be read again. */
export function toBytes<T>(value: T, schema: z.ZodType<T>): Buffer {
  return Buffer.from(`${JSON.stringify(schema.parse(value))}\n`);
}

function parsed<T>(bytes: Buffer, key: string, schema: z.ZodType<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw unreadable(key, 'no JSON', error);
  }
  let result = schema.safeParse(value);
  // Strict parts of the contract refuse what a newer version added: without those fields the rest counts.
  while (!result.success && removeUnknown(value, result.error.issues)) result = schema.safeParse(value);
  if (result.success) return result.data;
  throw unreadable(key, result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; '), result.error);
}

function unreadable(key: string, why: string, cause: unknown): Error {
  return unavailable(
    `The document ${key} of the blob store cannot be read (${why}).`,
    'Restore it from a backup or update durable-image-mcp if a newer version wrote it; nothing is lost by waiting.',
    cause,
  );
}

/** Takes the unrecognised keys that the issues name out of the value; false when there was none. */
function removeUnknown(value: unknown, issues: readonly z.core.$ZodIssue[]): boolean {
  let removed = false;
  for (const issue of issues) {
    const holder = issue.path.reduce<unknown>((at, step) => (isObject(at) ? at[step] : undefined), value);
    if (issue.code === 'unrecognized_keys' && isObject(holder)) {
      for (const key of issue.keys) removed = Reflect.deleteProperty(holder, key) || removed;
    }
    if (issue.code === 'invalid_union') {
      const nearly = issue.errors.find((errors) => errors.every((error) => error.code === 'unrecognized_keys'));
      if (nearly !== undefined) removed = removeUnknown(holder, nearly) || removed;
    }
  }
  return removed;
}

function isObject(value: unknown): value is Record<PropertyKey, unknown> {
  return typeof value === 'object' && value !== null;
}

/** What a text says as JSON; undefined when it is none. */
export function jsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
