import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import sharp from 'sharp';
import { isAlive } from '../../src/local/processes.js';
import { CLI, freePort, makeBox, startDevServer, until, type Box, type DevServer, type Mcp } from '../support/e2e.js';

jest.setTimeout(120_000);

const PICTURE = { prompt: 'a red kite', provider: 'local', size: '512x512' };

/** Whatever is wrong around it, the server introduces itself, and a call is refused in our form, in time and with nothing started. */
describe('a server whose surroundings are broken', () => {
  let box: Box;
  const servers: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    box = await makeBox();
    await writeFile(join(box.folder, 'file'), 'a file, no folder');
  });
  afterAll(async () => {
    await box.close();
    await Promise.all(servers.map(async (close) => await close()));
  });

  /** Accepts connections and never says a word. */
  async function silentServer(): Promise<string> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => sockets.add(socket.on('error', () => undefined)));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    servers.push(async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    });
    const address = server.address();
    return `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  }

  it.each<[string, () => Promise<Record<string, string>>, string]>([
    ['a data folder that cannot be made', async () => ({ IMAGE_DATA_DIR: join(box.folder, 'file', 'data') }), 'STORE_UNAVAILABLE'],
    ['a Temporal that is not there', async () => ({ TEMPORAL_ADDRESS: `127.0.0.1:${await freePort()}` }), 'TEMPORAL_UNAVAILABLE'],
    ['a Temporal that accepts and never answers', async () => ({ TEMPORAL_ADDRESS: await silentServer() }), 'TEMPORAL_UNAVAILABLE'],
    ['an address that is none', async () => ({ TEMPORAL_ADDRESS: 'http://[nonsense' }), 'TEMPORAL_UNAVAILABLE'],
    ['a name that nobody knows', async () => ({ TEMPORAL_ADDRESS: 'no-such-host.invalid:7233' }), 'TEMPORAL_UNAVAILABLE'],
    ['a Temporal profile that is not there', async () => ({ TEMPORAL_PROFILE: 'nobody' }), 'INVALID_ARGUMENT'],
    ['a setting that cannot be read', async () => ({ IMAGE_LOG_LEVEL: 'deafening', IMAGE_POLL_SECONDS: 'soon' }), 'INVALID_ARGUMENT'],
    ['a key that is none', async () => ({ OPENAI_API_KEY: 'sk-canary of two words' }), 'INVALID_ARGUMENT'],
    ['a base URL that is none', async () => ({ OPENAI_API_KEY: 'sk-canary', OPENAI_BASE_URL: 'nonsense' }), 'INVALID_ARGUMENT'],
    ['a blob store of no known kind', async () => ({ IMAGE_BLOB_STORE: 'ftp://user:sk-canary@host/x' }), 'INVALID_ARGUMENT'],
    ['a default provider that does not exist', async () => ({ IMAGE_PROVIDER: 'nobody', TEMPORAL_ADDRESS: await silentServer() }), 'INVALID_ARGUMENT'],
  ])('is there with %s', async (_, surroundings, code) => {
    const mcp = await box.server(await surroundings());
    expect((await mcp.client.listTools()).tools.map(({ name }) => name)).toContain('image_generate_async');
    const asked = code === 'INVALID_ARGUMENT' ? { ...PICTURE, provider: undefined } : PICTURE;
    const [starts, reads] = await Promise.all([
      Promise.all([mcp.call('image_generate_async', asked), mcp.call('image_generate_async', asked)]),
      Promise.all([mcp.call('image_job_status', { job_id: 'img-0' }), mcp.call('image_job_wait', { job_id: 'img-0' }), mcp.call('server_info')]),
    ]);
    for (const { record, refused, seconds } of starts) {
      expect(refused).toBe(true);
      expect(record).toMatchObject({ ok: false, error: { code, next_step: expect.stringMatching(/\w/) } });
      expect(record.error?.message.startsWith(code)).toBe(true);
      expect(JSON.stringify(record)).not.toContain('sk-canary');
      expect(seconds).toBeLessThan(5);
    }
    for (const { record, refused, seconds } of reads) {
      expect(record.ok).toBe(!refused);
      expect(seconds).toBeLessThan(5);
    }
    expect(mcp.stray).toEqual([]);
    expect(mcp.stderr()).not.toContain('sk-canary');
    await mcp.close();
    await until(async () => !(await isAlive(mcp.pid)), 'the server to leave');
  });
});

describe('a server with a Temporal', () => {
  let temporal: DevServer;
  let box: Box;
  let mcp: Mcp;
  let pictures: string[];

  beforeAll(async () => {
    temporal = await startDevServer();
    box = await makeBox({ TEMPORAL_ADDRESS: temporal.address });
    mcp = await box.server();
    pictures = await Promise.all(
      ['red', 'blue', 'green'].map(async (background) => {
        const path = join(box.folder, `${background}.png`);
        await sharp({ create: { width: 64, height: 64, channels: 3, background } }).png().toFile(path);
        return path;
      }),
    );
  });
  afterAll(async () => {
    expect(mcp.stray).toEqual([]);
    await box.close();
    await temporal.close();
  });

  it.each<[string, string, () => Record<string, unknown>]>([
    ['null and empty optionals', 'image_generate_async', () => ({ ...PICTURE, model: null, tags: null, seed: '', save_dir: null, api_key: '', fallback: [] })],
    ['numbers as text', 'image_generate_async', () => ({ ...PICTURE, n: '2', priority: '1', seed: '7' })],
    ['a list as JSON text', 'image_multi_reference_async', () => ({ prompt: 'both', provider: 'local', image_paths: JSON.stringify(pictures.slice(0, 2)) })],
    ['a list of one as text', 'image_batch_edit_async', () => ({ prompt: 'brighter', provider: 'local', image_paths: pictures[0] })],
    ['an unknown argument', 'image_generate_async', () => ({ ...PICTURE, promt_strength: 3 })],
  ])('takes %s', async (_, tool, args) => {
    const { record, refused } = await mcp.call(tool, args());
    expect(refused).toBe(false);
    expect(record).toMatchObject({ ok: true, status: 'running', job_id: expect.stringMatching(/^img-/) });
  });

  it('reads what it takes: two pictures for n "2", two references for a list as text', async () => {
    const many = await mcp.start('image_generate_async', { ...PICTURE, n: '2' });
    const both = await mcp.start('image_multi_reference_async', { prompt: 'both', provider: 'local', image_paths: JSON.stringify(pictures.slice(0, 2)) });
    const worker = box.background(['worker']);
    expect((await mcp.finished(many)).result?.saved).toHaveLength(2);
    expect((await mcp.finished(both)).result).toMatchObject({ n_references: 2 });
    const ended = once(worker, 'exit');
    worker.kill('SIGTERM');
    await ended;
  });

  it('names every problem of a call in one answer', async () => {
    const { record, refused } = await mcp.call('image_edit_async', {
      image_path: join(box.folder, 'missing.png'),
      provider: 'nobody',
      size: '1x1',
      priority: 9,
      save_dir: '/etc',
    });
    expect(refused).toBe(true);
    expect(record.error?.code).toBe('INVALID_ARGUMENT');
    const problems = Object.fromEntries((record.error?.problems ?? []).map(({ field, code }) => [field, code]));
    expect(problems).toEqual({
      prompt: 'INVALID_ARGUMENT',
      provider: 'INVALID_ARGUMENT',
      size: 'INVALID_ARGUMENT',
      priority: 'INVALID_ARGUMENT',
      image_path: 'REFERENCE_UNREADABLE',
      save_dir: 'PERMISSION_DENIED',
    });
  });

  it('refuses a key as an argument, and repeats it nowhere', async () => {
    const { record, refused } = await mcp.call('image_generate_async', { ...PICTURE, api_key: 'sk-canary' });
    expect(refused).toBe(true);
    expect(record).toMatchObject({ ok: false, error: { code: 'INVALID_ARGUMENT', problems: [{ field: 'api_key' }] } });
    expect(record.error?.message).toMatch(/env/);
    expect(JSON.stringify(record)).not.toContain('sk-canary');
    expect(mcp.stderr()).not.toContain('sk-canary');
  });

  it('names the nearest tools for one that it does not have', async () => {
    const { record, refused } = await mcp.call('image_generate_asynch', PICTURE);
    expect(refused).toBe(true);
    expect(record).toMatchObject({ ok: false, error: { code: 'INVALID_ARGUMENT', message: expect.stringContaining('image_generate_async') } });
  });

  it('outlives a frame that is too large', async () => {
    const { child, lines, say } = await rawServer();
    const call = (id: number, bytes: number): void =>
      say({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'image_generate_async', arguments: { prompt: 'x'.repeat(bytes) } } });
    call(2, 24 * 1024 * 1024);
    await until(() => lines.length === 2, 'the refusal of a frame at the limit');
    call(3, 30 * 1024 * 1024);
    say({ jsonrpc: '2.0', id: 4, method: 'tools/list' });
    await until(() => lines.length === 4 || child.exitCode !== null, 'the next answers');
    expect(child.exitCode).toBeNull();
    expect(lines[2]).toContain('LIMIT_EXCEEDED');
    for (const line of lines) expect(JSON.parse(line)).toMatchObject({ jsonrpc: '2.0' });
    const ended = once(child, 'exit');
    child.stdin.end();
    await ended;
  });

  it('leaves by itself when stdin ends, also from within a wait', async () => {
    const id = await mcp.start('image_generate_async', PICTURE);
    const { child, lines, say } = await rawServer();
    say({ jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'image_job_wait', arguments: { job_id: id, timeout_seconds: 45 }, _meta: { progressToken: 1 } } });
    await until(() => lines.some((line) => line.includes('notifications/progress')), 'the wait');
    const ended = once(child, 'exit');
    child.stdin.end();
    expect(await ended).toEqual([0, null]);
  });

  /** A server that is spoken to by lines, and that nobody ends. */
  async function rawServer(): Promise<{ child: ChildProcessByStdio<Writable, Readable, null>; lines: string[]; say: (message: unknown) => void }> {
    const child = spawn(process.execPath, [CLI], { env: box.env, stdio: ['pipe', 'pipe', 'ignore'] });
    const lines: string[] = [];
    createInterface(child.stdout).on('line', (line) => lines.push(line));
    child.stdin.on('error', () => undefined);
    const say = (message: unknown): void => void child.stdin.write(`${JSON.stringify(message)}\n`);
    say({ jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } } });
    await until(() => lines.length === 1, 'initialize');
    say({ jsonrpc: '2.0', method: 'notifications/initialized' });
    return { child, lines, say };
  }
});
