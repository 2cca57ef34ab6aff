import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import * as z from 'zod';
import { KEY_VARIABLES } from '../../src/accounts/environment.js';
import { onTerminal } from '../support/terminal.js';

/** The built server as a client starts it. */
const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

const INITIALIZE = [
  {
    jsonrpc: '2.0',
    id: 1,
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
  },
  { jsonrpc: '2.0', method: 'notifications/initialized' },
];

/** One server of a client's configuration. */
const configured = z.object({ command: z.string(), args: z.array(z.string()), env: z.record(z.string(), z.string()) });

interface Ended {
  code: number | null;
  answers: unknown[];
  stderr: string;
}

let folder: string;
const children = new Set<ChildProcessWithoutNullStreams>();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stdio-'));
});
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  children.clear();
  await rm(folder, { recursive: true, force: true });
});

interface Session {
  messages?: unknown[];
  /** Leaves when so many answers and this text on stderr are there. */
  answers: number;
  log?: string;
  execArgv?: string[];
  leave: (child: ChildProcessWithoutNullStreams) => void;
}

/** Serves one session. Every line of stdout must be JSON. */
function serve({ messages = [], answers: wanted, log = '', execArgv = [], leave }: Session): Promise<Ended> {
  const child = spawn(process.execPath, [...execArgv, CLI], {
    env: { PATH: process.env['PATH'], HOME: folder, IMAGE_DATA_DIR: join(folder, 'data'), IMAGE_SAVE_ROOT: join(folder, 'saved') },
  });
  children.add(child);
  return new Promise((resolve, reject) => {
    let stdout = '';
    let stderr = '';
    let left = false;
    const look = (): void => {
      if (left || stdout.split('\n').length <= wanted || !stderr.includes(log)) return;
      left = true;
      leave(child);
    };
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      look();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
      look();
    });
    child.on('error', reject);
    child.on('close', (code) => {
      try {
        const lines = stdout.split('\n').filter((line) => line !== '');
        resolve({ code, answers: lines.map((line): unknown => JSON.parse(line)), stderr });
      } catch (error) {
        reject(error);
      }
    });
    for (const message of [...INITIALIZE, ...messages]) child.stdin.write(`${JSON.stringify(message)}\n`);
    look();
  });
}

(existsSync(CLI) ? describe : describe.skip)('the stdio server', () => {
  const end = (child: ChildProcessWithoutNullStreams): void => void child.stdin.end();
  const list = { jsonrpc: '2.0', id: 2, method: 'tools/list' };

  it('answers initialize and tools/list and touches nothing', async () => {
    const { code, answers } = await serve({ messages: [list], answers: 2, leave: end });
    expect(code).toBe(0);
    expect(answers).toMatchObject([
      { id: 1, result: { serverInfo: { name: 'durable-image-mcp' }, instructions: expect.stringContaining('image_job_wait') } },
      { id: 2, result: { tools: expect.arrayContaining([expect.objectContaining({ name: 'image_generate_async' })]) } },
    ]);
    expect(await readdir(folder)).toEqual([]);
  });

  it('answers what was asked before stdin ended', async () => {
    const { code, answers } = await serve({ messages: [list], answers: 0, leave: end });
    expect(code).toBe(0);
    expect(answers).toMatchObject([{ id: 1 }, { id: 2 }]);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('leaves in order on %s', async (signal) => {
    const { code } = await serve({ answers: 1, leave: (child) => child.kill(signal) });
    expect(code).toBe(0);
  });

  it('takes a frame of 24 MiB and lives on after one that is no JSON', async () => {
    const bulky = { jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'image_job_status', arguments: { wrong: '' } } };
    bulky.params.arguments.wrong = 'x'.repeat(24 * 1024 * 1024 - JSON.stringify(bulky).length - 1);
    const { answers, stderr } = await serve({ messages: [bulky, 'no message', list], answers: 3, leave: end });
    expect(answers).toContainEqual(expect.objectContaining({ id: 2, result: expect.objectContaining({ isError: true }) }));
    expect(answers).toHaveLength(3);
    expect(stderr).toContain('MCP connection');
  });

  it('keeps stdout clean of what anything else writes, and outlives a defect', async () => {
    // Once the server has claimed stdout, foreign code writes to it and throws.
    const foreign = `
      const real = process.stdout.write;
      const timer = setInterval(() => {
        if (process.stdout.write === real) return;
        clearInterval(timer);
        console.log('stray line');
        process.stdout.write('stray write\\n');
        void Promise.reject(new Error('stray rejection'));
        setTimeout(() => { throw new Error('stray exception'); });
      }, 1);`;
    const execArgv = ['--import', `data:text/javascript,${encodeURIComponent(foreign)}`];
    const { code, answers, stderr } = await serve({ messages: [list], answers: 2, log: 'stray exception', execArgv, leave: end });
    expect(code).toBe(0);
    expect(answers).toHaveLength(2);
    for (const text of ['stray line', 'stray write', 'stray rejection']) expect(stderr).toContain(text);
  });
});

describe('a server that a person starts on a terminal', () => {
  it('prints a client configuration that starts it, and ends with Ctrl-C', async () => {
    const env = { PATH: process.env['PATH'] ?? '', HOME: folder, IMAGE_DATA_DIR: join(folder, 'data') };
    const { screen } = await onTerminal([], env, '', { after: /Ctrl-C ends this one[^]*\n}\r?\n/, keys: '\u0003' });
    const printed: unknown = JSON.parse(screen.slice(screen.indexOf('{'), screen.lastIndexOf('}') + 1));
    const { mcpServers } = z.object({ mcpServers: z.record(z.string(), configured) }).parse(printed);
    expect(Object.keys(mcpServers)).toEqual(['durable-image-mcp']);
    const { command, args, env: keys } = configured.parse(mcpServers['durable-image-mcp']);
    // A client with a window passes a PATH without the Node of a version manager.
    for (const path of [command, ...args]) expect(isAbsolute(path)).toBe(true);
    for (const name of Object.keys(keys)) expect(KEY_VARIABLES).toContain(name);

    const client = new Client({ name: 'test', version: '1' });
    await client.connect(new StdioClientTransport({ command, args, env: { ...env, PATH: '/usr/bin:/bin' } }));
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('image_generate_async');
    await client.close();
    expect(existsSync(join(folder, 'data'))).toBe(false);
  });
});
