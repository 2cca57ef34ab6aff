import type { ToolDefinition } from '../tool.js';
import { imageBatchEditSchema } from './image-batch-edit.js';
import { START_ANNOTATIONS, startJob } from './start.js';

export const imageBatchEditAsync: ToolDefinition = {
  name: 'image_batch_edit_async',
  title: 'Start editing several pictures',
  description:
    'Start the same edit for each of 1-10 pictures: one result a picture, and one that fails does not stop the others. Answers a job_id at once; then call image_job_wait. Never start it again because it is slow: that pays twice.',
  inputSchema: imageBatchEditSchema,
  annotations: START_ANNOTATIONS,
  handler: startJob('image_batch_edit'),
};
