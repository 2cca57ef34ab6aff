import type { JobApi, WaitOptions, WaitResult } from '../../../src/client/job-api.js';
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

export interface FakeJobs extends JobApi {
  started: { kind: string; rawArguments: unknown }[];
  waits: WaitOptions[];
  roots: string[][];
  closed: boolean;
}

/** A client whose jobs are what the test says; it remembers how it was called. */
export function fakeJobs(overrides: Partial<JobApi> = {}): FakeJobs {
  const fake: FakeJobs = {
    started: [],
    waits: [],
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
    cancel: async (jobId) => ({ ...running(jobId), status: 'cancelled', done: true }),
    list: async () => ({ jobs: [] }),
    retry: async (jobId) => running(jobId),
    delete: async (jobId) => ({ ok: false, job_id: jobId, status: 'expired', done: true, message: 'This job was deleted.' }),
    image: () => Promise.reject(new Error('no picture')),
    serverInfo: async () => ({ version: '1.2.3' }),
    setClientRoots: (paths) => void fake.roots.push(paths),
    close: async () => {
      fake.closed = true;
    },
    ...overrides,
  };
  return fake;
}
