import * as z from 'zod';
import { commonFields, imagePath, maskPath, prompt } from '../fields.js';
import type { ToolDefinition } from '../tool.js';
import { runJob } from './run.js';
import { START_ANNOTATIONS } from './start.js';

export const imageEditSchema = z.strictObject({ prompt, image_path: imagePath, mask_path: maskPath, ...commonFields });

export const imageEdit: ToolDefinition = {
  name: 'image_edit',
  title: 'Edit a picture and wait',
  description:
    'Edit one picture as the prompt says and wait for it. Answers the finished job with the paths in saved or, when it takes longer than this call may, the running job with its job_id: then call image_job_wait, never this again.',
  inputSchema: imageEditSchema,
  annotations: START_ANNOTATIONS,
  handler: runJob('image_edit'),
};
