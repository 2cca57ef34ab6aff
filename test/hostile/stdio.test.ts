import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { isAbsolute, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import * as z from 'zod';
import type { BlobStore } from '../../src/blobs/blob-store.js';
import { Manifests } from '../../src/blobs/manifests.js';
import { openBlobStore } from '../../src/blobs/open-store.js';
import { sha256 } from '../../src/contract/canonical.js';
import { isAlive } from '../../src/local/processes.js';
import { makeBox, plainEnvironment, run, type AnswerRecord, type Box, type Mcp } from '../support/e2e.js';
import { costliestPng, png } from '../support/hostile-images.js';
import type { CallAttempt, HostileCase, JobAttempt, Seen } from './case.js';
import { CASES } from './cases/index.js';
import { makePlace } from './run/place.js';
import { answer } from './run/servers.js';

jest.setTimeout(240_000);

/** What of the table can be done from outside to a real server, stack and worker is done to them, one after the other. */

/** In calls that are refused before anything is started. */
const CALLS = named(
  'parent', 'no-oracle', 'proc-root', 'prefix-sibling', 'link-chain', 'link-of-folder', 'turned-name', 'nul', 'file-url-of-host', 'endless-folders', 'pipe',
  'huge-file', 'large-together', 'save-outside', 'save-endless', 'basename-parent', 'data-over', 'data-far-over', 'uri-way-out', 'arguments-key',
  'arguments-prototype', 'svg', 'png-flood', 'png-honest-flood', 'jpeg-scans', 'gif-frames', 'webp-canvas-flood', 'call-names-metadata',
);
/** In pictures that the worker decodes. */
const PICTURES = named(
  'wrong-checksum', 'missing-pixels', 'noise', 'two-readings', 'compressed-texts', 'international-texts', 'gps', 'archive-behind-png', 'page-in-jpeg',
  'turned', 'animated-gif', 'mask-of-another-shape',
);
/** In jobs that another program starts. */
const PROGRAMS = named(
  'program-outside', 'program-link', 'program-data', 'program-private-url', 'program-digest-way-out', 'program-basename', 'program-save-outside', 'program-unknown-job',
);
/** At a server on this machine, which is allowed here; each in a batch, which gives an address up in the end. */
const DOWNLOADS: readonly (readonly [path: string, code: string])[] = [
  ['/to?url=file:///etc/passwd', 'PERMISSION_DENIED'],
  ['/to?url=https://me:secret@localhost/', 'PERMISSION_DENIED'],
  ['/loop', 'REFERENCE_UNREADABLE'],
  ['/page-as-picture', 'UNSUPPORTED_IMAGE'],
  ['/endless', 'LIMIT_EXCEEDED'],
  ['/claims-to-be-long', 'LIMIT_EXCEEDED'],
  ['/bomb', 'REFERENCE_UNREADABLE'],
  ['/large-headers', 'REFERENCE_UNREADABLE'],
  ['/two-lengths', 'REFERENCE_UNREADABLE'],
  ['/switch', 'REFERENCE_UNREADABLE'],
  ['/cut', 'REFERENCE_UNREADABLE'],
];

/** What the memory of a worker stays below, in MB, as docs/references.md says. */
const WORKER_MEGABYTES = 2048;

function named(...ids: string[]): HostileCase[] {
  return ids.map((id) => {
    const found = CASES.find((one) => one.id === id);
    if (!found) throw new Error(`the table has no case ${id}`);
    return found;
  });
}

/** A server with its stack, and the worker that was there at the beginning. */
interface Scene {
  box: Box;
  mcp: Mcp;
  worker: number;
  store: BlobStore;
  /** Runs the temporal command against the stack; its standard output. */
  temporal(...args: string[]): Promise<string>;
}

async function openScene(settings: (box: Box) => Record<string, string>): Promise<Scene> {
  const box = await makeBox();
  Object.assign(box.env, settings(box));
  const mcp = await box.server();
  await mcp.finished(await mcp.start('image_generate_async', { prompt: 'first', provider: 'local', size: '64x64' }));
  const { pids, address = '', temporal_binary: binary = '' } = await box.ready();
  return {
    box,
    mcp,
    worker: pids.worker ?? 0,
    store: await openBlobStore(`file:${join(box.dataDir, 'store')}`),
    temporal: async (...args) => (await run(binary, [...args, '--address', address], plainEnvironment())).stdout,
  };
}

/** The worker is the one that it was, its memory stayed below the bound, and the next ordinary job completes. */
async function standsStill({ mcp, worker }: Scene, cat: string): Promise<void> {
  const next = await mcp.start('image_edit_async', { prompt: 'brighter', provider: 'local', size: '64x64', image_path: cat });
  expect(await mcp.finished(next)).toMatchObject({ status: 'completed' });
  expect(await isAlive(worker)).toBe(true);
  expect(await peakMegabytes(worker)).toBeLessThan(WORKER_MEGABYTES);
  expect(mcp.stray).toEqual([]);
}

/** The most that a process ever had in memory, on Linux. */
async function peakMegabytes(pid: number): Promise<number> {
  const [, kilobytes] = /^VmHWM:\s*(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) / 1024;
}

function codeOf(record: AnswerRecord): string {
  const codes = new Set(record.error?.problems?.map(({ code }) => code) ?? [record.error?.code ?? record.status ?? 'nothing']);
  return [...codes].join(' and ');
}

/** The arguments as they would be in the working folder of the place, which is not the server's. */
function absolute(args: unknown, root: string): Record<string, unknown> {
  const fields: Record<string, unknown> = typeof args === 'object' && args !== null ? { ...args } : {};
  const at = (value: unknown): unknown => (typeof value === 'string' && !isAbsolute(value) && !/^[a-z]+:/i.test(value) ? `${root}/${value}` : value);
  for (const name of ['image_path', 'mask_path']) if (name in fields) fields[name] = at(fields[name]);
  if (Array.isArray(fields['image_paths'])) fields['image_paths'] = fields['image_paths'].map(at);
  return fields;
}

describe('a server, its stack and its worker', () => {
  let scene: Scene;
  const placeOf = (id: string): ReturnType<typeof makePlace> => makePlace(join(scene.box.folder, 'places', id));
  let cat: string;

  beforeAll(async () => {
    const roots = (box: Box): string => ['ordinary', ...CASES.map(({ id }) => id)].map((id) => join(box.folder, 'places', id, 'root')).join(':');
    scene = await openScene((box) => ({ IMAGE_REFERENCE_ROOTS: roots(box) }));
    cat = join(placeOf('ordinary').root, 'cat.png');
  });
  afterAll(async () => await scene.box.close());

  it.each(CALLS.map((one) => ({ id: one.id, one })))('refuse $id in a call', async ({ id, one }) => {
    const place = placeOf(id);
    const given = await one.make(place);
    if (given.door !== 'call') throw new Error('it is no call');
    const { args, kind = 'image_edit' } = given satisfies CallAttempt;
    const { record, refused, seconds } = await scene.mcp.call(`${kind}_async`, { prompt: 'brighter', provider: 'local', ...absolute(args, place.root) });
    expect({ refused, code: codeOf(record) }).toEqual({ refused: true, code: 'code' in one ? one.code : undefined });
    expect(seconds).toBeLessThan(5);
    await standsStill(scene, cat);
  });

  it.each(PICTURES.map((one) => ({ id: one.id, one })))('meet the picture $id', async ({ id, one }) => {
    const place = placeOf(id);
    const given = await one.make(place);
    if (given.door !== 'job') throw new Error('it is no job');
    const args = await asFiles(given, place.root);
    const jobId = await scene.mcp.start('image_edit_async', args);
    const record = await scene.mcp.finished(jobId);
    expect(record.status === 'completed' ? 'completed' : codeOf(record)).toBe('code' in one ? one.code : 'completed');
    if (record.status === 'completed') expect(await one.look?.(await storedOf(jobId, given), place)).toBeUndefined();
    await standsStill(scene, cat);
  });

  it.each(PROGRAMS.map((one) => ({ id: one.id, one })))('refuse $id', async ({ id, one }) => {
    const place = placeOf(id);
    const given = await one.make(place);
    if (given.door !== 'job') throw new Error('it is no job');
    for (const blob of given.blobs ?? []) await scene.store.putBlob(blob);
    const start = ['workflow', 'start', '--type', 'imageJob', '--task-queue', 'image-jobs', '--workflow-id', id];
    await scene.temporal(...start, '--input', JSON.stringify(given.input));
    expect(codeOf(await scene.mcp.finished(id))).toBe('code' in one ? one.code : undefined);
    await standsStill(scene, cat);
  });

  it('hold the ten costliest pictures that are allowed', async () => {
    const place = placeOf('ordinary');
    const paths = Array.from({ length: 10 }, (_, index) => join(place.root, `costly-${index}.png`));
    const first = costliestPng(7071, 7071, 0);
    await Promise.all(paths.map(async (path, index) => await writeFile(path, Buffer.concat([first, Buffer.from(String(index))]))));
    const jobId = await scene.mcp.start('image_multi_reference_async', { prompt: 'together', provider: 'local', size: '64x64', image_paths: paths });
    expect(await scene.mcp.finished(jobId)).toMatchObject({ status: 'completed' });
    await standsStill(scene, cat);
  });

  /** The blobs of an attempt as files, which the call names. */
  async function asFiles({ blobs = [], input }: JobAttempt, root: string): Promise<Record<string, unknown>> {
    const paths = new Map(blobs.map((bytes, index) => [sha256(bytes), join(root, `blob-${index}.png`)]));
    await Promise.all(blobs.map(async (bytes) => await writeFile(paths.get(sha256(bytes)) ?? '', bytes)));
    const { kind: _kind, ...args } = z.looseObject({ kind: z.literal('image_edit') }).parse(input);
    const blobSchema = z.object({ sha256: z.string() }).transform((blob) => paths.get(blob.sha256));
    return { ...args, size: '64x64', ...z.object({ image_path: blobSchema, mask_path: blobSchema.optional() }).parse(args) };
  }

  /** What the worker has made of the first reference. */
  async function storedOf(jobId: string, { blobs = [] }: JobAttempt): Promise<Seen> {
    const manifest = await new Manifests(scene.store).read(jobId);
    const given = blobs.map((bytes) => sha256(bytes));
    const [made] = manifest?.pins.filter((pin) => !given.includes(pin)) ?? [];
    const bytes = made === undefined ? undefined : await scene.store.getBlob(made);
    if (!bytes) throw new Error('nothing is stored');
    const second = Buffer.alloc(0);
    return { bytes, second, warnings: [], input: undefined, connections: [], opened: [], grownMegabytes: 0, decodedAtOnce: 0 };
  }
});

describe('a worker that downloads', () => {
  let scene: Scene;
  let cat: string;
  const server = createServer(answer);
  let site: string;

  beforeAll(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    site = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
    scene = await openScene(() => ({ IMAGE_ALLOW_PRIVATE_REFERENCE_URLS: '1' }));
    cat = join(scene.box.folder, 'cat.png');
    await writeFile(cat, png({ width: 4, height: 4 }));
  });
  afterAll(async () => {
    server.closeAllConnections();
    server.close();
    await scene.box.close();
  });

  it.each(DOWNLOADS)('refuses %s with %s', async (path, code) => {
    const jobId = await scene.mcp.start('image_batch_edit_async', { prompt: 'brighter', provider: 'local', size: '64x64', image_paths: [site + path] });
    const record = await scene.mcp.finished(jobId);
    expect(codeOf(record)).toBe(code);
    await standsStill(scene, cat);
  });
});
