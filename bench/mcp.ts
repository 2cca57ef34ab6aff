import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import * as z from 'zod';
import { environment } from './processes.js';

/** Longer than any wait of a row. */
const PATIENCE_MS = 900_000;

export type Call = (tool: string, args: Record<string, unknown>) => Promise<Record<string, unknown>>;

export interface McpProcess {
  readonly pid: number;
  /** How many tools it lists. */
  readonly tools: () => Promise<number>;
  /** The line of JSON that a tool answers. */
  readonly call: Call;
  readonly close: () => Promise<void>;
}

const answerSchema = z.object({ content: z.array(z.object({ text: z.string().optional() })) });
const recordSchema = z.record(z.string(), z.unknown());

/** An MCP client over stdio to a program. */
export async function connectMcp(command: string, args: string[], env: Record<string, string>): Promise<McpProcess> {
  const client = new Client({ name: 'bench', version: '1' });
  const transport = new StdioClientTransport({ command, args, env: environment(env), stderr: 'inherit' });
  await client.connect(transport);
  const { pid } = transport;
  if (pid === null) throw new Error('the MCP server has no process');
  return {
    pid,
    tools: async () => (await client.listTools()).tools.length,
    async call(name, given) {
      const { content } = answerSchema.parse(await client.callTool({ name, arguments: given }, undefined, { timeout: PATIENCE_MS }));
      return recordSchema.parse(JSON.parse(content.find(({ text }) => text !== undefined)?.text ?? ''));
    },
    close: () => client.close(),
  };
}
