import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import * as z from 'zod';
import { signal } from '../../src/local/processes.js';
import { GRPC, startGrpc } from '../support/grpc-server.js';
import { makeBox, startDevServer, until, type Answer, type Box, type DevServer, type Mcp } from '../support/e2e.js';

jest.setTimeout(120_000);

const PICTURE = { prompt: 'a red kite', provider: 'local', size: '512x512' };
/** Every call but a wait answers within these. */
const SECONDS = 5;

const listSchema = z.looseObject({ jobs: z.array(z.looseObject({ job_id: z.string(), status: z.string() })), warnings: z.array(z.string()).optional() });

/** A Temporal of somebody else that hangs or dies under a client that has spoken with it. */
describe('a Temporal that is away', () => {
  let temporal: DevServer;
  let box: Box;
  let mcp: Mcp;

  beforeAll(async () => {
    temporal = await startDevServer();
    box = await makeBox({ TEMPORAL_ADDRESS: temporal.address });
    mcp = await box.server();
  });
  afterAll(async () => {
    expect(mcp.stray).toEqual([]);
    await box.close();
    await temporal.close();
  });

  /** A job that an operator terminated, and whose end the client has seen: it can be retried and deleted. */
  async function terminated(prompt: string): Promise<string> {
    const id = await mcp.start('image_generate_async', { ...PICTURE, prompt });
    await temporal.temporal('workflow', 'terminate', '--workflow-id', id);
    await until(async () => (await mcp.call('image_job_status', { job_id: id })).record.status === 'cancelled', 'the end of the job');
    return id;
  }

  async function completed(): Promise<string> {
    const worker = box.background(['worker']);
    const id = await mcp.start('image_generate_async', PICTURE);
    expect(await mcp.finished(id)).toMatchObject({ status: 'completed' });
    worker.kill('SIGTERM');
    return id;
  }

  async function timely(tool: string, args: Record<string, unknown> = {}): Promise<Answer> {
    const answer = await mcp.call(tool, args);
    expect({ tool, inTime: answer.seconds < SECONDS }).toEqual({ tool, inTime: true });
    return answer;
  }

  async function listed(args: Record<string, unknown> = {}): Promise<z.infer<typeof listSchema>> {
    return listSchema.parse((await timely('image_job_list', args)).record);
  }

  async function resourcesInTime(): Promise<string[]> {
    const from = performance.now();
    const { resources } = await mcp.client.listResources();
    expect(performance.now() - from).toBeLessThan(SECONDS * 1000);
    return resources.map(({ uri }) => uri);
  }

  async function shown(done: string): Promise<void> {
    for (const answer of await Promise.all([timely('image_job_get_image', { job_id: done }), timely('server_info')])) expect(answer.record.ok).toBe(true);
  }

  async function refused(ended: string, open: string): Promise<void> {
    const calls = [['image_job_retry', ended], ['image_job_retry', open], ['image_job_delete', open], ['image_job_cancel', open]] as const;
    for (const { record } of await Promise.all(calls.map(([tool, id]) => timely(tool, { job_id: id })))) {
      expect(record).toMatchObject({ ok: false, error: { code: 'TEMPORAL_UNAVAILABLE', retryable: true } });
    }
  }

  it('answers in time while Temporal hangs, and the job that it took is started when Temporal is back', async () => {
    const keyed = { ...PICTURE, idempotency_key: 'hanging' };
    const first = await mcp.start('image_generate_async', keyed);
    signal(temporal.pid, 'SIGSTOP');
    let taken = '';
    try {
      const submitted = await timely('image_generate_async', { ...PICTURE, prompt: 'while it hangs' });
      expect(submitted.record).toMatchObject({ ok: true, job_id: expect.stringMatching(/^img-/) });
      // The first of them: a server that is being stopped may still say that it does not know the search attributes.
      expect(submitted.record.warnings?.[0]).toContain('Do not submit it again');
      taken = submitted.record.job_id ?? '';
      expect((await timely('image_generate_async', keyed)).record).toMatchObject({ ok: true, job_id: first });
      expect((await timely('image_job_status', { job_id: taken })).record).toMatchObject({ status: 'running', done: false });
      const waited = await mcp.call('image_job_wait', { job_id: taken, timeout_seconds: 2 });
      expect(waited.record).toMatchObject({ status: 'running', timed_out: true });
    } finally {
      signal(temporal.pid, 'SIGCONT');
    }
    const worker = box.background(['worker']);
    expect(await mcp.finished(taken)).toMatchObject({ status: 'completed' });
    worker.kill('SIGTERM');
  });

  it('lists, shows, deletes and refuses in time while Temporal hangs, and nothing of it is lost', async () => {
    const done = await completed();
    const [again, gone] = [await terminated('to be retried'), await terminated('to be deleted')];
    const open = await mcp.start('image_generate_async', { ...PICTURE, prompt: 'still open' });
    signal(temporal.pid, 'SIGSTOP');
    try {
      // All at once: each of them waits for Temporal as long as it may.
      const [{ jobs, warnings }, ended, resources] = await Promise.all([listed(), listed({ status: 'completed' }), resourcesInTime(), shown(done), refused(again, open)]);
      expect(jobs).toEqual(
        expect.arrayContaining([
          expect.objectContaining({ job_id: open, status: 'running' }),
          expect.objectContaining({ job_id: done, status: 'completed' }),
          expect.objectContaining({ job_id: again, status: 'cancelled' }),
        ]),
      );
      expect(warnings).toEqual([expect.stringContaining('does not answer in time')]);
      expect(ended.jobs.map(({ job_id }) => job_id)).toContain(done);
      expect(resources).toContain(`image://jobs/${done}`);
      const deleted = (await timely('image_job_delete', { job_id: gone })).record;
      expect(deleted).toMatchObject({ status: 'expired', message: expect.stringContaining('goes with the next garbage collection') });
    } finally {
      signal(temporal.pid, 'SIGCONT');
    }
    // The gc that the sentence speaks of.
    const collected = await box.cli(['gc', '--json']);
    expect(JSON.parse(collected.stdout)).toMatchObject({ ok: true, workflows_deleted: 1, workflows_left: 0 });
    const worker = box.background(['worker']);
    await until(async () => (await mcp.call('image_job_retry', { job_id: again })).record.error?.code !== 'TEMPORAL_UNAVAILABLE', 'the retry');
    for (const id of [again, open]) expect(await mcp.finished(id)).toMatchObject({ status: 'completed' });
    expect((await listed()).warnings).toBeUndefined();
    worker.kill('SIGTERM');
  });

  it('lists, deletes and refuses in time when Temporal has died', async () => {
    const done = await completed();
    const [again, gone] = [await terminated('to be retried after its death'), await terminated('to be deleted after its death')];
    await temporal.close();
    const { jobs, warnings } = await listed({ limit: 100 });
    expect(jobs.map(({ job_id }) => job_id)).toEqual(expect.arrayContaining([done, gone]));
    expect(warnings).toHaveLength(1);
    expect((await timely('image_job_retry', { job_id: again })).record).toMatchObject({ error: { code: 'TEMPORAL_UNAVAILABLE' } });
    expect((await timely('image_job_delete', { job_id: gone })).record).toMatchObject({ status: 'expired', message: expect.stringContaining('garbage collection') });
    expect((await timely('image_job_status', { job_id: gone })).record).toMatchObject({ status: 'expired' });

    // A client that never reached it.
    const other = await box.server();
    const late = await other.call('image_job_list', { limit: 100 });
    expect(late.seconds).toBeLessThan(SECONDS);
    expect(listSchema.parse(late.record).jobs.map(({ job_id }) => job_id)).toContain(done);
    const { stdout } = await box.cli(['jobs', 'list', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, warnings: [expect.any(String)] });
    await other.close();
  });
});

/** Some hosted ones give their clients no visibility. */
describe('a Temporal that lists no workflows', () => {
  it('leaves the list to the journals and a look at each open job, and says what is missing', async () => {
    const server = await startGrpc((method) => (method === 'ListWorkflowExecutions' ? GRPC.permissionDenied : GRPC.ok));
    const box = await makeBox({ TEMPORAL_ADDRESS: server.address });
    try {
      const mcp = await box.server();
      const id = await mcp.start('image_generate_async', PICTURE);
      const { record } = await mcp.call('image_job_list');
      expect(listSchema.parse(record)).toMatchObject({ jobs: [{ job_id: id, status: 'running' }], warnings: [expect.stringContaining('does not let its workflows be listed')] });
    } finally {
      await box.close();
      server.close();
    }
  });
});
