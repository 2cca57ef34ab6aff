import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { access, chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { describe, expect, it, jest } from '@jest/globals';
import * as z from 'zod';
import { freePort, makeBox, until, type AnswerRecord, type Box } from '../support/e2e.js';
import { temporalBinary } from '../support/temporal-binary.js';
import { responseExamples, shapeOf } from '../support/response-examples.js';

jest.setTimeout(120_000);

const PICTURE = { prompt: 'a red kite', provider: 'local', size: '512x512' };
const VERSION = '1.5.1';
const ASSET = `temporal_cli_${VERSION}_${process.platform}_${process.arch === 'x64' ? 'amd64' : process.arch}.tar.gz`;

const startingSchema = z.looseObject({ error: z.looseObject({ message: z.string(), next_step: z.string() }) });

/** What is said, whatever the numbers; how long it still takes is not always known. */
function inWords({ error }: z.infer<typeof startingSchema>): string[] {
  return [error.message, error.next_step].map((text) => text.replace(/, about \d+ seconds left/, '').replaceAll(/\d+/g, 'N'));
}

/** Neither a temporal program, nor a module for Go; what the system itself has in its own folders stays. */
async function bareBox(env: Record<string, string>): Promise<Box> {
  const box = await makeBox();
  delete box.env['TEMPORAL_CLI'];
  const go = join(box.folder, 'go');
  Object.assign(box.env, {
    PATH: '/usr/bin:/bin',
    IMAGE_CACHE_DIR: join(box.folder, 'cache'),
    GOPATH: go,
    GOMODCACHE: join(go, 'mod'),
    GOPROXY: 'off',
    ...env,
  });
  return box;
}

interface Releases {
  url: string;
  requests: string[];
  /** Sends the other half of the archive. */
  finish(): void;
  close(): Promise<void>;
}

/** The releases of the temporal command as they are served, but for the speed: half of the archive, and a long pause. */
async function slowReleases(folder: string): Promise<Releases> {
  // A program of few bytes that becomes the real one.
  const program = join(folder, 'temporal');
  await writeFile(program, `#!/bin/sh\nexec '${await temporalBinary()}' "$@"\n`);
  await chmod(program, 0o755);
  await writeFile(join(folder, 'filler'), randomBytes(400_000));
  execFileSync('tar', ['-czf', join(folder, 'release.tar.gz'), '-C', folder, 'filler', 'temporal']);
  const archive = await readFile(join(folder, 'release.tar.gz'));
  const requests: string[] = [];
  let finish = (): void => {};
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const server = createServer((request, response) => {
    requests.push(request.url ?? '');
    if (request.url === `/v${VERSION}/checksums.txt`) {
      response.end(`${createHash('sha256').update(archive).digest('hex')}  ${ASSET}\n`);
    } else if (request.url === `/v${VERSION}/${ASSET}`) {
      response.setHeader('content-length', archive.length);
      response.write(archive.subarray(0, archive.length / 2));
      void finished.then(() => response.end(archive.subarray(archive.length / 2)));
    } else {
      response.writeHead(404).end();
    }
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    finish: () => finish(),
    async close() {
      finish();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe('while the local stack is being prepared', () => {
  it('calls are told STARTING with step and percent and start nothing, and then the job runs', async () => {
    const box = await bareBox({});
    await mkdir(join(box.folder, 'release'));
    const releases = await slowReleases(join(box.folder, 'release'));
    try {
      Object.assign(box.env, { IMAGE_TEMPORAL_DOWNLOAD_URL: releases.url });
      const [one, two] = await Promise.all([box.server(), box.server()]);
      const told = await until(async () => {
        const { record, refused, seconds } = await one.call('image_generate_async', PICTURE);
        expect(refused).toBe(true);
        expect(seconds).toBeLessThan(5);
        expect(record).toMatchObject({ ok: false, error: { code: 'STARTING', retryable: true } });
        return /downloading the Temporal server, [45]\d %.*nothing was started/.test(record.error?.message ?? '') ? record : undefined;
      }, 'the step');
      expect(told.error?.['retry_after_seconds']).toBeGreaterThan(0);
      const example = startingSchema.parse(responseExamples().get('The service is being prepared'));
      expect(shapeOf(told)).toEqual(shapeOf(example));
      expect(inWords(startingSchema.parse(told))).toEqual(inWords(example));
      // A wrong call is refused as such, whatever is being prepared.
      expect((await one.call('image_generate_async', { ...PICTURE, size: '1x1' })).record.error?.code).toBe('INVALID_ARGUMENT');
      expect((await two.call('image_job_status', { job_id: 'img-0' })).record.error?.code).toBe('NOT_FOUND');
      expect((await two.call('server_info')).record).toMatchObject({ ok: true });
      expect(await box.status()).toMatchObject({ state: 'preparing', preparation: { step: expect.stringContaining('downloading') } });

      // The preparation is the supervisor's: it survives the client that caused it.
      process.kill(one.pid, 'SIGKILL');
      releases.finish();
      const id = await two.start('image_generate_async', PICTURE);
      expect(await two.finished(id)).toMatchObject({ ok: true, status: 'completed' });
      expect(releases.requests).toEqual([`/v${VERSION}/checksums.txt`, `/v${VERSION}/${ASSET}`]);
      const { temporal_binary: binary } = await box.status();
      expect(binary?.startsWith(join(box.folder, 'cache'))).toBe(true);
      // Only what was submitted after it was ready is a job.
      expect((await box.processes()).filter(({ role }) => role === 'supervisor')).toHaveLength(1);
    } finally {
      await releases.close();
      await box.close();
    }
  });
});

describe('with no way to a Temporal server', () => {
  it('one error names the five ways, and one of them helps at once', async () => {
    const box = await bareBox({ IMAGE_TEMPORAL_DOWNLOAD_URL: `http://127.0.0.1:${await freePort()}` });
    try {
      const clients = await Promise.all([box.server(), box.server()]);
      const failures = await Promise.all(
        clients.map(async (client) =>
          until<AnswerRecord>(async () => {
            const { record, refused, seconds } = await client.call('image_generate_async', PICTURE);
            expect(refused).toBe(true);
            expect(seconds).toBeLessThan(5);
            return record.error?.code === 'STARTING' ? undefined : record;
          }, 'the failure'),
        ),
      );
      expect(failures.map(({ error }) => error?.code)).toEqual(['TEMPORAL_UNAVAILABLE', 'TEMPORAL_UNAVAILABLE']);
      const [mcp] = clients;
      const [failed] = failures;
      const { message, next_step: next } = failed?.error ?? { message: '', next_step: '' };
      for (const way of [/\(1\) TEMPORAL_CLI/, /\(2\) the cache/, /\(3\) an installed one/, /\(4\) the release 1\.5\.1/, /\(5\) go install/]) {
        expect(message).toMatch(way);
      }
      expect(next).toMatch(/TEMPORAL_CLI.*TEMPORAL_ADDRESS/);
      expect(Buffer.byteLength(message)).toBeLessThan(2000);
      // The same again, with nothing tried anew.
      const again = await mcp.call('image_generate_async', PICTURE);
      expect(again.record.error).toEqual(failed?.error);
      expect(again.seconds).toBeLessThan(5);
      expect((await mcp.call('server_info')).record.ok).toBe(true);
      expect(mcp.stray).toEqual([]);
      const shown = await box.cli(['status', '--json']);
      expect(shown.code).toBe(1);
      expect(JSON.parse(shown.stdout)).toMatchObject({ state: 'failed', error: { code: 'TEMPORAL_UNAVAILABLE' } });

      // As the error says; another client still holds on to the stack that failed.
      const helped = await box.server({ TEMPORAL_CLI: await temporalBinary() });
      const id = await helped.start('image_generate_async', PICTURE);
      expect(await helped.finished(id)).toMatchObject({ status: 'completed' });
      expect(await mcp.finished(await mcp.start('image_generate_async', PICTURE))).toMatchObject({ status: 'completed' });
      await expect(access(join(box.folder, 'cache', `temporal-v${VERSION}`))).rejects.toMatchObject({ code: 'ENOENT' });
    } finally {
      await box.close();
    }
  });
});
