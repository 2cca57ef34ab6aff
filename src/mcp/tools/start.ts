import type { JobKind } from '../../contract/names.js';
import { presentJob } from '../present.js';
import type { ToolAnnotations, ToolAnswer, ToolContext } from '../tool.js';

/** Starting a job spends money at a provider, and starting it twice spends it twice. */
export const START_ANNOTATIONS: ToolAnnotations = {
  readOnlyHint: false,
  destructiveHint: false,
  idempotentHint: false,
  openWorldHint: true,
};

/** The handler of every `*_async` tool: starts the job and answers at once. */
export function startJob(kind: JobKind) {
  return async (rawArguments: unknown, context: ToolContext): Promise<ToolAnswer> => {
    const jobs = await context.jobs();
    const record = await jobs.start(kind, rawArguments);
    return { record: presentJob(record, { view: 'brief', polled: false }) };
  };
}
