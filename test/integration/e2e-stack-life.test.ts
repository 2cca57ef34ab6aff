import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { makeBox, until, type Box } from '../support/e2e.js';

/** When the processes of the local stack come and go, and where they connect to. */
jest.setTimeout(120_000);

const PICTURE = { prompt: 'a kite', provider: 'local', size: '64x64' };

let box: Box;
afterEach(async () => await box.close());

async function roles(): Promise<string[]> {
  return (await box.processes()).map(({ role }) => role).sort();
}

describe('the local stack', () => {
  it('is not started by sixteen servers that are only asked for their tools, resources and state', async () => {
    box = await makeBox();
    const servers = await Promise.all(Array.from({ length: 16 }, async () => await box.server()));
    for (const server of servers) {
      expect((await server.client.listTools()).tools.length).toBeGreaterThan(5);
      expect((await server.client.listResources()).resources).toEqual([]);
      expect((await server.call('server_info')).record.ok).toBe(true);
      expect((await server.call('image_job_list')).record.ok).toBe(true);
    }
    expect(await roles()).toEqual(Array.from({ length: 16 }, () => 'stdio'));
  });

  it('leaves no process when its clients are gone and nothing can move', async () => {
    box = await makeBox({ IMAGE_STACK_IDLE_MINUTES: '0.05' });
    const server = await box.server();
    const jobId = await server.start('image_generate_async', PICTURE);
    expect(await server.finished(jobId)).toMatchObject({ status: 'completed' });
    expect(await roles()).toEqual(expect.arrayContaining(['stdio', 'supervisor', 'temporal', 'worker']));
    await server.close();
    await until(async () => (await roles()).length === 0, 'the last process to end');

    // The manifest answers for the job that has ended, and starts nothing for it.
    const later = await box.server();
    expect((await later.call('image_job_status', { job_id: jobId })).record).toMatchObject({ status: 'completed' });
    expect(await roles()).toEqual(['stdio']);
  });
});

describe('a temporal.toml', () => {
  let connections = 0;
  let listener: Server;

  async function listen(): Promise<number> {
    connections = 0;
    listener = createServer((socket) => {
      connections += 1;
      socket.destroy();
    });
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    const address = listener.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return address.port;
  }

  afterEach(() => void listener.close());

  it('with a default profile is left alone while no TEMPORAL_ variable is set', async () => {
    const port = await listen();
    box = await makeBox();
    const folder = join(box.folder, 'home', process.platform === 'darwin' ? 'Library/Application Support' : '.config', 'temporalio');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'temporal.toml'), `[profile.default]\naddress = "127.0.0.1:${port}"\nnamespace = "default"\n`);

    const server = await box.server();
    const jobId = await server.start('image_generate_async', PICTURE);
    expect(await server.finished(jobId)).toMatchObject({ status: 'completed' });
    expect((await server.call('server_info')).record).toMatchObject({ temporal: { mode: 'local' } });
    expect(connections).toBe(0);

    // The same file is used as soon as somebody asks for it.
    const asked = await box.server({ TEMPORAL_PROFILE: 'default' });
    expect((await asked.call('image_generate_async', PICTURE)).record.error?.code).toBe('TEMPORAL_UNAVAILABLE');
    expect(connections).toBeGreaterThan(0);
  });
});
