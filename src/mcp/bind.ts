import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { CallToolRequestSchema, ListToolsRequestSchema, type Tool } from '@modelcontextprotocol/sdk/types.js';
import * as z from 'zod';
import type { JobApi } from '../client/job-api.js';
import type { Settings } from '../config.js';
import type { JobError } from '../contract/errors.js';
import { argumentObject, nearestFew } from '../contract/lenient.js';
import { wireAnswer, type WireAnswer } from './answer.js';
import { bindResources } from './bind-resources.js';
import { waitCeilingSeconds } from './client-limits.js';
import { confirmBy } from './confirm.js';
import { INSTRUCTIONS } from './instructions.js';
import { startProgress } from './progress.js';
import { refusalOf } from './refusal.js';
import { followRoots } from './roots.js';
import { OUTPUT_SCHEMA, type ToolAnswer, type ToolContext, type ToolDefinition } from './tool.js';
import { VERSION } from '../version.js';

export interface BindOptions {
  tools: readonly ToolDefinition[];
  /** Opens the client; called by the first call that needs it, and again after a failure. */
  connect: () => Promise<JobApi>;
  /** For what no caller may see: goes to stderr. */
  logError: (message: string, error: unknown) => void;
  /** Of the environment. May throw JobFailure. */
  settings: () => Promise<Settings>;
}

export interface BoundServer {
  server: Server;
  /** Ends the waits, lets calls in flight answer, and closes the client if there is one. */
  drain: () => Promise<void>;
}

/**
 * Binds tools and resources to the SDK's low-level server: the raw arguments reach our own validation, and every outcome of a
 * call, an unknown tool or a defect too, is an answer in our form and never the SDK's text.
 */
export function bindServer({ tools, connect, logError, settings }: BindOptions): BoundServer {
  const capabilities = { tools: {}, resources: {}, completions: {} };
  const server = new Server({ name: 'durable-image-mcp', version: VERSION }, { capabilities, instructions: INSTRUCTIONS });
  const draining = new AbortController();
  const inFlight = new Set<Promise<unknown>>();
  let opening: Promise<JobApi> | undefined;
  let clientRoots: string[] | undefined;

  const roots = followRoots(
    server,
    (paths) => {
      clientRoots = paths;
      opening?.then((jobs) => jobs.setClientRoots(paths)).catch(() => undefined);
    },
    (error) => logError('the client did not name its roots', error),
  );

  const open = async (): Promise<JobApi> => {
    const jobs = await connect();
    if (clientRoots !== undefined) jobs.setClientRoots(clientRoots);
    return jobs;
  };
  const jobs = async (): Promise<JobApi> => {
    await roots.settled();
    opening ??= open().catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  };
  const tracked = async <T>(call: Promise<T>): Promise<T> => {
    inFlight.add(call);
    try {
      return await call;
    } finally {
      inFlight.delete(call);
    }
  };

  let listed: Tool[] | undefined;
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: (listed ??= tools.map(listTool)) }));

  server.setRequestHandler(callRequestSchema, async ({ params }, extra): Promise<WireAnswer> => {
    const { signal, sendNotification, sendRequest, _meta: meta } = extra;
    const startedAt = performance.now();
    const progressToken = meta?.progressToken;
    const progress = startProgress((seconds, message) => {
      if (progressToken === undefined) return;
      sendNotification({ method: 'notifications/progress', params: { progressToken, progress: seconds, message } }).catch(
        (error: unknown) => logError('a progress message could not be sent', error),
      );
    });
    const context: ToolContext = {
      jobs,
      signal: AbortSignal.any([signal, draining.signal]),
      waitSeconds: async (wanted) => {
        const ceiling = (await settings()).IMAGE_WAIT_MAX_SECONDS ?? waitCeilingSeconds(server.getClientVersion()?.name);
        return Math.max(0, Math.min(wanted ?? ceiling, ceiling) - (performance.now() - startedAt) / 1000);
      },
      report: progress.report,
      settings,
      confirm: async (question) => confirmBy(server, sendRequest, question, await context.waitSeconds(undefined), context.signal),
      logError,
    };
    try {
      return wireAnswer(await tracked(callTool(tools, params.name, params.arguments, context)));
    } finally {
      progress.stop();
    }
  });

  bindResources(server, { jobs, tracked, logError });

  return {
    server,
    drain: async () => {
      draining.abort();
      await Promise.allSettled(inFlight);
      await opening?.then((client) => client.close()).catch((error: unknown) => logError('closing the client failed', error));
    },
  };
}

/** The SDK's own schema refuses arguments that are no object before we see them; this one hands them on for our refusal. */
const callRequestSchema = z.object({
  method: CallToolRequestSchema.shape.method,
  params: z
    .looseObject({ name: z.string() })
    .transform((params) => ({ ...params, arguments: argumentObject(params['arguments']) ?? { arguments: params['arguments'] } })),
});

function listTool({ name, title, description, inputSchema, annotations }: ToolDefinition): Tool {
  return { name, title, description, inputSchema: jsonSchema(inputSchema), outputSchema: jsonSchema(OUTPUT_SCHEMA), annotations };
}

const objectSchema = z.looseObject({
  type: z.literal('object'),
  properties: z.record(z.string(), z.looseObject({})).optional(),
  required: z.array(z.string()).optional(),
});

/** Without `$schema`: the protocol's default dialect, and every byte of a listing is in the model's context. */
function jsonSchema(schema: z.ZodObject): z.infer<typeof objectSchema> {
  const { $schema: _dialect, ...json } = z.toJSONSchema(schema, { io: 'input' });
  if (isEmptyObject(json.additionalProperties)) delete json.additionalProperties;
  return objectSchema.parse(json);
}

function isEmptyObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

/** Runs one tool; never rejects. */
async function callTool(
  tools: readonly ToolDefinition[],
  name: string,
  rawArguments: unknown,
  context: ToolContext,
): Promise<ToolAnswer> {
  const tool = tools.find((candidate) => candidate.name === name);
  if (tool === undefined) return { refusal: unknownTool(name, tools) };
  try {
    return await tool.handler(rawArguments, context);
  } catch (error) {
    return { refusal: refusalOf(error, name, context) };
  }
}

function unknownTool(name: string, tools: readonly ToolDefinition[]): JobError {
  const known = nearestFew(name, tools.map((tool) => tool.name), 3);
  return {
    code: 'INVALID_ARGUMENT',
    message: `There is no tool ${JSON.stringify(name.slice(0, 60))}; the nearest are ${known.join(', ')}.`,
    next_step: 'Call one of the tools that tools/list names.',
    retryable: false,
  };
}
