import type { ToolDefinition } from '../tool.js';
import { imageGenerateSchema } from './image-generate.js';
import { START_ANNOTATIONS, startJob } from './start.js';

export const imageGenerateAsync: ToolDefinition = {
  name: 'image_generate_async',
  title: 'Start making a picture',
  description:
    'Start making pictures from a text. Answers a job_id at once; then call image_job_wait. Never start it again because it is slow: that pays twice.',
  inputSchema: imageGenerateSchema,
  annotations: START_ANNOTATIONS,
  handler: startJob('image_generate'),
};
