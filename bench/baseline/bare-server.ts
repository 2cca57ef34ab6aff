/** Baseline of a cold start: a bare server of the v1 SDK with as many tools as ours, and nothing behind them. */
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import * as z from 'zod';

const TOOLS = 7;

const server = new McpServer({ name: 'bare', version: '1' });
for (let index = 0; index < TOOLS; index += 1) {
  server.registerTool(`tool_${index}`, { description: 'Does nothing.', inputSchema: { prompt: z.string() } }, () => ({ content: [] }));
}
await server.connect(new StdioServerTransport());
