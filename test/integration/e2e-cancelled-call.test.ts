import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import * as z from 'zod';
import { makeBox, until, type Box, type Mcp } from '../support/e2e.js';
import { startFakeOpenAi, type FakeOpenAi } from '../support/fake-openai.js';

jest.setTimeout(120_000);

const listSchema = z.looseObject({ jobs: z.array(z.looseObject({ job_id: z.string(), title: z.string(), status: z.string() })) });

describe('a call that is cancelled while it waits', () => {
  let box: Box;
  let fake: FakeOpenAi;
  let server: Mcp;

  beforeAll(async () => {
    fake = await startFakeOpenAi({ complete_after_polls: Number.MAX_SAFE_INTEGER });
    box = await makeBox({ OPENAI_API_KEY: 'sk-cancelled-call', OPENAI_BASE_URL: fake.url });
    server = await box.server();
    await server.finished(await server.start('image_generate_async', { prompt: 'a warm-up', provider: 'local', size: '64x64' }));
  });
  afterAll(async () => {
    await box.close();
    await fake.close();
  });

  const listed = async (): Promise<z.infer<typeof listSchema>['jobs']> => listSchema.parse((await server.call('image_job_list')).record).jobs;

  it.each([
    ['image_generate', 'a lighthouse in the rain'],
    ['image_job_wait', 'a windmill at dusk'],
  ])('%s: the job runs on, a list shows it by its title at once, and it completes', async (tool, prompt) => {
    fake.settings.complete_after_polls = Number.MAX_SAFE_INTEGER;
    const args = { prompt, provider: 'openai', size: '1024x1024' };
    const started = tool === 'image_job_wait' ? { job_id: await server.start('image_generate_async', args) } : args;
    const progress: string[] = [];
    const abort = new AbortController();
    const call = server.client.callTool({ name: tool, arguments: started }, undefined, {
      signal: abort.signal,
      onprogress: ({ message }) => void progress.push(message ?? ''),
    });
    // The first message names the job: nobody is left without its ID.
    await until(() => progress.length > 0, 'the first progress message');
    const [job] = await listed();
    expect(job).toMatchObject({ title: prompt, status: 'running' });
    expect(progress[0]).toContain(job?.job_id);
    abort.abort('the user pressed a key');
    await expect(call).rejects.toThrow();

    expect((await listed())[0]).toMatchObject({ job_id: job?.job_id, title: prompt, status: 'running' });
    expect((await server.call('image_job_status', { job_id: job?.job_id })).record).toMatchObject({ status: 'running' });
    fake.settings.complete_after_polls = 1;
    expect(await server.finished(job?.job_id ?? '')).toMatchObject({ status: 'completed' });
  });

  it('paid once for each', () => {
    expect(fake.ledger().total).toBe(2);
  });
});
