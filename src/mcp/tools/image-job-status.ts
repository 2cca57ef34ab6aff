import * as z from 'zod';
import { jobId } from '../fields.js';
import { presentJob } from '../present.js';
import { read, unknownJob, type ToolDefinition } from '../tool.js';

const inputSchema = z.strictObject({ job_id: jobId });

export const imageJobStatus: ToolDefinition = {
  name: 'image_job_status',
  title: 'State of a job',
  description: 'The full record of a job now, running or ended; free. To wait for the end use image_job_wait, not repeated calls of this.',
  inputSchema,
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  async handler(rawArguments, context) {
    const { values, warnings } = read(inputSchema, rawArguments);
    const jobs = await context.jobs();
    const record = await jobs.status(values.job_id);
    if (record.status === 'unknown') return unknownJob(values.job_id);
    return { record: presentJob(record, { view: 'full', polled: true, warnings }) };
  },
};
