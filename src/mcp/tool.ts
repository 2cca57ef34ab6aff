import * as z from 'zod';
import type { JobApi } from '../client/job-api.js';
import type { Settings } from '../config.js';
import { failureOfProblems, type JobError } from '../contract/errors.js';
import { readArguments, type ObjectSchema } from '../contract/lenient.js';
import type { JobStatus } from '../contract/record.js';

/** A tool without any SDK: what a binding lists, and what it calls. */
export interface ToolDefinition {
  name: string;
  title: string;
  description: string;
  /** As listed: strict and terse. The handler reads the raw arguments itself, leniently. */
  inputSchema: z.ZodObject;
  annotations: ToolAnnotations;
  /** Gets the arguments as they came. Throws JobFailure for a refusal; anything else is a defect. */
  handler(rawArguments: unknown, context: ToolContext): Promise<ToolAnswer>;
}

export interface ToolAnnotations {
  readOnlyHint: boolean;
  destructiveHint: boolean;
  idempotentHint: boolean;
  openWorldHint: boolean;
}

/** What a call may use. */
export interface ToolContext {
  /** The client, opened by the first call that needs it. Throws JobFailure. */
  jobs(): Promise<JobApi>;
  /** The caller has cancelled the call, or is gone. */
  signal: AbortSignal;
  /** Seconds that this call may still wait: the wanted ones, at most what this MCP client is known to bear. */
  waitSeconds(wanted: number | undefined): Promise<number>;
  /** One sentence of progress, for callers that asked for it; the latest is repeated. */
  report: (message: string) => void;
  /** Of the environment. Throws JobFailure. */
  settings(): Promise<Settings>;
  /** Asks the person at the client to confirm something; whatever is no plain yes is a no. */
  confirm(question: Question): Promise<Confirmation>;
  /** For what no caller may see: goes to stderr. */
  logError: (message: string, error: unknown) => void;
}

/** One yes-or-no question; the client shows the message and a box with the label. */
export interface Question {
  message: string;
  label: string;
}

/** `impossible`: this client cannot ask a person. */
export type Confirmation = 'yes' | 'no' | 'impossible';

/** A report (never an error, whatever became of the job), or a refusal of the call. */
export type ToolAnswer =
  | { record: Record<string, unknown>; attachments?: readonly Attachment[] }
  | { refusal: JobError; status?: JobStatus };

/** What may follow the record, as far as it fits into one answer. */
export type Attachment =
  | { kind: 'image'; bytes: Buffer; mimeType: string }
  | { kind: 'link'; uri: string; name: string; mimeType: string; sizeBytes: number };

/** Every tool's output: open, so that a record may grow. */
export const OUTPUT_SCHEMA = z.looseObject({ ok: z.boolean() });

/** The arguments of a small tool; throws every problem together. */
export function read<S extends ObjectSchema>(schema: S, raw: unknown): { values: z.output<S>; warnings: string[] } {
  const { arguments: values, warnings, problems } = readArguments(schema, raw);
  if (values === undefined) throw failureOfProblems(problems, 'Correct the arguments and call again.');
  return { values, warnings };
}

/** The refusal of a report on a job that was never seen here. */
export function unknownJob(jobId: string): ToolAnswer {
  return {
    status: 'unknown',
    refusal: {
      code: 'NOT_FOUND',
      message: `Unknown job_id: ${jobId}`,
      next_step: 'Use the job_id exactly as the starting call answered it; image_job_list shows those that are known.',
      retryable: false,
    },
  };
}
