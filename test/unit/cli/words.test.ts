import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { kindOf } from '../../../src/cli/job-commands.js';
import { sumOf } from '../../../src/cli/jobs/cost.js';
import { readFilters } from '../../../src/cli/jobs/list.js';
import { remarks } from '../../../src/cli/jobs/print-job.js';
import { barOf, changeOf } from '../../../src/cli/jobs/progress.js';
import { exitOf, forJob, inCommands, jobsCommand } from '../../../src/cli/jobs/words.js';
import { print, printJson, reportFailure, tell } from '../../../src/cli/output.js';
import { plain } from '../../../src/cli/plain.js';
import { operatorCommand } from '../../../src/cli/search-attributes.js';
import type { ListedJob } from '../../../src/client/job-api.js';
import { readSettings } from '../../../src/config.js';
import { failureOfProblems, JobFailure } from '../../../src/contract/errors.js';
import { completed, JOB_ID, OTHER_ID, running } from '../mcp/fakes.js';

const settings = readSettings({ IMAGE_DATA_DIR: '/data of me' });
/** Colour, clear screen, title of the window, an 8-bit CSI, a bidi override, a bell. */
const HOSTILE = 'a\u001b[31m\u001b[2J\u001b]0;title\u0007b\u009b31mc\u202edrow\u0008\r\nnext';
// eslint-disable-next-line no-control-regex
const OBEYED = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069]/;

describe('commands in messages', () => {
  it('are complete', () => {
    expect(jobsCommand(settings, 'wait', [JOB_ID, OTHER_ID])).toMatch(new RegExp(`jobs wait ${JOB_ID} ${OTHER_ID} --data-dir '/data of me'$`));
    expect(jobsCommand(settings, 'delete', [JOB_ID], '--yes')).toMatch(new RegExp(`jobs delete ${JOB_ID} --yes --data-dir '/data of me'$`));
  });

  it('keep an ID that looks like an option apart from options', () => {
    expect(jobsCommand(settings, 'delete', ['--help'], '--yes')).toMatch(/jobs delete --yes --data-dir '\/data of me' -- --help$/);
  });

  it('take the place of the names of tools, and the first stands whole at the end', () => {
    const retry = jobsCommand(settings, 'retry', [JOB_ID]);
    const text = 'Ask the operator, or call image_job_retry: it finds what was paid.';
    expect(inCommands(text, settings, JOB_ID)).toBe(`Ask the operator, or call jobs retry: it finds what was paid. That is: ${retry}`);
    expect(inCommands('Call image_job_wait with this job_id; do not submit again', settings, JOB_ID)).toBe(
      `Call jobs wait; do not submit again. That is: ${jobsCommand(settings, 'wait', [JOB_ID])}`,
    );
    expect(inCommands('Look with image_job_status.', settings, JOB_ID)).toBe(`Look with jobs show. That is: ${jobsCommand(settings, 'show', [JOB_ID])}`);
    expect(inCommands('Correct the call.', settings, JOB_ID)).toBe('Correct the call.');
  });

  it('say what to type when a person has to decide about money', async () => {
    const refused = new JobFailure({ code: 'MAYBE_BILLED', message: 'Perhaps.', nextStep: 'ask the user' });
    await expect(forJob(settings, JOB_ID, () => Promise.reject(refused))).rejects.toMatchObject({
      code: 'MAYBE_BILLED',
      message: 'Perhaps.',
      nextStep: expect.stringMatching(new RegExp(`jobs retry ${JOB_ID} --acknowledge-possible-double-charge --data-dir '/data of me'$`)),
    });
  });

  it('hand an operator everything in one line', () => {
    const target = { address: 'temporal.example:7233', namespace: 'my images', connection: { tls: {} } };
    expect(operatorCommand(['ImageKind', 'ImageTags'], target)).toBe(
      "temporal operator search-attribute create --address temporal.example:7233 --namespace 'my images' --tls --name ImageKind --type Keyword --name ImageTags --type KeywordList",
    );
  });
});

describe('what a terminal gets', () => {
  let out = '';
  beforeEach(() => {
    out = '';
    const write = (text: string | Uint8Array): boolean => {
      out += String(text);
      return true;
    };
    jest.spyOn(process.stdout, 'write').mockImplementation(write);
    jest.spyOn(process.stderr, 'write').mockImplementation(write);
  });
  afterEach(() => void jest.restoreAllMocks());

  it('is text that moves, hides and colours nothing', () => {
    print(HOSTILE);
    tell(HOSTILE);
    reportFailure(new JobFailure({ code: 'INTERNAL', message: HOSTILE, nextStep: HOSTILE }), false);
    printJson({ text: HOSTILE });
    expect(out).toMatch(/a.*b.*c.*next/s);
    expect(out).not.toMatch(OBEYED);
    expect(plain(HOSTILE)).not.toMatch(/[\r\n]/);
    expect(plain(HOSTILE)).not.toMatch(OBEYED);
  });

  it('is JSON that loses nothing', () => {
    printJson({ text: HOSTILE, tag: '\u{e0041}' });
    expect(JSON.parse(out)).toEqual({ text: HOSTILE, tag: '\u{e0041}' });
  });

  it('has a line for each problem', () => {
    const problem = (field: string): { field: string; code: 'INVALID_ARGUMENT'; message: string } => ({ field, code: 'INVALID_ARGUMENT', message: 'is wrong' });
    expect(reportFailure(failureOfProblems([problem('size'), problem('n')], 'Correct it.'), false)).toBe(2);
    expect(out).toBe('INVALID_ARGUMENT: 2 problems\n  size: is wrong\n  n: is wrong\nCorrect it.\n');
  });
});

describe('how a job goes', () => {
  const several = { progress: { completed: 1, total: 4 } };

  it('is a bar with stage, count and time', () => {
    expect(barOf([running()], 0)).toBe('[----------------] 0 of 1, generating, 3 s');
    expect(barOf([running(JOB_ID, several)], 60)).toBe('[####------------] 1 of 4, generating, 1 min 03 s');
    expect(barOf([completed()], 0)).toBe('[################] 1 of 1, completed, 12 s');
    expect(barOf([running(JOB_ID, several), completed(OTHER_ID)], 0)).toBe('[########--------] 1 of 2, generating, 12 s');
  });

  it('is one line in a log, with a reason where it is held up', () => {
    expect(changeOf(running(JOB_ID, several))).toBe(`${JOB_ID}: generating, 1 of 4`);
    expect(changeOf(completed())).toBe(`${JOB_ID}: completed`);
    const held = running(JOB_ID, { stage: 'waiting_for_worker', message: `No worker${HOSTILE}` });
    expect(changeOf(held)).toMatch(/: waiting for worker: No worker/);
    expect(changeOf(held)).not.toMatch(OBEYED);
  });

  it('is an exit code', () => {
    expect([completed(), running(), { status: 'failed' as const }, { status: 'cancelled' as const }, { status: 'expired' as const }].map(exitOf)).toEqual([0, 3, 1, 1, 1]);
  });

  it('ends with what a person should know', () => {
    const failed = completed(JOB_ID, {
      ok: false,
      status: 'failed',
      billing: 'maybe',
      result: undefined,
      error: { code: 'MAYBE_BILLED', message: `The reply was lost.${HOSTILE}`, next_step: 'ask the user', retryable: false },
    });
    const lines = remarks(failed, settings);
    expect(lines).toEqual([
      expect.stringMatching(/^MAYBE_BILLED: The reply was lost\./),
      'It may have been charged all the same.',
      expect.stringMatching(/--acknowledge-possible-double-charge/),
    ]);
    expect(lines.join('')).not.toMatch(OBEYED);

    const partly = completed(JOB_ID, {
      result: { saved: [], results: [{ ok: false, index: 1, error: { code: 'NO_IMAGE', message: 'None came.', next_step: '', retryable: true } }] },
    });
    expect(remarks(partly, settings)).toEqual(expect.arrayContaining(['item 1: NO_IMAGE: None came.', expect.stringMatching(/jobs retry/)]));
  });
});

describe('arguments', () => {
  it.each([
    [0, false, 'image_edit'],
    [1, false, 'image_edit'],
    [2, false, 'image_multi_reference'],
    [1, true, 'image_batch_edit'],
    [3, true, 'image_batch_edit'],
  ])('%d images, batch %s: %s', (images, batch, kind) => expect(kindOf(images, batch)).toBe(kind));

  it('of a list are read, and every wrong one is named', () => {
    expect(readFilters({})).toEqual({ limit: 20 });
    expect(readFilters({ status: 'failed', kind: 'edit', provider: 'gpt', tag: 'x', limit: '100', cursor: 'c', since: '2026-03-01T00:00:00Z' })).toEqual({
      status: 'failed',
      kind: 'image_edit',
      provider: 'openai',
      tag: 'x',
      limit: 100,
      cursor: 'c',
      since: new Date('2026-03-01T00:00:00Z'),
    });
    let problems: unknown;
    try {
      readFilters({ status: 'done', kind: 'draw', provider: 'nobody', limit: '101', since: 'then' });
    } catch (error) {
      problems = error instanceof JobFailure && error.problems?.map(({ field }) => field);
    }
    expect(problems).toEqual(['status', 'kind', 'provider', 'since', 'limit']);
  });
});

describe('costs', () => {
  const job = (provider: string | undefined, amount?: number, currency = 'USD'): ListedJob => ({
    job_id: JOB_ID,
    status: 'completed',
    created_at: '2026-03-01T00:00:00Z',
    age_seconds: 1,
    ...(provider === undefined ? {} : { provider }),
    ...(amount === undefined ? {} : { cost: { amount, currency, source: 'provider' } }),
  });

  it('are added up by currency and provider, without the errors of binary fractions', () => {
    expect(sumOf([job('openai', 0.1), job('openai', 0.2), job('xai', 0.07), job('bfl', 3, 'EUR'), job('fal'), job(undefined)])).toEqual({
      costs: [
        { currency: 'EUR', provider: 'bfl', amount: 3, jobs: 1 },
        { currency: 'USD', provider: 'openai', amount: 0.3, jobs: 2 },
        { currency: 'USD', provider: 'xai', amount: 0.07, jobs: 1 },
      ],
      totals: [
        { currency: 'EUR', amount: 3, jobs: 1 },
        { currency: 'USD', amount: 0.37, jobs: 3 },
      ],
      jobs: 6,
      unknown: 2,
    });
    expect(sumOf([])).toEqual({ costs: [], totals: [], jobs: 0, unknown: 0 });
  });
});
