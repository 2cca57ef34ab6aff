import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { runSupervisor } from '../../src/local/supervisor.js';
import { readSettings } from '../../src/config.js';
import { createLogger } from '../../src/log.js';
import { VERSION } from '../../src/version.js';
import { childrenOf, settled, testFolder, until, type TestFolder } from './local-support.js';

jest.setTimeout(120_000);

const onLinux = process.platform === 'linux' ? it : it.skip;
let folder: TestFolder;
afterEach(async () => {
  await folder.remove();
});

describe('the local stack', () => {
  onLinux('ends a server that outlived its supervisor and its wrapper', async () => {
    folder = await testFolder();
    const first = folder.client();
    await folder.ready(first);
    const { pids } = await settled(first);
    await first.close();
    const wrappers = (await childrenOf(pids.supervisor)).filter((pid) => pid !== pids.worker);
    const watchers = (await Promise.all(wrappers.map(childrenOf))).flat().filter((pid) => pid !== pids.temporal);
    // The watcher first, so that nobody is left to end the server.
    for (const pid of [...watchers, ...wrappers, pids.supervisor]) process.kill(pid, 'SIGKILL');
    expect(await folder.servers()).toEqual([pids.temporal]);
    const second = folder.client();
    await folder.ready(second);
    const after = await settled(second);
    expect(await folder.servers()).toEqual([after.pids.temporal]);
    expect(after.pids.temporal).not.toBe(pids.temporal);
  });

  it('chooses another port when another program has taken its own, and says so', async () => {
    folder = await testFolder();
    const stack = folder.client();
    await folder.ready(stack);
    const { ports } = await settled(stack);
    await folder.down();
    const thief = createServer();
    await new Promise<void>((resolve) => {
      thief.listen(ports?.grpc, '127.0.0.1', resolve);
    });
    try {
      const { address } = await folder.ready(stack);
      const status = await settled(stack);
      expect(address).not.toBe(`127.0.0.1:${ports?.grpc}`);
      expect(status.ports?.ui).toBe(ports?.ui);
      expect(status.messages).toEqual([expect.stringContaining(`Port ${ports?.grpc} of the Temporal server is taken`)]);
    } finally {
      thief.close();
    }
  });

  it('makes a new database, with a new id, for one that is missing, of another server, or damaged', async () => {
    folder = await testFolder();
    const stack = folder.client();
    const ids = [(await folder.ready(stack)).databaseId];
    const again = async (expected: string): Promise<void> => {
      ids.push((await folder.ready(stack)).databaseId);
      expect((await stack.state()).messages).toEqual([expect.stringContaining(expected)]);
      expect(new Set(ids).size).toBe(ids.length);
    };
    await folder.down();
    await rm(join(folder.dataDir, 'temporal.db'));
    await again('missing');
    await folder.down();
    const known = await readFile(join(folder.dataDir, 'database.json'), 'utf8');
    await writeFile(join(folder.dataDir, 'database.json'), known.replace(/"1\.29\.\d+"/, '"1.24.2"'));
    await again('made by Temporal server 1.24.2');
    await folder.down();
    await writeFile(join(folder.dataDir, 'temporal.db'), 'this is no database');
    await again('damaged');
    const aside = (await readdir(folder.dataDir)).filter((name) => /^temporal\.db\.set-aside-[\dTZ.-]+$/.test(name));
    expect(aside).toHaveLength(2);
  });

  it('ends by itself without clients and movable jobs, and not before', async () => {
    folder = await testFolder({ IMAGE_STACK_IDLE_MINUTES: '0.02' });
    const stack = folder.client();
    const { address } = await folder.ready(stack);
    const connection = await Connection.connect({ address });
    const client = new Client({ connection });
    const job = await client.workflow.start('imageJob', { taskQueue: 'nobody', workflowId: 'open', args: [] });
    await until(async () => (await client.workflow.count('ExecutionStatus = "Running"')).count === 1);
    await stack.close();
    const observer = folder.client();
    // Longer than the idle time: the open job keeps it.
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect((await observer.state()).state).toBe('ready');
    await job.terminate();
    await connection.close();
    await until(async () => (await observer.state()).state === 'stopped');
    await until(async () => (await folder.servers()).length === 0);
  });

  it('is replaced by a newer package', async () => {
    folder = await testFolder();
    const settings = readSettings(folder.env);
    const older = runSupervisor({
      settings,
      version: '0.0.1',
      env: folder.env,
      workerCommand: [process.execPath, '-e', 'process.on("message", () => process.send({ type: "ready" }))'],
      logger: createLogger('silent', 'test'),
    });
    const observer = folder.client();
    await until(async () => (await observer.state()).state === 'ready');
    expect((await observer.state()).versions.package).toBe('0.0.1');
    const newer = folder.client();
    await folder.ready(newer);
    await older;
    expect((await newer.state()).versions.package).toBe(VERSION);
    expect(await folder.servers()).toHaveLength(1);
  });

  it('tells one failure that names every way to a server, and tries again later', async () => {
    folder = await testFolder({
      TEMPORAL_CLI: '/nowhere/temporal',
      PATH: '/usr/bin:/bin',
      // Offline: nothing listens there, and Go may not ask anybody.
      IMAGE_TEMPORAL_DOWNLOAD_URL: 'http://127.0.0.1:9',
      GOPROXY: 'off',
    });
    folder.env['GOMODCACHE'] = join(folder.dataDir, 'no-modules');
    folder.env['IMAGE_CACHE_DIR'] = join(folder.dataDir, 'cache');
    await expect(folder.client().ensure(60_000)).rejects.toMatchObject({
      code: 'TEMPORAL_UNAVAILABLE',
      message: expect.stringMatching(/TEMPORAL_CLI.*the cache.*an installed one.*the release 1\.5\.1.*go install/),
    });
    expect(await folder.client().state()).toMatchObject({ state: 'failed' });
  });

  it('refuses a data folder that cannot be made', async () => {
    folder = await testFolder();
    await writeFile(join(folder.dataDir, 'file'), '');
    folder.env['IMAGE_DATA_DIR'] = join(folder.dataDir, 'file', 'data');
    await expect(folder.client().ensure(5_000)).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      nextStep: expect.stringContaining('IMAGE_DATA_DIR'),
    });
  });
});

