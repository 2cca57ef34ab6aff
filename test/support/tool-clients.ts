import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import * as z from 'zod';
import { CLI } from './e2e.js';
import { pythonWithMcp } from './python/with-mcp.js';

const BRIDGE = fileURLToPath(new URL('./python/call_tools.py', import.meta.url));

const answerSchema = z.looseObject({
  content: z.array(z.looseObject({ type: z.string(), text: z.string().optional(), data: z.string().optional() })),
  structuredContent: z.record(z.string(), z.unknown()).optional(),
  isError: z.boolean().optional(),
});
const listSchema = z.looseObject({ tools: z.array(z.looseObject({ name: z.string() })) });
const contentsSchema = z.looseObject({
  contents: z.array(z.looseObject({ uri: z.string(), mimeType: z.string().optional(), text: z.string().optional(), blob: z.string().optional() })),
});

const toldSchema = z.object({ result: z.unknown().optional(), thrown: z.string().optional() });

export type ToolResult = z.infer<typeof answerSchema>;

/** A client that a user has: it lists, calls and reads, and rejects with whatever its SDK throws. */
export interface ToolClient {
  tools(): Promise<string[]>;
  call(name: string, args: unknown): Promise<ToolResult>;
  read(uri: string): Promise<z.infer<typeof contentsSchema>['contents']>;
  close(): Promise<void>;
}

/** The client of the TypeScript SDK, with its own checks of answers against the listed schemas. */
export async function typescriptClient(env: Record<string, string>): Promise<ToolClient> {
  const client = new Client({ name: 'a-typescript-client', version: '1' });
  await client.connect(new StdioClientTransport({ command: process.execPath, args: [CLI], env, stderr: 'inherit' }));
  return {
    tools: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: async (name, args) => answerSchema.parse(await client.callTool({ name, arguments: z.record(z.string(), z.unknown()).parse(args) })),
    read: async (uri) => contentsSchema.parse(await client.readResource({ uri })).contents,
    close: async () => await client.close(),
  };
}

/** The client of PyPI's `mcp`, in a Python of its own. */
export async function pythonClient(env: Record<string, string>): Promise<ToolClient> {
  const child = spawn(await pythonWithMcp(), [BRIDGE, process.execPath, CLI], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let turn: Promise<unknown> = Promise.resolve();
  const ask = (request: Record<string, unknown>): Promise<unknown> => {
    const asked = turn.then(async () => {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      const line: IteratorResult<unknown, unknown> = await lines.next();
      const told = toldSchema.parse(JSON.parse(z.string().parse(line.value)));
      if (told.thrown !== undefined) throw new Error(told.thrown);
      return told.result;
    });
    turn = asked.catch(() => undefined);
    return asked;
  };
  return {
    tools: async () => listSchema.parse(await ask({ method: 'tools/list' })).tools.map(({ name }) => name),
    call: async (name, args) => answerSchema.parse(await ask({ method: 'tools/call', name, arguments: args })),
    read: async (uri) => contentsSchema.parse(await ask({ method: 'resources/read', uri })).contents,
    async close() {
      const ended = once(child, 'exit');
      child.stdin.end();
      await ended;
    },
  };
}
