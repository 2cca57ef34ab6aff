import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import * as z from 'zod';
import { makeBox, startDevServer, until, type AnswerRecord, type Box, type Mcp } from '../support/e2e.js';
import { startFakeOpenAi, type FakeOpenAi } from '../support/fake-openai.js';
import { responseExamples, shapeOf } from '../support/response-examples.js';

/** docs/responses.md against what the built server answers; STARTING is compared in e2e-starting.test.ts. */
jest.setTimeout(120_000);

const PHOTOS = ['chelsea.png', 'coffee.png'];
const REFERENCES = fileURLToPath(new URL('../../examples/references', import.meta.url));
const PICTURE = { prompt: 'a kite', provider: 'openai', size: '1024x1024' };

const serverInfo = z.looseObject({ providers: z.record(z.string(), z.unknown()) });

/** The example shows some of the providers, and each looks like every other. */
function oneEntry(answer: unknown): unknown {
  const read = serverInfo.safeParse(answer);
  return read.success ? { ...read.data, providers: Object.values(read.data.providers) } : answer;
}

describe('docs/responses.md', () => {
  const examples = responseExamples();
  const compared = new Set(['The service is being prepared']);
  let box: Box;
  let fake: FakeOpenAi;
  let server: Mcp;

  const answers = async (heading: string, tool: string, args: Record<string, unknown>, by = server): Promise<AnswerRecord> => {
    const { record } = await by.call(tool, args);
    compared.add(heading);
    expect({ heading, shape: shapeOf(oneEntry(record)) }).toEqual({ heading, shape: shapeOf(oneEntry(examples.get(heading))) });
    return record;
  };

  beforeAll(async () => {
    fake = await startFakeOpenAi();
    box = await makeBox({ OPENAI_API_KEY: 'sk-responses', OPENAI_BASE_URL: fake.url, OPENAI_IMAGE_MODEL: 'gpt-image-1' });
    // In the server's working folder, which is one of its roots.
    for (const name of PHOTOS) await cp(join(REFERENCES, name), join(box.folder, name));
    server = await box.server();
    await server.finished(await server.start('image_generate_async', { prompt: 'a warm-up', provider: 'local', size: '64x64' }));
  });
  afterAll(async () => {
    await box.close();
    await fake.close();
  });

  it('shows jobs that end well', async () => {
    const { job_id } = await answers('A started job', 'image_generate_async', PICTURE);
    await answers('A finished job', 'image_job_wait', { job_id });
    await answers('A picture', 'image_job_get_image', { job_id, variant: 'full' });
    await answers('A tool that waits', 'image_generate', { prompt: 'a kite', provider: 'local', size: '64x64' });
  });

  it('shows jobs that run', async () => {
    const { record: ended } = await server.call('image_generate', PICTURE);
    fake.fault({ kind: 'never_done', times: 10 });
    const { record: running } = await server.call('image_generate_async', { ...PICTURE, n: 4, tags: ['autumn'] });
    await until(async () => (await server.call('image_job_status', { job_id: running.job_id })).record.stage === 'generating', 'the job to generate');
    await answers('A running job', 'image_job_status', { job_id: running.job_id });
    await answers('Several jobs', 'image_job_wait', { job_ids: [ended.job_id, running.job_id], timeout_seconds: 0 });
    await answers('A list', 'image_job_list', { limit: 2 });
    await answers('A cancelled job', 'image_job_cancel', { job_id: running.job_id });
    fake.reset();
  });

  it('shows a job that waits for somebody', async () => {
    const temporal = await startDevServer();
    try {
      // Nobody works there.
      const other = await box.server({ TEMPORAL_ADDRESS: temporal.address });
      const { record: started } = await other.call('image_generate_async', { prompt: 'a kite', provider: 'local', size: '64x64' });
      const record = await answers('A job that waits for somebody', 'image_job_wait', { job_id: started.job_id }, other);
      expect(record).toMatchObject({ next_step: z.looseObject({ next_step: z.string() }).parse(examples.get('A job that waits for somebody')).next_step });
      await other.close();
    } finally {
      await temporal.close();
    }
  });

  it('shows jobs that fail', async () => {
    fake.fault({ kind: 'moderation' });
    await answers('A batch that waits', 'image_batch_edit', { prompt: 'make it grey', image_paths: PHOTOS, provider: 'openai' });
    fake.fault({ kind: 'moderation' });
    const { record: failed } = await server.call('image_generate_async', PICTURE);
    await answers('A failed job', 'image_job_wait', { job_id: failed.job_id });
    await answers('A deleted job', 'image_job_delete', { job_id: failed.job_id });
    fake.fault({ kind: 'reply_lost' });
    const { record: lost } = await server.call('image_generate', PICTURE);
    await answers('Nobody has agreed', 'image_job_retry', { job_id: lost.job_id, acknowledge_possible_double_charge: true });
  });

  it('shows refusals and the server', async () => {
    await answers('Several problems', 'image_generate_async', { size: '1x1', priority: 9 });
    await answers('An unknown job', 'image_job_status', { job_id: 'img-nope' });
    await answers('About the server', 'server_info', {});
  });

  it('has no other example', () => {
    expect([...examples.keys()].sort()).toEqual([...compared].sort());
  });
});
