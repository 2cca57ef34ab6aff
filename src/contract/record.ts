import * as z from 'zod';
import { ERROR_CODES } from './errors.js';
import { JOB_KINDS } from './names.js';

/** The public record of a job (snake_case: it crosses process boundaries). Fields that say nothing are left out. */
const problem = z.object({ field: z.string(), code: z.enum(ERROR_CODES), message: z.string() });

export const jobErrorSchema = z.object({
  code: z.enum(ERROR_CODES),
  message: z.string().describe('One sentence: what happened.'),
  next_step: z.string().describe('One sentence: what to do next.'),
  retryable: z.boolean(),
  retry_after_seconds: z.number().optional(),
  problems: z.array(problem).optional(),
  provider_status: z.number().int().optional().describe("The provider's HTTP status."),
});

export const savedImageSchema = z.object({
  path: z.string().optional().describe('An ordinary file on the machine of the process that answers.'),
  uri: z.string().describe('image://jobs/{job_id}/outputs/{index}; its thumbnail is this and /thumbnail.'),
  sha256: z.string(),
  mime_type: z.string(),
  width: z.number().int(),
  height: z.number().int(),
  size_bytes: z.number().int(),
  actual_size: z.tuple([z.number(), z.number()]).describe('[width, height] in pixels.'),
  actual_megapixels: z.number(),
});

const batchItem = z.object({
  ok: z.boolean(),
  index: z.number().int(),
  saved: z.array(savedImageSchema).optional(),
  error: jobErrorSchema.optional(),
});

export const jobResultSchema = z.object({
  saved: z.array(savedImageSchema),
  generative: z.boolean().optional().describe('false: a preview that no image model made.'),
  n_references: z.number().int().optional(),
  results: z.array(batchItem).optional().describe('Batch: one entry an input.'),
  notes: z.array(z.string()).optional(),
  usage: z.record(z.string(), z.unknown()).optional(),
});

export const JOB_STATUSES = ['running', 'completed', 'failed', 'cancelled', 'expired', 'unknown'] as const;
export const JOB_STAGES = [
  'queued',
  'waiting_for_worker',
  'waiting_for_key',
  'rate_limited',
  'uploading',
  'generating',
  'storing',
] as const;

export const jobRecordSchema = z.object({
  ok: z.boolean(),
  job_id: z.string().describe('Also the Temporal workflow ID.'),
  kind: z.enum(JOB_KINDS).optional(),
  status: z.enum(JOB_STATUSES),
  stage: z.enum(JOB_STAGES).optional(),
  done: z.boolean(),
  provider: z.string().optional(),
  age_seconds: z.number().optional(),
  message: z.string(),
  next_step: z.string().optional(),
  poll_after_seconds: z.number().optional(),
  progress: z.object({ completed: z.number().int(), total: z.number().int() }).optional(),
  attempt: z.number().int().optional().describe('The attempt of the step that runs now, when it is not the first.'),
  warnings: z.array(z.string()).optional(),
  deduplicated: z.boolean().optional(),
  billing: z.enum(['none', 'billed', 'maybe']).optional(),
  cost: z.object({ amount: z.number(), currency: z.string(), source: z.string() }).optional(),
  result: jobResultSchema.optional(),
  error: jobErrorSchema.optional(),
  created_at: z.string().optional(),
  updated_at: z.string().optional(),
  tags: z.array(z.string()).optional(),
  model: z.string().optional(),
  temporal: z
    .object({ workflow_id: z.string(), run_id: z.string(), namespace: z.string(), ui_url: z.string().optional() })
    .optional(),
});

export type SavedImage = z.infer<typeof savedImageSchema>;
export type BatchItem = z.infer<typeof batchItem>;
export type JobResult = z.infer<typeof jobResultSchema>;
export type JobStatus = (typeof JOB_STATUSES)[number];
export type JobStage = (typeof JOB_STAGES)[number];
export type JobRecord = z.infer<typeof jobRecordSchema>;
export type Cost = NonNullable<JobRecord['cost']>;
