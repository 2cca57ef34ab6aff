import { expect } from '@jest/globals';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import {
  CallToolResultSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  type CallToolResult,
  type ElicitRequest,
  type ElicitResult,
} from '@modelcontextprotocol/sdk/types.js';
import * as z from 'zod';
import type { JobApi } from '../../../src/client/job-api.js';
import { readSettings } from '../../../src/config.js';
import { bindServer, type BoundServer } from '../../../src/mcp/bind.js';
import { TOOLS } from '../../../src/mcp/tools/index.js';

export interface SetupOptions {
  clientName?: string;
  roots?: string[];
  /** The server's environment. */
  env?: Record<string, string>;
  /** What the person at the client answers to a question; a client without it cannot ask. */
  answer?: (question: ElicitRequest['params']) => ElicitResult | Promise<ElicitResult>;
}

/** The bound server with the SDK's client at the other end, in this process. */
export interface Setup {
  client: Client;
  bound: BoundServer;
  logged: string[];
  connects: () => number;
  call: (name: string, args?: Record<string, unknown>) => Promise<{ result: CallToolResult; json: Record<string, unknown> }>;
}

export async function setUp(
  jobs: JobApi | (() => Promise<JobApi>),
  { clientName = 'test', roots, env = {}, answer }: SetupOptions = {},
): Promise<Setup> {
  let connects = 0;
  const logged: string[] = [];
  const bound = bindServer({
    tools: TOOLS,
    connect: () => {
      connects++;
      return typeof jobs === 'function' ? jobs() : Promise.resolve(jobs);
    },
    logError: (message, error) => logged.push(`${message}: ${String(error)}`),
    settings: async () => readSettings(env),
  });
  const client = new Client({ name: clientName, version: '1' }, { capabilities: { ...(roots && { roots: { listChanged: true } }), ...(answer && { elicitation: {} }) } });
  if (roots) client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: roots.map((uri) => ({ uri })) }));
  if (answer) client.setRequestHandler(ElicitRequestSchema, ({ params }) => answer(params));
  const [here, there] = InMemoryTransport.createLinkedPair();
  await Promise.all([bound.server.connect(there), client.connect(here)]);
  return {
    client,
    bound,
    logged,
    connects: () => connects,
    call: async (name, args = {}) => {
      const result = CallToolResultSchema.parse(await client.callTool({ name, arguments: args }));
      const [block] = result.content;
      const text = block?.type === 'text' ? block.text : '';
      expect(text).not.toMatch(/^MCP error/);
      return { result, json: z.record(z.string(), z.unknown()).parse(JSON.parse(text)) };
    },
  };
}

export function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => (resolve = settle));
  return { promise, resolve };
}

export const never = (): Promise<never> => new Promise(() => undefined);

