import { createHash } from 'node:crypto';
import { mkdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import sharp from 'sharp';
import * as z from 'zod';
import { CLI, makeBox, plainEnvironment, run, type AnswerRecord, type Box, type Mcp } from '../support/e2e.js';
import { commandsOf, examplesFolder, paste, ROOT, toolEnvironment } from '../support/examples.js';

// The first run on a machine installs what the examples need.
jest.setTimeout(600_000);

/** `temporal workflow list --output json`, as far as it is looked at. */
const listSchema = z.array(z.object({ execution: z.object({ workflowId: z.string() }) }));

/** Every example does what its page says, by the commands of the page, on a local stack; what came of it is read by others. */
describe('the examples', () => {
  let box: Box;
  let mcp: Mcp;
  let folder: string;
  let env: Record<string, string>;
  let address: string;
  let binary: string;

  beforeAll(async () => {
    folder = await examplesFolder();
    box = await makeBox({ IMAGE_REFERENCE_ROOTS: join(folder, 'examples', 'references') });
    const bin = join(box.folder, 'bin');
    await mkdir(bin);
    await symlink(CLI, join(bin, 'durable-image-mcp'));
    env = { ...box.env, ...toolEnvironment(), PATH: `${bin}:${box.env['PATH']}` };
    expect(await paste(await commandsOf('up'), folder, env)).toMatchObject({ code: 0 });
    const status = await box.ready();
    address = status.address ?? '';
    binary = status.temporal_binary ?? '';
    mcp = await box.server();
  });
  afterAll(async () => {
    await box?.close();
  });

  /** What the example printed. */
  async function example(name: string): Promise<string> {
    const { code, stdout, stderr } = await paste(await commandsOf(name), folder, env);
    if (code !== 0) throw new Error(`${name} ended with ${code}:\n${stdout}\n${stderr}`);
    return stdout;
  }

  /** The jobs that a visibility query finds, as the MCP server knows them. */
  async function jobs(query: string): Promise<AnswerRecord[]> {
    const args = ['workflow', 'list', '--query', query, '--address', address, '--output', 'json'];
    const { stdout } = await run(binary, args, plainEnvironment());
    const ids = listSchema.parse(JSON.parse(stdout)).map(({ execution }) => execution.workflowId);
    return await Promise.all(ids.map(async (jobId) => (await mcp.call('image_job_status', { job_id: jobId })).record));
  }

  async function savedPath({ result }: AnswerRecord): Promise<string> {
    const [saved] = result?.saved ?? [];
    const path = saved?.path ?? '';
    expect(createHash('sha256').update(await readFile(path)).digest('hex')).toBe(saved?.sha256);
    return path;
  }

  it.each([
    ['python', 'python', 2, 1],
    ['go', 'go', 1, 1],
    ['temporal-cli', 'shell', 2, 1],
    // Its wrong job is refused before it is started.
    ['typescript', 'typescript', 2, 0],
  ])('%s starts jobs, follows one to its picture, cancels one and reads a failure', async (name, tag, completed, failed) => {
    const printed = await example(name);

    const made = await jobs(`ImageTags = '${tag}' AND ExecutionStatus = 'Completed' AND ImageProvider = 'local'`);
    expect(made).toHaveLength(completed);
    for (const job of made) {
      expect(job).toMatchObject({ ok: true, status: 'completed' });
      expect(printed).toContain(await savedPath(job));
    }
    expect(await jobs(`ImageTags = '${tag}' AND ImageKind = 'image_multi_reference'`)).toMatchObject([{ result: { n_references: 2 } }]);

    const cancelled = await jobs(`ImageTags = '${tag}' AND ExecutionStatus = 'Canceled'`);
    expect(cancelled).toMatchObject([{ ok: false, status: 'cancelled', error: { code: 'CANCELLED' } }]);
    expect(printed).toContain(`${cancelled[0]?.job_id}: cancelled, billing: none`);

    const wrong = await jobs(`ImageTags = '${tag}' AND ExecutionStatus = 'Failed'`);
    expect(wrong).toHaveLength(failed);
    for (const job of wrong) expect(job).toMatchObject({ status: 'failed', error: { code: 'INVALID_ARGUMENT' } });
    expect(printed).toMatch(/INVALID_ARGUMENT: size: edges must be 64 to 8192 pixels/);
    expect(printed).toContain(wrong[0]?.error?.next_step ?? 'nothing was started');
  });

  it('mcp submits over MCP, waits and reads the picture', async () => {
    const printed = await example('mcp');
    const [job, ...others] = await jobs(`ImageKind = 'image_generate' AND ExecutionStatus = 'Completed' AND ImageTags IS NULL`);
    expect(others).toEqual([]);
    const path = await savedPath(job ?? { ok: false });
    expect(printed).toContain(`512x512, ${(await readFile(path)).length} bytes, also in ${path}`);
    expect(await sharp(path).metadata()).toMatchObject({ format: 'png', width: 512, height: 512 });
  });

  it('the queries of the page on the Web UI are understood', async () => {
    const page = await readFile(join(ROOT, 'docs', 'web-ui.md'), 'utf8');
    const queries = [...page.matchAll(/^\| `(\w+ = [^`]+)` \|/gm)].map(([, query = '']) => query);
    expect(queries.length).toBeGreaterThan(3);
    for (const query of queries) {
      expect(await run(binary, ['workflow', 'list', '--query', query, '--address', address], plainEnvironment())).toMatchObject({ code: 0 });
    }
  });

  it.each(['python', 'go', 'temporal-cli'])('%s says what to do when no stack runs', async (name) => {
    const { code, stdout, stderr } = await paste(await commandsOf(name), folder, { ...env, IMAGE_DATA_DIR: join(box.folder, 'nothing') });
    expect(code).not.toBe(0);
    expect(`${stdout}${stderr}`).toMatch(/durable-image-mcp up/i);
  });

  it('typescript is written against the published types', async () => {
    const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    const checked = await run(process.execPath, [tsc, '-p', join(ROOT, 'examples', 'typescript')], env);
    expect(checked).toMatchObject({ code: 0, stdout: '' });
  });
});
