import { describe, expect, it, jest } from '@jest/globals';
import { signal } from '../../src/local/processes.js';
import { makeBox, until } from '../support/e2e.js';

jest.setTimeout(120_000);

const PICTURE = { prompt: 'a red kite', provider: 'local', size: '512x512' };

describe('a server whose local stack is killed under it', () => {
  it('speaks nothing but JSON-RPC, answers every call, brings the stack back, and its job completes', async () => {
    const box = await makeBox();
    try {
      const mcp = await box.server();
      await mcp.finished(await mcp.start('image_generate_async', PICTURE));
      const jobId = await mcp.start('image_generate_async', { ...PICTURE, prompt: 'survivor' });
      const asking = new AbortController();
      let answers = 0;
      const asker = (async () => {
        while (!asking.signal.aborted) {
          const { record, seconds } = await mcp.call('image_job_status', { job_id: jobId });
          expect(record).toMatchObject({ job_id: jobId, status: expect.stringMatching(/running|completed/) });
          expect(seconds).toBeLessThan(5);
          answers += 1;
        }
      })();
      for (const role of ['temporal', 'worker', 'supervisor', 'temporal', 'supervisor'] as const) {
        const victim = await until(async () => (await box.processes()).find((process) => process.role === role), `a ${role}`);
        signal(victim.pid, 'SIGKILL');
        // A call while it is away is answered with STARTING at worst.
        await mcp.start('image_generate_async', { ...PICTURE, prompt: `after ${role}` });
      }
      expect(await mcp.finished(jobId)).toMatchObject({ status: 'completed' });
      asking.abort();
      await asker;
      expect(answers).toBeGreaterThan(5);

      // Without any call, too: whoever is connected keeps the stack for programs.
      const { pids } = await box.ready();
      signal(pids.supervisor ?? 0, 'SIGKILL');
      await until(async () => {
        const now = await box.status();
        return now.state === 'ready' && now.pids.supervisor !== pids.supervisor;
      }, 'the stack to come back by itself');
      expect(mcp.stray).toEqual([]);
      expect(mcp.stderr()).not.toContain('could not be started again');
    } finally {
      await box.close();
    }
  });
});

describe('a supervisor that hangs', () => {
  it('holds up no call of a client that knows it, and a new client is told which process to end', async () => {
    const box = await makeBox();
    let hanging = 0;
    try {
      const mcp = await box.server();
      const first = await mcp.start('image_generate_async', PICTURE);
      expect(await mcp.finished(first)).toMatchObject({ status: 'completed' });
      hanging = (await box.ready()).pids.supervisor ?? 0;
      signal(hanging, 'SIGSTOP');

      const started = await mcp.call('image_generate_async', { ...PICTURE, prompt: 'without a supervisor' });
      expect(started.record).toMatchObject({ ok: true, status: 'running' });
      expect(started.seconds).toBeLessThan(5);
      const second = started.record.job_id ?? '';
      for (const [jobId, status] of [
        [first, /completed/],
        [second, /running|completed/],
      ] as const) {
        const { record, seconds } = await mcp.call('image_job_status', { job_id: jobId });
        expect(record).toMatchObject({ job_id: jobId, status: expect.stringMatching(status) });
        expect(seconds).toBeLessThan(5);
      }
      // The worker and the server do not need it.
      expect(await mcp.finished(second)).toMatchObject({ status: 'completed' });

      const other = await box.server();
      const told = await until(async () => {
        const { record, seconds } = await other.call('image_generate_async', PICTURE);
        expect(seconds).toBeLessThan(5);
        expect(record.ok).toBe(false);
        return record.error?.code === 'STARTING' ? undefined : record;
      }, 'the refusal');
      expect(told.error).toMatchObject({ code: 'TEMPORAL_UNAVAILABLE', retryable: true, next_step: expect.stringContaining(`kill -9 ${hanging}`) });
      // Ended jobs are answered by the store alone.
      expect((await other.call('image_job_status', { job_id: second })).record).toMatchObject({ status: 'completed' });
      const down = await box.cli(['down']);
      expect(down.code).toBe(1);
      expect(down.stderr).toContain(`kill -9 ${hanging}`);

      signal(hanging, 'SIGCONT');
      expect(await other.finished(await other.start('image_generate_async', PICTURE))).toMatchObject({ status: 'completed' });
      expect((await box.processes()).filter(({ role }) => role === 'supervisor')).toEqual([{ pid: hanging, role: 'supervisor' }]);
    } finally {
      signal(hanging, 'SIGCONT');
      await box.close();
    }
  });
});
