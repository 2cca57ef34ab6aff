/** Baseline of a cold start: a bare server of the v1 SDK with so many tools (the argument), and nothing behind them. */
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import * as z from 'zod';

const tools = Number(process.argv[2] ?? 1);

const server = new McpServer({ name: 'bare', version: '1' });
for (let index = 0; index < tools; index += 1) {
  server.registerTool(`tool_${index}`, { description: 'Does nothing.', inputSchema: { prompt: z.string() } }, () => ({ content: [] }));
}
await server.connect(new StdioServerTransport());
