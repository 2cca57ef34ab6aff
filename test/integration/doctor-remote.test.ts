import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { freePort, makeBox, plainEnvironment, run, startDevServer, until, type Box, type DevServer, type Mcp, type Run } from '../support/e2e.js';
import { commandIn, look } from './doctor-support.js';

jest.setTimeout(120_000);

/** A Temporal that is somebody else's: no search attributes, no worker. */
describe('doctor with a Temporal of the settings', () => {
  let temporal: DevServer;
  let box: Box;
  /** The command that starts a worker. */
  let start: string;
  const workers: Promise<Run>[] = [];

  beforeAll(async () => {
    temporal = await startDevServer();
    box = await makeBox({ TEMPORAL_ADDRESS: temporal.address });
  });
  afterEach(async () => {
    for (const { pid, role } of await box.processes()) if (role === 'worker') process.kill(pid, 'SIGKILL');
    await Promise.all(workers.splice(0));
  });
  afterAll(async () => {
    await box.close();
    await temporal.close();
  });

  /** As a person pastes it, who has not our variables. */
  async function paste(command: string, env: Record<string, string> = {}): Promise<Run> {
    const { TEMPORAL_ADDRESS: _address, IMAGE_DATA_DIR: _folder, ...shell } = box.env;
    return await run('/bin/sh', ['-c', command], { ...shell, ...env });
  }

  async function startWorker(command: string, env: Record<string, string> = {}): Promise<void> {
    const before = (await box.processes()).filter(({ role }) => role === 'worker').length;
    workers.push(paste(command, env));
    await until(async () => (await box.processes()).filter(({ role }) => role === 'worker').length > before, 'the worker');
  }

  it('finds that no worker runs and that no search attribute is registered, and its remedies work when pasted', async () => {
    const first = await look(box);
    expect(first.code).toBe(1);
    expect(first.bad('workers')).toMatchObject([{ level: 'error', message: expect.stringContaining('image-jobs') }]);
    expect(first.bad('search-attributes')).toMatchObject([{ level: 'warning', message: expect.stringContaining('ImageTags') }]);
    expect(first.bad('temporal')).toEqual([]);
    expect(first.findings.map(({ id }) => id)).not.toContain('local-stack');

    expect((await paste(commandIn(first.bad('search-attributes')[0]?.remedy))).code).toBe(0);
    start = commandIn(first.bad('workers')[0]?.remedy);
    await startWorker(start, { OPENAI_API_KEY: 'sk-canary', OPENAI_BASE_URL: 'http://127.0.0.1:9/v1' });
    const second = await until(async () => {
      const seen = await look(box);
      return seen.bad('workers').length === 0 && seen;
    }, 'the worker to answer');
    expect(second.findings.filter(({ level }) => level !== 'ok')).toEqual([]);
    expect(second.code).toBe(0);
    expect(second.findings).toContainEqual(expect.objectContaining({ id: 'workers', message: 'Workers have keys of openai, openai-images.' }));
  });

  it('finds within seconds that the only worker is dead, although the server still lists it', async () => {
    const { stdout } = await temporal.temporal('task-queue', 'describe', '--task-queue', 'image-jobs', '--output', 'json');
    expect(stdout).toMatch(/"pollers": \[\s*\{/);
    const { code, bad } = await look(box);
    expect(bad('workers')).toMatchObject([{ level: 'error', message: expect.stringContaining('No worker answers') }]);
    expect(code).toBe(1);
  });

  it('finds a worker with another store', async () => {
    // Looking makes no store: a client does.
    const mcp = await box.server();
    await mcp.call('image_job_list');
    await mcp.close();
    await startWorker(`IMAGE_BLOB_STORE='file:${join(box.folder, 'another-store')}' ${start}`);
    const seen = await until(async () => {
      const now = await look(box);
      return now.bad('workers').some(({ message }) => message.includes('another store')) && now;
    }, 'the worker to answer');
    expect(seen.code).toBe(1);
  });

  it('shows no ping to any tool', async () => {
    const { stdout } = await temporal.temporal('workflow', 'list', '--query', 'WorkflowType = "imagePing"', '--output', 'json');
    const id = /doctor-[0-9a-f]{16}/.exec(stdout)?.[0] ?? '';
    expect(id).not.toBe('');
    const mcp: Mcp = await box.server();
    for (const tool of ['image_job_status', 'image_job_cancel', 'image_job_delete', 'image_job_retry']) {
      expect((await mcp.call(tool, { job_id: id })).record).toMatchObject({ ok: false, error: { code: 'NOT_FOUND' } });
    }
    expect(JSON.stringify((await mcp.call('image_job_list')).record)).not.toContain(id);
    await mcp.close();
  });

  it('tells a namespace that is not there, with the command that makes it', async () => {
    const seen = await look(box, [], { TEMPORAL_NAMESPACE: 'nowhere' });
    expect(seen.bad('temporal')).toMatchObject([{ level: 'error', message: expect.stringContaining('no namespace nowhere') }]);
    // One cause is told once.
    expect(seen.findings.filter(({ level }) => level === 'error')).toHaveLength(1);
    const command = commandIn(seen.bad('temporal')[0]?.remedy);
    expect(await run('/bin/sh', ['-c', command.replace(/^temporal/, `'${temporal.binary}'`)], plainEnvironment())).toMatchObject({ code: 0 });
    await until(async () => (await look(box, [], { TEMPORAL_NAMESPACE: 'nowhere' })).bad('temporal').length === 0, 'the namespace');
  });

  it('tells a retention of hours', async () => {
    await temporal.temporal('operator', 'namespace', 'create', '--namespace', 'forgetful', '--retention', '2h');
    const seen = await until(async () => {
      const now = await look(box, [], { TEMPORAL_NAMESPACE: 'forgetful' });
      return now.bad('temporal').every(({ level }) => level !== 'error') && now;
    }, 'the namespace');
    expect(seen.bad('temporal')).toMatchObject([{ level: 'warning', message: expect.stringContaining('after 2 hours'), remedy: expect.stringContaining('namespace update') }]);
  });

  it('tells apart why Temporal does not answer', async () => {
    const closed = await look(box, [], { TEMPORAL_ADDRESS: `127.0.0.1:${await freePort()}` });
    expect(closed.bad('temporal')).toMatchObject([{ level: 'error', message: expect.stringContaining('nothing listens there') }]);
    expect(closed.bad('workers')).toEqual([]);
    const unknown = await look(box, [], { TEMPORAL_ADDRESS: 'temporal.invalid:7233' });
    expect(unknown.bad('temporal')).toMatchObject([{ message: expect.stringContaining('cannot be reached') }]);
    expect(unknown.bad('shared-store')).toMatchObject([{ level: 'error', message: expect.stringContaining('temporal.invalid') }]);
    const server = createServer((socket) => void socket.on('error', () => undefined).resume());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const mute = await look(box, [], { TEMPORAL_ADDRESS: `127.0.0.1:${port}` });
    server.close();
    expect(mute.bad('temporal')).toMatchObject([{ message: expect.stringContaining('nothing answers there as Temporal does'), remedy: expect.stringContaining('TEMPORAL_TLS') }]);
    const profile = await look(box, [], { TEMPORAL_ADDRESS: '', TEMPORAL_PROFILE: 'nobody' });
    expect(profile.bad('temporal')).toMatchObject([{ level: 'error', message: expect.stringContaining('nobody') }]);
  });

  it('says in server_info what a client sees, quickly, and starts nothing', async () => {
    // Nobody has ever worked there, so that the server lists nobody.
    const mcp = await box.server({ OPENAI_API_KEY: 'sk-canary', TEMPORAL_NAMESPACE: 'forgetful' });
    await mcp.call('server_info');
    const { record, seconds } = await mcp.call('server_info');
    expect(record['findings']).toContainEqual(expect.objectContaining({ id: 'workers', level: 'error' }));
    expect(record['findings']).toContainEqual(expect.objectContaining({ id: 'accounts', level: 'warning', message: expect.stringContaining('ignored') }));
    expect(record).toMatchObject({ temporal: { mode: 'remote', address: temporal.address, namespace: 'forgetful', state: 'ready' }, default_provider: 'by the workers' });
    expect(seconds).toBeLessThan(5);
    expect(JSON.stringify(record).length).toBeLessThan(6_000);
    expect(await box.processes()).toEqual([{ pid: mcp.pid, role: 'stdio' }]);
    await mcp.close();
  });
});
