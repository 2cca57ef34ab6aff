import * as z from 'zod';
import type { JobRecord } from '../../contract/record.js';
import { jobId } from '../fields.js';
import { presentJob } from '../present.js';
import { read, unknownJob, type ToolDefinition } from '../tool.js';

const inputSchema = z.strictObject({ job_id: jobId, reason: z.string().max(1000, 'must be at most 1000 characters').optional() });

export const imageJobCancel: ToolDefinition = {
  name: 'image_job_cancel',
  title: 'Cancel a job',
  description:
    'Stop a job; only when the user wants that. A request that the provider has taken may still be billed: billing says none, billed or maybe.',
  inputSchema,
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: true },
  async handler(rawArguments, context) {
    const { values, warnings } = read(inputSchema, rawArguments);
    const jobs = await context.jobs();
    const record = await jobs.cancel(values.job_id, values.reason);
    if (record.status === 'unknown') return unknownJob(values.job_id);
    return { record: presentJob(withBilling(record), { view: 'brief', polled: false, warnings }) };
  },
};

const BILLING_SAYS = {
  none: 'Nothing was billed.',
  billed: 'What was made is billed.',
  maybe: 'The provider may still bill.',
} as const;

/** A job that did not end by itself says in its message whether it costs anything. */
function withBilling(record: JobRecord): JobRecord {
  if (record.status !== 'running' && record.status !== 'cancelled') return record;
  const billing = record.billing ?? (record.provider === 'local' ? 'none' : 'maybe');
  const message = /\bbill/i.test(record.message) ? record.message : `${record.message} ${BILLING_SAYS[billing]}`;
  return { ...record, billing, message };
}
