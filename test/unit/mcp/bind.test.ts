import { describe, expect, it } from '@jest/globals';
import * as z from 'zod';
import { CallToolResultSchema, type CallToolResult, type Progress } from '@modelcontextprotocol/sdk/types.js';
import { JobFailure } from '../../../src/contract/errors.js';
import { TOOLS } from '../../../src/mcp/tools/index.js';
import { deferred, never, setUp } from './bound.js';
import { JOB_ID, OTHER_ID, fakeJobs, running } from './fakes.js';

describe('initialize and tools/list', () => {
  it('touch no client', async () => {
    const { client, connects } = await setUp(never);
    await client.listTools();
    await client.ping();
    expect(connects()).toBe(0);
    const instructions = client.getInstructions() ?? '';
    expect(Buffer.byteLength(instructions)).toBeLessThan(2048);
    for (const tool of instructions.match(/image_\w+_\w+/g) ?? []) {
      if (/_async$|_job_/.test(tool)) expect(TOOLS.map(({ name }) => name)).toContain(tool);
    }
  });
});

describe('starting', () => {
  it('hands the raw arguments to the client and answers the brief record twice', async () => {
    const jobs = fakeJobs();
    const { call } = await setUp(jobs);
    const raw = { prompt: 'a cat', n: '2', size: null, imagePath: 'x' };
    const { result, json } = await call('image_generate_async', raw);
    expect(jobs.started).toEqual([{ kind: 'image_generate', rawArguments: raw }]);
    expect(json).toMatchObject({ ok: true, job_id: JOB_ID, status: 'running', done: false, next_step: expect.stringContaining('image_job_wait') });
    expect(result.structuredContent).toEqual(json);
    expect(result.isError).toBeUndefined();
  });

  it.each([
    ['image_edit_async', 'image_edit'],
    ['image_batch_edit_async', 'image_batch_edit'],
    ['image_multi_reference_async', 'image_multi_reference'],
  ])('%s starts %s', async (tool, kind) => {
    const jobs = fakeJobs();
    const { call } = await setUp(jobs);
    await call(tool, { prompt: 'p' });
    expect(jobs.started).toEqual([{ kind, rawArguments: { prompt: 'p' } }]);
  });

  it('a refusal is an error with one line of JSON and nothing structured', async () => {
    const starting = new JobFailure({ code: 'STARTING', message: 'Downloading, 40 %; nothing was started.', nextStep: 'Repeat the call.', retryable: true, retryAfterSeconds: 5 });
    const { call } = await setUp(fakeJobs({ start: () => Promise.reject(starting) }));
    const { result, json } = await call('image_generate_async', { prompt: 'p' });
    expect(result.isError).toBe(true);
    expect(result.structuredContent).toBeUndefined();
    expect(json).toEqual({
      ok: false,
      error: { code: 'STARTING', message: 'STARTING: Downloading, 40 %; nothing was started.', next_step: 'Repeat the call.', retryable: true, retry_after_seconds: 5 },
    });
  });
});

describe('whatever goes wrong', () => {
  it('a defect is INTERNAL with a reference that only the log explains', async () => {
    const { call, logged } = await setUp(fakeJobs({ status: () => Promise.reject(new TypeError('boom in /srv/secret/path.js')) }));
    const { result, json } = await call('image_job_status', { job_id: JOB_ID });
    expect(result.isError).toBe(true);
    const text = JSON.stringify(json);
    expect(text).not.toMatch(/boom|\/srv|at /);
    const reference = /reference ([0-9a-f]{8})/.exec(text)?.[1] ?? 'none';
    expect(json).toMatchObject({ ok: false, error: { code: 'INTERNAL' } });
    expect(logged).toHaveLength(1);
    expect(logged[0]).toContain(reference);
    expect(logged[0]).toContain('boom');
  });

  it('an unknown tool names the nearest ones', async () => {
    const { call } = await setUp(fakeJobs());
    const { result, json } = await call('image_generate_asynch', { prompt: 'p' });
    expect(result.isError).toBe(true);
    expect(json).toMatchObject({ ok: false, error: { message: expect.stringMatching(/^INVALID_ARGUMENT: .*nearest are image_generate_async/) } });
  });

  it('a client that could not be opened is opened again by the next call', async () => {
    let first = true;
    const { call, connects } = await setUp(async () => {
      if (!first) return fakeJobs();
      first = false;
      throw new JobFailure({ code: 'TEMPORAL_UNAVAILABLE', message: 'Nobody answers.', nextStep: 'Wait.', retryable: true });
    });
    expect((await call('image_job_status', { job_id: JOB_ID })).json).toMatchObject({ error: { code: 'TEMPORAL_UNAVAILABLE' } });
    expect((await call('image_job_status', { job_id: JOB_ID })).json).toMatchObject({ status: 'running' });
    await call('image_job_status', { job_id: JOB_ID });
    expect(connects()).toBe(2);
  });

  it('arguments that are missing, null or JSON text are read, anything else is refused by us', async () => {
    const { client } = await setUp(fakeJobs());
    const send = (args: unknown): Promise<CallToolResult> =>
      client.request({ method: 'tools/call', params: { name: 'image_job_status', ...z.looseObject({}).parse({ arguments: args }) } }, CallToolResultSchema);
    expect((await send(JSON.stringify({ job_id: JOB_ID }))).structuredContent).toMatchObject({ status: 'running' });
    for (const args of [undefined, null, 7, ['x'], 'x']) {
      const result = await send(args);
      expect(result.isError).toBe(true);
      expect(result.content).toEqual([{ type: 'text', text: expect.stringContaining('"INVALID_ARGUMENT: job_id: is required') }]);
    }
  });
});

describe('image_job_status', () => {
  it('a known job is never an error, an unknown one is', async () => {
    const failed = { ...running(), status: 'failed' as const, done: true, error: { code: 'CONTENT_REFUSED' as const, message: 'Refused.', next_step: 'Change it.', retryable: false } };
    const { call } = await setUp(fakeJobs({ status: async (id) => (id === JOB_ID ? failed : { ...running(id), status: 'unknown', done: true }) }));
    const known = await call('image_job_status', { job_id: JOB_ID });
    expect(known.result.isError).toBeUndefined();
    expect(known.json).toMatchObject({ ok: false, status: 'failed', error: { code: 'CONTENT_REFUSED' } });
    const unknown = await call('image_job_status', { job_id: 'img-nope' });
    expect(unknown.result.isError).toBe(true);
    expect(unknown.json).toMatchObject({ ok: false, status: 'unknown', error: { code: 'NOT_FOUND', message: 'NOT_FOUND: Unknown job_id: img-nope' } });
  });

  it('is not ok while the job runs, and warns of unknown arguments', async () => {
    const { call } = await setUp(fakeJobs());
    const { json } = await call('image_job_status', { job_id: JOB_ID, verbose: true });
    expect(json).toMatchObject({ ok: false, status: 'running', warnings: [expect.stringContaining('"verbose" was ignored')] });
  });
});

describe('image_job_wait', () => {
  it('of one job answers its record and timed_out', async () => {
    const jobs = fakeJobs();
    const { call } = await setUp(jobs);
    const { json } = await call('image_job_wait', { job_id: JOB_ID });
    expect(json).toMatchObject({ ok: true, job_id: JOB_ID, status: 'completed', timed_out: false, result: { saved: [{ path: expect.any(String) }] } });
    expect((await call('image_job_wait', { job_id: OTHER_ID, timeout_seconds: '0' })).json).toMatchObject({ ok: false, status: 'running', timed_out: true });
    expect(jobs.waits.map(({ until }) => until)).toEqual(['all', 'all']);
  });

  it('of several answers jobs, pending and timed_out', async () => {
    const jobs = fakeJobs();
    const { call } = await setUp(jobs);
    const { json } = await call('image_job_wait', { job_ids: JSON.stringify([JOB_ID, OTHER_ID, JOB_ID]), until: 'any' });
    expect(jobs.waits).toMatchObject([{ jobIds: [JOB_ID, OTHER_ID], until: 'any' }]);
    expect(json).toMatchObject({ ok: false, pending: [OTHER_ID], timed_out: true, next_step: expect.stringContaining('pending') });
    expect(json['jobs']).toMatchObject([
      { ok: true, job_id: JOB_ID, status: 'completed' },
      { ok: false, job_id: OTHER_ID, status: 'running' },
    ]);
    expect((await call('image_job_wait', { job_ids: [JOB_ID, 'img-nope'] })).json).toMatchObject({
      pending: [],
      timed_out: false,
      jobs: [{ status: 'completed' }, { status: 'unknown' }],
    });
  });

  it('refuses no job, too many, and one that was never seen', async () => {
    const { call } = await setUp(fakeJobs());
    expect((await call('image_job_wait')).json).toMatchObject({ error: { code: 'INVALID_ARGUMENT' } });
    expect((await call('image_job_wait', { job_ids: Array.from({ length: 21 }, (_, i) => `j${i}`) })).json).toMatchObject({ error: { code: 'INVALID_ARGUMENT' } });
    expect((await call('image_job_wait', { job_id: 'img-nope' })).json).toMatchObject({ status: 'unknown', error: { code: 'NOT_FOUND' } });
  });

  it.each([
    ['an unknown client', { clientName: 'some-host' }, undefined, 50],
    ['an unknown client that wants more', { clientName: 'some-host' }, 600, 50],
    ['Claude Code', { clientName: 'claude-code' }, undefined, 110],
    ['Codex', { clientName: 'codex-mcp-client' }, 600, 110],
    ['Gemini CLI', { clientName: 'gemini-cli-mcp-client-images' }, undefined, 110],
    ['Claude Desktop', { clientName: 'claude-ai' }, undefined, 50],
    ['a setting', { clientName: 'claude-code', env: { IMAGE_WAIT_MAX_SECONDS: '20' } }, 60, 20],
    ['a short wish', { clientName: 'claude-code' }, 3, 3],
  ])('waits as long as %s bears', async (_name, setup, wanted, ceiling) => {
    const jobs = fakeJobs();
    const { call } = await setUp(jobs, setup);
    await call('image_job_wait', { job_id: JOB_ID, timeout_seconds: wanted });
    const [wait] = jobs.waits;
    expect(wait?.timeoutSeconds).toBeGreaterThan(ceiling - 2);
    expect(wait?.timeoutSeconds).toBeLessThanOrEqual(ceiling);
  });

  it('the first progress carries the job_id, and comes before the client is even open', async () => {
    const { promise: reported, resolve: hear } = deferred<Progress>();
    const { client } = await setUp(() => reported.then(() => fakeJobs()));
    const answer = client.callTool({ name: 'image_job_wait', arguments: { job_id: JOB_ID } }, undefined, { onprogress: hear });
    expect(await reported).toMatchObject({ progress: 0, message: expect.stringContaining(JOB_ID) });
    expect(await answer).toMatchObject({ structuredContent: { status: 'completed' } });
  });

  it('a cancelled call ends the wait', async () => {
    const { promise: waiting, resolve: wait } = deferred<AbortSignal | undefined>();
    const jobs = fakeJobs({
      wait: ({ signal }) => {
        wait(signal);
        return never();
      },
    });
    const { client } = await setUp(jobs);
    // The SDK cannot cancel its request 0.
    await client.ping();
    const controller = new AbortController();
    const call = client.callTool({ name: 'image_job_wait', arguments: { job_id: JOB_ID } }, undefined, { signal: controller.signal });
    const signal = await waiting;
    expect(signal?.aborted).toBe(false);
    controller.abort();
    await expect(call).rejects.toThrow();
    await client.ping();
    expect(signal?.aborted).toBe(true);
  });
});

describe('leaving', () => {
  it('ends waits with an answer, lets a start finish and closes the client', async () => {
    const { promise: started, resolve: finish } = deferred<undefined>();
    const { promise: waiting, resolve: wait } = deferred<undefined>();
    const jobs = fakeJobs({
      start: () => started.then(() => running()),
      wait: ({ signal }) => {
        wait(undefined);
        return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(new Error('aborted'))));
      },
    });
    const { bound, call, logged } = await setUp(jobs);
    const startCall = call('image_generate_async', { prompt: 'p' });
    const waitCall = call('image_job_wait', { job_id: JOB_ID });
    await waiting;
    const drained = bound.drain();
    expect((await waitCall).json).toMatchObject({ ok: false, error: { code: 'CANCELLED', message: expect.stringContaining('no job was') } });
    expect(jobs.closed).toBe(false);
    finish(undefined);
    expect((await startCall).json).toMatchObject({ ok: true, status: 'running' });
    await drained;
    expect(jobs.closed).toBe(true);
    expect(logged).toEqual([]);
  });
});

describe('client roots', () => {
  it('are known before the first job and follow their changes', async () => {
    const jobs = fakeJobs();
    const roots = ['file:///work/a%20b', 'https://example.com/x', 'file://%'];
    const { client, call } = await setUp(jobs, { roots });
    await call('image_generate_async', { prompt: 'p' });
    expect(jobs.roots).toEqual([['/work/a b']]);
    roots.splice(0, 3, 'file:///other');
    await client.sendRootsListChanged();
    await call('server_info');
    expect(jobs.roots.at(-1)).toEqual(['/other']);
  });

  it('are not asked of a client without them', async () => {
    const jobs = fakeJobs();
    const { call, logged } = await setUp(jobs);
    expect((await call('server_info')).json).toEqual({ ok: true, version: '1.2.3' });
    expect(jobs.roots).toEqual([]);
    expect(logged).toEqual([]);
  });
});
