import * as z from 'zod';
import { commonFields, imagePaths, prompt } from '../fields.js';
import type { ToolDefinition } from '../tool.js';
import { START_ANNOTATIONS, startJob } from './start.js';

export const imageBatchEditAsync: ToolDefinition = {
  name: 'image_batch_edit_async',
  title: 'Start editing several pictures',
  description:
    'Start the same edit for each of 1-10 pictures: one result a picture, and one that fails does not stop the others. Answers a job_id at once; then call image_job_wait. Never start it again because it is slow: that pays twice.',
  inputSchema: z.strictObject({ prompt, image_paths: imagePaths.describe('1-10 references, as image_path of image_edit_async'), ...commonFields }),
  annotations: START_ANNOTATIONS,
  handler: startJob('image_batch_edit'),
};
