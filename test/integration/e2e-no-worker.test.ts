import { access } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { makeBox, run, startDevServer, until, type Box, type DevServer, type Mcp } from '../support/e2e.js';

jest.setTimeout(120_000);

/** A remote Temporal that nobody works for: the client is told so at once, and loses nothing. */
describe('a Temporal address without a worker', () => {
  let temporal: DevServer;
  let box: Box;
  let mcp: Mcp;
  let jobId: string;

  beforeAll(async () => {
    temporal = await startDevServer();
    box = await makeBox({ TEMPORAL_ADDRESS: temporal.address });
    mcp = await box.server();
  });
  afterAll(async () => {
    await box.close();
    await temporal.close();
  });

  it('takes a job in under five seconds', async () => {
    const { record, seconds } = await mcp.call('image_generate_async', { prompt: 'a red kite', provider: 'local', size: '512x512' });
    expect(record).toMatchObject({ ok: true, status: 'running', done: false, job_id: expect.stringMatching(/^img-[0-9a-f]{32}$/) });
    expect(seconds).toBeLessThan(5);
    jobId = record.job_id ?? '';
  });

  it('says at once that no worker runs, and how to start one', async () => {
    const { record, seconds } = await mcp.call('image_job_status', { job_id: jobId });
    expect(record).toMatchObject({ ok: false, status: 'running', stage: 'waiting_for_worker', done: false });
    expect(record.message).toContain('worker');
    expect(seconds).toBeLessThan(5);
  });

  it('does not wait for what cannot come', async () => {
    const { record } = await mcp.call('image_job_wait', { job_id: jobId, timeout_seconds: 40 });
    expect(record).toMatchObject({ stage: 'waiting_for_worker', timed_out: false, next_step: expect.stringMatching(/^tell the user to do what image_job_status says/) });
    const several = await mcp.call('image_job_wait', { job_ids: [jobId, await mcp.start('image_generate_async', { prompt: 'another', provider: 'local', size: '512x512' })] });
    expect(several.record).toMatchObject({ timed_out: false, next_step: expect.stringMatching(/^nothing pending moves by itself: tell the user/) });
    const sync = await mcp.call('image_generate', { prompt: 'a third', provider: 'local', size: '512x512' });
    expect(sync.record).toMatchObject({ ok: true, status: 'running', next_step: expect.stringMatching(/^tell the user/) });
  });

  it('has started no process of its own', async () => {
    expect(await box.processes()).toEqual([{ pid: mcp.pid, role: 'stdio' }]);
  });

  it('completes the job by the worker that the message names, and the first answer that says done has the file', async () => {
    const { record } = await mcp.call('image_job_status', { job_id: jobId });
    const command = /start one with: (.*)$/.exec(record.message ?? '')?.[1] ?? '';
    const { TEMPORAL_ADDRESS: _address, IMAGE_DATA_DIR: _folder, ...shell } = box.env;
    const worker = run('/bin/sh', ['-c', command], shell);
    try {
      const done = await until(async () => {
        const { record: seen } = await mcp.call('image_job_status', { job_id: jobId });
        return seen.done ? seen : undefined;
      }, 'the job');
      expect(done).toMatchObject({ ok: true, status: 'completed', result: { generative: false } });
      const path = done.result?.saved[0]?.path ?? '';
      expect(path.startsWith(box.pictures)).toBe(true);
      await access(path);
    } finally {
      for (const { pid, role } of await box.processes()) if (role === 'worker') process.kill(pid, 'SIGTERM');
      expect((await worker).code).toBe(0);
    }
  });

  it('keeps a job that comes after the worker has gone', async () => {
    const later = await mcp.start('image_generate_async', { prompt: 'a blue kite', provider: 'local', size: '512x512' });
    const { record } = await mcp.call('image_job_status', { job_id: later });
    expect(record).toMatchObject({ status: 'running', done: false });
  });
});
