import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readSettings } from '../../../src/config.js';
import { findTemporalBinary, type FindOptions } from '../../../src/local/temporal-binary.js';
import { createLogger } from '../../../src/log.js';

jest.setTimeout(60_000);

const PROGRAM = '#!/bin/sh\necho "temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)"\n';
const { platform, arch } = process;
const ASSET = `temporal_cli_1.5.1_${platform}_${arch === 'x64' ? 'amd64' : arch}.tar.gz`;

let folder: string;
let archive: Buffer;
let server: Server;
let requests: string[];
let answer: (request: IncomingMessage, response: ServerResponse) => void;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'download-'));
  archive = await archiveOf(PROGRAM);
  requests = [];
  server = createServer((request, response) => {
    requests.push(request.url ?? '');
    answer(request, response);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true });
});

async function archiveOf(program: string): Promise<Buffer> {
  await writeFile(join(folder, 'temporal'), program);
  await chmod(join(folder, 'temporal'), 0o755);
  execFileSync('tar', ['-czf', join(folder, 'a.tgz'), '-C', folder, 'temporal']);
  return await readFile(join(folder, 'a.tgz'));
}

function origin(): string {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server does not listen');
  return `http://127.0.0.1:${address.port}`;
}

/** A release as GitHub serves it; the second line is another machine's. */
function serve(sent: Buffer, checksumOf = sent): void {
  const digest = createHash('sha256').update(checksumOf).digest('hex');
  answer = (request, response) => {
    if (request.url?.endsWith('/checksums.txt')) response.end(`${'0'.repeat(64)}  other.tar.gz\n${digest}  ${ASSET}\n`);
    else response.setHeader('content-length', sent.length).end(sent);
  };
}

/** Go is no way out: nothing may be asked for its modules, and its cache is empty. */
function find(more: Partial<FindOptions> = {}): ReturnType<typeof findTemporalBinary> {
  const env = {
    HOME: folder,
    PATH: '/usr/bin:/bin',
    GOPROXY: 'off',
    GOMODCACHE: join(folder, 'modules'),
    IMAGE_CACHE_DIR: join(folder, 'cache'),
    IMAGE_TEMPORAL_DOWNLOAD_URL: `${origin()}/releases/`,
  };
  return findTemporalBinary({
    settings: readSettings(env),
    env,
    logger: createLogger('silent', 'test'),
    onProgress: () => undefined,
    onMessage: () => undefined,
    signal: new AbortController().signal,
    ...more,
  });
}

describe('the download of the release', () => {
  it('keeps a good one in the cache, and asks no more for it', async () => {
    serve(archive);
    const percents: number[] = [];
    const found = await find({ onProgress: ({ percent }) => void percents.push(percent) });
    const path = join(folder, 'cache', 'temporal-v1.5.1', 'temporal');
    expect(found).toEqual({ path, version: { cli: '1.5.1', server: '1.29.1' } });
    expect(percents.at(-1)).toBe(100);
    expect(requests).toEqual([`/releases/v1.5.1/checksums.txt`, `/releases/v1.5.1/${ASSET}`]);
    expect(await find()).toEqual(found);
    expect(requests).toHaveLength(2);
    expect(await readdir(join(folder, 'cache'))).toEqual(['temporal-v1.5.1']);
  });

  it('is made by one of several that want it at once', async () => {
    serve(archive);
    const all = await Promise.all([find(), find(), find()]);
    expect(new Set(all.map(({ path }) => path)).size).toBe(1);
    expect(requests).toHaveLength(2);
  });

  it('refuses a wrong checksum', async () => {
    serve(archive, Buffer.from('another'));
    await expectFailure('does not have the checksum');
  });

  it('refuses one that was cut off', async () => {
    const digest = createHash('sha256').update(archive).digest('hex');
    answer = (request, response) => {
      if (request.url?.endsWith('/checksums.txt')) return response.end(`${digest}  ${ASSET}\n`);
      response.setHeader('content-length', archive.length);
      response.write(archive.subarray(0, archive.length / 2));
      return setImmediate(() => response.destroy());
    };
    await expectFailure('was cut off');
  });

  it('refuses a program of another server, although its checksum is right', async () => {
    serve(await archiveOf(PROGRAM.replace('1.29.1', '1.24.0')));
    await expectFailure('it holds server 1.24.0');
  });

  it('refuses a release that is not there', async () => {
    answer = (_, response) => response.writeHead(404).end();
    await expectFailure('answers 404');
  });

  async function expectFailure(reason: string): Promise<void> {
    const failure = await find().catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'TEMPORAL_UNAVAILABLE', message: expect.stringContaining(reason) });
    // Nothing half-made stays, and the next step was tried.
    expect(failure).toMatchObject({ message: expect.stringContaining('go install') });
    expect(await readdir(join(folder, 'cache'))).toEqual([]);
  }
});

describe('the search', () => {
  it('takes TEMPORAL_CLI first, and says when it passes it over', async () => {
    serve(archive);
    const own = join(folder, 'temporal');
    const settings = (path: string): FindOptions['settings'] => ({ ...readSettings({ IMAGE_CACHE_DIR: join(folder, 'cache') }), TEMPORAL_CLI: path });
    expect(await find({ settings: settings(own) })).toMatchObject({ path: own });
    const messages: string[] = [];
    await mkdir(join(folder, 'bin'));
    await writeFile(join(folder, 'bin', 'temporal'), PROGRAM, { mode: 0o755 });
    const found = await find({
      settings: settings(join(folder, 'absent')),
      env: { HOME: folder, PATH: join(folder, 'bin') },
      onMessage: (text) => void messages.push(text),
    });
    expect(found.path).toBe(join(folder, 'bin', 'temporal'));
    expect(messages).toEqual([expect.stringContaining('TEMPORAL_CLI was passed over')]);
    expect(requests).toEqual([]);
  });

  it('passes over an installed one of another server minor', async () => {
    serve(archive);
    await mkdir(join(folder, 'bin'));
    await writeFile(join(folder, 'bin', 'temporal'), PROGRAM.replace('1.29.1', '1.31.0'), { mode: 0o755 });
    const env = {
      PATH: `${join(folder, 'bin')}:/usr/bin:/bin`,
      IMAGE_CACHE_DIR: join(folder, 'cache'),
      IMAGE_TEMPORAL_DOWNLOAD_URL: origin(),
    };
    expect((await find({ env, settings: readSettings(env) })).path).toContain('cache');
  });
});
