import { execFileSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import type { ElicitRequest, ElicitResult } from '@modelcontextprotocol/sdk/types.js';
import * as z from 'zod';
import { JobFailure } from '../../../src/contract/errors.js';
import { deferred, setUp, type SetupOptions } from './bound.js';
import { JOB_ID, completed, deleted, fakeJobs, image, maybeBilled, running, saved, unknown, type FakeJobs } from './fakes.js';

describe('image_job_cancel', () => {
  it.each([
    ['none', 'The job was cancelled. Nothing was billed.'],
    ['maybe', 'The job was cancelled. The provider may still bill.'],
    ['billed', 'The job was cancelled. What was made is billed.'],
  ] as const)('says whether the provider may still bill: %s', async (billing, message) => {
    const record = { ...running(), status: 'cancelled' as const, done: true, message: 'The job was cancelled.', billing };
    const { call } = await setUp(fakeJobs({ cancel: async () => record }));
    const { result, json } = await call('image_job_cancel', { job_id: JOB_ID });
    expect(result.isError).toBeUndefined();
    expect(json).toMatchObject({ ok: false, status: 'cancelled', billing, message });
  });

  it('hands the reason on, and is the same for a job that had ended', async () => {
    const jobs = fakeJobs();
    const { call } = await setUp(jobs);
    await call('image_job_cancel', { job_id: JOB_ID, reason: ' changed my mind ' });
    await call('image_job_cancel', { job_id: JOB_ID });
    expect(jobs.cancels).toEqual([
      { jobId: JOB_ID, reason: 'changed my mind' },
      { jobId: JOB_ID, reason: undefined },
    ]);
    const ended = await setUp(fakeJobs({ cancel: async () => completed() }));
    const { json } = await ended.call('image_job_cancel', { job_id: JOB_ID });
    expect(json).toMatchObject({ ok: true, status: 'completed', message: completed().message });
    expect(json).not.toHaveProperty('billing');
  });

  it('of a job that is still stopping names the possible bill', async () => {
    const { call } = await setUp(fakeJobs({ cancel: async () => running(JOB_ID, { message: 'Cancelling. The provider is at work.' }) }));
    expect((await call('image_job_cancel', { job_id: JOB_ID })).json).toMatchObject({ ok: true, status: 'running', billing: 'maybe', message: expect.stringContaining('may still bill') });
  });

  it('of a job that was never seen is NOT_FOUND', async () => {
    const { call } = await setUp(fakeJobs({ cancel: async (id) => unknown(id) }));
    const { result, json } = await call('image_job_cancel', { job_id: 'img-nope' });
    expect(result.isError).toBe(true);
    expect(json).toMatchObject({ ok: false, status: 'unknown', error: { code: 'NOT_FOUND' } });
  });
});

describe('image_job_delete', () => {
  it('answers what the job is from then on', async () => {
    const { call } = await setUp(fakeJobs());
    const { result, json } = await call('image_job_delete', { job_id: JOB_ID });
    expect(result.isError).toBeUndefined();
    expect(json).toEqual({ ...deleted() });
  });

  it('refuses what the client refuses', async () => {
    const runs = new JobFailure({ code: 'INVALID_STATE', message: 'The job still runs.', nextStep: 'Cancel it first.' });
    const { call } = await setUp(fakeJobs({ delete: () => Promise.reject(runs) }));
    const { result, json } = await call('image_job_delete', { job_id: JOB_ID });
    expect(result.isError).toBe(true);
    expect(json).toMatchObject({ ok: false, error: { code: 'INVALID_STATE', next_step: 'Cancel it first.' } });
  });
});

describe('image_job_get_image', () => {
  const link = { type: 'resource_link', uri: saved(JOB_ID, 0).uri, name: `${JOB_ID}-0.png`, mimeType: 'image/png', size: 1_834_567 };

  it('shows the thumbnail, and links to the original', async () => {
    const jobs = fakeJobs();
    const { call } = await setUp(jobs);
    const { result, json } = await call('image_job_get_image', { job_id: JOB_ID });
    expect(jobs.images).toEqual([{ jobId: JOB_ID, index: 0, variant: 'thumbnail' }]);
    expect(json).toEqual({ ok: true, job_id: JOB_ID, index: 0, variant: 'thumbnail', mime_type: 'image/jpeg', size_bytes: 1000, saved: [saved(JOB_ID, 0)] });
    expect(result.content.slice(1)).toEqual([
      { type: 'image', data: Buffer.alloc(1000, 1).toString('base64'), mimeType: 'image/jpeg', annotations: { audience: ['user', 'assistant'] } },
      link,
    ]);
  });

  it.each([
    ['preview', 700 * 1024, true],
    ['full', 700 * 1024, true],
    ['full', 700 * 1024 + 1, false],
    ['full', 20 * 1024 * 1024, false],
  ] as const)('shows %s of %i bytes: %s', async (variant, size, shown) => {
    const jobs = fakeJobs({ image: async (id, index, wanted) => image(id, index, wanted, size) });
    const { call } = await setUp(jobs);
    const { result, json } = await call('image_job_get_image', { job_id: JOB_ID, index: '0', variant });
    expect(result.content.map(({ type }) => type)).toEqual(shown ? ['text', 'image', 'resource_link'] : ['text', 'resource_link']);
    expect(json).toMatchObject({ ok: true, variant, size_bytes: size, saved: [{ path: saved(JOB_ID, 0).path }] });
    expect('message' in json).toBe(!shown);
    expect(Buffer.byteLength(JSON.stringify(result))).toBeLessThan(1024 * 1024);
  });

  it('shows nothing that hosts cannot show, and nothing with IMAGE_INLINE_IMAGES=never', async () => {
    const avif = await setUp(fakeJobs({ image: async (id, index, variant) => image(id, index, variant, 10, { mimeType: 'image/avif' }) }));
    const never = await setUp(fakeJobs(), { env: { IMAGE_INLINE_IMAGES: 'never' } });
    for (const [setup, why] of [[avif, /image\/avif cannot be shown/], [never, /IMAGE_INLINE_IMAGES/]] as const) {
      const { result, json } = await setup.call('image_job_get_image', { job_id: JOB_ID, variant: 'full' });
      expect(result.content.map(({ type }) => type)).toEqual(['text', 'resource_link']);
      expect(json).toMatchObject({ ok: true, message: expect.stringMatching(why) });
    }
  });

  it('still names the file when the picture cannot be read', async () => {
    const gone = new JobFailure({ code: 'RESULT_EXPIRED', message: 'The picture is gone from the store.', nextStep: 'Make it again.' });
    const { call } = await setUp(fakeJobs({ image: async (id, index, variant) => image(id, index, variant, 10, { bytes: () => Promise.reject(gone) }) }));
    const { result, json } = await call('image_job_get_image', { job_id: JOB_ID });
    expect(result.content.map(({ type }) => type)).toEqual(['text', 'resource_link']);
    expect(json).toMatchObject({ ok: true, message: expect.stringContaining('RESULT_EXPIRED') });
  });

  it('names every problem together, and refuses what there is not', async () => {
    const { call } = await setUp(fakeJobs());
    const { json } = await call('image_job_get_image', { index: -1, variant: 'small' });
    expect(json).toMatchObject({ error: { problems: [{ field: 'job_id' }, { field: 'index' }, { field: 'variant', message: 'must be thumbnail or preview or full' }] } });
    const { result } = await call('image_job_get_image', { job_id: 'img-nope' });
    expect(result.isError).toBe(true);
  });
});

describe('image_job_retry', () => {
  const acknowledged = { job_id: JOB_ID, acknowledge_possible_double_charge: true };
  const refusedOnce = new JobFailure({ code: 'MAYBE_BILLED', message: 'It may have been paid.', nextStep: 'Ask the user.' });
  const flags = (jobs: FakeJobs): boolean[] => jobs.retries.map(({ options }) => options.acknowledgePossibleDoubleCharge);
  const retrying = async (options: SetupOptions, overrides: Partial<FakeJobs> = {}) => {
    const jobs = fakeJobs({ status: async () => maybeBilled(), ...overrides });
    return { jobs, ...(await setUp(jobs, options)) };
  };

  it('runs the job again under its ID and acknowledges nothing by itself', async () => {
    const { jobs, call } = await retrying({});
    const { json } = await call('image_job_retry', { job_id: JOB_ID });
    expect(json).toMatchObject({ ok: true, job_id: JOB_ID, status: 'running' });
    expect(flags(jobs)).toEqual([false]);
  });

  it('of what may have been paid is the client’s refusal', async () => {
    const { call } = await retrying({}, { retry: () => Promise.reject(refusedOnce) });
    const { result, json } = await call('image_job_retry', { job_id: JOB_ID });
    expect(result.isError).toBe(true);
    expect(json).toMatchObject({ error: { code: 'MAYBE_BILLED' } });
  });

  it('takes a person’s yes, asked in words that are ours', async () => {
    const asked: ElicitRequest['params'][] = [];
    const answer = (question: ElicitRequest['params']): ElicitResult => {
      asked.push(question);
      return { action: 'accept', content: { agree: true } };
    };
    const { jobs, call } = await retrying({ answer });
    expect((await call('image_job_retry', acknowledged)).json).toMatchObject({ ok: true, status: 'running' });
    expect(flags(jobs)).toEqual([true]);
    expect(asked).toMatchObject([{ message: expect.stringContaining(JOB_ID), requestedSchema: { properties: { agree: { type: 'boolean' } } } }]);
    expect(asked[0]?.message).toMatch(/billed a second time/);
  });

  it.each<[string, ElicitResult]>([
    ['an unticked box', { action: 'accept', content: { agree: false } }],
    ['an empty form', { action: 'accept' }],
    ['a text', { action: 'accept', content: { agree: 'true' } }],
    ['declining', { action: 'decline' }],
    ['closing', { action: 'cancel' }],
    ['declining with a tick', { action: 'decline', content: { agree: true } }],
  ])('takes %s as no', async (_name, result) => {
    const { jobs, call } = await retrying({ answer: () => result });
    const { result: refused, json } = await call('image_job_retry', acknowledged);
    expect(refused.isError).toBe(true);
    expect(json).toMatchObject({ error: { code: 'PERMISSION_DENIED', next_step: expect.stringContaining('jobs retry') } });
    expect(jobs.retries).toEqual([]);
  });

  it('takes an answer that does not come, or is broken, as no', async () => {
    const late = await retrying({ answer: () => new Promise(() => undefined), env: { IMAGE_WAIT_MAX_SECONDS: '0.2' } });
    const broken = await retrying({ answer: () => Promise.reject(new Error('no form here')) });
    for (const { jobs, call } of [late, broken]) {
      expect((await call('image_job_retry', acknowledged)).json).toMatchObject({ error: { code: 'PERMISSION_DENIED' } });
      expect(jobs.retries).toEqual([]);
    }
  });

  it('refuses the agent’s own word where nobody can be asked, with the command for the user', async () => {
    const { jobs, call } = await retrying({ env: { IMAGE_DATA_DIR: '/srv/my data' } });
    const { result, json } = await call('image_job_retry', acknowledged);
    expect(result.isError).toBe(true);
    expect(json).toMatchObject({
      ok: false,
      error: {
        code: 'PERMISSION_DENIED',
        next_step: expect.stringMatching(new RegExp(`^Ask the user to run: .* jobs retry ${JOB_ID} --acknowledge-possible-double-charge --data-dir '/srv/my data'$`)),
      },
    });
    expect(jobs.retries).toEqual([]);
  });

  it.each([
    ['quotes', `x'; rm -rf ~; echo $(id) \`id\` "$HOME" \\ *`, {}, []],
    ['the look of an option', '--data-dir=/tmp', {}, []],
    ['settings beside it', JOB_ID, { TEMPORAL_ADDRESS: 'temporal.example:7233', IMAGE_DATA_DIR: "/srv/it's" }, ['--data-dir', "/srv/it's"]],
  ])('writes a command that a shell reads as it is meant: %s', async (_name, job_id, env, folder) => {
    const { call } = await retrying({ env }, { status: async (id) => maybeBilled(id) });
    const { json } = await call('image_job_retry', { job_id, acknowledge_possible_double_charge: 'yes' });
    const { error } = z.object({ error: z.looseObject({ next_step: z.string() }) }).parse(json);
    const command = error.next_step.replace('Ask the user to run: ', '');
    // A shell that prints each word of what it would run.
    const words = execFileSync('sh', ['-c', `printf '%s\\n' ${command}`], { encoding: 'utf8' }).trimEnd().split('\n');
    const flag = '--acknowledge-possible-double-charge';
    const retry = words.slice(words.indexOf('jobs'));
    expect(retry).toEqual(job_id.startsWith('-') ? ['jobs', 'retry', flag, ...folder, '--', job_id] : ['jobs', 'retry', job_id, flag, ...folder]);
    expect(words.includes('TEMPORAL_ADDRESS=temporal.example:7233')).toBe('TEMPORAL_ADDRESS' in env);
  });

  it('asks nobody about a job that buys nothing twice', async () => {
    const { jobs, call } = await retrying({}, { status: async () => ({ ...maybeBilled(), billing: 'none', error: undefined }) });
    expect((await call('image_job_retry', acknowledged)).json).toMatchObject({ ok: true });
    expect(flags(jobs)).toEqual([false]);
  });

  it('asks when only the client knows that it may', async () => {
    const retries: boolean[] = [];
    const { call } = await retrying(
      { answer: () => ({ action: 'accept', content: { agree: true } }) },
      {
        status: async () => ({ ...maybeBilled(), billing: undefined, error: undefined }),
        retry: async (_id, { acknowledgePossibleDoubleCharge }) => {
          retries.push(acknowledgePossibleDoubleCharge);
          if (!acknowledgePossibleDoubleCharge) throw refusedOnce;
          return running();
        },
      },
    );
    expect((await call('image_job_retry', acknowledged)).json).toMatchObject({ ok: true });
    expect(retries).toEqual([false, true]);
  });

  it('takes the agent’s word with IMAGE_ALLOW_AGENT_DOUBLE_CHARGE=1, and without it not', async () => {
    const allowed = await retrying({ env: { IMAGE_ALLOW_AGENT_DOUBLE_CHARGE: '1' } });
    expect((await allowed.call('image_job_retry', acknowledged)).json).toMatchObject({ ok: true });
    expect(flags(allowed.jobs)).toEqual([true]);
    const off = await retrying({ env: { IMAGE_ALLOW_AGENT_DOUBLE_CHARGE: '0' } });
    expect((await off.call('image_job_retry', acknowledged)).result.isError).toBe(true);
  });

  it('of a job that was never seen is NOT_FOUND, and asks nobody', async () => {
    const { promise: asked, resolve: ask } = deferred<boolean>();
    const answer = (): ElicitResult => {
      ask(true);
      return { action: 'accept', content: { agree: true } };
    };
    const { call, jobs } = await retrying({ answer }, { status: async (id) => unknown(id) });
    expect((await call('image_job_retry', acknowledged)).json).toMatchObject({ status: 'unknown', error: { code: 'NOT_FOUND' } });
    ask(false);
    expect(await asked).toBe(false);
    expect(jobs.retries).toEqual([]);
  });
});
