import type { ToolDefinition } from '../tool.js';
import { imageEditSchema } from './image-edit.js';
import { START_ANNOTATIONS, startJob } from './start.js';

export const imageEditAsync: ToolDefinition = {
  name: 'image_edit_async',
  title: 'Start editing a picture',
  description:
    'Start editing one picture as the prompt says. Answers a job_id at once; then call image_job_wait. Never start it again because it is slow: that pays twice.',
  inputSchema: imageEditSchema,
  annotations: START_ANNOTATIONS,
  handler: startJob('image_edit'),
};
