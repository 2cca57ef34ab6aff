import * as z from 'zod';
import { REFERENCE_FORMS, commonFields, imagePaths, prompt } from '../fields.js';
import type { ToolDefinition } from '../tool.js';
import { runJob } from './run.js';
import { START_ANNOTATIONS } from './start.js';

export const imageMultiReferenceSchema = z.strictObject({
  prompt,
  image_paths: imagePaths.describe(`2 to max_references of the provider (server_info): ${REFERENCE_FORMS}`),
  ...commonFields,
});

export const imageMultiReference: ToolDefinition = {
  name: 'image_multi_reference',
  title: 'Combine pictures and wait',
  description:
    'Make one new picture from several references, such as a person, a product and a style, and wait for it; the prompt says what to take from which. Answers the finished job with the paths in saved or, when it takes longer than this call may, the running job with its job_id: then call image_job_wait, never this again.',
  inputSchema: imageMultiReferenceSchema,
  annotations: START_ANNOTATIONS,
  handler: runJob('image_multi_reference'),
};
