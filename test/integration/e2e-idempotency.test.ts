import { copyFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import sharp from 'sharp';
import { startFakeOpenAi, type FakeOpenAi } from '../support/fake-openai.js';
import { makeBox, plainEnvironment, run, until, type Answer, type Box, type Mcp, type Run } from '../support/e2e.js';

jest.setTimeout(120_000);

const ARGUMENTS = { prompt: 'a red kite', provider: 'openai', size: '512x512', idempotency_key: 'order-1' };

describe('an idempotency_key', () => {
  let box: Box;
  let fake: FakeOpenAi;
  let clients: [Mcp, Mcp];
  let jobId: string;
  let path: string;

  beforeAll(async () => {
    fake = await startFakeOpenAi();
    box = await makeBox({ OPENAI_API_KEY: 'sk-canary-of-idempotency', OPENAI_BASE_URL: fake.url });
    clients = await twoServers();
  });
  afterAll(async () => {
    await box.close();
    await fake.close();
  });

  async function twoServers(): Promise<[Mcp, Mcp]> {
    return await Promise.all([box.server(), box.server()]);
  }

  /** Submits from both processes at the same moment, until the stack takes jobs. */
  async function submitByBoth(args: Record<string, unknown>): Promise<Answer[]> {
    return await until(async () => {
      const answers = await Promise.all([...clients, ...clients].map(async (mcp) => await mcp.call('image_generate_async', args)));
      return answers.every(({ record }) => record.error?.code !== 'STARTING' && record.error?.code !== 'TEMPORAL_UNAVAILABLE') && answers;
    }, 'the stack');
  }

  async function expectOneJob(): Promise<void> {
    const answers = await submitByBoth(ARGUMENTS);
    for (const { record, refused } of answers) {
      expect(refused).toBe(false);
      expect(record).toMatchObject({ ok: true, job_id: jobId, deduplicated: true, status: 'completed', result: { saved: [{ path }] } });
    }
    expect(fake.ledger().total).toBe(1);
  }

  async function expectConflict(changes: Record<string, unknown>): Promise<void> {
    for (const { record, refused } of await submitByBoth({ ...ARGUMENTS, ...changes })) {
      expect(refused).toBe(true);
      expect(record).toMatchObject({ ok: false, error: { code: 'IDEMPOTENCY_CONFLICT', retryable: false } });
      expect(record.error?.message).toContain(jobId);
    }
    expect(fake.ledger().total).toBe(1);
  }

  async function temporal(...args: string[]): Promise<Run> {
    const { address, temporal_binary: binary } = await box.ready();
    return await run(binary ?? '', [...args, '--address', address ?? ''], plainEnvironment());
  }

  it('gives two processes one job at the same moment', async () => {
    const answers = await submitByBoth(ARGUMENTS);
    const ids = new Set(answers.map(({ record }) => record.job_id));
    expect(ids.size).toBe(1);
    jobId = answers[0]?.record.job_id ?? '';
    expect(jobId).toMatch(/^img-[0-9a-f]{32}$/);
    const fresh = answers.filter(({ record }) => record.deduplicated !== true);
    expect(fresh.length).toBeLessThanOrEqual(1);
    const ends = await Promise.all(clients.map(async (mcp) => await mcp.finished(jobId)));
    path = ends[0]?.result?.saved[0]?.path ?? '';
    expect(ends).toMatchObject([{ status: 'completed' }, { status: 'completed', result: { saved: [{ path }] } }]);
    expect(fake.ledger()).toMatchObject({ total: 1 });
  });

  it('names the same job whatever else is asked that does not shape the picture', async () => {
    const { record } = await clients[0].call('image_generate_async', {
      ...ARGUMENTS,
      tags: ['other'],
      priority: 1,
      basename: 'other',
      deadline_seconds: 600,
      seed: null,
    });
    expect(record).toMatchObject({ job_id: jobId, deduplicated: true });
  });

  it.each([{ prompt: 'a blue kite' }, { size: '1024x1024' }, { n: 2 }, { provider: 'local' }, { quality: 'high' }])(
    'is a conflict with %j',
    async (changes) => {
      await expectConflict(changes);
    },
  );

  it('is a conflict with another tool', async () => {
    const picture = join(box.folder, 'tool.png');
    await sharp({ create: { width: 64, height: 64, channels: 3, background: 'red' } }).png().toFile(picture);
    const { record } = await clients[0].call('image_edit_async', { ...ARGUMENTS, image_path: picture });
    expect(record).toMatchObject({ ok: false, error: { code: 'IDEMPOTENCY_CONFLICT' } });
  });

  it('means the bytes of a file, not its path', async () => {
    const [first, copy] = [join(box.folder, 'first.png'), join(box.folder, 'copy.png')];
    const red = { width: 64, height: 64, channels: 3, background: 'red' } as const;
    await sharp({ create: red }).png().toFile(first);
    await copyFile(first, copy);
    const args = { prompt: 'brighter', provider: 'local', idempotency_key: 'order-2' };
    const started = await clients[0].start('image_edit_async', { ...args, image_path: first });
    const { record: same } = await clients[1].call('image_edit_async', { ...args, image_path: copy });
    expect(same).toMatchObject({ job_id: started, deduplicated: true });
    await writeFile(copy, await sharp({ create: { ...red, background: 'blue' } }).png().toBuffer());
    const { record: other } = await clients[1].call('image_edit_async', { ...args, image_path: copy });
    expect(other).toMatchObject({ ok: false, error: { code: 'IDEMPOTENCY_CONFLICT' } });
  });

  it('is remembered after everything was killed', async () => {
    await box.killAll();
    clients = await twoServers();
    await expectOneJob();
    await expectConflict({ prompt: 'a blue kite' });
  });

  it('is remembered after the workflow has left Temporal', async () => {
    expect(await temporal('workflow', 'delete', '--workflow-id', jobId)).toMatchObject({ code: 0 });
    await until(async () => (await temporal('workflow', 'describe', '--workflow-id', jobId)).code !== 0, 'the workflow to be gone');
    await expectOneJob();
    await expectConflict({ prompt: 'a blue kite' });
    // And the answer did not start it again.
    expect((await temporal('workflow', 'describe', '--workflow-id', jobId)).code).not.toBe(0);
  });

  it('is remembered after the database was lost', async () => {
    await box.killAll();
    for (const file of ['temporal.db', 'temporal.db-wal', 'temporal.db-shm']) await rm(join(box.dataDir, file), { force: true });
    clients = await twoServers();
    await expectOneJob();
    await expectConflict({ prompt: 'a blue kite' });
  });

  it('of a job that still runs gives that job', async () => {
    const args = { ...ARGUMENTS, prompt: 'a slow kite', idempotency_key: 'order-3' };
    fake.fault({ kind: 'never_done', match: 'a slow kite' });
    const answers = await submitByBoth(args);
    expect(new Set(answers.map(({ record }) => record.job_id)).size).toBe(1);
    const { record } = await clients[1].call('image_generate_async', args);
    expect(record).toMatchObject({ ok: true, job_id: answers[0]?.record.job_id, deduplicated: true, status: 'running' });
    await fake.waitForRequest((request) => request.method === 'GET' && request.prompt === 'a slow kite');
    expect(fake.ledger().by_prompt).toMatchObject({ 'a slow kite': 1 });
  });
});
