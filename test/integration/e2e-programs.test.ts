import { mkdir, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import sharp from 'sharp';
import * as z from 'zod';
import { jobRecordSchema } from '../../src/contract/record.js';
import { startFakeOpenAi, type FakeOpenAi } from '../support/fake-openai.js';
import { makeBox, plainEnvironment, run, type Box, type Mcp, type Run } from '../support/e2e.js';

jest.setTimeout(120_000);

/** What the temporal command prints with --output json, as far as it is looked at. */
const resultSchema = z.object({ status: z.string(), result: jobRecordSchema.optional(), closeEvent: z.unknown() });
const describedSchema = z.looseObject({ workflowExecutionInfo: z.looseObject({}) });
const historySchema = z.looseObject({ events: z.array(z.unknown()) });
const querySchema = z.object({ queryResult: z.tuple([jobRecordSchema]) });

/** Programs in any language start jobs through Temporal alone; `status --json` tells them where it is. */
describe('a program with the temporal command', () => {
  let box: Box;
  let mcp: Mcp;
  let fake: FakeOpenAi;
  let address: string;
  let binary: string;
  let allowed: string;

  beforeAll(async () => {
    fake = await startFakeOpenAi();
    box = await makeBox();
    allowed = join(box.folder, 'allowed');
    await mkdir(allowed);
    Object.assign(box.env, { IMAGE_REFERENCE_ROOTS: allowed });
    // The only client has the key; a program's job runs with the only account of its provider.
    mcp = await box.server({ OPENAI_API_KEY: 'sk-canary-of-programs', OPENAI_BASE_URL: fake.url });
    await mcp.finished(await mcp.start('image_generate_async', { prompt: 'first', provider: 'local', size: '512x512' }));
    const status = await box.ready();
    address = status.address ?? '';
    binary = status.temporal_binary ?? '';
  });
  afterAll(async () => {
    await box.close();
    await fake.close();
  });

  async function temporal(...args: string[]): Promise<Run> {
    return await run(binary, [...args, '--address', address], plainEnvironment());
  }

  async function start(id: string, input: string): Promise<Run> {
    return await temporal('workflow', 'start', '--type', 'imageJob', '--task-queue', 'image-jobs', '--workflow-id', id, '--input', input);
  }

  async function resultOf(id: string): Promise<z.infer<typeof resultSchema>> {
    const { stdout } = await temporal('workflow', 'result', '--workflow-id', id, '--output', 'json');
    return resultSchema.parse(JSON.parse(stdout));
  }

  it('starts a job, reads it by query and result, and the client shows the same record', async () => {
    // Word for word as the documentation has it.
    const literal = `'${binary}' workflow start --address ${address} --type imageJob --task-queue image-jobs --workflow-id my-job-1 --input '{"kind":"image_generate","prompt":"a red kite","provider":"local","size":"512x512"}'`;
    expect(await run('/bin/sh', ['-c', literal], plainEnvironment())).toMatchObject({ code: 0 });

    const ended = await resultOf('my-job-1');
    expect(ended).toMatchObject({ status: 'COMPLETED', result: { ok: true, job_id: 'my-job-1', status: 'completed' } });
    const { stdout } = await temporal('workflow', 'query', '--workflow-id', 'my-job-1', '--type', 'job', '--output', 'json');
    const queried = querySchema.parse(JSON.parse(stdout)).queryResult[0];
    expect(queried).toEqual(ended.result);

    const { record } = await mcp.call('image_job_status', { job_id: 'my-job-1' });
    const { age_seconds: _age, billing: _none, result, ...expected } = queried;
    expect(record).toMatchObject({ ...expected, result: { saved: result?.saved } });
    expect((await stat(record.result?.saved[0]?.path ?? '')).isFile()).toBe(true);
  });

  it('buys one picture for one input under an ID, however often it is started, and another for another input', async () => {
    const input = (prompt: string): string => JSON.stringify({ kind: 'image_generate', prompt, provider: 'openai', size: '512x512' });
    await start('my-job-2', input('a red kite'));
    expect(await resultOf('my-job-2')).toMatchObject({ status: 'COMPLETED' });
    await start('my-job-2', input('a red kite'));
    const again = await resultOf('my-job-2');
    expect(again).toMatchObject({ status: 'COMPLETED' });
    expect(fake.ledger().total).toBe(1);

    await start('my-job-2', input('a blue kite'));
    const other = await resultOf('my-job-2');
    expect(other).toMatchObject({ status: 'COMPLETED' });
    expect(fake.ledger().total).toBe(2);
    expect(other.result?.result?.saved[0]?.sha256).not.toBe(again.result?.result?.saved[0]?.sha256);
    const { record } = await mcp.call('image_job_status', { job_id: 'my-job-2' });
    expect(record.result?.saved[0]?.sha256).toBe(other.result?.result?.saved[0]?.sha256);
  });

  it.each([
    ['api_key', { api_key: 'sk-somebody' }],
    ['size', { size: '1x1' }],
    ['wrong_field', { wrong_field: 1 }],
    ['data: URL', { kind: 'image_edit', image_path: 'data:image/png;base64,AAAA' }],
  ])('refuses a wrong %s with INVALID_ARGUMENT', async (field, wrong) => {
    const id = `wrong ${field}`;
    await start(id, JSON.stringify({ kind: 'image_generate', prompt: 'x', provider: 'local', ...wrong }));
    expect(await resultOf(id)).toMatchObject({ status: 'FAILED' });
    const { record, refused } = await mcp.call('image_job_status', { job_id: id });
    expect(refused).toBe(false);
    expect(record).toMatchObject({ ok: false, status: 'failed', error: { code: 'INVALID_ARGUMENT' } });
    expect(JSON.stringify(record.error)).toContain(field);
    expect(JSON.stringify(record)).not.toContain('sk-somebody');
  });

  it.each(['', 'null', '7', '"text"', '[]', '{}', '{"kind":"image_generate"}', '{"kind":"x","prompt":"y"}'])(
    'ends a job with the input %j with INVALID_ARGUMENT',
    async (input) => {
      const id = `shapeless-${input}`;
      const args = ['--type', 'imageJob', '--task-queue', 'image-jobs', '--workflow-id', id];
      await temporal('workflow', 'start', ...args, ...(input === '' ? [] : ['--input', input]));
      expect(await resultOf(id)).toMatchObject({ status: 'FAILED' });
      const { record } = await mcp.call('image_job_status', { job_id: id });
      expect(record).toMatchObject({ ok: false, status: 'failed', error: { code: 'INVALID_ARGUMENT' } });
    },
  );

  it('never opens a file outside the roots', async () => {
    const outside = join(box.folder, 'outside');
    await mkdir(outside);
    const picture = await sharp({ create: { width: 64, height: 64, channels: 3, background: 'red' } }).png().toBuffer();
    const secret = join(outside, 'secret.png');
    const control = join(allowed, 'control.png');
    const longAgo = new Date('2020-01-01T00:00:00Z');
    for (const path of [secret, control]) {
      await writeFile(path, picture);
      // Reading a file whose access time is older than its change sets it, with relatime too.
      await utimes(path, longAgo, new Date());
    }
    await symlink(secret, join(allowed, 'link.png'));
    await symlink(outside, join(allowed, 'folder'));
    const wanted = [secret, join(allowed, '..', 'outside', 'secret.png'), join(allowed, 'link.png'), join(allowed, 'folder', 'secret.png'), `file://${secret}`];
    for (const [index, path] of wanted.entries()) {
      const id = `outside-${index}`;
      await start(id, JSON.stringify({ kind: 'image_edit', prompt: 'brighter', provider: 'local', image_path: path }));
      await resultOf(id);
      const { record } = await mcp.call('image_job_status', { job_id: id });
      expect(record).toMatchObject({ ok: false, status: 'failed', error: { code: 'PERMISSION_DENIED' } });
      // Nor by the client's own reading.
      const { record: refusal } = await mcp.call('image_edit_async', { prompt: 'brighter', provider: 'local', image_path: path });
      expect(refusal).toMatchObject({ ok: false, error: { problems: [{ field: 'image_path', code: 'PERMISSION_DENIED' }] } });
    }
    await start('inside', JSON.stringify({ kind: 'image_edit', prompt: 'brighter', provider: 'local', image_path: control }));
    expect(await resultOf('inside')).toMatchObject({ status: 'COMPLETED' });
    // The reading inside shows that the file system tells.
    expect((await stat(control)).atimeMs).toBeGreaterThan(longAgo.getTime());
    expect((await stat(secret)).atimeMs).toBe(longAgo.getTime());
  });

  it('does not take a frozen part that it wrote itself for one of a client', async () => {
    const input = {
      kind: 'image_generate',
      prompt: 'x',
      provider: 'local',
      frozen: { save_dir: join(box.folder, 'elsewhere'), seal: '0'.repeat(32) },
    };
    await start('forged', JSON.stringify(input));
    await resultOf('forged');
    const { record } = await mcp.call('image_job_status', { job_id: 'forged' });
    expect(record.result?.saved[0]?.path?.startsWith(box.pictures) ?? true).toBe(true);
    await expect(stat(join(box.folder, 'elsewhere'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  describe('a workflow of another type', () => {
    const ID = 'not-a-job';
    beforeAll(async () => {
      await temporal('workflow', 'start', '--type', 'other', '--task-queue', 'others', '--workflow-id', ID);
    });
    // Whatever was called before this.
    afterAll(async () => {
      const { stdout } = await temporal('workflow', 'describe', '--workflow-id', ID, '--output', 'json');
      const { workflowExecutionInfo } = describedSchema.parse(JSON.parse(stdout));
      expect(workflowExecutionInfo).toMatchObject({ status: 'WORKFLOW_EXECUTION_STATUS_RUNNING', type: { name: 'other' } });
      const { stdout: history } = await temporal('workflow', 'show', '--workflow-id', ID, '--output', 'json');
      // Started and scheduled: nobody has asked it to do anything.
      expect(historySchema.parse(JSON.parse(history)).events).toHaveLength(2);
      await temporal('workflow', 'terminate', '--workflow-id', ID);
    });

    it.each([
      ['image_job_status', {}],
      ['image_job_wait', {}],
      ['image_job_cancel', { reason: 'not wanted' }],
      ['image_job_retry', {}],
      ['image_job_retry', { acknowledge_possible_double_charge: true }],
      ['image_job_delete', {}],
      ['image_job_get_image', {}],
    ])('is no job to %s %j', async (tool, args) => {
      const { record, refused } = await mcp.call(tool, { job_id: ID, ...args });
      expect(refused).toBe(true);
      expect(record).toMatchObject({ ok: false, error: { code: 'NOT_FOUND' } });
    });

    it('is unknown among several jobs that are waited for', async () => {
      const { record } = await mcp.call('image_job_wait', { job_ids: [ID, 'my-job-1'] });
      expect(record).toMatchObject({ ok: false, timed_out: false, jobs: [{ job_id: ID, status: 'unknown' }, { job_id: 'my-job-1', status: 'completed' }] });
    });

    it('is in no list, and no reference', async () => {
      const { record } = await mcp.call('image_job_list', { limit: 100 });
      expect(JSON.stringify(record)).not.toContain(ID);
      const { record: refusal } = await mcp.call('image_edit_async', { prompt: 'brighter', provider: 'local', image_path: `image://jobs/${ID}/outputs/0` });
      const ended = refusal.job_id === undefined ? refusal : await mcp.finished(refusal.job_id);
      expect(ended).toMatchObject({ ok: false, error: { code: 'REFERENCE_UNREADABLE' } });
    });

    it.each([`image://jobs/${ID}`, `image://jobs/${ID}/outputs/0`, `image://jobs/${ID}/outputs/0/thumbnail`])('is nothing to read at %s', async (uri) => {
      await expect(mcp.client.readResource({ uri })).rejects.toThrow(/NOT_FOUND/);
      expect(JSON.stringify((await mcp.client.listResources()).resources)).not.toContain(ID);
    });

    it.each([['show'], ['wait'], ['cancel'], ['retry'], ['retry', '--acknowledge-possible-double-charge'], ['delete', '--yes']])('is no job to jobs %s', async (command, ...more) => {
      const ran = await box.cli(['jobs', command, ID, ...more, '--json']);
      expect(ran.code).toBe(1);
      expect(JSON.parse(ran.stdout)).toMatchObject({ ok: false, error: { code: 'NOT_FOUND' } });
    });

    it('is in no list of the command line', async () => {
      expect((await box.cli(['jobs', 'list', '--limit', '100', '--json'])).stdout).not.toContain(ID);
    });
  });
});
