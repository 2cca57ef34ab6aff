import * as z from 'zod';
import { jobId } from '../fields.js';
import { presentJob } from '../present.js';
import { read, unknownJob, type ToolDefinition } from '../tool.js';

const inputSchema = z.strictObject({ job_id: jobId });

export const imageJobDelete: ToolDefinition = {
  name: 'image_job_delete',
  title: 'Delete a job',
  description:
    'Delete an ended job for good: its record and its pictures in the store; only when the user wants that. Files that were already written to save_dir stay. Its status is expired from then on.',
  inputSchema,
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
  async handler(rawArguments, context) {
    const { values, warnings } = read(inputSchema, rawArguments);
    const jobs = await context.jobs();
    const record = await jobs.delete(values.job_id);
    if (record.status === 'unknown') return unknownJob(values.job_id);
    return { record: presentJob(record, { view: 'brief', polled: false, warnings }) };
  },
};
