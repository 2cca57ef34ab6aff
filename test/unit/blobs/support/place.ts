import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { BlobStore } from '../../../../src/blobs/blob-store.js';
import { openBlobStore } from '../../../../src/blobs/open-store.js';

/**
 * Where a store of these tests lies. They are written once for all kinds of store: in the jest project `s3` the place is a bucket
 * of a real S3 server, which keeps its objects as files under `root`, so that tests can age and damage them in both.
 */
export interface StorePlace {
  /** For IMAGE_BLOB_STORE. */
  url: string;
  /** The folder with the files of the store. */
  root: string;
  /** As messages name the place. */
  shown: string;
  open(): Promise<BlobStore>;
  /** Another place beside it, where nothing is yet. */
  beside(name: string): StorePlace;
  /** What unfinished work has left. */
  residue(): Promise<string[]>;
  /** Leaves what a killed writer would, with this time. */
  leaveRemains(name: string, at: Date): Promise<void>;
  /** Files of the store that others than its owner can read. */
  readableByOthers(): Promise<string[]>;
  remove(): Promise<void>;
}

export const IS_S3 = process.env['IMAGE_TEST_STORE'] === 's3';

export async function storePlace(): Promise<StorePlace> {
  if (IS_S3) return inBucket(`store-${randomUUID()}`, 'images/v1');
  return inFolder(join(await mkdtemp(join(tmpdir(), 'blobs-test-')), 'data'), 'store');
}

function inFolder(parent: string, name: string): StorePlace {
  const root = join(parent, name);
  return {
    url: `file:${root}`,
    root,
    shown: root,
    open: () => openBlobStore(`file:${root}`),
    beside: (other) => inFolder(parent, other),
    residue: async () => [...(await namesIn(join(root, 'tmp'))), ...(await namesIn(join(root, 'locks')))],
    leaveRemains: (left, at) => fileOf(join(root, 'tmp', left), at),
    async readableByOthers() {
      const paths = ['', ...(await readdir(root, { recursive: true }))];
      const modes = await Promise.all(paths.map(async (path) => ({ path, mode: (await stat(join(root, path))).mode })));
      return modes.filter(({ mode }) => (mode & 0o077) !== 0).map(({ path }) => path);
    },
    remove: () => rm(dirname(parent), { recursive: true, force: true }),
  };
}

function inBucket(bucket: string, prefix: string): StorePlace {
  const { TEST_S3_FOLDER: folder = '', AWS_ENDPOINT_URL_S3: endpoint = '' } = process.env;
  const root = join(folder, bucket, prefix);
  const url = `s3://${bucket}/${prefix}`;
  return {
    url,
    root,
    shown: url,
    open: () => openBlobStore(url),
    beside: (other) => inBucket(bucket, `${dirname(prefix)}/${other}`),
    residue: async () => [...(await namesIn(join(root, 'locks'))), ...(await namesIn(join(folder, bucket, '.sgwtmp', 'multipart')))],
    leaveRemains: (left, at) => fileOf(join(root, 'locks', left, randomUUID()), at),
    async readableByOthers() {
      const files = (await readdir(root, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
      const keys = files.map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));
      const answers = await Promise.all(keys.map(async (key) => ({ key, status: (await fetch(`${endpoint}/${bucket}/${prefix}/${key}`)).status })));
      return answers.filter(({ status }) => status !== 403).map(({ key }) => key);
    },
    remove: () => rm(join(folder, bucket), { recursive: true, force: true }),
  };
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}

async function fileOf(path: string, at: Date): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, 'x');
  await utimes(path, at, at);
}
