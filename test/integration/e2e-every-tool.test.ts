import { createHash } from 'node:crypto';
import { appendFile, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import * as z from 'zod';
import { BUDGET } from '../../src/mcp/present.js';
import { TOOLS } from '../../src/mcp/tools/index.js';
import { makeBox, until, type Box } from '../support/e2e.js';
import { startFakeOpenAi, type FakeOpenAi } from '../support/fake-openai.js';
import { pythonClient, typescriptClient, type ToolClient, type ToolResult } from '../support/tool-clients.js';

/** Every tool through success and refusal, by two clients that people have; neither may throw. */
jest.setTimeout(180_000);

const PHOTOS = ['chelsea.png', 'coffee.png', 'rocket.jpg'].map((name) =>
  fileURLToPath(new URL(`../../examples/references/${name}`, import.meta.url)),
);
const [CAT = '', CUP = '', ROCKET = ''] = PHOTOS;
const SMALL = { provider: 'local', size: '64x64' };
const USUAL_FOLDER = '/home/user/Pictures/durable-image-mcp';
const NEVER_SEEN = 'img-00000000000000000000000000000000';

const recordSchema = z.looseObject({
  ok: z.boolean(),
  job_id: z.string().default(''),
  status: z.string().optional(),
  done: z.boolean().optional(),
  warnings: z.array(z.string()).default([]),
  result: z.looseObject({ saved: z.array(z.looseObject({ path: z.string(), uri: z.string(), sha256: z.string(), size_bytes: z.number() })) }).optional(),
  saved: z.array(z.looseObject({ path: z.string() })).optional(),
  results: z.array(z.looseObject({ ok: z.boolean() })).optional(),
  jobs: z.array(z.looseObject({ job_id: z.string(), status: z.string() })).optional(),
  next_cursor: z.string().optional(),
  error: z.looseObject({ code: z.string(), message: z.string(), next_step: z.string(), problems: z.array(z.looseObject({ field: z.string() })).optional() }).optional(),
});
type Answered = z.infer<typeof recordSchema> & { bytes: number; images: number };

/** The form that every answer has: one text block of one line, structured when it is a report, and nothing of the SDK's own. */
function checked(answer: ToolResult): Answered {
  const texts = answer.content.flatMap(({ type, text }) => (type === 'text' ? [text ?? ''] : []));
  expect(texts).toHaveLength(1);
  const [text = ''] = texts;
  expect(text).not.toContain('\n');
  expect(text).not.toContain('MCP error');
  const record = recordSchema.parse(JSON.parse(text));
  if (answer.isError === true) {
    expect(answer.structuredContent).toBeUndefined();
    expect(record.error?.message.startsWith(record.error.code)).toBe(true);
  } else {
    expect(answer.structuredContent).toEqual(JSON.parse(text));
  }
  expect(Buffer.byteLength(JSON.stringify(answer))).toBeLessThanOrEqual(1024 * 1024);
  const images = answer.content.filter(({ type }) => type === 'image');
  for (const { data } of images) expect(Buffer.from(data ?? '', 'base64').length).toBeLessThan(700 * 1024);
  return { ...record, bytes: Buffer.byteLength(text), images: images.length };
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Tools that answer a record, and in which of its views. */
const VIEW = new Map<string, 'brief' | 'full'>(
  TOOLS.map(({ name }) => name)
    .filter((name) => !['server_info', 'image_job_list', 'image_job_get_image'].includes(name))
    .map((name) => [name, name === 'image_job_status' ? 'full' : 'brief']),
);

/** The contract's bytes of a record, with our own ids and folders; an answer about several jobs has so many of them. */
function expectWithinBudget(tool: string, { bytes, status, result, results, jobs, folderBytes }: Answered & { folderBytes: number }): void {
  const view = VIEW.get(tool);
  if (view === undefined || jobs !== undefined || (status !== 'running' && status !== 'completed')) return;
  const pictures = result?.saved.length ?? 0;
  // Those of the contract are of one picture; the tools that wait name it twice.
  const more = Math.max(0, pictures - 1) * (BUDGET.furtherImage + 2 * BUDGET.furtherEntry) + (results?.length ?? 0) * BUDGET.failedEntry;
  expect({ tool, status, over: Math.max(0, bytes - BUDGET[view][status] - more - folderBytes) }).toEqual({ tool, status, over: 0 });
}

describe.each([
  ['the TypeScript SDK', typescriptClient],
  ['the Python SDK', pythonClient],
])('a client of %s', (_name, connect) => {
  let box: Box;
  let fake: FakeOpenAi;
  let client: ToolClient;
  const called = new Set<string>();
  const call = async (name: string, args: Record<string, unknown> = {}): Promise<Answered> => {
    called.add(name);
    const answered = checked(await client.call(name, args));
    const paths = [...(answered.result?.saved ?? []), ...(answered.saved ?? [])].map(({ path }) => path);
    // Of the test's folder, where the contract counts with the usual one.
    expectWithinBudget(name, { ...answered, folderBytes: paths.length * Math.max(0, box.pictures.length - USUAL_FOLDER.length) });
    return answered;
  };
  const refusal = async (name: string, args: Record<string, unknown>): Promise<string> => (await call(name, args)).error?.code ?? 'no refusal';

  beforeAll(async () => {
    fake = await startFakeOpenAi();
    box = await makeBox({ OPENAI_API_KEY: 'sk-every-tool', OPENAI_BASE_URL: fake.url });
    client = await connect(box.env);
    await until(async () => (await call('image_generate', { prompt: 'a warm-up', ...SMALL })).status === 'completed', 'the stack');
  });
  afterAll(async () => {
    await client.close();
    await box.close();
    await fake.close();
  });

  it('makes pictures with each form that waits', async () => {
    for (const [tool, args] of [
      ['image_generate', { prompt: 'a red kite', n: null, size: '' }],
      ['image_edit', { prompt: 'rotate by 90 degrees', image_path: CAT, mask_path: null }],
      ['image_batch_edit', { prompt: 'make it grey', image_paths: JSON.stringify([CAT, ROCKET]) }],
      ['image_multi_reference', { prompt: 'the cat drinks the coffee', image_paths: PHOTOS }],
    ] as const) {
      const record = await call(tool, { provider: 'local', ...args });
      expect(record).toMatchObject({ ok: true, kind: tool, status: 'completed', done: true });
      expect(record.images).toBeGreaterThan(0);
      for (const { path, sha256: digest } of record.result?.saved ?? []) expect(sha256(await readFile(path))).toBe(digest);
      const top = tool === 'image_batch_edit' ? record['results'] : record.saved;
      expect(top).toHaveLength(tool === 'image_batch_edit' ? 2 : 1);
    }
  });

  it('starts each kind, waits for all at once, reads and lists them', async () => {
    const ids: string[] = [];
    for (const [tool, args] of [
      ['image_generate_async', { prompt: 'two kites', n: '2' }],
      ['image_edit_async', { prompt: 'mirror it', image_path: CUP }],
      ['image_batch_edit_async', { prompt: 'make it brighter', image_paths: [CAT, CUP] }],
      ['image_multi_reference_async', { prompt: 'all in one', image_paths: JSON.stringify(PHOTOS) }],
    ] as const) {
      const record = await call(tool, { ...SMALL, tags: ['both', 'kinds'], ...args });
      expect(record).toMatchObject({ ok: true, status: 'running' });
      expect(record.bytes).toBeLessThanOrEqual(400);
      ids.push(record.job_id);
    }
    expect(await call('image_job_wait', { job_ids: ids, until: 'all' })).toMatchObject({ ok: true, timed_out: false });
    const status = await call('image_job_status', { job_id: ids[0] });
    expect(status).toMatchObject({ ok: true, status: 'completed', tags: ['both', 'kinds'] });
    expect(status.result?.saved).toHaveLength(2);

    const page = await call('image_job_list', { tag: 'both', limit: '3', since: '1h' });
    expect(page.jobs?.map(({ job_id }) => job_id)).toEqual(ids.slice(1).reverse());
    const rest = await call('image_job_list', { tag: 'both', limit: 3, cursor: page.next_cursor });
    expect(rest.jobs?.map(({ job_id }) => job_id)).toEqual(ids.slice(0, 1));
    expect(await call('server_info')).toMatchObject({ ok: true, version: expect.any(String) });
  });

  it('names every problem of a call in one answer, and starts nothing', async () => {
    const before = (await call('image_job_list', { limit: 100 })).jobs?.length;
    for (const tool of ['image_multi_reference_async', 'image_multi_reference']) {
      const { error } = await call(tool, { prompt: '', size: '9x9', image_paths: [CAT, '/nowhere/at-all.png'], basename: '../up', priority: 9 });
      expect(error?.code).toBe('INVALID_ARGUMENT');
      expect(error?.problems?.map(({ field }) => field.replace(/\[.*/, '')).sort()).toEqual(['basename', 'image_paths', 'priority', 'prompt', 'size']);
    }
    for (const tool of ['image_generate', 'image_generate_async']) expect(await refusal(tool, { n: 99 })).toBe('INVALID_ARGUMENT');
    for (const tool of ['image_edit', 'image_edit_async']) expect(await refusal(tool, { prompt: 'x', image_path: '/nowhere/at-all.png' })).toMatch(/REFERENCE_UNREADABLE|PERMISSION_DENIED/);
    for (const tool of ['image_batch_edit', 'image_batch_edit_async']) expect(await refusal(tool, { prompt: 'x', image_paths: [] })).toBe('INVALID_ARGUMENT');
    expect(await refusal('image_job_list', { limit: 1000, status: 'lost', cursor: 'x' })).toBe('INVALID_ARGUMENT');
    expect(await refusal('image_job_wait', {})).toBe('INVALID_ARGUMENT');
    for (const tool of ['status', 'wait', 'cancel', 'retry', 'delete', 'get_image']) expect(await refusal(`image_job_${tool}`, { job_id: NEVER_SEEN })).toBe('NOT_FOUND');
    expect((await call('server_info', { verbose: true })).warnings).toHaveLength(1);
    expect((await call('image_job_list', { limit: 100 })).jobs?.length).toBe(before);
  });

  it('cancels, retries and deletes', async () => {
    fake.fault({ kind: 'never_done' });
    const { job_id } = await call('image_generate_async', { prompt: 'a slow one', provider: 'openai', size: '1024x1024' });
    expect(await refusal('image_job_delete', { job_id })).toBe('INVALID_STATE');
    expect(await refusal('image_job_retry', { job_id })).toBe('INVALID_STATE');
    expect(await refusal('image_job_get_image', { job_id })).toBe('INVALID_STATE');
    await fake.waitForRequest(({ method }) => method === 'GET');
    const cancelled = await call('image_job_cancel', { job_id, reason: 'not needed' });
    expect(cancelled).toMatchObject({ ok: false, status: 'cancelled', billing: expect.stringMatching(/billed|maybe/) });

    fake.reset();
    fake.fault({ kind: 'moderation' });
    const refused = await call('image_generate', { prompt: 'a refused one', provider: 'openai', size: '1024x1024' });
    expect(refused).toMatchObject({ ok: false, status: 'failed', error: { code: 'CONTENT_REFUSED' } });
    expect(await call('image_job_retry', { job_id: refused.job_id })).toMatchObject({ ok: true, status: 'running' });
    const again = await call('image_job_wait', { job_id: refused.job_id });
    expect(again).toMatchObject({ ok: true, status: 'completed', billing: 'billed' });
    expect(again.bytes).toBeLessThanOrEqual(1000);
    expect(fake.ledger().total).toBe(1);

    expect(await call('image_job_delete', { job_id: refused.job_id })).toMatchObject({ status: 'expired', done: true });
    expect(await call('image_job_status', { job_id: refused.job_id })).toMatchObject({ status: 'expired' });
    expect(await refusal('image_job_get_image', { job_id: refused.job_id })).toBe('RESULT_EXPIRED');
  });

  it('an agent cannot acknowledge a double charge by itself', async () => {
    fake.reset();
    fake.fault({ kind: 'reply_lost' });
    const lost = await call('image_generate', { prompt: 'a lost one', provider: 'openai', size: '1024x1024' });
    expect(lost.error?.code).toBe('MAYBE_BILLED');
    expect(await refusal('image_job_retry', { job_id: lost.job_id })).toBe('MAYBE_BILLED');
    const { error } = await call('image_job_retry', { job_id: lost.job_id, acknowledge_possible_double_charge: true });
    expect(error?.code).toBe('PERMISSION_DENIED');
    expect(fake.ledger().total).toBe(1);
    // The command that the refusal names is a person's, and works as it stands.
    const command = /\S+ \S*cli\.js jobs retry .*/.exec(`${error?.message} ${error?.next_step}`)?.[0] ?? '';
    expect(command).toContain(lost.job_id);
  });

  it('gives the recorded bytes whatever became of the file', async () => {
    const made = await call('image_generate', { prompt: 'a kept one', ...SMALL });
    const [saved] = made.result?.saved ?? [];
    if (!saved) throw new Error('no picture');
    await appendFile(saved.path, 'more');
    const bytesOf = async (): Promise<Buffer[]> => {
      const full = await client.call('image_job_get_image', { job_id: made.job_id, variant: 'full' });
      const [resource] = await client.read(saved.uri);
      return [full.content.find(({ type }) => type === 'image')?.data ?? '', resource?.blob ?? ''].map((data) => Buffer.from(data, 'base64'));
    };
    for (const bytes of await bytesOf()) expect(sha256(bytes)).toBe(saved.sha256);
    await rename(saved.path, join(dirname(saved.path), 'moved.png'));
    for (const bytes of await bytesOf()) expect(sha256(bytes)).toBe(saved.sha256);
    // Missing, it is written again.
    expect((await call('image_job_status', { job_id: made.job_id })).result?.saved[0]?.path).toBe(saved.path);
    expect(sha256(await readFile(saved.path))).toBe(saved.sha256);
    const [thumbnail] = await client.read(`${saved.uri}/thumbnail`);
    expect(Buffer.from(thumbnail?.blob ?? '', 'base64').length).toBeLessThanOrEqual(48 * 1024);
    const [record] = await client.read(`image://jobs/${made.job_id}`);
    expect(JSON.parse(record?.text ?? '')).toMatchObject({ job_id: made.job_id, status: 'completed' });
  });

  it('stays connected after a picture of 20 MB', async () => {
    fake.reset();
    fake.fault({ kind: 'large_image', bytes: 20 * 1024 * 1024 });
    const made = await call('image_generate', { prompt: 'a large one', provider: 'openai', size: '1024x1024' });
    expect(made).toMatchObject({ ok: true, status: 'completed' });
    const [saved] = made.result?.saved ?? [];
    expect(saved?.size_bytes).toBeGreaterThanOrEqual(20 * 1024 * 1024);
    for (const variant of ['thumbnail', 'preview', 'full']) expect((await call('image_job_get_image', { job_id: made.job_id, variant })).ok).toBe(true);
    await expect(client.read(saved?.uri ?? '')).rejects.toThrow(/LIMIT_EXCEEDED/);
    expect((await call('server_info')).ok).toBe(true);
  });

  it('thirty looks at a running job fit into 26 KB', async () => {
    fake.reset();
    fake.fault({ kind: 'never_done' });
    const { job_id } = await call('image_generate_async', { prompt: 'x'.repeat(5000), provider: 'openai', n: 3, tags: ['a'.repeat(60)] });
    let bytes = 0;
    for (let turn = 0; turn < 30; turn += 1) bytes += (await call('image_job_status', { job_id })).bytes;
    expect(bytes).toBeLessThan(26 * 1024);
    await call('image_job_cancel', { job_id });
  });

  it('has called every tool', async () => {
    expect([...called].sort()).toEqual((await client.tools()).sort());
  });
});
