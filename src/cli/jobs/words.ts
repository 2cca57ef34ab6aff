import type { Settings } from '../../config.js';
import { JobFailure } from '../../contract/errors.js';
import type { JobRecord } from '../../contract/record.js';
import { acknowledgedRetryCommand, commandFor } from '../../own-command.js';
import { EXIT } from '../output.js';

/** Commands and sentences about jobs. */

/** `jobs <word> <id>…`, as a shell takes it. */
export function jobsCommand(settings: Settings, word: string, jobIds: readonly string[], ...options: string[]): string {
  // A program may have chosen an ID that looks like an option.
  const operands = jobIds.some((id) => id.startsWith('-')) ? ['--', ...jobIds] : [...jobIds];
  return operands[0] === '--'
    ? commandFor(settings, ['jobs', word, ...options], operands)
    : commandFor(settings, ['jobs', word, ...operands, ...options]);
}

const TOOL = /\b(call )?image_job_(status|wait|cancel|retry|delete|list)\b(?: with this job_id)?/gi;
const COMMAND_OF: Readonly<Record<string, string>> = { status: 'show' };

/** What to do next, which the client says in names of tools, in those of commands; the first of them whole, at the end. */
export function inCommands(text: string, settings: Settings, jobId: string): string {
  const commands: string[] = [];
  const said = text.replace(TOOL, (_, call: string | undefined, tool: string) => {
    const word = COMMAND_OF[tool.toLowerCase()] ?? tool.toLowerCase();
    commands.push(jobsCommand(settings, word, word === 'list' ? [] : [jobId]));
    return `${call ?? ''}jobs ${word}`;
  });
  const [first] = commands;
  return first === undefined ? said : `${said.replace(/[^.!?]$/, '$&.')} That is: ${first}`;
}

/** Runs work on one job; a refusal says what to do next in commands. */
export async function forJob<T>(settings: Settings, jobId: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof JobFailure)) throw error;
    const { code, message, nextStep, retryable, retryAfterSeconds, problems, providerStatus, billing } = error;
    throw new JobFailure({
      code,
      message,
      nextStep:
        code === 'MAYBE_BILLED'
          ? `To run it again all the same, and to accept that it may be paid twice: ${acknowledgedRetryCommand(settings, jobId)}`
          : inCommands(nextStep, settings, jobId),
      retryable,
      ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
      ...(problems === undefined ? {} : { problems }),
      ...(providerStatus === undefined ? {} : { providerStatus }),
      ...(billing === undefined ? {} : { billing }),
      cause: error,
    });
  }
}

export function unknownJob(settings: Settings, jobIds: readonly string[]): JobFailure {
  return new JobFailure({
    code: 'NOT_FOUND',
    message: `${jobIds.length === 1 ? 'No job has the ID' : 'No jobs have the IDs'} ${jobIds.join(', ')}.`,
    nextStep: `These jobs are known here: ${jobsCommand(settings, 'list', [])}`,
  });
}

/** 0 completed, 3 running, else 1. */
export function exitOf({ status }: Pick<JobRecord, 'status'>): number {
  if (status === 'completed') return EXIT.done;
  return status === 'running' ? EXIT.running : EXIT.failed;
}

/** The record as --json prints it; `polled`: asked for, where a running job is not `ok`. */
export function asJson(record: JobRecord, polled: boolean): JobRecord {
  return { ...record, ok: record.status === 'completed' || (record.status === 'running' && !polled) };
}
