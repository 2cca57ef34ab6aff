import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { ImageJobs } from '../../src/client/image-jobs.js';
import { readSettings } from '../../src/config.js';
import { newJobId } from '../../src/contract/ids.js';
import { TASK_QUEUES, WORKFLOW_TYPE } from '../../src/contract/names.js';
import type { Engine } from '../support/engine.js';
import { picture, run, seen, states, submits, until, useEngine } from './job-support.js';

/** Retry, list, delete and pictures of jobs, as a client of the package calls them. */
const get = useEngine();

let opened: Promise<ImageJobs> | undefined;

function jobsOf(engine: Engine): Promise<ImageJobs> {
  const { IMAGE_DATA_DIR, IMAGE_SAVE_ROOT } = engine.settings;
  const env = { IMAGE_DATA_DIR, IMAGE_SAVE_ROOT, TEMPORAL_ADDRESS: engine.env.address, IMAGE_LOG_LEVEL: 'silent' };
  return (opened ??= ImageJobs.open(readSettings(env), env));
}

afterAll(async () => (await opened)?.close());

const NO = { acknowledgePossibleDoubleCharge: false };
const YES = { acknowledgePossibleDoubleCharge: true };

describe('retry', () => {
  it('a refused picture is asked for again under the same job_id', async () => {
    const engine = get();
    const jobs = await jobsOf(engine);
    engine.fake.fault({ kind: 'moderation' });
    const { job_id: jobId } = await run(engine, picture('a spade'));
    const again = await jobs.retry(jobId, NO);
    expect(again).toMatchObject({ ok: true, job_id: jobId, status: 'running', done: false });
    expect(await jobs.wait({ jobIds: [jobId], until: 'all', timeoutSeconds: 20 })).toMatchObject({ records: [{ status: 'completed' }] });
    expect(await states(engine, jobId)).toEqual(['not_billed', 'done']);
    expect(engine.fake.ledger().total).toBe(1);
  });

  it('a lost reply is bought again only after an acknowledgement, and then once', async () => {
    const engine = get();
    const jobs = await jobsOf(engine);
    engine.fake.fault({ kind: 'reply_lost' });
    const failed = await run(engine, picture('a hoe'));
    expect(failed.error?.code).toBe('MAYBE_BILLED');
    const { job_id: jobId } = failed;
    await expect(jobs.retry(jobId, NO)).rejects.toMatchObject({ code: 'MAYBE_BILLED', nextStep: expect.stringContaining('ask the user') });
    expect(submits(engine)).toHaveLength(1);

    engine.fake.fault({ kind: 'reply_lost' });
    await jobs.retry(jobId, YES);
    await jobs.wait({ jobIds: [jobId], until: 'all', timeoutSeconds: 20 });
    // The acknowledgement was for the first request, not for whatever comes.
    expect(await states(engine, jobId)).toEqual(['ambiguous', 'ambiguous']);
    await expect(jobs.retry(jobId, NO)).rejects.toMatchObject({ code: 'MAYBE_BILLED' });

    await jobs.retry(jobId, YES);
    const { records } = await jobs.wait({ jobIds: [jobId], until: 'all', timeoutSeconds: 20 });
    expect(records).toMatchObject([{ status: 'completed' }]);
    expect(submits(engine)).toHaveLength(3);
    expect(new Set(submits(engine).map(({ attempt }) => attempt)).size).toBe(3);
  });

  it('of several pictures only those that failed are bought', async () => {
    const engine = get();
    const jobs = await jobsOf(engine);
    engine.fake.fault({ kind: 'moderation' });
    const first = await run(engine, picture('three rakes', { n: 3 }));
    expect(first.result?.saved).toHaveLength(2);
    const before = first.result?.saved.map(({ sha256 }) => sha256) ?? [];
    await jobs.retry(first.job_id, NO);
    const { records } = await jobs.wait({ jobIds: [first.job_id], until: 'all', timeoutSeconds: 20 });
    const after = records[0]?.result?.saved.map(({ sha256 }) => sha256) ?? [];
    expect(after).toHaveLength(3);
    expect(after).toEqual(expect.arrayContaining(before));
    expect(engine.fake.ledger().total).toBe(3);
    await expect(jobs.retry(first.job_id, NO)).rejects.toMatchObject({ code: 'INVALID_STATE' });
  });

  it('a paid picture whose file is gone is bought again only after an acknowledgement', async () => {
    const engine = get();
    const jobs = await jobsOf(engine);
    const input = picture('a scythe');
    const done = await run(engine, input);
    await engine.store.deleteBlob(done.result?.saved[0]?.sha256 ?? '');
    await engine.start(done.job_id, input);
    expect((await engine.ended(done.job_id)).error?.code).toBe('RESULT_EXPIRED');
    await expect(jobs.retry(done.job_id, NO)).rejects.toMatchObject({ code: 'MAYBE_BILLED' });
    await jobs.retry(done.job_id, YES);
    const { records } = await jobs.wait({ jobIds: [done.job_id], until: 'all', timeoutSeconds: 20 });
    expect(records).toMatchObject([{ status: 'completed' }]);
    expect(engine.fake.ledger().total).toBe(2);
  });

  it('is refused while the job runs, when it is completed, and for a job that was never seen', async () => {
    const engine = get();
    const jobs = await jobsOf(engine);
    engine.fake.fault({ kind: 'never_done' });
    const jobId = newJobId();
    await engine.start(jobId, picture('a barrow'));
    await seen(engine, jobId, ({ stage }) => stage === 'generating');
    await expect(jobs.retry(jobId, NO)).rejects.toMatchObject({ code: 'INVALID_STATE' });
    await expect(jobs.delete(jobId)).rejects.toMatchObject({ code: 'INVALID_STATE' });
    await jobs.cancel(jobId);
    await expect(jobs.retry('img-00000000000000000000000000000000', NO)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const done = await run(engine, picture('a pail'));
    await expect(jobs.retry(done.job_id, YES)).rejects.toMatchObject({ code: 'INVALID_STATE' });
  });
});

describe('list', () => {
  it('shows jobs from their acceptance on, by every filter, in pages', async () => {
    const engine = get();
    const jobs = await jobsOf(engine);
    const tag = `shelf-${crypto.randomUUID().slice(0, 8)}`;
    const ids: string[] = [];
    for (const prompt of ['a first\n  jug', 'a second jug', 'a third jug']) {
      const { job_id: jobId } = await jobs.start('image_generate', { prompt, provider: 'local', size: '64x64', tags: [tag] });
      // At once, whatever Temporal's visibility has seen.
      expect((await jobs.list({ limit: 1, tag })).jobs[0]).toMatchObject({ job_id: jobId, status: expect.stringMatching(/running|completed/) });
      ids.unshift(jobId);
    }
    await jobs.wait({ jobIds: ids, until: 'all', timeoutSeconds: 20 });
    const first = await jobs.list({ limit: 2, tag, kind: 'image_generate', provider: 'local', status: 'completed' });
    expect(first.jobs.map(({ job_id }) => job_id)).toEqual(ids.slice(0, 2));
    expect(first.nextCursor).toBeDefined();
    const second = await jobs.list({ limit: 2, tag, ...(first.nextCursor ? { cursor: first.nextCursor } : {}) });
    expect(second.jobs.map(({ job_id }) => job_id)).toEqual(ids.slice(2));
    expect(second.nextCursor).toBeUndefined();
    expect(second.jobs[0]).toMatchObject({ title: 'a first jug', kind: 'image_generate', status: 'completed' });
    const listed = await readFile(second.jobs[0]?.path ?? '');
    expect(listed.length).toBeGreaterThan(0);
    for (const none of [{ kind: 'image_edit' as const }, { provider: 'openai' }, { status: 'failed' as const }, { since: new Date() }]) {
      expect((await jobs.list({ limit: 5, tag, ...none })).jobs).toEqual([]);
    }
    await expect(jobs.list({ limit: 5, cursor: 'xyz' })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', problems: [{ field: 'cursor' }] });
  });

  it('shows a job that runs with its stage, one that was terminated by its end, and no other workflow', async () => {
    const engine = get();
    const jobs = await jobsOf(engine);
    const tag = `moat-${crypto.randomUUID().slice(0, 8)}`;
    engine.fake.fault({ kind: 'never_done' });
    const jobId = newJobId();
    await engine.start(jobId, picture('a moat', { tags: [tag] }));
    await seen(engine, jobId, ({ stage }) => stage === 'generating');
    const otherId = `other-${crypto.randomUUID()}`;
    await engine.client.workflow.start('somethingElse', { workflowId: otherId, taskQueue: 'elsewhere', args: [] });

    expect((await jobs.list({ limit: 5, tag, status: 'running' })).jobs).toMatchObject([{ job_id: jobId, stage: 'generating', title: 'a moat' }]);
    expect((await jobs.list({ limit: 100 })).jobs.map(({ job_id }) => job_id)).not.toContain(otherId);
    await engine.client.workflow.getHandle(jobId).terminate('test');
    await until(async () => ((await jobs.list({ limit: 5, tag, status: 'cancelled' })).jobs.length === 1 ? true : undefined), 'the end in the list');
    expect((await jobs.list({ limit: 5, tag, status: 'running' })).jobs).toEqual([]);

    for (const id of [otherId]) {
      expect(await jobs.status(id)).toMatchObject({ status: 'unknown' });
      expect(await jobs.cancel(id)).toMatchObject({ status: 'unknown' });
      await expect(jobs.retry(id, YES)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await expect(jobs.delete(id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      const { status } = await engine.client.workflow.getHandle(id).describe();
      expect(status.name).toBe('RUNNING');
    }
    await engine.client.workflow.getHandle(otherId).terminate();
  });

  it("has a program's job that no worker has seen", async () => {
    const engine = get();
    const folder = await mkdtemp(join(tmpdir(), 'durable-image-list-'));
    const env = { IMAGE_DATA_DIR: folder, TEMPORAL_ADDRESS: engine.env.address, IMAGE_LOG_LEVEL: 'silent' };
    const jobs = await ImageJobs.open(readSettings(env), env);
    const jobId = newJobId();
    try {
      // Of a queue without a worker; this client's store knows nothing of it.
      await engine.client.workflow.start(WORKFLOW_TYPE, { workflowId: jobId, taskQueue: `${TASK_QUEUES.jobs}-idle`, args: [picture('a wreath')] });
      await until(async () => ((await jobs.list({ limit: 100 })).jobs.some(({ job_id }) => job_id === jobId) ? true : undefined), 'the job in the list');
      const [listed] = (await jobs.list({ limit: 100 })).jobs.filter(({ job_id }) => job_id === jobId);
      expect(listed).toMatchObject({ title: 'a wreath', kind: 'image_generate', provider: 'openai', status: 'running' });
    } finally {
      await engine.client.workflow.getHandle(jobId).terminate();
      await jobs.close();
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe('delete and pictures', () => {
  it('a deleted job is expired, its workflow is gone, and another with the same bytes still reads', async () => {
    const engine = get();
    const jobs = await jobsOf(engine);
    const same = { prompt: 'twins', provider: 'local', size: '64x64' };
    const [a, b] = [await jobs.start('image_generate', same), await jobs.start('image_generate', same)];
    const { records } = await jobs.wait({ jobIds: [a.job_id, b.job_id], until: 'all', timeoutSeconds: 20 });
    const digest = records[0]?.result?.saved[0]?.sha256;
    expect(records[1]?.result?.saved[0]?.sha256).toBe(digest);

    expect(await jobs.delete(a.job_id)).toMatchObject({ ok: false, job_id: a.job_id, status: 'expired', done: true });
    expect(await jobs.delete(a.job_id)).toMatchObject({ status: 'expired' });
    expect(await jobs.status(a.job_id)).toMatchObject({ status: 'expired' });
    await expect(jobs.retry(a.job_id, NO)).rejects.toMatchObject({ code: 'INVALID_STATE' });
    await expect(jobs.image(a.job_id, 0, 'full')).rejects.toMatchObject({ code: 'RESULT_EXPIRED' });
    expect((await engine.manifests.read(a.job_id))?.input.prompt).not.toContain('twins');
    expect((await jobs.list({ limit: 100 })).jobs.map(({ job_id }) => job_id)).not.toContain(a.job_id);
    expect((await jobs.list({ limit: 100, status: 'expired' })).jobs).toMatchObject([{ job_id: a.job_id }]);

    const kept = await jobs.image(b.job_id, 0, 'full');
    expect(kept).toMatchObject({ mimeType: 'image/png', saved: { sha256: digest } });
    expect((await kept.bytes()).length).toBe(kept.sizeBytes);
  });

  it('the closed workflows of a deleted job go, of each run, and one of another type under the ID stays', async () => {
    const engine = get();
    const jobs = await jobsOf(engine);
    const there = (runId: string): Promise<boolean> =>
      engine.client.workflow.getHandle(jobId, runId).describe().then(() => true, () => false);
    const jobId = newJobId();
    const runs: string[] = [];
    for (let turn = 0; turn < 2; turn += 1) {
      await engine.start(jobId, picture('a wick', { provider: 'local', size: '64x64' }));
      await engine.ended(jobId);
      runs.push((await engine.client.workflow.getHandle(jobId).describe()).runId);
    }
    const other = await engine.client.workflow.start('somethingElse', { workflowId: jobId, taskQueue: 'elsewhere', args: [] });
    await other.terminate();
    await until(async () => {
      // Visibility lags behind; a deletion that finds nothing more is none.
      await jobs.delete(jobId);
      return (await Promise.all(runs.map(there))).includes(true) ? undefined : true;
    }, 'the runs to be gone', 90);
    expect(await there(other.firstExecutionRunId)).toBe(true);
  }, 100_000);

  it('a picture has its sizes, and a place that is not there is named', async () => {
    const engine = get();
    const jobs = await jobsOf(engine);
    const { job_id: jobId } = await run(engine, picture('a print'));
    const thumbnail = await jobs.image(jobId, 0, 'thumbnail');
    expect(thumbnail.mimeType).toBe('image/jpeg');
    expect(thumbnail.sizeBytes).toBeLessThanOrEqual(48 * 1024);
    expect((await thumbnail.bytes()).subarray(0, 2).toString('hex')).toBe('ffd8');
    expect((await jobs.image(jobId, 0, 'preview')).sizeBytes).toBeLessThanOrEqual(700 * 1024);
    await expect(jobs.image(jobId, 1, 'full')).rejects.toMatchObject({ code: 'NOT_FOUND', message: expect.stringContaining('index 0') });
    await expect(jobs.image('img-none', 0, 'full')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});
