import { describe, expect, it } from '@jest/globals';
import type { JobRecord } from '../../../src/contract/record.js';
import { BUDGET, presentJob, type Presentation } from '../../../src/mcp/present.js';
import { JOB_ID, completed, running, saved } from './fakes.js';

const brief: Presentation = { view: 'brief', polled: false };
const full: Presentation = { view: 'full', polled: true };
const size = (record: Record<string, unknown>): number => Buffer.byteLength(JSON.stringify(record));

const temporal = {
  workflow_id: JOB_ID,
  run_id: '0198c0de-1234-7abc-8def-0123456789ab',
  namespace: 'default',
  ui_url: `http://127.0.0.1:52345/namespaces/default/workflows/${JOB_ID}/0198c0de-1234-7abc-8def-0123456789ab/history`,
};
const more: Partial<JobRecord> = {
  created_at: '2026-11-23T08:31:12.345Z',
  updated_at: '2026-11-23T08:31:52.345Z',
  model: 'gpt-image-1',
  temporal,
};
const longest: Partial<JobRecord> = {
  kind: 'image_multi_reference',
  provider: 'openai-images',
  stage: 'waiting_for_worker',
  age_seconds: 86_399.87,
  message: `No worker has asked for work for 93 seconds. ${'The job goes on by itself as soon as one does. '.repeat(5)}`,
  progress: { completed: 3, total: 10 },
  attempt: 12,
  billing: 'maybe',
  deduplicated: true,
};
/** A job that waits for somebody, as the client words it. */
const stuck: Partial<JobRecord> = {
  ...longest,
  next_step: 'tell the user to do what image_job_status says; then image_job_wait, never resubmit',
};

describe('budgets in bytes', () => {
  it('a running job stays within the brief and the full one, at its longest too', () => {
    for (const changes of [{}, longest, stuck]) {
      const record = running(JOB_ID, changes);
      expect(size(presentJob(record, brief))).toBeLessThanOrEqual(BUDGET.brief.running);
      expect(size(presentJob(record, { view: 'brief', polled: true, extra: { timed_out: true } }))).toBeLessThanOrEqual(BUDGET.brief.running);
      expect(size(presentJob({ ...record, ...more }, full))).toBeLessThanOrEqual(BUDGET.full.running);
    }
  });

  it('one that waits for somebody says whom to tell, however little room there is', () => {
    const shown = presentJob(running(JOB_ID, stuck), { view: 'brief', polled: true, extra: { timed_out: false } });
    expect(shown['next_step']).toMatch(/^tell the user to do what image_job_status says/);
    expect(presentJob({ ...running(JOB_ID, stuck), ...more }, full)['next_step']).toBe(stuck.next_step);
  });

  it('a completed job with one image stays within them, whatever the provider has to say', () => {
    for (const notes of [[], ['The prompt was revised: '.repeat(60)]]) {
      const record = completed(JOB_ID, {
        ...longest,
        ...more,
        tags: ['campaign', 'autumn'],
        billing: 'billed',
        cost: { amount: 0.042, currency: 'USD', source: 'price list' },
        result: { saved: [saved(JOB_ID, 0)], n_references: 3, notes, usage: { input_tokens: 1234, output_tokens: 4321, total_tokens: 5555 } },
      });
      expect(size(presentJob(record, { view: 'brief', polled: true, extra: { timed_out: false } }))).toBeLessThanOrEqual(BUDGET.brief.completed);
      expect(size(presentJob(record, full))).toBeLessThanOrEqual(BUDGET.full.completed);
    }
  });

  it('the numbers are those of the contract', () => {
    expect(BUDGET).toMatchObject({ brief: { running: 400, completed: 1000 }, full: { running: 800, completed: 1400 } });
  });

  it('nothing but free text gives way: a long answer keeps what names the pictures', () => {
    const images = [0, 1, 2].map((index) => saved(JOB_ID, index));
    const shown = presentJob(completed(JOB_ID, { message: 'm'.repeat(3000), result: { saved: images, notes: ['n'.repeat(3000)] } }), brief);
    expect(shown['result']).toEqual({ saved: images });
    expect(shown['message']).toMatch(/^m{40,}…$/);
  });

  it('text within the budget is left whole', () => {
    const record = completed(JOB_ID, { result: { saved: [saved(JOB_ID, 0)], notes: ['revised'] } });
    expect(presentJob(record, brief)).toMatchObject({ message: record.message, result: { notes: ['revised'] } });
  });
});

describe('fields that say nothing are left out', () => {
  it('null, empty and default ones', () => {
    const record = running(JOB_ID, { warnings: [], deduplicated: false, attempt: 1, billing: 'none', progress: { completed: 0, total: 1 }, tags: [], model: '' });
    const shown = presentJob(record, full);
    expect(Object.keys(shown)).toEqual(['ok', 'job_id', 'kind', 'status', 'stage', 'done', 'provider', 'age_seconds', 'message', 'next_step', 'poll_after_seconds']);
  });

  it('but false and zero say something', () => {
    const preview = completed(JOB_ID, { message: 'PREVIEW, no image model is configured.', result: { saved: [saved(JOB_ID, 0)], generative: false } });
    expect(presentJob(preview, brief)).toMatchObject({ result: { generative: false } });
    expect(presentJob(running(JOB_ID, { progress: { completed: 0, total: 4 } }), brief)['progress']).toEqual({ completed: 0, total: 4 });
    expect(presentJob(completed(JOB_ID, { result: { saved: [saved(JOB_ID, 0)], generative: true } }), brief)['result']).not.toHaveProperty('generative');
  });

  it('billing none is said of a job that failed, and of no other', () => {
    const failed = running(JOB_ID, { status: 'failed', done: true, billing: 'none' });
    expect(presentJob(failed, brief)).toHaveProperty('billing', 'none');
    expect(presentJob(completed(JOB_ID, { billing: 'none' }), brief)).not.toHaveProperty('billing');
  });

  it('only the full view has dates, tags, model and Temporal', () => {
    const names = ['created_at', 'updated_at', 'tags', 'model', 'temporal'];
    const record = running(JOB_ID, { ...more, tags: ['a'] });
    for (const name of names) {
      expect(presentJob(record, full)).toHaveProperty(name);
      expect(presentJob(record, brief)).not.toHaveProperty(name);
    }
  });
});

describe('ok', () => {
  it.each([
    ['running', true, false],
    ['completed', true, true],
    ['failed', false, false],
    ['cancelled', false, false],
    ['expired', false, false],
  ] as const)('%s: %s for the start, %s for pollers', (status, started, polled) => {
    const record = { ...running(), status, done: status !== 'running' };
    expect(presentJob(record, brief)['ok']).toBe(started);
    expect(presentJob(record, { ...brief, polled: true })['ok']).toBe(polled);
  });
});

describe('what to do next', () => {
  it('is to wait, and never to submit again, while a job runs', () => {
    const shown = presentJob(running(), brief);
    expect(shown['next_step']).toMatch(/image_job_wait.*never resubmit/);
    expect(shown['poll_after_seconds']).toBe(5);
    expect(presentJob(running(JOB_ID, { age_seconds: 300 }), brief)['poll_after_seconds']).toBe(10);
    expect(presentJob(running(JOB_ID, { stage: 'waiting_for_key' }), brief)).toMatchObject({ poll_after_seconds: 15 });
  });

  it('is what the record says when it says so, and nothing when it is done', () => {
    expect(presentJob(running(JOB_ID, { next_step: 'Open the client "desk".', poll_after_seconds: 30 }), brief)).toMatchObject({
      next_step: 'Open the client "desk".',
      poll_after_seconds: 30,
    });
    expect(presentJob(completed(), brief)).not.toHaveProperty('next_step');
    expect(presentJob(completed(), brief)).not.toHaveProperty('poll_after_seconds');
  });
});
