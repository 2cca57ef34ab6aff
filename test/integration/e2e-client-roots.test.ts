import { copyFile, mkdir, mkdtemp, realpath, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { CallToolResultSchema, ListRootsRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import * as z from 'zod';
import { CLI, makeBox, until, type Box } from '../support/e2e.js';

jest.setTimeout(120_000);

const CAT = fileURLToPath(new URL('../../examples/references/chelsea.png', import.meta.url));
const recordSchema = z.looseObject({
  ok: z.boolean(),
  job_id: z.string().optional(),
  done: z.boolean().optional(),
  result: z.looseObject({ saved: z.array(z.looseObject({ path: z.string() })) }).optional(),
  error: z.looseObject({ code: z.string(), problems: z.array(z.looseObject({ field: z.string(), code: z.string() })).optional() }).optional(),
});
type Answered = z.infer<typeof recordSchema>;

/** A folder that nothing but the client's own declaration opens: outside home, temp, the save root and the working folder. */
describe('the roots of a client', () => {
  let box: Box;
  let outside: string;
  let client: Client;
  let roots: string[];

  const call = async (name: string, args: Record<string, unknown>): Promise<Answered> => {
    const answer = await client.request({ method: 'tools/call', params: { name, arguments: args } }, CallToolResultSchema);
    const [block] = answer.content;
    return recordSchema.parse(JSON.parse(block?.type === 'text' ? block.text : ''));
  };
  const edit = async (): Promise<Answered> =>
    await until(async () => {
      const answered = await call('image_edit_async', { prompt: 'make it grey', provider: 'local', image_path: join(outside, 'cat.png'), save_dir: join(outside, 'made') });
      return answered.error?.code === 'STARTING' ? undefined : answered;
    }, 'the stack');

  beforeAll(async () => {
    box = await makeBox();
    outside = await realpath(await mkdtemp('/var/tmp/e2e-roots-'));
    await copyFile(CAT, join(outside, 'cat.png'));
    const elsewhere = join(box.folder, 'work');
    await mkdir(elsewhere);
    roots = [];
    client = new Client({ name: 'with-roots', version: '1' }, { capabilities: { roots: { listChanged: true } } });
    client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: roots.map((path) => ({ uri: pathToFileURL(path).href })) }));
    await client.connect(new StdioClientTransport({ command: process.execPath, args: [CLI], env: box.env, cwd: elsewhere, stderr: 'inherit' }));
  });
  afterAll(async () => {
    await client.close();
    await box.close();
    await rm(outside, { recursive: true, force: true });
  });

  const refused = { ok: false, error: { problems: [{ field: 'save_dir', code: 'PERMISSION_DENIED' }, { field: 'image_path', code: 'PERMISSION_DENIED' }] } };

  it('are needed: without them the folder is closed', async () => {
    expect(await edit()).toMatchObject(refused);
  });

  it('open it for references and for pictures, of this client alone', async () => {
    roots.push(outside);
    await client.sendRootsListChanged();
    const { job_id: jobId } = await edit();
    const done = await until(async () => {
      const record = await call('image_job_wait', { job_id: jobId, timeout_seconds: 5 });
      return record.done === true ? record : undefined;
    }, 'the picture');
    const path = done.result?.saved[0]?.path ?? '';
    expect(dirname(path)).toBe(join(outside, 'made'));
    expect((await stat(path)).isFile()).toBe(true);

    const other = await box.server();
    const { record } = await other.call('image_edit_async', { prompt: 'make it grey', provider: 'local', image_path: join(outside, 'cat.png') });
    expect(record).toMatchObject({ ok: false, error: { code: 'PERMISSION_DENIED' } });
  });

  it('close it when the client takes them back', async () => {
    roots.length = 0;
    await client.sendRootsListChanged();
    expect(await edit()).toMatchObject(refused);
  });
});
