import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { PINNED_CLI_VERSION } from './temporal-version.js';

/** Being offline is noticed within this. */
const CONNECT_MS = 5_000;
/** A download that brings nothing for this long was cut off. */
const STALLED_MS = 20_000;
const MAX_ARCHIVE_BYTES = 500 * 1024 * 1024;

export interface DownloadOptions {
  /** Base URL of the releases; below it lie v<version>/<asset> and v<version>/checksums.txt. */
  baseUrl: string;
  /** An empty folder of ours. */
  folder: string;
  onPercent: (percent: number) => void;
}

/**
 * The official release of the pinned version, checked against the SHA-256 in that release's checksums.txt (goreleaser's
 * format: digest, two spaces, asset name). Returns the path of the program; throws an Error in one short sentence.
 */
export async function downloadRelease(options: DownloadOptions): Promise<string> {
  const asset = assetName();
  const release = `${options.baseUrl.replace(/\/+$/, '')}/v${PINNED_CLI_VERSION}`;
  const expected = checksumOf(asset, await (await get(`${release}/checksums.txt`)).text());
  const archive = join(options.folder, 'release.tar.gz');
  const actual = await fetchTo(archive, `${release}/${asset}`, options.onPercent);
  if (actual !== expected) throw new Error(`${asset} does not have the checksum of its release`);
  await promisify(execFile)('tar', ['-xzf', archive, '-C', options.folder, 'temporal']);
  return join(options.folder, 'temporal');
}

function assetName(): string {
  const system = { linux: 'linux', darwin: 'darwin' }[process.platform as string];
  const processor = { x64: 'amd64', arm64: 'arm64' }[process.arch as string];
  if (system === undefined || processor === undefined) throw new Error(`there is no release for ${process.platform} on ${process.arch}`);
  return `temporal_cli_${PINNED_CLI_VERSION}_${system}_${processor}.tar.gz`;
}

function checksumOf(asset: string, text: string): string {
  for (const line of text.split('\n')) {
    const match = /^([0-9a-f]{64})\s+\*?(\S+)\s*$/.exec(line);
    if (match?.[1] !== undefined && match[2] === asset) return match[1];
  }
  throw new Error(`the release's checksums.txt does not name ${asset}`);
}

async function get(url: string): Promise<Response> {
  const connecting = new AbortController();
  const timer = setTimeout(() => connecting.abort(), CONNECT_MS);
  try {
    const response = await fetch(url, { signal: connecting.signal });
    if (!response.ok) throw new Error(`${url} answers ${response.status}`);
    return response;
  } catch (error) {
    if (connecting.signal.aborted || (error instanceof TypeError && error.cause !== undefined)) {
      throw new Error(`${new URL(url).host} cannot be reached`, { cause: error });
    }
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Streams a URL into a file and returns the SHA-256 of its bytes. */
async function fetchTo(path: string, url: string, onPercent: (percent: number) => void): Promise<string> {
  const response = await get(url);
  if (!response.body) throw new Error(`${url} answers without content`);
  const total = Number(response.headers.get('content-length'));
  const hash = createHash('sha256');
  const stalled = new AbortController();
  const restartTimer = (): NodeJS.Timeout => setTimeout(() => stalled.abort(), STALLED_MS);
  let timer = restartTimer();
  let received = 0;
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      clearTimeout(timer);
      timer = restartTimer();
      received += chunk.length;
      hash.update(chunk);
      if (total > 0) onPercent(Math.min(100, (received / total) * 100));
      done(received > MAX_ARCHIVE_BYTES ? new Error('the download is far too large') : null, chunk);
    },
  });
  try {
    await pipeline(Readable.from(response.body), meter, createWriteStream(path, { mode: 0o600 }), { signal: stalled.signal });
  } catch (error) {
    throw new Error('the download was cut off', { cause: error });
  } finally {
    clearTimeout(timer);
  }
  return hash.digest('hex');
}
