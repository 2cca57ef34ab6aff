import * as z from 'zod';
import { commonFields, imagePaths, prompt } from '../fields.js';
import type { ToolDefinition } from '../tool.js';
import { START_ANNOTATIONS, startJob } from './start.js';

export const imageMultiReferenceAsync: ToolDefinition = {
  name: 'image_multi_reference_async',
  title: 'Start combining pictures',
  description:
    'Start making one new picture from several references, such as a person, a product and a style; the prompt says what to take from which. Answers a job_id at once; then call image_job_wait. Never start it again because it is slow: that pays twice.',
  inputSchema: z.strictObject({ prompt, image_paths: imagePaths.describe('2-10 references (xai 2-3), as image_path of image_edit_async'), ...commonFields }),
  annotations: START_ANNOTATIONS,
  handler: startJob('image_multi_reference'),
};
