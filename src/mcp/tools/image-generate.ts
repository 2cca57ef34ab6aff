import * as z from 'zod';
import { commonFields, n, prompt } from '../fields.js';
import type { ToolDefinition } from '../tool.js';
import { runJob } from './run.js';
import { START_ANNOTATIONS } from './start.js';

export const imageGenerateSchema = z.strictObject({ prompt, n, ...commonFields });

export const imageGenerate: ToolDefinition = {
  name: 'image_generate',
  title: 'Make a picture and wait',
  description:
    'Make pictures from a text and wait for them. Answers the finished job with the paths in saved or, when it takes longer than this call may, the running job with its job_id: then call image_job_wait, never this again.',
  inputSchema: imageGenerateSchema,
  annotations: START_ANNOTATIONS,
  handler: runJob('image_generate'),
};
