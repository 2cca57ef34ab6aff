import * as z from 'zod';
import { REFERENCE_FORMS, commonFields, imagePaths, prompt } from '../fields.js';
import type { ToolDefinition } from '../tool.js';
import { runJob } from './run.js';
import { START_ANNOTATIONS } from './start.js';

export const imageBatchEditSchema = z.strictObject({
  prompt,
  image_paths: imagePaths.describe(`1-10: ${REFERENCE_FORMS}`),
  ...commonFields,
});

export const imageBatchEdit: ToolDefinition = {
  name: 'image_batch_edit',
  title: 'Edit several pictures and wait',
  description:
    'Edit each of 1-10 pictures in the same way and wait for all: results has one entry a picture, and one that fails does not stop the others. Answers the finished job or, when it takes longer than this call may, the running job with its job_id: then call image_job_wait, never this again.',
  inputSchema: imageBatchEditSchema,
  annotations: START_ANNOTATIONS,
  handler: runJob('image_batch_edit'),
};
