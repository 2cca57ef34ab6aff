import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { sha256 } from '../../src/contract/canonical.js';
import { signal } from '../../src/local/processes.js';
import { makeBox, startDevServer, until, type Box, type DevServer, type Mcp } from '../support/e2e.js';
import { startFakeOpenAi, type FakeOpenAi } from '../support/fake-openai.js';
import { startS3Gateway, type S3Gateway } from '../support/s3-gateway.js';

jest.setTimeout(120_000);

const REFERENCES = fileURLToPath(new URL('../../examples/references', import.meta.url));
const PHOTOGRAPHS = ['chelsea.png', 'coffee.png', 'rocket.jpg'].map((name) => join(REFERENCES, name));

let temporal: DevServer;
let gateway: S3Gateway;
let fake: FakeOpenAi;
let box: Box;
let server: Mcp;
let jobId: string;

beforeAll(async () => {
  [temporal, gateway, fake] = await Promise.all([startDevServer(), startS3Gateway(), startFakeOpenAi({})]);
  box = await makeBox({ TEMPORAL_ADDRESS: temporal.address, IMAGE_BLOB_STORE: 's3://images/team', IMAGE_REFERENCE_ROOTS: REFERENCES, ...gateway.env });
  box.background(['worker'], { OPENAI_API_KEY: 'sk-canary-openai', OPENAI_BASE_URL: fake.url });
  server = await box.server();
});
afterAll(async () => {
  await box.close();
  await fake.close();
  await gateway.close();
  await temporal.close();
});

describe('jobs with a store in S3', () => {
  it('take their references from here, and bring their picture here', async () => {
    jobId = await server.start('image_multi_reference_async', { prompt: 'all three in one picture', image_paths: PHOTOGRAPHS, provider: 'openai' });
    const done = await server.finished(jobId);
    expect(done).toMatchObject({ ok: true, status: 'completed' });
    const [saved] = done.result?.saved ?? [];
    expect(sha256(await readFile(saved?.path ?? ''))).toBe(saved?.sha256);
    expect(fake.ledger().total).toBe(1);
  });

  it('give a link to a picture that is not shown, which anybody can open for a while', async () => {
    const hidden = await box.server({ IMAGE_INLINE_IMAGES: 'never' });
    const { record } = await hidden.call('image_job_get_image', { job_id: jobId, variant: 'full' });
    expect(record).toMatchObject({ ok: true, download_url: expect.stringContaining(gateway.env['AWS_ENDPOINT_URL_S3'] ?? ''), download_url_seconds: 900 });
    const bytes = Buffer.from(await (await fetch(String(record['download_url']))).arrayBuffer());
    const { record: status } = await hidden.call('image_job_status', { job_id: jobId });
    expect(sha256(bytes)).toBe(status.result?.saved[0]?.sha256);
  });

  it('are found, collected and judged by the commands', async () => {
    const doctor = await box.cli(['doctor', '--json']);
    expect(doctor.stdout).toContain('The store s3://images/team takes, gives and removes documents');
    const gc = await box.cli(['gc', '--json']);
    expect(JSON.parse(gc.stdout)).toMatchObject({ ok: true, store: 's3://images/team', removed: 0, unreadable: 0 });
    expect((await box.cli(['jobs', 'list'])).stdout).toContain(jobId);
  });

  it('wait while S3 is away, with nothing sent, and calls say so in time', async () => {
    const before = fake.ledger().total;
    await gateway.kill();
    const withReference = await server.call('image_edit_async', { prompt: 'not now', image_path: PHOTOGRAPHS[0], provider: 'openai' });
    expect(withReference.record).toMatchObject({ ok: false, error: { code: 'STORE_UNAVAILABLE', retryable: true } });
    expect(withReference.seconds).toBeLessThan(5);
    // What needs nothing of the store is taken by Temporal; its worker waits for the store.
    const { record, seconds } = await server.call('image_generate_async', { prompt: 'as soon as it is back', provider: 'openai' });
    expect(record).toMatchObject({ ok: true });
    expect(seconds).toBeLessThan(5);
    await until(async () => (await server.call('image_job_status', { job_id: record.job_id })).record.error?.code === 'STORE_UNAVAILABLE', 'the reason');
    expect(fake.ledger().total).toBe(before);
    // What Temporal knows is told, and can be stopped.
    expect((await server.call('image_job_status', { job_id: record.job_id })).record).toMatchObject({ job_id: record.job_id, status: 'running' });
    expect((await server.call('image_job_status', { job_id: jobId })).record).toMatchObject({ status: 'completed' });
    const unwanted = await server.start('image_generate_async', { prompt: 'not wanted any more', provider: 'openai' });
    expect((await server.call('image_job_cancel', { job_id: unwanted })).record).toMatchObject({ job_id: unwanted });
    await gateway.start();
    expect(await server.finished(unwanted)).toMatchObject({ status: 'cancelled' });
    expect(await server.finished(record.job_id ?? '')).toMatchObject({ status: 'completed' });
    expect(fake.ledger().total).toBe(before + 1);
  });

  it('leave the secrets of S3 and of the provider nowhere', async () => {
    const canaries = new RegExp(`${gateway.env['AWS_SECRET_ACCESS_KEY']}|sk-canary-openai`);
    const files = (await Promise.all([box.folder, gateway.folder].map(async (folder) => (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())))).flat();
    expect(files.length).toBeGreaterThan(10);
    for (const file of files) expect((await readFile(join(file.parentPath, file.name))).toString('latin1')).not.toMatch(canaries);
    const history = await until(async () => (await temporal.temporal('workflow', 'show', '--workflow-id', jobId, '--output', 'json')).stdout, 'the history');
    expect(history).toContain('imageJob');
    const { record } = await server.call('server_info');
    expect(history + server.stderr() + JSON.stringify(record)).not.toMatch(canaries);
  });

  it('are promised to nobody when neither S3 nor Temporal confirms them', async () => {
    await gateway.kill();
    signal(temporal.pid, 'SIGSTOP');
    try {
      const { record, seconds } = await server.call('image_generate_async', { prompt: 'perhaps', provider: 'openai' });
      expect(record).toMatchObject({
        ok: false,
        error: { code: 'STORE_UNAVAILABLE', retryable: false, message: expect.stringMatching(/img-[0-9a-f]{32}/), next_step: expect.stringContaining('submit again only') },
      });
      expect(seconds).toBeLessThan(5);
    } finally {
      signal(temporal.pid, 'SIGCONT');
      await gateway.start();
    }
  });
});
