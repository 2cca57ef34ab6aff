/** Baseline of the tools: an MCP server that calls @temporalio/client and nothing else. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { Client, Connection } from '@temporalio/client';
import * as z from 'zod';
import { RAW_ACTIVITIES, RAW_QUEUE, RAW_WORKFLOW } from './names.js';

const connection = await Connection.connect({ address: process.env['BENCH_TEMPORAL_ADDRESS'] ?? '' });
const client = new Client({ connection });
const server = new McpServer({ name: 'raw', version: '1' });
const id = z.string();
const prompt = z.string();

const json = (value: unknown): { content: { type: 'text'; text: string }[] } => ({ content: [{ type: 'text', text: JSON.stringify(value) }] });
const start = (workflowId: string, input: Record<string, unknown>): Promise<unknown> =>
  client.workflow.start(RAW_WORKFLOW, { workflowId, taskQueue: RAW_QUEUE, args: [{ activities: RAW_ACTIVITIES, ...input }] });

server.registerTool('start', { description: 'Starts a workflow.', inputSchema: { id, prompt } }, async (given) => {
  await start(given.id, { prompt: given.prompt });
  return json({ id: given.id });
});

/** What `sha256sum` and `cp` do, in this process: no fsync, no check of the bytes. */
const withFiles = { id, prompt, paths: z.array(z.string()), folder: z.string() };
server.registerTool('start_with_files', { description: 'Copies files by their digest, then starts a workflow.', inputSchema: withFiles }, async (given) => {
  await mkdir(given.folder, { recursive: true });
  const digests = await Promise.all(
    given.paths.map(async (path) => {
      const bytes = await readFile(path);
      const digest = createHash('sha256').update(bytes).digest('hex');
      await writeFile(join(given.folder, digest), bytes);
      return digest;
    }),
  );
  await start(given.id, { prompt: given.prompt, digests });
  return json({ id: given.id, digests });
});

server.registerTool('wait', { description: 'Waits for a workflow.', inputSchema: { id } }, async (given) => {
  await client.workflow.getHandle(given.id).result();
  return json({ id: given.id });
});

server.registerTool('describe', { description: 'Describes a workflow.', inputSchema: { id } }, async (given) => {
  const { status, startTime } = await client.workflow.getHandle(given.id).describe();
  return json({ id: given.id, status: status.name, started: startTime.toISOString() });
});

await server.connect(new StdioServerTransport());
