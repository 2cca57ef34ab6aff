import * as z from 'zod';
import type { ListedJob, ListOptions } from '../../client/job-api.js';
import { JOB_KINDS } from '../../contract/names.js';
import { resolveProvider } from '../../contract/provider-names.js';
import type { JobStatus } from '../../contract/record.js';
import { fitRows, type Row } from '../list-rows.js';
import { withoutEmpty } from '../present.js';
import { since } from '../since.js';
import { read, type ToolDefinition } from '../tool.js';

const DEFAULT_ROWS = 20;

const LISTED_STATUSES = ['running', 'completed', 'failed', 'cancelled', 'expired'] as const satisfies readonly JobStatus[];

/** Checked here, so that it is named together with the other problems. */
const providerName = z.string().refine((name) => resolveProvider(name, undefined).problem === undefined, {
  error: ({ input }) => resolveProvider(String(input), undefined).problem?.message,
});

const inputSchema = z.strictObject({
  status: z.enum(LISTED_STATUSES).optional(),
  kind: z.enum(JOB_KINDS).optional(),
  provider: providerName.optional(),
  tag: z.string().optional(),
  since: since.optional().describe('ISO 8601 date or time, or a span: 30m, 24h, 7d'),
  limit: z.int().min(1).max(100).optional().describe('default 20'),
  cursor: z.string().optional().describe('next_cursor of the page before'),
});

export const imageJobList: ToolDefinition = {
  name: 'image_job_list',
  title: 'List jobs',
  description:
    'Jobs, newest first, with the beginning of their prompt: finds a job_id that was lost; free. next_cursor, when there, gives the next page.',
  inputSchema,
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  async handler(rawArguments, context) {
    const { values, warnings } = read(inputSchema, rawArguments);
    const { limit = DEFAULT_ROWS, provider, ...filters } = values;
    const named = resolveProvider(provider, undefined).provider;
    const options: ListOptions = { ...filters, limit, ...(named && { provider: named }) };
    const jobs = await context.jobs();
    const { jobs: listed, nextCursor, warnings: told = [] } = await jobs.list(options);
    const more = withoutEmpty({ warnings: [...warnings, ...told], next_cursor: nextCursor });
    return { record: fitRows(listed.map(row), { ok: true, ...more }) };
  },
};

function row({ job_id, title, kind, status, stage, age_seconds, path }: ListedJob): Row {
  return {
    job_id,
    ...(title && { title }),
    ...(kind && { kind }),
    status,
    ...(status === 'running' && stage && { stage }),
    age_seconds: Math.round(age_seconds),
    ...(path && { path }),
  };
}
