import type { ToolDefinition } from '../tool.js';
import { imageMultiReferenceSchema } from './image-multi-reference.js';
import { START_ANNOTATIONS, startJob } from './start.js';

export const imageMultiReferenceAsync: ToolDefinition = {
  name: 'image_multi_reference_async',
  title: 'Start combining pictures',
  description:
    'Start making one new picture from several references, such as a person, a product and a style; the prompt says what to take from which. Answers a job_id at once; then call image_job_wait. Never start it again because it is slow: that pays twice.',
  inputSchema: imageMultiReferenceSchema,
  annotations: START_ANNOTATIONS,
  handler: startJob('image_multi_reference'),
};
