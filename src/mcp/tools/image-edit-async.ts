import * as z from 'zod';
import { commonFields, imagePath, maskPath, prompt } from '../fields.js';
import type { ToolDefinition } from '../tool.js';
import { START_ANNOTATIONS, startJob } from './start.js';

export const imageEditAsync: ToolDefinition = {
  name: 'image_edit_async',
  title: 'Start editing a picture',
  description:
    'Start editing one picture as the prompt says. Answers a job_id at once; then call image_job_wait. Never start it again because it is slow: that pays twice.',
  inputSchema: z.strictObject({ prompt, image_path: imagePath, mask_path: maskPath, ...commonFields }),
  annotations: START_ANNOTATIONS,
  handler: startJob('image_edit'),
};
