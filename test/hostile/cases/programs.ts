import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as z from 'zod';
import { sha256 } from '../../../src/contract/canonical.js';
import type { ErrorCode } from '../../../src/contract/errors.js';
import type { HostileCase, JobAttempt, Place } from '../case.js';
import type { GuardId } from '../guards/index.js';
import { CAT, SECRET } from '../run/place.js';

/** What a program may write into a job's input, met by the worker's first activity. */

interface Row {
  id: string;
  what: string;
  guard: GuardId;
  /** Over an edit of an ordinary blob. */
  input: Record<string, unknown> | ((place: Place) => Record<string, unknown>);
  /** Blobs to store; the input names the first as its only reference, or all as many. */
  blobs?: () => Buffer[];
  before?: JobAttempt['before'];
  code?: ErrorCode;
}

const EDIT = { kind: 'image_edit', prompt: 'brighter', provider: 'local', image_path: { sha256: sha256(CAT) } };

/** What a job of somebody leaves behind when its picture is stored. */
function manifestOf(jobId: string): string {
  const created_at = '2026-01-01T00:00:00.000Z';
  const saved = {
    uri: `image://jobs/${jobId}/outputs/0`,
    sha256: sha256(CAT),
    mime_type: 'image/png',
    width: 4,
    height: 4,
    size_bytes: CAT.length,
    actual_size: [4, 4],
    actual_megapixels: 0,
  };
  const record = { ok: true, job_id: jobId, status: 'completed', done: true, message: '1 image ready.', created_at, result: { saved: [saved] } };
  return JSON.stringify({ job_id: jobId, state: 'ended', created_at, created_by: 'worker', namespace: 'default', input: { kind: 'image_generate', prompt: 'x' }, record });
}

function plant(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** Of the store beside the places, which a program on the same machine can read as well. */
function storeId(folder: string): string {
  return z.object({ id: z.string() }).parse(JSON.parse(readFileSync(join(folder, '../data/store/store.json'), 'utf8'))).id;
}

const SVG = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>');
/** A picture of so many megabytes, nearly all of them behind its end. */
function padded(megabytes: number, filling = 0): Buffer {
  return Buffer.concat([CAT, Buffer.alloc(megabytes * 1024 * 1024, filling)]);
}

/** Six of 18 MB. */
function manyLarge(): Buffer[] {
  return Array.from({ length: 6 }, (_, index) => padded(18, index));
}

const ROWS: readonly Row[] = [
  { id: 'outside', what: 'a path outside the roots of the worker', guard: 'inside-roots', input: ({ outside }) => ({ image_path: join(outside, 'secret.png') }), code: 'PERMISSION_DENIED' },
  { id: 'link', what: 'a link inside the roots of the worker that leads outside', guard: 'real-path', input: (place) => ({ image_path: place.link('root/by-program.png', '../outside/secret.png') }), code: 'PERMISSION_DENIED' },
  { id: 'relative', what: 'a relative path', guard: 'program-schemes', input: { image_path: 'cat.png' } },
  { id: 'bucket', what: 'a scheme that references do not have', guard: 'program-schemes', input: { image_path: 's3://bucket/cat.png' } },
  { id: 'data', what: 'a data: URL', guard: 'program-data', input: { image_path: `data:image/png;base64,${CAT.toString('base64')}` } },
  { id: 'private-url', what: 'a private address', guard: 'literal-address', input: { image_path: 'https://192.168.7.7/cat.png' }, code: 'PERMISSION_DENIED' },
  { id: 'digest-way-out', what: 'a way out in place of a digest', guard: 'program-blob-name', input: { image_path: { sha256: '../../../etc/passwd' } } },
  { id: 'digest-in-capitals', what: 'a digest in capitals', guard: 'program-blob-name', input: { mask_path: { sha256: sha256(CAT).toUpperCase() } } },
  { id: 'digest-with-path', what: 'a digest with a path beside it', guard: 'program-blob-field', input: { image_path: { sha256: sha256(CAT), path: '/etc/passwd' } } },
  { id: 'unknown-blob', what: 'a blob that is not in the store', guard: 'program-blob-there', input: { image_path: { sha256: '1'.repeat(64) } }, code: 'REFERENCE_UNREADABLE' },
  { id: 'large-blob', what: 'a blob of 21 MB', guard: 'program-blob-size', input: {}, blobs: () => [padded(21)], code: 'LIMIT_EXCEEDED' },
  { id: 'blob-of-svg', what: 'a blob that is an SVG', guard: 'known-format', input: {}, blobs: () => [SVG], code: 'UNSUPPORTED_IMAGE' },
  {
    id: 'large-together',
    what: 'six blobs of 18 MB',
    guard: 'size-together',
    input: { kind: 'image_multi_reference' },
    blobs: manyLarge,
    code: 'LIMIT_EXCEEDED',
  },
  { id: 'unknown-field', what: 'a field that inputs do not have', guard: 'program-fields', input: { exec: 'rm -rf /' } },
  { id: 'key', what: 'a key', guard: 'program-fields', input: { api_key: 'sk-canary' } },
  { id: 'kind', what: 'a kind that does not exist', guard: 'program-checked', input: { kind: 'image_delete' } },
  { id: 'endless-url', what: 'a URL of 5,000 characters', guard: 'program-checked', input: { image_path: `https://127.0.0.1/${'x'.repeat(5000)}` } },
  { id: 'basename', what: 'a basename that is a way out', guard: 'plain-basename', input: { basename: '../../outside/by-program' } },
  { id: 'save-outside', what: 'a save_dir outside', guard: 'save-inside', input: ({ outside }) => ({ save_dir: outside }), code: 'PERMISSION_DENIED' },
  {
    id: 'forged-folder',
    what: 'a folder in the frozen part, under a seal that is none',
    guard: 'sealed-folder',
    input: ({ folder, outside }) => ({ save_dir: join(outside, 'by-seal'), frozen: { store_id: storeId(folder), save_dir: outside, seal: '0'.repeat(32) } }),
    code: 'PERMISSION_DENIED',
  },
  { id: 'other-store', what: 'the store of another installation', guard: 'own-store', input: { frozen: { store_id: 'another' } }, code: 'STORE_UNAVAILABLE' },
  { id: 'broken-uri', what: 'the URI of no picture', guard: 'image-uri', input: { image_path: 'image://jobs/img-known' } },
  { id: 'unknown-job', what: 'a picture of a job that nobody knows', guard: 'known-picture', input: { image_path: 'image://jobs/img-never/outputs/0' }, code: 'REFERENCE_UNREADABLE' },
  {
    id: 'unknown-index',
    what: 'a picture that a known job does not have',
    guard: 'known-picture',
    input: { image_path: 'image://jobs/img-known/outputs/1' },
    before: (folder) => plant(join(folder, 'store/manifests', `${sha256('img-known')}.json`), manifestOf('img-known')),
    code: 'REFERENCE_UNREADABLE',
  },
  {
    id: 'planted-record',
    what: 'a job_id that is the way to a planted record',
    guard: 'manifest-is-no-path',
    input: { image_path: 'image://jobs/..%2F..%2Fplanted/outputs/0' },
    before: (folder) => plant(join(folder, 'planted.json'), manifestOf('../../planted')),
    code: 'REFERENCE_UNREADABLE',
  },
];

export const PROGRAM_CASES: readonly HostileCase<GuardId>[] = ROWS.map(({ id, what, guard, input, blobs, before, code = 'INVALID_ARGUMENT' }) => ({
  id: `program-${id}`,
  what: `${what}, in a job's input`,
  where: 'program input',
  guard,
  make(place) {
    const own = blobs?.() ?? [];
    const [only, ...others] = own.map((bytes) => ({ sha256: sha256(bytes) }));
    const named = only && (others.length === 0 ? { image_path: only } : { image_path: undefined, image_paths: [only, ...others] });
    const given = { ...EDIT, ...named, ...(typeof input === 'function' ? input(place) : input) };
    return { door: 'job', input: given, blobs: [CAT, SECRET, ...own], ...(before ? { before } : {}) };
  },
  code,
}));
