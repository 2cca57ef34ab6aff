import { ActivityFailure, ApplicationFailure, CancelledFailure, RetryState } from '@temporalio/common';
import { describe, expect, it } from '@jest/globals';
import { ERROR_CODES, type Billing, type ErrorCode, type JobError } from '../../../src/contract/errors.js';
import type { JobInput, Unchecked } from '../../../src/contract/input.js';
import type { GenerationOrder, ItemOutcome, Plan, PlannedItem, Target } from '../../../src/contract/plan.js';
import { jobRecordSchema, type JobRecord } from '../../../src/contract/record.js';
import { currentDetails } from '../../../src/workflows/current-details.js';
import { certainlyUnpaid, errorOf, isCutOff } from '../../../src/workflows/failures.js';
import { JobState } from '../../../src/workflows/job-state.js';

const startedAt = new Date('2026-01-01T10:00:00.000Z');
const now = new Date('2026-01-01T10:00:05.040Z');
const run = { workflowId: 'img-1', runId: 'run-1', namespace: 'default', startedAt };
const paid: Target = { provider: 'openai', free: false, input_digest: 'd', warnings: ['of the target'] };
const local: Target = { provider: 'local', free: true, input_digest: 'd', warnings: [] };

function items(count: number): PlannedItem[] {
  return Array.from({ length: count }, (_, item) => ({ item, references: [] }));
}

function plan(more: Partial<Plan> = {}): Plan {
  const timing = {
    submitStartToCloseSeconds: 1,
    submitHeartbeatSeconds: 1,
    collectStartToCloseSeconds: 1,
    collectHeartbeatSeconds: 1,
    storeStartToCloseSeconds: 1,
    retryInitialSeconds: 1,
    retryMaximumSeconds: 1,
  };
  return { picture: { kind: 'image_generate', prompt: 'p' }, targets: [paid], items: items(1), n_references: 0, timing, warnings: ['of the plan'], ...more };
}

function order(item: number, target = paid): GenerationOrder {
  return { picture: { kind: 'image_generate', prompt: 'p' }, target, item: { item, references: [] }, fallbacks: [] };
}

function error(code: ErrorCode): JobError {
  return { code, message: `It is ${code}.`, next_step: 'Do something.', retryable: false };
}

function failed(item: number, code: ErrorCode, billing: Billing = 'none'): ItemOutcome {
  return { item, provider: 'openai', error: error(code), billing };
}

function made(item: number, more = {}): ItemOutcome {
  const outputs = [{ sha256: 'a'.repeat(64), size_bytes: 1, mime_type: 'image/png', width: 1, height: 1 }];
  return { item, provider: 'openai', billing: 'billed', generated: { state: 'done', outputs, generative: true, ...more } };
}

function state(input: Unchecked<JobInput> = { kind: 'image_generate', prompt: 'p' }): { state: JobState; shown: string[] } {
  const shown: string[] = [];
  return { state: new JobState(run, input, (text) => shown.push(text)), shown };
}

describe('the record of a running job', () => {
  it('says what is known so far', () => {
    const { state: job } = state({ kind: 'image_generate', prompt: 'p', provider: 'gpt', tags: ['t'] });
    expect(job.record(now)).toMatchObject({ ok: false, job_id: 'img-1', status: 'running', stage: 'queued', done: false, provider: 'gpt', tags: ['t'], age_seconds: 5 });
    job.planned(plan({ items: items(3) }));
    job.enter('generating');
    job.finished(made(2));
    const record = jobRecordSchema.parse(job.record(now));
    expect(record).toMatchObject({ stage: 'generating', provider: 'openai', billing: 'billed', progress: { completed: 1, total: 3 }, warnings: ['of the plan', 'of the target'] });
  });

  const hostile: [string, object][] = [
    ['wrong kind', { kind: 'video' }],
    ['objects', { kind: {}, provider: {}, model: [], tags: {} }],
    ['a tag that is no text', { tags: [1] }],
    ['lists for texts', { provider: ['openai'], image_paths: 'x' }],
  ];
  it.each(hostile)('believes nothing of an unchecked input (%s)', (_name, input) => {
    const { state: job } = state(input);
    job.enter('uploading');
    expect(jobRecordSchema.safeParse(job.record(now)).success).toBe(true);
    expect(job.uploadSummary().length).toBeLessThan(100);
  });
});

describe('the end of a job without a picture', () => {
  it('tells the possible charge first, whichever item has it', () => {
    const { state: job } = state();
    job.planned(plan({ items: items(3) }));
    job.finished(failed(1, 'CONTENT_REFUSED'));
    job.finished(failed(2, 'MAYBE_BILLED', 'maybe'));
    job.finished(failed(0, 'NO_IMAGE', 'billed'));
    job.failedWith(errorOf(job.failureOfItems()));
    expect(job.record(now, 'failed')).toMatchObject({ ok: false, status: 'failed', done: true, billing: 'maybe', error: { code: 'MAYBE_BILLED' } });
  });

  it('tells the first item otherwise, and the worst billing', () => {
    const { state: job } = state();
    job.planned(plan({ items: items(2) }));
    job.finished(failed(1, 'NO_IMAGE', 'billed'));
    job.finished(failed(0, 'PROVIDER_AUTH'));
    job.failedWith(errorOf(job.failureOfItems()));
    expect(job.record(now, 'failed')).toMatchObject({ billing: 'billed', error: { code: 'PROVIDER_AUTH' } });
  });
});

describe('a cancellation', () => {
  it('knows the orders that may have reached a provider', () => {
    const { state: job } = state();
    job.planned(plan({ items: items(4) }));
    for (const item of [0, 1, 2]) job.ordered(order(item));
    job.ordered(order(3, local));
    job.finished(made(1));
    expect(job.open().map(({ item }) => item.item)).toEqual([0, 2]);
  });

  it('tells what the orders may cost', () => {
    const { state: job } = state();
    job.planned(plan({ items: items(3) }));
    job.cutOff(order(0), { billing: 'none' });
    job.failedWith(job.cancellationError(false));
    expect(job.record(now, 'cancelled')).toMatchObject({ status: 'cancelled', billing: 'none', error: { code: 'CANCELLED' } });
    job.cutOff(order(1), { billing: 'billed', message: 'Finished before.' });
    expect(job.record(now, 'cancelled')).toMatchObject({ billing: 'billed' });
    job.cutOff(order(2), undefined);
    expect(job.record(now, 'cancelled')).toMatchObject({ billing: 'maybe' });
    expect(job.record(now, 'cancelled').warnings).toEqual(['of the plan', 'of the target', 'Finished before.', 'openai could not be asked to stop; it may still bill.']);
  });

  it('by the deadline is another error', () => {
    const { state: job } = state({ deadline_seconds: 9 });
    job.failedWith(job.cancellationError(true));
    expect(job.record(now, 'failed')).toMatchObject({ status: 'failed', error: { code: 'DEADLINE_EXCEEDED', retryable: true } });
    expect(job.record(now, 'failed').message).toContain('deadline_seconds of 9');
  });

  it('is what cut a step off: also when it failed for a passing reason meanwhile', () => {
    const passing = ApplicationFailure.create({ type: 'PROVIDER_RATE_LIMITED', message: 'later' });
    const activity = (retryState: RetryState, cause: Error): ActivityFailure => new ActivityFailure('failed', 'submitGeneration', '1', retryState, 'w', cause);
    expect(isCutOff(new CancelledFailure('cancelled'))).toBe(true);
    expect(isCutOff(activity(RetryState.CANCEL_REQUESTED, new CancelledFailure('cancelled')))).toBe(true);
    expect(isCutOff(activity(RetryState.CANCEL_REQUESTED, passing))).toBe(true);
    expect(isCutOff(activity(RetryState.NON_RETRYABLE_FAILURE, passing))).toBe(false);
  });
});

describe('a fallback', () => {
  const forNoOther: readonly ErrorCode[] = ['INVALID_ARGUMENT', 'PERMISSION_DENIED', 'CANCELLED', 'DEADLINE_EXCEEDED', 'MAYBE_BILLED'];
  it.each(ERROR_CODES)('may follow %s only when certainly nothing was paid', (code) => {
    expect(certainlyUnpaid(code, 'none')).toBe(!forNoOther.includes(code));
    expect(certainlyUnpaid(code, 'billed')).toBe(false);
    expect(certainlyUnpaid(code, 'maybe')).toBe(false);
  });
});

describe('an error without details', () => {
  it('is INTERNAL, and nobody can tell what it cost', () => {
    for (const fault of [new Error('odd'), 'odd', undefined, ApplicationFailure.create({ message: 'odd', details: ['x'] })]) {
      expect(errorOf(fault)).toMatchObject({ billing: 'maybe', jobError: { code: 'INTERNAL' } });
    }
  });
});

describe('the details in the Web UI', () => {
  it('hold no markup and no prompt of others', () => {
    const record: JobRecord = {
      ok: false,
      job_id: 'img-1',
      status: 'failed',
      done: true,
      message: '',
      error: { ...error('CONTENT_REFUSED'), message: '<img src=x> [click](http://evil) `code` **bold**' },
      warnings: ['# <b>odd</b>'],
    };
    const text = currentDetails(record);
    expect(text.replace('**failed**', '').replace('`CONTENT_REFUSED`', '')).not.toMatch(/[<>[\]`*#|]/);
  });

  it('end with an empty paragraph, for the Web UI cuts off the last lines of its frame', () => {
    const record: JobRecord = { ok: false, job_id: 'img-1', status: 'failed', done: true, message: '', error: error('CONTENT_REFUSED') };
    expect(currentDetails(record).split('\n\n').at(-1)).toBe('\u00a0');
  });

  it('follow each step', () => {
    const { state: job, shown } = state();
    job.enter('uploading');
    job.planned(plan());
    job.enter('generating');
    expect(shown.at(0)).toContain('uploading');
    expect(shown.at(-1)).toContain('generating');
  });
});
