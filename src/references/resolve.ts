import { isAbsolute } from 'node:path';
import type { BlobStore } from '../blobs/blob-store.js';
import { sha256 } from '../contract/canonical.js';
import { JobFailure } from '../contract/errors.js';
import { LIMITS, type Reference } from '../contract/input.js';
import { fetchReference, type FetchOptions } from './guarded-fetch.js';
import { parseImageUri } from './image-uri.js';
import { inspectImage, refuseTooManyBytes } from './inspect.js';
import { readInsideRoots } from './local-file.js';
import { toLocalPath, type ReferenceRoots } from './roots.js';
import { shown } from './shown.js';

/** The side of the worker: what a job's input may name, whoever started the job. */
export interface ResolveContext {
  store: Pick<BlobStore, 'id' | 'getBlob' | 'putBlob' | 'statBlob'>;
  /** The worker's own. */
  roots: ReferenceRoots;
  /** The digest of an output of an earlier job; undefined when there is none. */
  outputDigest(jobId: string, index: number): Promise<string | undefined>;
  fetch: Omit<FetchOptions, 'maxBytes'>;
}

export interface ResolvedReference {
  bytes: Buffer;
  /** Of these bytes, which are in the store. */
  sha256: string;
}

/**
 * The original bytes of a reference, by their header one of the four picture types and within the limits; what was fetched
 * or read is stored first, so that the job keeps what it saw.
 * @throws JobFailure REFERENCE_UNREADABLE, PERMISSION_DENIED, UNSUPPORTED_IMAGE, LIMIT_EXCEEDED, INVALID_ARGUMENT (`data:`,
 *   a relative path, another scheme), STORE_UNAVAILABLE.
 */
export async function resolveReference(reference: Reference, context: ResolveContext): Promise<ResolvedReference> {
  if (typeof reference !== 'string') return fromStore(reference.sha256, `The reference ${reference.sha256}`, context);
  const given = reference.trim();
  if (/^image:/i.test(given)) return fromOutput(given, context);
  if (/^https?:/i.test(given)) {
    return keep(await fetchReference(given, { ...context.fetch, maxBytes: LIMITS.referenceBytes }), context);
  }
  if (/^data:/i.test(given)) {
    throw invalid('A job takes no data: URLs.', 'Store the bytes as a blob, or give an https:// URL.');
  }
  if (!isAbsolute(toLocalPath(given))) {
    throw invalid(`${shown(given)} is neither an absolute path nor a URL that references may have.`, WHAT_IS_ALLOWED);
  }
  return keep((await readInsideRoots(given, context.roots, LIMITS.referenceBytes)).bytes, context);
}

const WHAT_IS_ALLOWED =
  "Give an https:// URL, image://jobs/{job_id}/outputs/{index}, a blob's sha256, or an absolute path under the worker's roots.";

async function keep(bytes: Buffer, { store }: ResolveContext): Promise<ResolvedReference> {
  inspectImage(bytes);
  await store.putBlob(bytes);
  return { bytes, sha256: sha256(bytes) };
}

async function fromOutput(given: string, context: ResolveContext): Promise<ResolvedReference> {
  const uri = parseImageUri(given);
  if (!uri) throw invalid(`${shown(given)} is not the URI of a picture.`, WHAT_IS_ALLOWED);
  const digest = await context.outputDigest(uri.jobId, uri.index);
  if (digest === undefined) {
    throw new JobFailure({
      code: 'REFERENCE_UNREADABLE',
      message: `${shown(given)} names no picture that is known here.`,
      nextStep: 'Look at the earlier job with image_job_status: it must be completed, with a picture of that index.',
    });
  }
  return fromStore(digest, shown(given), context);
}

async function fromStore(digest: string, what: string, { store }: ResolveContext): Promise<ResolvedReference> {
  const blob = await store.statBlob(digest);
  if (blob) refuseTooManyBytes(blob.sizeBytes, LIMITS.referenceBytes);
  const bytes = blob && (await store.getBlob(digest));
  if (!bytes) {
    throw new JobFailure({
      code: 'REFERENCE_UNREADABLE',
      message: `${what} is not in this store (${shown(store.id, 64)}).`,
      nextStep: 'Submit the job again with the picture itself.',
    });
  }
  inspectImage(bytes);
  return { bytes, sha256: digest };
}

function invalid(message: string, nextStep: string): JobFailure {
  return new JobFailure({ code: 'INVALID_ARGUMENT', message, nextStep });
}
