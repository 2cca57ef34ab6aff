/** Baseline of a submit: an MCP server whose tools call @temporalio/client and nothing else. */
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { Client, Connection } from '@temporalio/client';
import * as z from 'zod';
import { RAW_QUEUE, RAW_WORKFLOW } from './names.js';

const connection = await Connection.connect({ address: process.env['BENCH_TEMPORAL_ADDRESS'] ?? '' });
const client = new Client({ connection });
const server = new McpServer({ name: 'raw', version: '1' });
const inputSchema = { prompt: z.string(), id: z.string() };

server.registerTool('start', { description: 'Starts a workflow.', inputSchema }, async ({ prompt, id }) => {
  await client.workflow.start(RAW_WORKFLOW, { workflowId: id, taskQueue: RAW_QUEUE, args: [{ prompt }] });
  return { content: [{ type: 'text', text: JSON.stringify({ id }) }] };
});
server.registerTool('wait', { description: 'Waits for a workflow.', inputSchema: { id: z.string() } }, async ({ id }) => {
  await client.workflow.getHandle(id).result();
  return { content: [{ type: 'text', text: JSON.stringify({ id }) }] };
});
await server.connect(new StdioServerTransport());
