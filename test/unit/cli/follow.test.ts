import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { follow } from '../../../src/cli/jobs/follow.js';
import { whileStarting } from '../../../src/cli/preparation.js';
import type { WaitOptions, WaitResult } from '../../../src/client/job-api.js';
import { JobFailure } from '../../../src/contract/errors.js';
import type { StackStatus } from '../../../src/local/protocol.js';
import { completed, fakeJobs, JOB_ID, OTHER_ID, running } from '../mcp/fakes.js';

let told = '';
beforeEach(() => {
  told = '';
  jest.spyOn(process.stderr, 'write').mockImplementation((text) => {
    told += String(text);
    return true;
  });
});
afterEach(() => void jest.restoreAllMocks());

/** A client whose waits answer this, one after the other; what is no answer is thrown. */
function waits(...answers: (WaitResult | Error)[]): { jobs: ReturnType<typeof fakeJobs>; asked: WaitOptions[] } {
  const asked: WaitOptions[] = [];
  const jobs = fakeJobs({
    wait: async (options) => {
      asked.push(options);
      const answer = answers.shift();
      if (answer === undefined) throw new Error('asked too often');
      if (answer instanceof Error) throw answer;
      options.onUpdate?.(answer.records);
      return answer;
    },
  });
  return { jobs, asked };
}

const stuck: WaitResult = {
  records: [running(JOB_ID, { stage: 'waiting_for_worker', message: 'No worker polls; start one with: it' })],
  pending: [JOB_ID],
  timedOut: false,
  stuck: true,
};
const done: WaitResult = { records: [completed()], pending: [], timedOut: false };
const forever = { jobIds: [JOB_ID], until: 'all' as const };

describe('waiting for jobs', () => {
  it('goes on when nothing moves by itself, says why once, and sees the end', async () => {
    const { jobs, asked } = waits(stuck, stuck, done);
    expect(await follow(jobs, { ...forever, signal: new AbortController().signal })).toEqual(done);
    expect(asked).toHaveLength(3);
    expect(told.match(/No worker polls; start one with: it/g)).toHaveLength(1);
    expect(told).toMatch(/completed/);
  });

  it('goes on when nobody answers, and says so once', async () => {
    const away = new JobFailure({ code: 'TEMPORAL_UNAVAILABLE', message: 'Temporal does not answer.', nextStep: 'Wait.', retryable: true });
    const { jobs } = waits(away, away, done);
    expect(await follow(jobs, { ...forever, signal: new AbortController().signal })).toEqual(done);
    expect(told.match(/Temporal does not answer/g)).toHaveLength(1);
  });

  it('gives a failure on that waiting does not mend', async () => {
    const { jobs } = waits(new JobFailure({ code: 'STORE_UNAVAILABLE', message: 'Damaged.', nextStep: 'Restore it.' }));
    await expect(follow(jobs, { ...forever, signal: new AbortController().signal })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });

  it('ends when it is interrupted, and when its time is over', async () => {
    const interrupted = new AbortController();
    interrupted.abort();
    expect(await follow(waits(stuck).jobs, { ...forever, signal: interrupted.signal })).toMatchObject({ pending: [JOB_ID], timedOut: true });
    const { jobs, asked } = waits(stuck);
    expect(await follow(jobs, { ...forever, timeoutSeconds: 0, signal: new AbortController().signal })).toMatchObject({ timedOut: true });
    expect(asked[0]).toMatchObject({ timeoutSeconds: 0 });
  });

  it('for any counts one that ended between two waits', async () => {
    const both = { jobIds: [JOB_ID, OTHER_ID], until: 'any' as const, signal: new AbortController().signal };
    const first: WaitResult = { records: [stuckOther(JOB_ID), stuckOther()], pending: [JOB_ID, OTHER_ID], timedOut: false, stuck: true };
    const second: WaitResult = { records: [completed(), stuckOther()], pending: [OTHER_ID], timedOut: false, stuck: true };
    const { jobs } = waits(first, second);
    expect(await follow(jobs, both)).toEqual({ ...second, timedOut: false });
  });
});

function stuckOther(id = OTHER_ID): WaitResult['records'][number] {
  return running(id, { stage: 'waiting_for_key' });
}

describe('while the local stack is being prepared', () => {
  const starting = new JobFailure({
    code: 'STARTING',
    message: 'The local stack is being prepared: starting its supervisor, 0 %; nothing was started.',
    nextStep: 'Call again.',
    retryable: true,
  });
  const stopped = { state: 'stopped', since: '', restarts: 0 } as const;
  const at = (state: StackStatus['state'], step?: string): StackStatus => ({
    state,
    namespace: 'default',
    pids: {},
    versions: { package: '1.0.0' },
    data_dir: '/data',
    server: stopped,
    worker: stopped,
    clients: 1,
    accounts: [],
    messages: [],
    ...(step === undefined ? {} : { preparation: { step, percent: 40, seconds_left: 7.2 } }),
  });

  it('the work is done again when that is over, and each step is told once', async () => {
    const states = [at('preparing', 'downloading the Temporal server'), at('preparing', 'downloading the Temporal server'), at('ready')];
    let calls = 0;
    const work = async (): Promise<string> => {
      calls += 1;
      if (calls === 1) throw starting;
      return 'started';
    };
    expect(await whileStarting(work, { state: async () => states.shift() ?? at('ready') })).toBe('started');
    expect(calls).toBe(2);
    expect(told).toBe(
      'The local stack is being prepared: starting its supervisor, 0 %\n' +
        'The local stack is being prepared: downloading the Temporal server, 40 %, about 8 seconds left\n',
    );
  });

  it('an interrupt leaves the last STARTING', async () => {
    const interrupt = new AbortController();
    const state = async (): Promise<StackStatus> => {
      interrupt.abort();
      return at('preparing', 'downloading');
    };
    await expect(whileStarting(() => Promise.reject(starting), { state }, interrupt.signal)).rejects.toBe(starting);
  });

  it('another failure is the end of it', async () => {
    const failed = new JobFailure({ code: 'TEMPORAL_UNAVAILABLE', message: 'No.', nextStep: 'None.' });
    await expect(whileStarting(() => Promise.reject(failed), { state: async () => at('failed') })).rejects.toBe(failed);
  });
});
