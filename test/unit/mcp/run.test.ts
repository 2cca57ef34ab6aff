import { describe, expect, it } from '@jest/globals';
import type { CallToolResult, Progress } from '@modelcontextprotocol/sdk/types.js';
import { JobFailure } from '../../../src/contract/errors.js';
import type { JobRecord } from '../../../src/contract/record.js';
import { BUDGET } from '../../../src/mcp/present.js';
import { deferred, never, setUp } from './bound.js';
import { JOB_ID, completed, fakeJobs, image, running, saved } from './fakes.js';

const short = ({ path, size_bytes, actual_size, actual_megapixels }: ReturnType<typeof saved>) => ({ path, size_bytes, actual_size, actual_megapixels });
const unavailable = new JobFailure({ code: 'TEMPORAL_UNAVAILABLE', message: 'Nobody answers.', nextStep: 'Wait.', retryable: true });
const textBytes = ({ content: [block] }: CallToolResult): number => (block?.type === 'text' ? Buffer.byteLength(block.text) : 0);

const batch: JobRecord = completed(JOB_ID, {
  kind: 'image_batch_edit',
  result: {
    saved: [saved(JOB_ID, 0)],
    results: [
      { ok: true, index: 0, saved: [saved(JOB_ID, 0)] },
      { ok: false, index: 1, error: { code: 'CONTENT_REFUSED', message: 'Refused.', next_step: 'Change it.', retryable: false } },
    ],
  },
});
const waiting = (record: JobRecord) => async () => ({ records: [record], pending: record.done ? [] : [record.job_id], timedOut: !record.done });

describe('the tools that wait', () => {
  it.each(['image_generate', 'image_edit', 'image_batch_edit', 'image_multi_reference'])('%s starts that job from the raw arguments and waits for it', async (tool) => {
    const jobs = fakeJobs();
    const { call } = await setUp(jobs, { clientName: 'claude-code' });
    const raw = { prompt: 'a cat', n: '2', size: null };
    const { result, json } = await call(tool, raw);
    expect(jobs.started).toEqual([{ kind: tool, rawArguments: raw }]);
    expect(jobs.waits).toMatchObject([{ jobIds: [JOB_ID], until: 'all' }]);
    expect(jobs.waits[0]?.timeoutSeconds).toBeGreaterThan(105);
    expect(json).toMatchObject({ ok: true, status: 'completed', done: true, result: { saved: [saved(JOB_ID, 0)] }, saved: [short(saved(JOB_ID, 0))] });
    expect(result.structuredContent).toEqual(json);
  });

  it('have the pictures at top level too, of a batch one entry an input', async () => {
    const { call } = await setUp(fakeJobs({ wait: waiting(batch) }));
    const { json } = await call('image_batch_edit', { prompt: 'p' });
    expect(json['results']).toEqual([{ ok: true, index: 0, saved: [short(saved(JOB_ID, 0))] }, batch.result?.results?.[1]]);
    expect(json).not.toHaveProperty('saved');
  });

  it('stay within the budget of a completed job, with both', async () => {
    const path = '/home/somebody/Pictures/durable-image-mcp/image-0a1b2c3d-4e5f6a7b.png';
    const picture = { ...saved(JOB_ID, 0), path };
    const bought = { billing: 'billed' as const, cost: { amount: 0.042, currency: 'USD', source: 'price list' }, provider: 'openai-images' };
    for (const record of [
      completed(JOB_ID, { ...bought, kind: 'image_multi_reference', result: { saved: [picture], n_references: 3, notes: ['x'.repeat(2000)] } }),
      completed(JOB_ID, { ...bought, kind: 'image_batch_edit', result: { saved: [picture], results: [{ ok: true, index: 0, saved: [picture] }] } }),
    ]) {
      const { call } = await setUp(fakeJobs({ wait: waiting(record) }));
      const { result, json } = await call('image_generate', { prompt: 'p' });
      expect(textBytes(result)).toBeLessThanOrEqual(BUDGET.brief.completed);
      expect(json).toMatchObject({ result: { saved: [picture] } });
    }
    const slow = await setUp(fakeJobs({ wait: waiting(running()) }));
    expect(textBytes((await slow.call('image_generate', { prompt: 'p' })).result)).toBeLessThanOrEqual(BUDGET.brief.running);
  });

  it('answer the running job when it is slow, and no error', async () => {
    const { call } = await setUp(fakeJobs({ wait: waiting(running()) }));
    const { result, json } = await call('image_generate', { prompt: 'p' });
    expect(result.isError).toBeUndefined();
    expect(json).toMatchObject({ ok: true, job_id: JOB_ID, status: 'running', next_step: expect.stringContaining('image_job_wait') });
  });

  it('report a job that failed as such, and no error', async () => {
    const error = { code: 'CONTENT_REFUSED' as const, message: 'Refused.', next_step: 'Change it.', retryable: false };
    const { call } = await setUp(fakeJobs({ wait: waiting({ ...running(), status: 'failed', done: true, error }) }));
    const { result, json } = await call('image_generate', { prompt: 'p' });
    expect(result.isError).toBeUndefined();
    expect(json).toMatchObject({ ok: false, status: 'failed', error: { code: 'CONTENT_REFUSED' } });
  });

  it('refuse what the start refuses', async () => {
    const jobs = fakeJobs({ start: () => Promise.reject(unavailable) });
    const { call } = await setUp(jobs);
    const { result, json } = await call('image_generate', { prompt: 'p' });
    expect(result.isError).toBe(true);
    expect(json).toMatchObject({ ok: false, error: { code: 'TEMPORAL_UNAVAILABLE' } });
    expect(jobs.waits).toEqual([]);
  });

  it.each([
    ['Temporal is away', unavailable, expect.stringContaining('TEMPORAL_UNAVAILABLE'), 0],
    ['of a defect', new TypeError('boom'), 'the wait ended early; the job goes on', 1],
  ])('answer the started job when the wait fails because %s', async (_name, error, warning, logged) => {
    const setup = await setUp(fakeJobs({ wait: () => Promise.reject(error) }));
    const { result, json } = await setup.call('image_generate', { prompt: 'p' });
    expect(result.isError).toBeUndefined();
    expect(json).toMatchObject({ ok: true, job_id: JOB_ID, status: 'running', warnings: [warning] });
    expect(JSON.stringify(json)).not.toContain('boom');
    expect(setup.logged).toHaveLength(logged);
  });

  it('keep what only the start could say', async () => {
    const start = async () => running(JOB_ID, { deduplicated: true, warnings: ['identical job img-1 is still running', 'both'] });
    const { call } = await setUp(fakeJobs({ start, wait: waiting(completed(JOB_ID, { warnings: ['both', 'of the end'] })) }));
    const { json } = await call('image_generate', { prompt: 'p' });
    expect(json).toMatchObject({ status: 'completed', deduplicated: true, warnings: ['identical job img-1 is still running', 'both', 'of the end'] });
  });

  it('do not wait for a job that had ended', async () => {
    const jobs = fakeJobs({ start: async () => completed(JOB_ID, { deduplicated: true }) });
    const { call } = await setUp(jobs);
    expect((await call('image_generate', { prompt: 'p' })).json).toMatchObject({ status: 'completed', deduplicated: true, saved: [{}] });
    expect(jobs.waits).toEqual([]);
  });

  it('name the job in the first progress message, as soon as it exists', async () => {
    const { promise: started, resolve: start } = deferred<JobRecord>();
    const { promise: reported, resolve: hear } = deferred<Progress>();
    const heard: Progress[] = [];
    const jobs = fakeJobs({ start: () => started, wait: () => reported.then(() => ({ records: [completed()], pending: [], timedOut: false })) });
    const { client } = await setUp(jobs);
    const onprogress = (progress: Progress): void => {
      heard.push(progress);
      hear(progress);
    };
    const answer = client.callTool({ name: 'image_generate', arguments: { prompt: 'p' } }, undefined, { onprogress });
    await client.ping();
    expect(heard).toEqual([]);
    start(running());
    expect((await reported).message).toContain(JOB_ID);
    expect(await answer).toMatchObject({ structuredContent: { status: 'completed' } });
  });

  it('end the wait and nothing else when the call is cancelled', async () => {
    const { promise: waited, resolve: wait } = deferred<AbortSignal | undefined>();
    const jobs = fakeJobs({
      wait: ({ signal }) => {
        wait(signal);
        return never();
      },
    });
    const { client } = await setUp(jobs);
    await client.ping();
    const controller = new AbortController();
    const call = client.callTool({ name: 'image_generate', arguments: { prompt: 'p' } }, undefined, { signal: controller.signal });
    const signal = await waited;
    controller.abort();
    await expect(call).rejects.toThrow();
    await client.ping();
    expect(signal?.aborted).toBe(true);
    expect(jobs.cancels).toEqual([]);
  });

  it('start nothing for a call that was cancelled before the client was open', async () => {
    const { promise: opened, resolve: open } = deferred<undefined>();
    const { promise: asked, resolve: ask } = deferred<undefined>();
    const jobs = fakeJobs();
    const { client, bound } = await setUp(async () => {
      ask(undefined);
      await opened;
      return jobs;
    });
    await client.ping();
    const controller = new AbortController();
    const call = client.callTool({ name: 'image_generate', arguments: { prompt: 'p' } }, undefined, { signal: controller.signal });
    await asked;
    controller.abort();
    await expect(call).rejects.toThrow();
    await client.ping();
    open(undefined);
    await bound.drain();
    expect(jobs.started).toEqual([]);
  });

  it('answer the started job when the server leaves', async () => {
    const { promise: waited, resolve: wait } = deferred<undefined>();
    const jobs = fakeJobs({
      wait: ({ signal }) => {
        wait(undefined);
        return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(new Error('aborted'))));
      },
    });
    const { call, bound, logged } = await setUp(jobs);
    const answer = call('image_generate', { prompt: 'p' });
    await waited;
    await bound.drain();
    expect((await answer).json).toMatchObject({ ok: true, job_id: JOB_ID, status: 'running' });
    expect(logged).toEqual([]);
  });
});

describe('thumbnails', () => {
  const five = completed(JOB_ID, { result: { saved: [0, 1, 2, 3, 4].map((index) => saved(JOB_ID, index)) } });

  it.each([
    ['image_generate', { prompt: 'p' }],
    ['image_job_wait', { job_id: JOB_ID }],
    ['image_job_wait', { job_ids: [JOB_ID, 'img-other'] }],
  ])('of at most four pictures ride on %s %j', async (tool, args) => {
    const jobs = fakeJobs({ wait: async () => ({ records: [five, running('img-other')].slice(0, 'job_ids' in args ? 2 : 1), pending: [], timedOut: false }) });
    const { call } = await setUp(jobs);
    const { result } = await call(tool, args);
    expect(jobs.images).toEqual([0, 1, 2, 3].map((index) => ({ jobId: JOB_ID, index, variant: 'thumbnail' })));
    expect(result.content.map(({ type }) => type)).toEqual(['text', 'image', 'image', 'image', 'image']);
    expect(result.content[1]).toEqual({
      type: 'image',
      data: Buffer.alloc(1000, 1).toString('base64'),
      mimeType: 'image/jpeg',
      annotations: { audience: ['user', 'assistant'] },
    });
  });

  it.each([
    ['image_generate_async', { prompt: 'p' }],
    ['image_job_status', { job_id: JOB_ID }],
    ['image_job_cancel', { job_id: JOB_ID }],
    ['image_job_list', {}],
  ])('do not ride on %s', async (tool, args) => {
    const { call } = await setUp(fakeJobs({ status: async () => completed(), start: async () => completed(), cancel: async () => completed() }));
    expect((await call(tool, args)).result.content).toHaveLength(1);
  });

  it('that cannot be read, are too large or never come are left out, and the answer stands', async () => {
    const jobs = fakeJobs({
      wait: waiting(five),
      image: async (jobId, index, variant) => {
        if (index === 0) throw new Error('no such blob');
        if (index === 1) return image(jobId, index, variant, 48 * 1024 + 1);
        if (index === 2) return image(jobId, index, variant, 10, { bytes: never });
        return image(jobId, index, variant, 48 * 1024);
      },
    });
    const { call, logged } = await setUp(jobs);
    const { result, json } = await call('image_generate', { prompt: 'p' });
    expect(json).toMatchObject({ ok: true, status: 'completed' });
    expect(result.content.map(({ type }) => type)).toEqual(['text', 'image']);
    expect(logged).toEqual([]);
  });

  it('are switched off by IMAGE_INLINE_IMAGES=never', async () => {
    const jobs = fakeJobs();
    const { call } = await setUp(jobs, { env: { IMAGE_INLINE_IMAGES: 'never' } });
    expect((await call('image_generate', { prompt: 'p' })).result.content).toHaveLength(1);
    expect((await call('image_job_wait', { job_id: JOB_ID })).result.content).toHaveLength(1);
    expect(jobs.images).toEqual([]);
  });
});
