import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isAlive } from '../../src/local/processes.js';
import type { LocalStack, StackAddress } from '../../src/local/stack-client.js';
import { childrenOf, exposed, filesBelow, settled, testFolder, until, type TestFolder } from './local-support.js';

jest.setTimeout(120_000);

const CANARY = 'sk-canary-0123456789';
const ACCOUNT = { provider: 'openai' as const, baseUrl: 'https://example.test/v1', key: CANARY };
const onLinux = process.platform === 'linux' ? it : it.skip;

describe('a local stack', () => {
  let folder: TestFolder;
  let stack: LocalStack;
  let address: StackAddress;

  beforeAll(async () => {
    folder = await testFolder({ OPENAI_API_KEY: CANARY, SOME_OTHER_TOKEN: CANARY, IMAGE_SOME_KEY: CANARY });
    stack = folder.client();
    await stack.announce([ACCOUNT]);
    // Two clients at the same moment: each starts a supervisor, and one of them stays.
    const other = folder.client();
    const [one, two] = await Promise.all([folder.ready(stack), folder.ready(other)]);
    expect(one).toEqual(two);
    await other.close();
    address = one;
  });
  afterAll(async () => {
    await folder.remove();
  });

  async function startJob(workflowId: string): Promise<void> {
    const connection = await Connection.connect({ address: address.address });
    await new Client({ connection }).workflow.start('imageJob', { taskQueue: 'image-jobs', workflowId, args: [] });
    await connection.close();
  }

  async function statusOf(workflowId: string): Promise<string> {
    const connection = await Connection.connect({ address: address.address });
    try {
      return (await new Client({ connection }).workflow.getHandle(workflowId).describe()).status.name;
    } finally {
      await connection.close();
    }
  }

  it('is one, keeps history for 90 days and knows the search attributes', async () => {
    expect(await folder.servers()).toHaveLength(1);
    const connection = await Connection.connect({ address: address.address });
    const { config } = await connection.workflowService.describeNamespace({ namespace: address.namespace });
    expect(Number(config?.workflowExecutionRetentionTtl?.seconds)).toBe(90 * 24 * 3600);
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace: address.namespace });
    expect(Object.keys(customAttributes)).toEqual(
      expect.arrayContaining(['ImageKind', 'ImageProvider', 'ImageTenant', 'ImageSession', 'ImageTags']),
    );
    await connection.close();
  });

  it('names the processes themselves, its ports and its versions', async () => {
    const status = await settled(stack);
    expect(await folder.servers()).toEqual([status.pids.temporal]);
    expect(status.address).toBe(`127.0.0.1:${status.ports?.grpc}`);
    expect(status.ui_url).toBe(`http://127.0.0.1:${status.ports?.ui}`);
    expect(status.versions.temporal_server).toMatch(/^1\.29\./);
    expect(status.accounts).toMatchObject([{ provider: 'openai', base_url: ACCOUNT.baseUrl, source: 'client' }]);
    expect(await fetch(status.ui_url ?? '').then((response) => response.status)).toBe(200);
  });

  onLinux('shows no key in a file, an argument or an environment', async () => {
    const { pids } = await settled(stack);
    const processes = [pids.supervisor, ...(await childrenOf(pids.supervisor)), pids.temporal];
    expect(processes).toContain(pids.worker);
    for (const pid of processes) expect(await exposed(pid)).not.toContain(CANARY);
    for (const file of await filesBelow(folder.dataDir)) expect((await readFile(file)).includes(CANARY)).toBe(false);
  });

  it('restarts a killed worker and gives it the accounts again', async () => {
    const before = await settled(stack);
    process.kill(before.pids.worker, 'SIGKILL');
    await until(async () => (await stack.state()).worker.state !== 'running' || (await stack.state()).worker.restarts > 0);
    const after = await settled(stack);
    expect(after.pids.worker).not.toBe(before.pids.worker);
    expect(after.pids.temporal).toBe(before.pids.temporal);
    const seen = await readFile(join(folder.dataDir, `worker-${after.pids.worker}.json`), 'utf8');
    expect(JSON.parse(seen)).toMatchObject({ accounts: [{ provider: 'openai' }] });
  });

  it('restarts a killed server on its database and port', async () => {
    await startJob('before-server-kill');
    const before = await settled(stack);
    process.kill(before.pids.temporal, 'SIGKILL');
    await until(async () => (await stack.state()).server.restarts > before.server.restarts);
    const after = await settled(stack);
    expect(after.pids.temporal).not.toBe(before.pids.temporal);
    expect(after.ports).toEqual(before.ports);
    expect(await statusOf('before-server-kill')).toBe('RUNNING');
  });

  onLinux('does not leave a server behind when its wrapper is killed', async () => {
    const before = await settled(stack);
    const wrapper = (await childrenOf(before.pids.supervisor)).find((pid) => pid !== before.pids.worker);
    process.kill(wrapper ?? 0, 'SIGKILL');
    await until(async () => (await stack.state()).server.restarts > before.server.restarts);
    const after = await settled(stack);
    expect(await folder.servers()).toEqual([after.pids.temporal]);
    expect(await isAlive(before.pids.temporal)).toBe(false);
  });

  it('is started again by its client when the supervisor is killed, with ports, database and accounts', async () => {
    await startJob('before-supervisor-kill');
    const before = await settled(stack);
    process.kill(before.pids.supervisor, 'SIGKILL');
    await until(async () => (await stack.state()).pids.supervisor !== before.pids.supervisor);
    const after = await settled(stack);
    expect(after.pids.supervisor).not.toBe(before.pids.supervisor);
    expect(after.ports).toEqual(before.ports);
    expect(after.database_id).toBe(before.database_id);
    expect(after.accounts).toEqual(before.accounts);
    await until(async () => !(await isAlive(before.pids.temporal)) && !(await isAlive(before.pids.worker)));
    expect(await folder.servers()).toEqual([after.pids.temporal]);
    expect(await statusOf('before-supervisor-kill')).toBe('RUNNING');
  });

  it('tells an older client to restart', async () => {
    const older = folder.client({ version: '0.0.1' });
    await expect(older.ensure(5_000)).rejects.toMatchObject({ nextStep: expect.stringContaining('Restart this MCP client') });
    expect(await older.connectIfRunning()).toBeUndefined();
  });

  it('drains the worker on down, leaves no process, and comes back with the same ports only when it is wanted', async () => {
    const before = await settled(stack);
    await folder.down();
    for (const pid of Object.values(before.pids)) expect(await isAlive(pid)).toBe(false);
    expect(await folder.servers()).toEqual([]);
    expect(JSON.parse(await readFile(join(folder.dataDir, `worker-${before.pids.worker}.json`), 'utf8'))).toMatchObject({ drained: true });
    expect(await stack.state()).toMatchObject({ state: 'stopped', ports: before.ports });
    expect(await stack.connectIfRunning()).toBeUndefined();
    expect(await folder.ready(stack)).toEqual(address);
    expect((await settled(stack)).database_id).toBe(before.database_id);
  });
});
