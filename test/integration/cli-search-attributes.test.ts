import { createServer, type Http2Server } from 'node:http2';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { SEARCH_ATTRIBUTES } from '../../src/contract/names.js';
import { makeBox, run, startDevServer, until, type Box, type DevServer } from '../support/e2e.js';

jest.setTimeout(120_000);

const NAMES = Object.keys(SEARCH_ATTRIBUTES);

/** A Temporal that answers every request but the first of a connection with this gRPC status. */
async function refusingServer(status: number): Promise<{ address: string; close(): Promise<void> }> {
  const sessions = new Set<{ destroy(): void }>();
  const server: Http2Server = createServer();
  server.on('session', (session) => sessions.add(session));
  server.on('stream', (stream, headers) => {
    const isFirst = String(headers[':path']).endsWith('/GetSystemInfo');
    const code = isFirst ? 12 : status;
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': String(code), 'grpc-message': 'no' }, { endStream: true });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    address: `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    async close() {
      for (const session of sessions) session.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe('setup-search-attributes', () => {
  let temporal: DevServer;
  let box: Box;

  beforeAll(async () => {
    [temporal, box] = await Promise.all([startDevServer(), makeBox()]);
  });
  afterAll(async () => {
    await box.close();
    await temporal.close();
  });

  async function setUp(env: Record<string, string>): ReturnType<Box['cli']> {
    return await box.cli(['setup-search-attributes', '--json'], env);
  }

  async function namespace(name: string): Promise<Record<string, string>> {
    expect(await temporal.temporal('operator', 'namespace', 'create', '--namespace', name)).toMatchObject({ code: 0 });
    const env = { TEMPORAL_ADDRESS: temporal.address, TEMPORAL_NAMESPACE: name };
    // A new namespace is not known everywhere at once.
    await until(async () => (await temporal.temporal('operator', 'search-attribute', 'list', '--namespace', name)).code === 0, 'the namespace');
    return env;
  }

  it('registers what is missing, once, and tells what was there', async () => {
    const env = await namespace('pictures');
    const first = await setUp(env);
    expect(first.code).toBe(0);
    expect(JSON.parse(first.stdout)).toEqual({ ok: true, address: temporal.address, namespace: 'pictures', existing: [], added: NAMES });
    const again = await setUp(env);
    expect(again.code).toBe(0);
    expect(JSON.parse(again.stdout)).toMatchObject({ existing: NAMES, added: [] });
    const { stdout } = await temporal.temporal('operator', 'search-attribute', 'list', '--namespace', 'pictures');
    for (const name of NAMES) expect(stdout).toMatch(new RegExp(`${name} +${name === 'ImageTags' ? 'KeywordList' : 'Keyword'}\\b`));

    const told = await box.cli(['setup-search-attributes'], env);
    expect(told).toMatchObject({ code: 0, stdout: expect.stringMatching(/^ImageKind +was there$/m) });
  });

  it('adds to some that are there', async () => {
    const env = await namespace('some');
    await temporal.temporal('operator', 'search-attribute', 'create', '--namespace', 'some', '--name', 'ImageKind', '--type', 'Keyword');
    const { stdout } = await setUp(env);
    expect(JSON.parse(stdout)).toMatchObject({ existing: ['ImageKind'], added: NAMES.filter((name) => name !== 'ImageKind') });
  });

  it('refuses to use one of another type', async () => {
    const env = await namespace('other');
    await temporal.temporal('operator', 'search-attribute', 'create', '--namespace', 'other', '--name', 'ImageKind', '--type', 'Int');
    const { code, stdout } = await setUp(env);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, error: { code: 'INVALID_STATE', message: expect.stringContaining('ImageKind (must be Keyword)') } });
  });

  it.each([
    ['a missing permission', 7],
    ['refused credentials', 16],
    ['a Temporal that keeps this for operators', 12],
  ])('%s is told with the command that an operator runs', async (_, status) => {
    const refusing = await refusingServer(status);
    try {
      const { code, stdout, stderr } = await setUp({ TEMPORAL_ADDRESS: refusing.address, TEMPORAL_NAMESPACE: 'by-operator' });
      expect(code).toBe(1);
      expect(JSON.parse(stdout)).toMatchObject({ ok: false, error: { code: 'PERMISSION_DENIED' } });
      const command = /temporal operator search-attribute create .*$/m.exec(stderr)?.[0] ?? '';
      for (const name of NAMES) expect(command).toContain(`--name ${name} `);

      // Word for word, but for where it goes.
      const env = await namespace(`by-operator-${status}`);
      const words = command.replace(refusing.address, temporal.address).replace('--namespace by-operator', `--namespace ${env['TEMPORAL_NAMESPACE']}`);
      expect(await run('/bin/sh', ['-c', words.replace(/^temporal/, `'${temporal.binary}'`)], box.env)).toMatchObject({ code: 0 });
      const after = await setUp(env);
      expect(JSON.parse(after.stdout)).toMatchObject({ ok: true, existing: NAMES, added: [] });
    } finally {
      await refusing.close();
    }
  });

  it('tells an address that does not answer, and a local stack that is not there', async () => {
    const away = await setUp({ TEMPORAL_ADDRESS: '127.0.0.1:1' });
    expect(away.code).toBe(1);
    expect(JSON.parse(away.stdout)).toMatchObject({ error: { code: 'TEMPORAL_UNAVAILABLE' } });
    const none = await setUp({});
    expect(none.code).toBe(1);
    expect(JSON.parse(none.stdout)).toMatchObject({ error: { code: 'INVALID_STATE', next_step: expect.stringContaining('up --data-dir') } });
    expect(await box.processes()).toEqual([]);
  });

  it('looks at the local stack when it runs', async () => {
    expect((await box.cli(['up'])).code).toBe(0);
    const { code, stdout } = await setUp({});
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, namespace: 'default', existing: NAMES, added: [] });
  });

  it('uninstall ends a worker that was started by hand with the data folder, and finishes nothing else', async () => {
    const own = await makeBox({ TEMPORAL_ADDRESS: temporal.address });
    const other = await makeBox({ TEMPORAL_ADDRESS: temporal.address });
    try {
      const workers = [own.background(['worker']), other.background(['worker'])];
      await until(async () => {
        const { stdout } = await temporal.temporal('task-queue', 'describe', '--task-queue', 'image-jobs');
        return workers.every(({ pid }) => stdout.includes(`${pid}@`));
      }, 'the workers to poll');
      const { code, stderr } = await own.cli(['uninstall', '--yes']);
      expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining('Jobs in the Temporal of TEMPORAL_ADDRESS') });
      expect(await own.processes()).toEqual([]);
      expect(await other.processes()).toMatchObject([{ role: 'worker' }]);
    } finally {
      await own.close();
      await other.close();
    }
  });
});
