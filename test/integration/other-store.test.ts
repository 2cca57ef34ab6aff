import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { makeBox, startDevServer, until, type Box, type DevServer } from '../support/e2e.js';

jest.setTimeout(120_000);

let temporal: DevServer;
let box: Box;

beforeAll(async () => {
  temporal = await startDevServer();
  box = await makeBox({ TEMPORAL_ADDRESS: temporal.address });
});
afterAll(async () => {
  await box.close();
  await temporal.close();
});

describe('a client whose store is not that of the workers', () => {
  it('is told so by the first call, with both stores, and nothing is started', async () => {
    const early = await box.server({ IMAGE_BLOB_STORE: `file:${box.folder}/early` });
    // Nobody can know before a worker has come.
    const job = await early.start('image_generate_async', { prompt: 'before any worker' });
    box.background(['worker']);
    await until(async () => (await temporal.temporal('schedule', 'list')).stdout.includes('image-garbage-collection-'), 'the worker');
    const server = await box.server({ IMAGE_BLOB_STORE: `file:${box.folder}/own` });
    const { record } = await server.call('image_generate_async', { prompt: 'never made' });
    expect(record).toMatchObject({ ok: false, error: { code: 'STORE_UNAVAILABLE', retryable: true } });
    expect(record.error?.message).toContain(`file:${box.folder}/own`);
    expect(record.error?.message).toContain(`file:${join(box.dataDir, 'store')}`);
    expect((await server.call('image_job_list')).record).toMatchObject({ jobs: [{ job_id: job }] });

    // The job from before waits, and says why.
    const waiting = await until(async () => {
      const { record: seen } = await early.call('image_job_status', { job_id: job });
      return seen.error?.code === 'STORE_UNAVAILABLE' ? seen : undefined;
    }, 'the reason');
    expect(waiting).toMatchObject({ status: 'running', error: { message: expect.stringContaining(`(file:${join(box.dataDir, 'store')})`) } });

    const right = await box.server();
    expect(await right.finished(await right.start('image_generate_async', { prompt: 'with the same store', provider: 'local' }))).toMatchObject({ status: 'completed' });
  });
});
