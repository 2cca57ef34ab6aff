import type { JobApi } from '../../client/job-api.js';
import { JobFailure } from '../../contract/errors.js';
import type { JobKind } from '../../contract/names.js';
import type { JobRecord } from '../../contract/record.js';
import { inOneLine, presentJob } from '../present.js';
import { thumbnailsOf } from '../thumbnails.js';
import type { ToolAnswer, ToolContext } from '../tool.js';

/**
 * The handler of the tools that wait: starts the same job as the `*_async` form and waits as image_job_wait would. A refusal is
 * one of the start; from then on the answer is the job as far as it was seen.
 */
export function runJob(kind: JobKind) {
  return async (rawArguments: unknown, context: ToolContext): Promise<ToolAnswer> => {
    const jobs = await context.jobs();
    // Nobody would hear of the job.
    context.signal.throwIfAborted();
    const started = await jobs.start(kind, rawArguments);
    context.report(inOneLine(started));
    try {
      const record = await ended(started, jobs, context);
      return { record: shown(record), attachments: await thumbnailsOf([record], jobs, context) };
    } catch (error) {
      const told = error instanceof JobFailure;
      if (!told && !context.signal.aborted) context.logError(`waiting for ${started.job_id} failed`, error);
      const warning = `the wait ended early${told ? ` (${error.code}: ${error.message})` : ''}; the job goes on`;
      return { record: shown({ ...started, warnings: [...(started.warnings ?? []), warning] }) };
    }
  };
}

/** The record at its end, or as it is when the time is over. What only the start could say stays said. */
async function ended(started: JobRecord, jobs: JobApi, context: ToolContext): Promise<JobRecord> {
  if (started.done) return started;
  const { records } = await jobs.wait({
    jobIds: [started.job_id],
    until: 'all',
    timeoutSeconds: await context.waitSeconds(undefined),
    signal: context.signal,
    onUpdate: (updated) => context.report(updated.map(inOneLine).join('; ')),
  });
  const [record] = records;
  if (record === undefined || record.status === 'unknown') return started;
  return {
    ...record,
    deduplicated: started.deduplicated,
    warnings: [...new Set([...(started.warnings ?? []), ...(record.warnings ?? [])])],
  };
}

function shown(record: JobRecord): Record<string, unknown> {
  return presentJob(record, { view: 'brief', polled: false, atTopLevel: true });
}
