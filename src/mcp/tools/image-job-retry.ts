import * as z from 'zod';
import type { JobApi } from '../../client/job-api.js';
import { JobFailure } from '../../contract/errors.js';
import type { JobRecord } from '../../contract/record.js';
import { acknowledgedRetryCommand } from '../../own-command.js';
import { jobId } from '../fields.js';
import { presentJob } from '../present.js';
import { read, unknownJob, type Confirmation, type Question, type ToolContext, type ToolDefinition } from '../tool.js';

const inputSchema = z.strictObject({
  job_id: jobId,
  acknowledge_possible_double_charge: z.boolean().optional().describe('what may have been paid may be paid twice; the user is asked'),
});

export const imageJobRetry: ToolDefinition = {
  name: 'image_job_retry',
  title: 'Run a job again',
  description:
    'Run what failed of a failed, cancelled or partly failed job again, under the same job_id; what was paid is found, not bought again. Then call image_job_wait. MAYBE_BILLED: ask the user before acknowledging.',
  inputSchema,
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: true },
  async handler(rawArguments, context) {
    const { values, warnings } = read(inputSchema, rawArguments);
    const { job_id, acknowledge_possible_double_charge: wanted = false } = values;
    const jobs = await context.jobs();
    if (!wanted) return brief(await jobs.retry(job_id, { acknowledgePossibleDoubleCharge: false }), warnings);
    if ((await context.settings()).IMAGE_ALLOW_AGENT_DOUBLE_CHARGE) {
      return brief(await jobs.retry(job_id, { acknowledgePossibleDoubleCharge: true }), warnings);
    }
    const before = await jobs.status(job_id);
    if (before.status === 'unknown') return unknownJob(job_id);
    const harmless = mayBePaid(before) ? undefined : await withoutAcknowledgement(jobs, job_id);
    if (harmless !== undefined) return brief(harmless, warnings);
    await agreed(before, context);
    return brief(await jobs.retry(job_id, { acknowledgePossibleDoubleCharge: true }), warnings);
  },
};

function brief(record: JobRecord, warnings: string[]): { record: Record<string, unknown> } {
  return { record: presentJob(record, { view: 'brief', polled: false, warnings }) };
}

function mayBePaid({ billing, error, result }: JobRecord): boolean {
  const codes = [error, ...(result?.results ?? []).map((item) => item.error)].map((one) => one?.code);
  return billing === 'maybe' || codes.includes('MAYBE_BILLED');
}

/** Nobody is asked about a job that buys nothing twice; undefined when it would. */
async function withoutAcknowledgement(jobs: JobApi, id: string): Promise<JobRecord | undefined> {
  try {
    return await jobs.retry(id, { acknowledgePossibleDoubleCharge: false });
  } catch (error) {
    if (error instanceof JobFailure && error.code === 'MAYBE_BILLED') return undefined;
    throw error;
  }
}

/** An agent's word does not spend a person's money twice: PERMISSION_DENIED unless the person said yes. */
async function agreed(record: JobRecord, context: ToolContext): Promise<void> {
  context.report(`${record.job_id}: waiting for the user's answer`);
  const answer = await context.confirm(question(record));
  context.signal.throwIfAborted();
  if (answer !== 'yes') throw notAgreed(answer, acknowledgedRetryCommand(await context.settings(), record.job_id));
}

/** Only what the record says: the agent must not word what the person is asked. */
function question({ job_id, kind, provider, cost }: JobRecord): Question {
  const job = `the job ${job_id} (${[kind, provider].filter((word) => word !== undefined).join(', ')})`;
  const price = cost === undefined ? '' : ` So far it cost ${cost.amount} ${cost.currency} (${cost.source}).`;
  return {
    message: `Run ${job} again? A request of it may already have been billed although no picture came; this may be billed a second time.${price}`,
    label: 'Run it again, even if it is paid twice',
  };
}

function notAgreed(answer: Exclude<Confirmation, 'yes'>, command: string): JobFailure {
  const impossible = answer === 'impossible';
  return new JobFailure({
    code: 'PERMISSION_DENIED',
    message: impossible
      ? 'Only a person may accept that this job is paid twice, and this client cannot ask one; it was not run again.'
      : 'The user did not agree that this job may be paid twice; it was not run again.',
    nextStep: impossible ? `Ask the user to run: ${command}` : `Ask the user; to run it all the same, the user can run: ${command}`,
  });
}
