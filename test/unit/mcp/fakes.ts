import type { ImageVariant, JobApi, JobImage, ListedJob, ListOptions, RetryOptions, WaitOptions, WaitResult } from '../../../src/client/job-api.js';
import { JobFailure } from '../../../src/contract/errors.js';
import type { JobRecord } from '../../../src/contract/record.js';

export const JOB_ID = `img-${'0123456789abcdef'.repeat(2)}`;
export const OTHER_ID = `img-${'fedcba9876543210'.repeat(2)}`;

export function running(jobId = JOB_ID, changes: Partial<JobRecord> = {}): JobRecord {
  return {
    ok: true,
    job_id: jobId,
    kind: 'image_generate',
    status: 'running',
    stage: 'generating',
    done: false,
    provider: 'openai',
    age_seconds: 3.2,
    message: 'The provider is making the picture.',
    ...changes,
  };
}

export function completed(jobId = JOB_ID, changes: Partial<JobRecord> = {}): JobRecord {
  return {
    ok: true,
    job_id: jobId,
    kind: 'image_generate',
    status: 'completed',
    done: true,
    provider: 'openai',
    age_seconds: 12,
    message: 'The picture is stored.',
    result: { saved: [saved(jobId, 0)] },
    ...changes,
  };
}

export function saved(jobId: string, index: number): NonNullable<JobRecord['result']>['saved'][number] {
  return {
    path: `/home/user/Pictures/durable-image-mcp/${jobId}-${index}.png`,
    uri: `image://jobs/${jobId}/outputs/${index}`,
    sha256: 'ab'.repeat(32),
    mime_type: 'image/png',
    width: 1024,
    height: 1024,
    size_bytes: 1_834_567,
    actual_size: [1024, 1024],
    actual_megapixels: 1.05,
  };
}

export function unknown(jobId: string): JobRecord {
  return { ok: false, job_id: jobId, status: 'unknown', done: true, message: 'This job was never seen here.' };
}

/** A job that may have been paid without a picture. */
export function maybeBilled(jobId = JOB_ID, changes: Partial<JobRecord> = {}): JobRecord {
  const error = { code: 'MAYBE_BILLED' as const, message: 'The reply was lost.', next_step: 'Ask the user.', retryable: false };
  return { ...running(jobId), ok: false, status: 'failed', stage: undefined, done: true, message: error.message, billing: 'maybe', error, ...changes };
}

export function deleted(jobId = JOB_ID): JobRecord {
  return { ok: false, job_id: jobId, status: 'expired', done: true, age_seconds: 3604.2, message: 'This job was deleted; its images are gone from the store.' };
}

export function listed(index: number, changes: Partial<ListedJob> = {}): ListedJob {
  const job_id = `img-${String(index).padStart(32, '0')}`;
  return {
    job_id,
    title: `a red kite over the sea, number ${index}`,
    kind: 'image_generate',
    provider: 'openai',
    status: 'completed',
    created_at: '2026-11-23T08:31:12.345Z',
    age_seconds: 100 + index + 0.37,
    path: `/home/user/Pictures/durable-image-mcp/image-0a1b2c3d-${String(index).padStart(8, '0')}.png`,
    ...changes,
  };
}

/** A picture whose bytes are as many as asked for. */
export function image(jobId: string, index: number, variant: ImageVariant, size = 1000, changes: Partial<JobImage> = {}): JobImage {
  return {
    saved: saved(jobId, index),
    variant,
    mimeType: variant === 'full' ? 'image/png' : 'image/jpeg',
    sizeBytes: size,
    bytes: async () => Buffer.alloc(size, index + 1),
    link: async () => undefined,
    ...changes,
  };
}

export interface FakeJobs extends JobApi {
  started: { kind: string; rawArguments: unknown }[];
  waits: WaitOptions[];
  lists: ListOptions[];
  retries: { jobId: string; options: RetryOptions }[];
  cancels: { jobId: string; reason: string | undefined }[];
  images: { jobId: string; index: number; variant: ImageVariant }[];
  roots: string[][];
  closed: boolean;
}

/** A client whose jobs are what the test says; it remembers how it was called. */
export function fakeJobs(overrides: Partial<JobApi> = {}): FakeJobs {
  const fake: FakeJobs = {
    started: [],
    waits: [],
    lists: [],
    retries: [],
    cancels: [],
    images: [],
    roots: [],
    closed: false,
    start: async (kind, rawArguments) => {
      fake.started.push({ kind, rawArguments });
      return running(JOB_ID, { kind });
    },
    status: async (jobId) => (jobId === JOB_ID ? running() : unknown(jobId)),
    wait: async (options): Promise<WaitResult> => {
      fake.waits.push(options);
      const records = options.jobIds.map((id) => (id === JOB_ID ? completed(id) : id === OTHER_ID ? running(id) : unknown(id)));
      return { records, pending: options.jobIds.filter((id) => id === OTHER_ID), timedOut: options.jobIds.includes(OTHER_ID) };
    },
    cancel: async (jobId, reason) => {
      fake.cancels.push({ jobId, reason });
      return { ...running(jobId), ok: false, status: 'cancelled', stage: undefined, done: true, message: 'The job was cancelled.', billing: 'none' };
    },
    list: async (options) => {
      fake.lists.push(options);
      return { jobs: [listed(1), listed(2, { status: 'running', stage: 'generating', path: undefined })], nextCursor: 'next' };
    },
    retry: async (jobId, options) => {
      fake.retries.push({ jobId, options });
      return running(jobId);
    },
    delete: async (jobId) => deleted(jobId),
    image: async (jobId, index, variant) => {
      fake.images.push({ jobId, index, variant });
      if (jobId !== JOB_ID) throw new JobFailure({ code: 'NOT_FOUND', message: `Unknown job_id: ${jobId}`, nextStep: 'Use image_job_list.' });
      return image(jobId, index, variant);
    },
    serverInfo: async () => ({ version: '1.2.3' }),
    setClientRoots: (paths) => void fake.roots.push(paths),
    close: async () => {
      fake.closed = true;
    },
    ...overrides,
  };
  return fake;
}
