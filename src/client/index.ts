/** The public export: image jobs for programs in TypeScript. Others start the workflow `imageJob` themselves; see schemas/. */
export { ImageJobs } from './image-jobs.js';
export type { JobApi, WaitOptions, WaitResult } from './job-api.js';
export { readSettings, type Settings } from '../config.js';
export { JobFailure, ERROR_CODES, type ErrorCode, type JobError } from '../contract/errors.js';
export { jobRecordSchema, type JobRecord, type SavedImage } from '../contract/record.js';
export { jobInputSchema, type JobInput } from '../contract/input.js';
