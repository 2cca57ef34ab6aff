import { basename } from 'node:path';
import type { BlobStore } from '../blobs/blob-store.js';
import { sha256 } from '../contract/canonical.js';
import { JobFailure, type Problem } from '../contract/errors.js';
import { LIMITS, referencesOf, type JobInput, type Reference } from '../contract/input.js';
import { createGate } from '../gate.js';
import { readDataUrl } from './data-url.js';
import { imageUri, parseImageUri } from './image-uri.js';
import { inspectImage } from './inspect.js';
import { readInsideRoots } from './local-file.js';
import { checkReferenceUrl } from './reference-url.js';
import type { ReferenceRoots } from './roots.js';
import { shown } from './shown.js';

export { parseImageUri } from './image-uri.js';

/**
 * The side of the call: what is on the caller's machine is read, checked and put into the store, so that a file edited
 * afterwards does not change the job; what is elsewhere is only checked for its form. No pixel is decoded here.
 */
export interface SnapshotContext {
  store: Pick<BlobStore, 'putBlob' | 'statBlob'>;
  roots: ReferenceRoots;
  /** IMAGE_ALLOW_PRIVATE_REFERENCE_URLS. */
  allowPrivateUrls: boolean;
}

export interface Snapshot {
  /** As it goes into the job's input. */
  reference: Reference;
  /** What stands for it in the digest of the request: the SHA-256 of its bytes, or the URL itself. */
  digest: string;
  /** Of what was stored. */
  sizeBytes?: number;
}

export interface Snapshots {
  references: Snapshot[];
  mask?: Snapshot;
  /** All of them; when there are any, nothing was stored and there are no snapshots. */
  problems: Problem[];
}

/** Files that are read at a time: their bytes come on top of the 100 MB that a job may have. */
const READ_TOGETHER = 4;

/** Checked, and in memory where it has bytes to store. */
interface Checked {
  snapshot: Snapshot;
  bytes?: Buffer;
}

/**
 * One reference: a local path or file:// URL, a `data:` URL, an https:// URL, `image://jobs/{job_id}/outputs/{index}`, or a blob of the store.
 * @throws JobFailure INVALID_ARGUMENT, PERMISSION_DENIED, REFERENCE_UNREADABLE, UNSUPPORTED_IMAGE, LIMIT_EXCEEDED, STORE_UNAVAILABLE.
 */
export async function snapshotReference(value: Reference, context: SnapshotContext): Promise<Snapshot> {
  return stored(await check(value, context), context);
}

/** All references of a call; every problem is collected, with the field that it belongs to. */
export async function snapshotAll(
  input: Pick<JobInput, 'image_path' | 'image_paths'>,
  mask: Reference | undefined,
  context: SnapshotContext,
): Promise<Snapshots> {
  const many = input.image_paths !== undefined;
  const named = referencesOf(input).map((value, i) => ({ field: many ? `image_paths[${i}]` : 'image_path', value }));
  if (mask !== undefined) named.push({ field: 'mask_path', value: mask });

  let held = 0;
  const look = async (value: Reference): Promise<Checked> => {
    const { snapshot, bytes } = await check(value, context);
    held += bytes?.length ?? 0;
    // Too much together, which is refused below: nobody needs these bytes any more.
    return held > LIMITS.referencesBytes ? { snapshot } : { snapshot, bytes };
  };
  const gate = createGate(READ_TOGETHER);
  const looked = await Promise.allSettled(named.map(({ value }) => gate(() => look(value))));
  const checked: Checked[] = [];
  const problems: Problem[] = [];
  let total = 0;
  for (const [index, result] of looked.entries()) {
    try {
      if (result.status === 'rejected') throw result.reason;
      total += result.value.snapshot.sizeBytes ?? 0;
      refuseTogether(total);
      checked.push(result.value);
    } catch (error) {
      if (!(error instanceof JobFailure) || error.code === 'STORE_UNAVAILABLE') throw error;
      problems.push({ field: named[index]?.field ?? '', code: error.code, message: `${error.message} ${error.nextStep}` });
    }
  }
  if (problems.length > 0) return { references: [], problems };

  const snapshots = await Promise.all(checked.map((one) => stored(one, context)));
  const last = mask === undefined ? undefined : snapshots.pop();
  return { references: snapshots, ...(last ? { mask: last } : {}), problems: [] };
}

/** @throws JobFailure LIMIT_EXCEEDED when the references of a job are too large together. */
export function refuseTogether(totalBytes: number): void {
  if (totalBytes <= LIMITS.referencesBytes) return;
  throw new JobFailure({
    code: 'LIMIT_EXCEEDED',
    message: `The references have ${totalBytes} bytes together up to this one, more than the ${LIMITS.referencesBytes} that a job may have.`,
    nextStep: 'Scale the pictures down, or use fewer.',
  });
}

async function stored({ snapshot, bytes }: Checked, { store }: SnapshotContext): Promise<Snapshot> {
  if (bytes) await store.putBlob(bytes);
  return snapshot;
}

async function check(value: Reference, context: SnapshotContext): Promise<Checked> {
  if (typeof value !== 'string') return checkBlob(value, context);
  const given = value.trim();
  if (/^data:/i.test(given)) return checkBytes(readDataUrl(given), undefined);
  if (/^image:/i.test(given)) return checkOutput(given);
  if (/^https?:/i.test(given)) {
    checkReferenceUrl(given, { allowPrivate: context.allowPrivateUrls });
    return { snapshot: { reference: given, digest: given } };
  }
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(given)?.[1];
  if (scheme !== undefined && scheme.toLowerCase() !== 'file') {
    throw new JobFailure({
      code: 'INVALID_ARGUMENT',
      message: `${shown(scheme, 30)}:// is not a scheme of references.`,
      nextStep: 'Give a local path, an https:// URL, an image:// URI of an earlier job, or a data: URL.',
    });
  }
  const file = await readInsideRoots(given, context.roots, LIMITS.referenceBytes);
  return checkBytes(file.bytes, shown(basename(file.path), 100));
}

function checkBytes(bytes: Buffer, name: string | undefined): Checked {
  inspectImage(bytes);
  const digest = sha256(bytes);
  return {
    snapshot: {
      reference: { sha256: digest, ...(name === undefined ? {} : { name }) },
      digest,
      sizeBytes: bytes.length,
    },
    bytes,
  };
}

/** A thumbnail's URI means its picture: nobody wants to edit the thumbnail. */
function checkOutput(given: string): Checked {
  const parsed = parseImageUri(given);
  if (!parsed) {
    throw new JobFailure({
      code: 'INVALID_ARGUMENT',
      message: `${shown(given)} is not the URI of a picture.`,
      nextStep: 'Write image://jobs/{job_id}/outputs/{index}, as in the uri of a saved picture.',
    });
  }
  const reference = imageUri(parsed.jobId, parsed.index);
  return { snapshot: { reference, digest: reference } };
}

async function checkBlob(reference: Exclude<Reference, string>, { store }: SnapshotContext): Promise<Checked> {
  const blob = await store.statBlob(reference.sha256);
  if (!blob) {
    throw new JobFailure({
      code: 'REFERENCE_UNREADABLE',
      message: `The store has no blob ${reference.sha256}.`,
      nextStep: 'Give the picture itself: a path, an https:// URL or an image:// URI.',
    });
  }
  return { snapshot: { reference, digest: reference.sha256, sizeBytes: blob.sizeBytes } };
}
