import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import * as z from 'zod';

/** What tests read of an answer; every other field stays as it came. */
const answerSchema = z.looseObject({
  ok: z.boolean(),
  job_id: z.string().optional(),
  status: z.string().optional(),
  stage: z.string().optional(),
  attempt: z.number().optional(),
  done: z.boolean().optional(),
  billing: z.string().optional(),
  result: z
    .looseObject({ saved: z.array(z.looseObject({ path: z.string(), sha256: z.string(), size_bytes: z.number() })) })
    .optional(),
  error: z.looseObject({ code: z.string(), message: z.string(), retryable: z.boolean() }).optional(),
});
export type Answer = z.infer<typeof answerSchema>;

const textSchema = z.object({ content: z.tuple([z.object({ type: z.literal('text'), text: z.string() })], z.unknown()) });

/** A stdio MCP server as a process of its own, with the official client at the other end. */
export interface McpServer {
  readonly pid: number;
  /** The one line of JSON that the tool answers, refusal or not. */
  call(tool: string, args: Record<string, unknown>): Promise<Answer>;
  /** Ends it as a client does: by closing stdin. */
  close(): Promise<void>;
}

/** Starts `node <cli> stdio` with exactly this environment; its stderr is given to `onLog` in pieces. */
export async function startMcpServer(cli: string, env: Record<string, string>, onLog: (text: string) => void = () => {}): Promise<McpServer> {
  const transport = new StdioClientTransport({ command: process.execPath, args: [cli, 'stdio'], env, stderr: 'pipe' });
  transport.stderr?.on('data', (chunk: Buffer) => onLog(chunk.toString()));
  const client = new Client({ name: 'test', version: '1' });
  await client.connect(transport);
  const { pid } = transport;
  if (pid === null) throw new Error('the stdio server has no process');
  return {
    pid,
    async call(tool, args) {
      const answer = textSchema.parse(await client.callTool({ name: tool, arguments: args }));
      return answerSchema.parse(JSON.parse(answer.content[0].text));
    },
    close: () => client.close(),
  };
}
