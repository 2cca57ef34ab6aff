import type { ToolDefinition } from '../tool.js';
import { imageBatchEditAsync } from './image-batch-edit-async.js';
import { imageEditAsync } from './image-edit-async.js';
import { imageGenerateAsync } from './image-generate-async.js';
import { imageJobStatus } from './image-job-status.js';
import { imageJobWait } from './image-job-wait.js';
import { imageMultiReferenceAsync } from './image-multi-reference-async.js';
import { serverInfo } from './server-info.js';

/** Every tool in the order in which it is listed; the order is kept, because hosts cache by it. */
export const TOOLS: readonly ToolDefinition[] = [
  serverInfo,
  imageGenerateAsync,
  imageEditAsync,
  imageBatchEditAsync,
  imageMultiReferenceAsync,
  imageJobStatus,
  imageJobWait,
];
