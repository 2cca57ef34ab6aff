/** A real S3 server for the tests: found in the cache, else built once from its Go module. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import envPaths from 'env-paths';

export const VERSITYGW_VERSION = '1.8.0';

/** The path of the program. */
export async function versitygw(): Promise<string> {
  const cache = process.env['IMAGE_CACHE_DIR'] ?? envPaths('durable-image-mcp', { suffix: '' }).cache;
  const path = join(cache, `versitygw-v${VERSITYGW_VERSION}`, 'versitygw');
  if (existsSync(path)) return path;
  await mkdir(join(path, '..'), { recursive: true });
  const build = await mkdtemp(join(cache, 'versitygw-build-'));
  try {
    process.stderr.write(`building versitygw v${VERSITYGW_VERSION} (about two minutes, once)\n`);
    const env = { ...process.env, GOBIN: build, GOFLAGS: '-mod=mod', CGO_ENABLED: '0' };
    await promisify(execFile)('go', ['install', `github.com/versity/versitygw/cmd/versitygw@v${VERSITYGW_VERSION}`], { env, maxBuffer: 1e8 });
    await rename(join(build, 'versitygw'), path);
  } finally {
    await rm(build, { recursive: true, force: true });
  }
  return path;
}

/** Before the tests of a jest project, once. */
export default async function setup(): Promise<void> {
  process.env['TEST_VERSITYGW'] = await versitygw();
}
