import { describe, expect, it } from '@jest/globals';
import type { JobApi } from '../../../src/client/job-api.js';
import { serverInfo } from '../../../src/client/server-info.js';
import { readSettings } from '../../../src/config.js';
import { readJobArguments } from '../../../src/contract/arguments.js';
import { JobFailure, failureOfProblems } from '../../../src/contract/errors.js';
import type { JobRecord, SavedImage } from '../../../src/contract/record.js';
import { responseExamples, shapeOf } from '../../support/response-examples.js';
import { setUp } from './bound.js';
import { deleted, fakeJobs, image, listed, maybeBilled, unknown } from './fakes.js';

const ID = 'img-2c245b853477dd070ee4eec6f1f7de95';
const OTHER = 'img-35faeed4ace1da71f39b0003d14cfeeb';

const picture: SavedImage = {
  path: '/home/user/Pictures/durable-image-mcp/image-f9c777a3-3e84e5cc.png',
  uri: `image://jobs/${ID}/outputs/0`,
  sha256: '3e84e5cc1df1e3fccaf6e650a644d86d1aea673c1e14c494bf7861ca15b4dc42',
  mime_type: 'image/png',
  width: 1024,
  height: 1024,
  size_bytes: 1_834_567,
  actual_size: [1024, 1024],
  actual_megapixels: 1.049,
};
const CONTENT_REFUSED = { code: 'CONTENT_REFUSED', message: 'Refused.', next_step: 'Change the prompt.', retryable: false } as const;
const more = {
  created_at: '2026-11-25T03:26:45.884Z',
  updated_at: '2026-11-25T03:26:46.077Z',
  tags: ['autumn'],
  model: 'gpt-image-1',
  temporal: { workflow_id: ID, run_id: '01a210bd-d278-7a77-8ccd-458017ae367f', namespace: 'default', ui_url: 'http://127.0.0.1:27167/x' },
};

/** Records with the fields that the client gives to jobs in these states. */
const base: JobRecord = { ok: false, job_id: ID, kind: 'image_generate', status: 'running', done: false, provider: 'openai', message: 'm', ...more };
const started: JobRecord = {
  ok: true,
  job_id: ID,
  kind: 'image_generate',
  status: 'running',
  stage: 'queued',
  done: false,
  provider: 'openai',
  message: 'The job is started and survives restarts.',
  next_step: 'call image_job_wait with this job_id; do not submit again',
  poll_after_seconds: 5,
};
const generating: JobRecord = {
  ...base,
  stage: 'generating',
  age_seconds: 12.4,
  message: 'The provider is at work.',
  poll_after_seconds: 5,
  progress: { completed: 1, total: 4 },
};
const completed: JobRecord = {
  ...base,
  status: 'completed',
  done: true,
  age_seconds: 31.9,
  message: '1 image ready.',
  billing: 'billed',
  cost: { amount: 0.042, currency: 'USD', source: 'price list' },
  result: { saved: [picture] },
};
const preview: JobRecord = {
  ...completed,
  provider: 'local',
  billing: 'none',
  message: 'PREVIEW, no image model is configured: 1 image ready.',
  result: { saved: [picture], generative: false },
};
const batch: JobRecord = {
  ...completed,
  kind: 'image_batch_edit',
  cost: undefined,
  next_step: 'Call image_job_retry for the failed ones.',
  result: {
    saved: [picture],
    results: [
      { ok: true, index: 0, saved: [picture] },
      { ok: false, index: 1, error: CONTENT_REFUSED },
    ],
  },
};
const failed: JobRecord = {
  ...base,
  status: 'failed',
  done: true,
  age_seconds: 8.1,
  next_step: 'Change the prompt.',
  billing: 'none',
  error: { ...CONTENT_REFUSED, provider_status: 400 },
};
const cancelled: JobRecord = {
  ...base,
  status: 'cancelled',
  done: true,
  age_seconds: 1.4,
  next_step: 'Nothing to do.',
  billing: 'maybe',
  error: { code: 'CANCELLED', message: 'The job was cancelled.', next_step: 'Nothing to do.', retryable: false },
};
const starting = new JobFailure({
  code: 'STARTING',
  message: 'The local stack is being prepared: downloading, 40 %, about 20 s left; nothing was started.',
  nextStep: 'Call again in 5 seconds.',
  retryable: true,
  retryAfterSeconds: 5,
});

const waiting = (...records: JobRecord[]): Partial<JobApi> => {
  const pending = records.filter(({ done }) => !done).map(({ job_id }) => job_id);
  return { wait: async () => ({ records, pending, timedOut: pending.length > 0 }) };
};

async function info(): Promise<Record<string, unknown>> {
  const temporal = {
    connect: () => Promise.reject(new Error('server_info starts nothing')),
    connectIfRunning: async () => undefined,
    stackState: async () => undefined,
    close: async () => undefined,
  };
  // What is found depends on the machine.
  const finding = { id: 'accounts', level: 'warning', message: 'No image model is configured.', remedy: 'Set a key.' };
  return serverInfo({ settings: readSettings({}), temporal, accounts: [], clientRoots: [], findings: async () => ({ findings: [finding], leftOut: 0 }) });
}

async function check(kind: 'image_generate', raw: unknown): Promise<JobRecord> {
  const { problems } = readJobArguments(kind, raw);
  throw failureOfProblems(problems, 'Correct the call and send it again; nothing was started.');
}

/** What gives each example: the tool, its arguments, and what the client says. */
const ANSWERS: [heading: string, tool: string, args: Record<string, unknown>, jobs: Partial<JobApi>][] = [
  ['A started job', 'image_generate_async', { prompt: 'p' }, { start: async () => started }],
  ['A running job', 'image_job_status', { job_id: ID }, { status: async () => generating }],
  ['A finished job', 'image_job_wait', { job_id: ID }, waiting(completed)],
  ['Several jobs', 'image_job_wait', { job_ids: [ID, OTHER] }, waiting(completed, { ...generating, job_id: OTHER })],
  ['A tool that waits', 'image_generate', { prompt: 'p' }, waiting(preview)],
  ['A batch that waits', 'image_batch_edit', { prompt: 'p' }, waiting(batch)],
  ['A failed job', 'image_job_wait', { job_id: ID }, waiting(failed)],
  ['A cancelled job', 'image_job_cancel', { job_id: ID }, { cancel: async () => cancelled }],
  ['A deleted job', 'image_job_delete', { job_id: ID }, { delete: async () => deleted(ID) }],
  [
    'A list',
    'image_job_list',
    {},
    { list: async () => ({ jobs: [listed(1, { status: 'running', stage: 'generating', path: undefined }), listed(2)], nextCursor: 'x' }) },
  ],
  [
    'A picture',
    'image_job_get_image',
    { job_id: ID, variant: 'full' },
    { image: async (id, index, variant) => image(id, index, variant, picture.size_bytes, { saved: picture }) },
  ],
  ['About the server', 'server_info', {}, { serverInfo: info }],
  ['Several problems', 'image_generate_async', { size: '1x1', priority: 9 }, { start: async (_, raw) => check('image_generate', raw) }],
  ['An unknown job', 'image_job_status', { job_id: 'img-nope' }, { status: async (id) => unknown(id) }],
  ['The service is being prepared', 'image_generate', { prompt: 'p' }, { start: () => Promise.reject(starting) }],
  [
    'Nobody has agreed',
    'image_job_retry',
    { job_id: ID, acknowledge_possible_double_charge: true },
    { status: async () => maybeBilled(ID) },
  ],
];

describe('docs/responses.md', () => {
  const examples = responseExamples();

  it.each(ANSWERS)('%s is what %s answers', async (heading, tool, args, jobs) => {
    const { call } = await setUp(fakeJobs(jobs));
    const { result, json } = await call(tool, args);
    const example = examples.get(heading);
    expect(shapeOf(example)).toEqual(shapeOf(json));
    const named = (answer: unknown): unknown => (typeof answer === 'object' && answer !== null && 'ok' in answer ? answer.ok : undefined);
    expect(named(example)).toBe(json['ok']);
    expect(result.isError === true).toBe(result.structuredContent === undefined);
  });

  it('has no other example', () => {
    expect([...examples.keys()].sort()).toEqual(ANSWERS.map(([heading]) => heading).sort());
  });
});
