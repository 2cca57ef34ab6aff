import * as z from 'zod';
import { isJobId } from '../contract/ids.js';

/**
 * The job tools' arguments as listed for a model: terse, because every word is in its context all the time. What is
 * right is decided by src/contract/arguments.ts, which knows more than a listing can say.
 */

/** What names a picture that a job works on. */
export const REFERENCE_FORMS = 'path, https:// URL, image:// URI of an earlier job, or small data: URL';

export const jobId = z.string().refine(isJobId, { message: 'must be 1 to 255 printable characters' });
export const prompt = z.string().describe('what to make or change');
export const n = z.int().min(1).max(10).optional().describe('pictures, default 1');
export const imagePath = z.string().describe(REFERENCE_FORMS);
export const imagePaths = z.array(z.string());
export const maskPath = z.string().optional().describe('PNG; its transparent part is edited');

export const commonFields = {
  provider: z.string().optional().describe('default and choice: server_info'),
  model: z.string().optional(),
  size: z.string().optional().describe('WxH or a word of the provider; default 1024x1024 if no aspect_ratio'),
  aspect_ratio: z.string().optional().describe('W:H'),
  quality: z.string().optional(),
  output_format: z.string().optional().describe('png, jpeg, webp'),
  background: z.string().optional(),
  seed: z.int().min(0).max(4_294_967_295).optional(),
  save_dir: z.string().optional().describe('folder under the save root'),
  basename: z.string().optional().describe('file name without extension'),
  idempotency_key: z.string().optional().describe('same key = same job, paid once'),
  priority: z.int().min(1).max(5).optional().describe('1 most urgent, default 3'),
  tags: z.array(z.string()).optional(),
  deadline_seconds: z.number().optional().describe('from the start to the last picture'),
  fallback: z.array(z.string()).optional().describe('providers to try when this one surely took nothing'),
} as const;
