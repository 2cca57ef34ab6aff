import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startFakeOpenAi, type FakeOpenAi } from '../support/fake-openai.js';
import { makeBox, plainEnvironment, run, until, type Box, type Mcp } from '../support/e2e.js';

jest.setTimeout(120_000);

const PICTURE = { provider: 'openai', size: '512x512' };

/** Two MCP servers of one machine, as two clients have them, or one client before and after its restart. */
describe('a request that was started before', () => {
  let box: Box;
  let fake: FakeOpenAi;
  let one: Mcp;
  let other: Mcp;

  beforeAll(async () => {
    fake = await startFakeOpenAi();
    box = await makeBox({ OPENAI_API_KEY: 'sk-identical', OPENAI_BASE_URL: fake.url });
    [one, other] = [await box.server(), await box.server()];
    await one.finished(await one.start('image_generate_async', { prompt: 'a warm-up', provider: 'local', size: '64x64' }));
  });
  afterAll(async () => {
    await box.close();
    await fake.close();
  });

  async function neverDone(prompt: string): Promise<string> {
    fake.fault({ kind: 'never_done', match: prompt, times: 5 });
    return await one.start('image_generate_async', { ...PICTURE, prompt });
  }

  async function warningsOf(mcp: Mcp, args: Record<string, unknown>): Promise<string[]> {
    const { record } = await mcp.call('image_generate_async', { ...PICTURE, ...args });
    expect(record).toMatchObject({ ok: true, status: 'running', job_id: expect.stringMatching(/^img-/) });
    expect(record.deduplicated).toBeUndefined();
    return record.warnings ?? [];
  }

  it('and still runs is started, with a warning that names it, by this process, another and one that came later', async () => {
    const first = await neverDone('a slow kite');
    // What does not shape the picture does not make it another one.
    expect(await warningsOf(other, { prompt: 'a slow kite', tags: ['again'], priority: 1, idempotency_key: 'one' })).toEqual([`identical job ${first} is still running`]);
    expect(await warningsOf(await box.server(), { prompt: 'a slow kite', n: 1 })).toEqual([expect.stringMatching(/^identical job img-[0-9a-f]{32} is still running$/)]);
    expect(await warningsOf(one, { prompt: 'another slow kite' })).toEqual([]);
  });

  it('and has ended is started without a word', async () => {
    const made = await one.start('image_generate_async', { ...PICTURE, prompt: 'a quick kite' });
    await one.finished(made);
    expect(await warningsOf(other, { prompt: 'a quick kite' })).toEqual([]);
  });

  it('and was ended by an operator, with nobody looking, is started without a word', async () => {
    const ended = await neverDone('a terminated kite');
    const { address, temporal_binary: binary } = await box.ready();
    await run(binary ?? '', ['workflow', 'terminate', '--workflow-id', ended, '--address', address ?? ''], plainEnvironment());
    expect(await warningsOf(other, { prompt: 'a terminated kite' })).toEqual([]);
  });

  it('is told of also when a later one of the same has ended', async () => {
    const first = await neverDone('a kept kite');
    const { record } = await other.call('image_generate_async', { ...PICTURE, prompt: 'a kept kite' });
    await other.call('image_job_cancel', { job_id: record.job_id });
    await until(async () => (await other.call('image_job_status', { job_id: record.job_id })).record.done, 'the later one to end');
    expect(await warningsOf(other, { prompt: 'a kept kite' })).toEqual([`identical job ${first} is still running`]);
  });
});
