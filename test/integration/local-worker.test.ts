import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import { isAlive } from '../../src/local/processes.js';
import { settled, testFolder, until, type TestFolder } from './local-support.js';

jest.setTimeout(120_000);

let folder: TestFolder;
beforeEach(async () => {
  folder = await testFolder({ IMAGE_STACK_IDLE_MINUTES: '0.05', OPENAI_API_KEY: '', EFLOWCODE_API_KEY: '', EF_API_KEY: '' });
});
afterEach(async () => {
  await folder.remove();
});

describe('the local stack with its real worker', () => {
  it('is idle although a job waits for a key, which only a client can bring', async () => {
    const stack = folder.client({ realWorker: true });
    const { address } = await folder.ready(stack);
    await settled(stack);
    const connection = await Connection.connect({ address });
    const { workflow } = new Client({ connection });
    const input = { kind: 'image_generate', prompt: 'a lamp', provider: 'openai' };
    const job = await workflow.start('imageJob', { taskQueue: 'image-jobs', workflowId: 'waits', args: [input] });
    await until(async () => {
      const { pendingActivities } = (await job.describe()).raw;
      return pendingActivities?.[0]?.lastFailure?.applicationFailureInfo?.type === 'WAITING_FOR_KEY';
    });
    await connection.close();
    await stack.close();
    const observer = folder.client();
    await until(async () => (await observer.state()).state === 'stopped');
    await until(async () => (await folder.servers()).length === 0);
  });

  it('leaves no process when its supervisor is killed', async () => {
    const stack = folder.client({ realWorker: true });
    await folder.ready(stack);
    const { pids } = await settled(stack);
    await stack.close();
    process.kill(pids.supervisor, 'SIGKILL');
    await until(async () => !(await isAlive(pids.temporal)) && !(await isAlive(pids.worker)));
    expect((await folder.client().state()).state).toBe('stopped');
  });
});
