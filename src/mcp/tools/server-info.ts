import * as z from 'zod';
import { read, type ToolDefinition } from '../tool.js';

const inputSchema = z.strictObject({});

export const serverInfo: ToolDefinition = {
  name: 'server_info',
  title: 'About this server',
  description: 'Version, providers (configured or not, their models and limits), folders for references and results, the state of the service and what hinders it; free.',
  inputSchema,
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  async handler(rawArguments, context) {
    const { warnings } = read(inputSchema, rawArguments);
    const jobs = await context.jobs();
    const info = await jobs.serverInfo();
    return { record: { ok: true, ...info, ...(warnings.length > 0 && { warnings }) } };
  },
};
