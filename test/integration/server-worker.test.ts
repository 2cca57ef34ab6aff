import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { freePort, makeBox, startDevServer, until, type Box, type DevServer } from '../support/e2e.js';
import { startFakeOpenAi, type FakeOpenAi } from '../support/fake-openai.js';
import { startTlsGateway, type TlsGateway } from '../support/tls-gateway.js';

jest.setTimeout(120_000);

let temporal: DevServer;
let fake: FakeOpenAi;
let box: Box;
let health: string;

beforeAll(async () => {
  [temporal, fake] = await Promise.all([startDevServer(), startFakeOpenAi({})]);
  health = `127.0.0.1:${await freePort()}`;
  box = await makeBox({ TEMPORAL_ADDRESS: temporal.address, IMAGE_WORKER_HEALTH_ADDRESS: health, OPENAI_API_KEY: 'sk-test', OPENAI_BASE_URL: fake.url });
});
afterEach(async () => {
  for (const { pid, role } of await box.processes()) if (role === 'worker') process.kill(pid, 'SIGKILL');
});
afterAll(async () => {
  await box.close();
  await fake.close();
  await temporal.close();
});

const ask = async (path: string): Promise<{ status: number; text: string } | undefined> => {
  const answer = await fetch(`http://${health}${path}`).catch(() => undefined);
  return answer && { status: answer.status, text: await answer.text() };
};
const ready = async (): Promise<unknown> => until(async () => (await ask('/readyz'))?.status === 200, 'the worker to be ready');

describe('a worker on a server', () => {
  it('is ready when Temporal has it, and tells the figures of Temporal and its own', async () => {
    box.background(['worker']);
    await ready();
    expect(await ask('/healthz')).toEqual({ status: 200, text: 'ok\n' });
    expect((await fetch(`http://${health}/healthz`, { method: 'DELETE' })).status).toBe(405);
    expect(await ask('/')).toMatchObject({ status: 404, text: expect.stringContaining('/metrics') });
    const server = await box.server();
    const done = await server.finished(await server.start('image_generate_async', { prompt: 'a harbour', provider: 'openai' }));
    expect(done).toMatchObject({ status: 'completed' });
    const figures = await until(async () => {
      const { text = '' } = (await ask('/metrics')) ?? {};
      return text.includes('image_pictures') ? text : undefined;
    }, 'the figures');
    expect(figures).toMatch(/^image_requests_total\{[^}]*provider="openai"[^}]*state="accepted"[^}]*\} 1$/m);
    expect(figures).toMatch(/^image_pictures_total\{[^}]*provider="openai"[^}]*\} 1$/m);
    expect(figures).toMatch(/^image_request_seconds_count\{/m);
    expect(figures).toMatch(/^temporal_activity_schedule_to_start_latency_seconds_count\{/m);
    expect(figures).not.toContain('sk-test');
  });

  it('lives and is not ready while Temporal does not answer, and is again afterwards', async () => {
    box.background(['worker']);
    await ready();
    process.kill(temporal.pid, 'SIGSTOP');
    try {
      const away = await until(async () => {
        const answer = await ask('/readyz');
        return answer?.status === 503 ? answer : undefined;
      }, 'the worker to notice');
      expect(away.text).toMatch(/^Temporal does not answer/);
      expect((await ask('/healthz'))?.status).toBe(200);
    } finally {
      process.kill(temporal.pid, 'SIGCONT');
    }
    await ready();
  });

  it('is not ready any more when it is told to end, and finishes what is in flight', async () => {
    const worker = box.background(['worker']);
    const ended = once(worker, 'exit');
    await ready();
    fake.fault({ kind: 'hang', match: 'while it ends' });
    const server = await box.server();
    const job = await server.start('image_generate_async', { prompt: 'a harbour while it ends', provider: 'openai' });
    await until(() => fake.ledger().entries.some(({ prompt }) => prompt.includes('while it ends')), 'the request');
    worker.kill('SIGTERM');
    const answer = await until(async () => {
      const told = await ask('/readyz');
      return told?.status === 503 ? told : undefined;
    }, 'the worker to say so');
    expect(answer.text).toMatch(/^This worker ends/);
    expect((await ask('/healthz'))?.status).toBe(200);
    fake.release();
    expect(await ended).toEqual([0, null]);
    box.background(['worker']);
    expect(await server.finished(job)).toMatchObject({ status: 'completed' });
    expect(fake.ledger().entries.filter(({ prompt }) => prompt.includes('while it ends'))).toHaveLength(1);
  });

  it('that is versioned gets no work before its build is the current one, and then all of it', async () => {
    box.background(['worker'], { IMAGE_WORKER_BUILD_ID: 'build-7' });
    await ready();
    const server = await box.server();
    const job = await server.start('image_generate_async', { prompt: 'a pinned harbour', provider: 'openai' });
    const version = ['--deployment-name', 'durable-image-mcp', '--build-id', 'build-7'];
    await until(async () => (await temporal.temporal('worker', 'deployment', 'set-current-version', ...version, '--yes')).code === 0, 'the version');
    expect(await server.finished(job)).toMatchObject({ status: 'completed' });
    const described = await temporal.temporal('workflow', 'describe', '--workflow-id', job, '--output', 'json');
    expect(described.stdout).toMatch(/PINNED/i);
    expect(described.stdout).toContain('build-7');
    await temporal.temporal('worker', 'deployment', 'set-current-version', '--deployment-name', 'durable-image-mcp', '--build-id', '', '--yes');
  });

  it('takes as much as the machine bears, when it is told to', async () => {
    box.background(['worker'], { IMAGE_WORKER_TUNER: 'resources' });
    await ready();
    const server = await box.server();
    const done = await server.finished(await server.start('image_generate_async', { prompt: 'a tuned harbour', provider: 'local' }));
    expect(done).toMatchObject({ status: 'completed' });
  });

  it('replays the jobs of its Temporal with its build, and runs nothing', async () => {
    const { code, stdout } = await box.cli(['worker', '--replay', '3']);
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringMatching(/^3 of 3 jobs replayed$/m) });
  });
});

describe.each([
  ['a certificate', 'certificate'],
  ['an API key', { apiKey: 'canary-of-the-cloud' }],
] as const)('a Temporal that asks for %s', (_, by) => {
  let folder: string;
  let gateway: TlsGateway;
  let own: Record<string, string>;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tls-'));
    gateway = await startTlsGateway(folder, temporal.address, by);
    const { ca, clientCert, clientKey } = gateway.certificates;
    own = {
      TEMPORAL_ADDRESS: gateway.address,
      TEMPORAL_TLS: 'true',
      TEMPORAL_TLS_SERVER_CA_CERT_PATH: ca,
      ...(by === 'certificate' ? { TEMPORAL_TLS_CLIENT_CERT_PATH: clientCert, TEMPORAL_TLS_CLIENT_KEY_PATH: clientKey } : { TEMPORAL_API_KEY: by.apiKey }),
    };
  });
  afterAll(async () => {
    gateway.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('is used by client and worker alike, and refuses those without', async () => {
    box.background(['worker'], own);
    await ready();
    const server = await box.server(own);
    const done = await server.finished(await server.start('image_generate_async', { prompt: 'a harbour behind TLS', provider: 'local' }));
    expect(done).toMatchObject({ status: 'completed' });
    if (by !== 'certificate') expect(gateway.authorizations).toEqual(new Set([`Bearer ${by.apiKey}`]));
    const { TEMPORAL_TLS_CLIENT_CERT_PATH: _cert, TEMPORAL_TLS_CLIENT_KEY_PATH: _key, TEMPORAL_API_KEY: _apiKey, ...without } = own;
    const stranger = await box.server(without);
    const { record } = await stranger.call('image_generate_async', { prompt: 'never' });
    expect(record).toMatchObject({ ok: false, error: { code: expect.stringMatching(/TEMPORAL_UNAVAILABLE|PERMISSION_DENIED/) } });
    expect(gateway.refused).toBeGreaterThan(0);
    expect(JSON.stringify(record) + server.stderr() + stranger.stderr()).not.toContain('canary');
  });
});
