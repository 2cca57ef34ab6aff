import type { ToolDefinition } from '../tool.js';
import { imageBatchEditAsync } from './image-batch-edit-async.js';
import { imageBatchEdit } from './image-batch-edit.js';
import { imageEditAsync } from './image-edit-async.js';
import { imageEdit } from './image-edit.js';
import { imageGenerateAsync } from './image-generate-async.js';
import { imageGenerate } from './image-generate.js';
import { imageJobCancel } from './image-job-cancel.js';
import { imageJobDelete } from './image-job-delete.js';
import { imageJobGetImage } from './image-job-get-image.js';
import { imageJobList } from './image-job-list.js';
import { imageJobRetry } from './image-job-retry.js';
import { imageJobStatus } from './image-job-status.js';
import { imageJobWait } from './image-job-wait.js';
import { imageMultiReferenceAsync } from './image-multi-reference-async.js';
import { imageMultiReference } from './image-multi-reference.js';
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
  imageJobList,
  imageJobGetImage,
  imageJobRetry,
  imageJobCancel,
  imageJobDelete,
  imageGenerate,
  imageEdit,
  imageBatchEdit,
  imageMultiReference,
];
