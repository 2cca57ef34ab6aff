import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import sharp from 'sharp';
import * as z from 'zod';
import { CLI, makeBox, plainEnvironment, run, type Box } from '../support/e2e.js';
import { pythonWithMcp } from '../support/python/with-mcp.js';
import { startFakeOpenAi, type FakeOpenAi, type JournalEntry } from '../support/fake-openai.js';

// Installing the Python client, once.
jest.setTimeout(400_000);

const SCRIPT = fileURLToPath(new URL('../support/eflowcode/user_script.py', import.meta.url));
const PREFIX = '不改写：';

const pictures = z.array(z.object({ path: z.string(), width: z.number(), height: z.number(), megapixels: z.number() }));
const error = z.looseObject({ code: z.string(), message: z.string(), next_step: z.string() });
const seenSchema = z.object({
  tools: z.array(z.string()),
  server_info: z.looseObject({ providers: z.record(z.string(), z.looseObject({ configured: z.boolean() })) }),
  generate: pictures,
  generate_two: pictures,
  edit: pictures,
  multi_reference: pictures,
  n_references: z.number(),
  waited_generate: pictures,
  waited_edit: pictures,
  waited_multi_reference: pictures,
  waited_batch: z.array(pictures),
  failed: z.object({ status: z.string(), error }),
  with_key: z.strictObject({ ok: z.boolean(), error }),
  unknown_job: z.looseObject({ ok: z.boolean(), status: z.string(), error }),
});
type Seen = z.infer<typeof seenSchema>;

const bodySchema = z.looseObject({ model: z.string(), tools: z.tuple([z.looseObject({ size: z.string().optional() })]) });

/** EFLOWCODE's own program, configured as for EFLOWCODE, with this server behind the same names. */
describe.each([
  // A gateway without background mode, and one that is like OpenAI.
  ['EFLOWCODE_*', 'EFLOWCODE', false],
  ['EF_*', 'EF', true],
])('a script for EFLOWCODE with %s', (_, family, background) => {
  const key = `sk-canary-${family.toLowerCase()}`;
  let box: Box;
  let gateway: FakeOpenAi;
  let elsewhere: FakeOpenAi;
  let root: string;
  let seen: Seen;
  let said: string;

  beforeAll(async () => {
    const python = await pythonWithMcp();
    [gateway, elsewhere, box] = await Promise.all([
      startFakeOpenAi({ keys: [key], background_supported: background }),
      startFakeOpenAi(),
      makeBox(),
    ]);
    gateway.fault({ kind: 'refusal', on: 'submit', match: 'nobody may draw', times: 9 });
    root = join(box.folder, 'eflowcode-image-out');
    const references = await Promise.all(['red', 'blue'].map(async (background_) => await referenceOf(box, background_)));
    const { IMAGE_SAVE_ROOT: _root, ...env } = box.env;
    const server = {
      command: process.execPath,
      args: [CLI],
      env: {
        ...env,
        [`${family}_API_KEY`]: key,
        [`${family}_BASE_URL`]: gateway.url,
        [`${family}_MODEL`]: 'gpt-5.5-gateway',
        [`${family}_PROMPT_PREFIX`]: PREFIX,
        [`${family}_SAVE_DIR_ROOT`]: root,
        [`${family}_SAVE_DIR`]: join(root, 'today'),
        OPENAI_API_KEY: 'sk-canary-openai',
        OPENAI_BASE_URL: elsewhere.url,
      },
    };
    const configuration = join(box.folder, 'mcp.json');
    await writeFile(configuration, JSON.stringify({ mcpServers: { 'eflowcode-image': server } }));
    // The one step that EFLOWCODE did not have: docs/from-eflowcode.md.
    expect(await box.cli(['up'])).toMatchObject({ code: 0 });
    const ran = await run(python, [SCRIPT, configuration, ...references], plainEnvironment());
    said = ran.stderr;
    expect({ code: ran.code, stderr: ran.code === 0 ? '' : ran.stderr }).toEqual({ code: 0, stderr: '' });
    seen = seenSchema.parse(JSON.parse(ran.stdout));
  });
  afterAll(async () => {
    await box.close();
    await Promise.all([gateway.close(), elsewhere.close()]);
  });

  const submitted = (prompt: string): JournalEntry[] =>
    gateway.requests.filter((request) => request.accepted !== undefined && (request.prompt ?? '').includes(prompt));
  const bodyOf = (prompt: string): z.infer<typeof bodySchema> => bodySchema.parse(submitted(prompt)[0]?.body);

  it('finds its tools, and its key configured', () => {
    expect(seen.tools).toEqual(
      expect.arrayContaining(['server_info', 'image_job_status', ...['image_generate', 'image_edit', 'image_multi_reference', 'image_batch_edit'].flatMap((name) => [name, `${name}_async`])]),
    );
    expect(seen.server_info.providers['openai']).toMatchObject({ configured: true });
  });

  it('gets its pictures where it wants them, with their sizes', () => {
    expect(seen.generate).toEqual([{ path: expect.any(String), width: 1024, height: 1024, megapixels: 1.049 }]);
    expect(seen.multi_reference).toEqual([{ path: expect.any(String), width: 1536, height: 1024, megapixels: 1.573 }]);
    expect(seen.n_references).toBe(2);
    const all = [...seen.generate, ...seen.generate_two, ...seen.edit, ...seen.multi_reference];
    expect(all.map(({ path }) => dirname(path))).toEqual(Array(5).fill(join(root, 'today')));
    expect(new Set(all.map(({ path }) => path)).size).toBe(5);
    for (const { path } of seen.generate_two) expect(path).toMatch(/\/poster-[^/]+\.png$/);
  });

  it('gets them at the top level from the tools that wait', () => {
    expect(seen.waited_generate).toHaveLength(2);
    expect(seen.waited_edit).toHaveLength(1);
    expect(seen.waited_multi_reference).toHaveLength(1);
    expect(seen.waited_batch.map((saved) => saved.length)).toEqual([1, 1]);
  });

  it('sends the key to its own URL and nothing to another', () => {
    expect(new Set(gateway.requests.map((request) => request.key))).toEqual(new Set([key]));
    expect(elsewhere.requests).toEqual([]);
  });

  it('sends prefix, size and model as they were asked, once a picture', () => {
    expect(gateway.violations.filter(({ message }) => !/background/i.test(message))).toEqual([]);
    const prompts = ['a red kite', 'a poster', 'make it blue', 'both on one table', 'a sketch', 'make it green', 'both in one frame', 'make it darker'];
    expect(prompts.map((prompt) => submitted(prompt).length)).toEqual([1, 2, 1, 1, 2, 1, 1, 2]);
    for (const request of gateway.requests) if (request.prompt !== undefined) expect(request.prompt.startsWith(PREFIX)).toBe(true);
    expect(bodyOf('a red kite')).toMatchObject({ model: 'gpt-5.5-gateway', tools: [{ size: '1024x1024' }] });
    expect(bodyOf('a poster')).toMatchObject({ model: 'gpt-5.5-gateway', tools: [{ size: '1024x1024' }] });
    expect(bodyOf('both on one table')).toMatchObject({ model: 'gpt-5.5-mini', tools: [{ size: '1536x1024' }] });
  });

  it('is told what failed, and why', () => {
    expect(seen.failed).toMatchObject({ status: 'failed', error: { code: 'CONTENT_REFUSED' } });
  });

  it('is told where keys go, and the key is nowhere', () => {
    expect(seen.with_key).toMatchObject({ ok: false, error: { code: 'INVALID_ARGUMENT', message: expect.stringContaining('keys are never arguments') } });
    expect(JSON.stringify(seen)).not.toContain('sk-canary');
    expect(said).not.toContain('sk-canary');
  });

  it('learns that a job is not known', () => {
    expect(seen.unknown_job).toMatchObject({ ok: false, status: 'unknown', error: { code: 'NOT_FOUND' } });
    expect(seen.unknown_job.error.message).toContain('Unknown job_id: 0123456789abcdef0123456789abcdef');
  });
});

async function referenceOf(box: Box, background: string): Promise<string> {
  const folder = join(box.folder, 'home', 'Pictures');
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${background}.png`);
  await sharp({ create: { width: 96, height: 64, channels: 3, background } }).png().toFile(path);
  return path;
}
