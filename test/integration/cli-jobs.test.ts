import { stat } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import * as z from 'zod';
import { jobRecordSchema, type JobRecord } from '../../src/contract/record.js';
import { CLI, makeBox, run, until, type Box, type Run } from '../support/e2e.js';
import { startFakeOpenAi, type FakeOpenAi } from '../support/fake-openai.js';
import { onTerminal } from '../support/terminal.js';

jest.setTimeout(120_000);

const LOCAL = ['--provider', 'local', '--size', '512x512'];
const OPENAI = ['--provider', 'openai', '--size', '512x512'];
const NOBODY = `img-${'0'.repeat(32)}`;

const listSchema = z.object({
  ok: z.literal(true),
  jobs: z.array(z.looseObject({ job_id: z.string(), status: z.string(), title: z.string().optional(), path: z.string().optional() })),
  next_cursor: z.string().optional(),
});

let box: Box;
let fake: FakeOpenAi;

beforeAll(async () => {
  fake = await startFakeOpenAi();
  box = await makeBox({ OPENAI_API_KEY: 'sk-canary-of-the-cli', OPENAI_BASE_URL: fake.url, IMAGE_SUBMIT_TIMEOUT_SECONDS: '2' });
});
afterAll(async () => {
  await box.close();
  await fake.close();
});

function recordOf({ stdout }: Run): JobRecord {
  return jobRecordSchema.parse(JSON.parse(stdout));
}

async function made(prompt: string, ...args: string[]): Promise<JobRecord> {
  return recordOf(await box.cli(['generate', prompt, ...args, '--json']));
}

/** The command in a message, as a shell runs it. */
async function paste(message: string): Promise<Run> {
  const command = /\S+ \S+cli\.js .*$/m.exec(message)?.[0];
  if (command === undefined) throw new Error(`no command in: ${message}`);
  return await run('/bin/sh', ['-c', command], box.env);
}

async function listed(...args: string[]): Promise<z.infer<typeof listSchema>> {
  const { code, stdout } = await box.cli(['jobs', 'list', '--json', ...args]);
  expect(code).toBe(0);
  return listSchema.parse(JSON.parse(stdout));
}

describe('wrong commands', () => {
  it.each<[string[], RegExp]>([
    [['paint'], /There is no command paint\. The commands are: stdio, up, .*generate, edit, jobs, .*uninstall/],
    [['paint', '--red', 'x'], /There is no command paint\. The commands are:/],
    [['--red'], /There is no option --red before a command/],
    [['jobs'], /jobs needs a command\. The commands are: list, show, wait, cancel, retry, delete, cost/],
    [['jobs', 'lst', '--limit', '3'], /There is no command jobs lst\. The commands are: list, show/],
    [['jobs', 'show'], /missing required argument 'job_id'/],
    [['jobs', 'list', '--limit', '0', '--status', 'done'], /2 problems\n {2}status: must be one of running.*\n {2}limit: /],
    [['jobs', 'wait', NOBODY, '--timeout', 'soon'], /timeout: must be seconds/],
    [['generate'], /missing required argument 'prompt'/],
    [['generate', 'x', '--colour', 'red'], /unknown option '--colour'/],
    [['generate', 'a', 'b'], /too many arguments/],
  ])('%j', async (args, expected) => {
    const told = await box.cli(args);
    expect(told).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(expected) });
    const asJson = await box.cli([...args, '--json']);
    expect(asJson.code).toBe(2);
    expect(JSON.parse(asJson.stdout)).toMatchObject({ ok: false, error: { code: 'INVALID_ARGUMENT', message: expect.any(String), next_step: expect.any(String) } });
  });

  it('help shows each command at work', async () => {
    for (const words of [['generate'], ['edit'], ['jobs', 'list'], ['jobs', 'wait'], ['jobs', 'retry'], ['uninstall'], ['setup-search-attributes']]) {
      const { code, stdout } = await box.cli([...words, '--help']);
      expect(code).toBe(0);
      expect(stdout).toContain(`\n  $ durable-image-mcp ${words.join(' ')}`);
    }
  });

  it('a job that nobody knows is NOT_FOUND, and starts nothing', async () => {
    const own = await makeBox();
    try {
      for (const words of [['show'], ['wait'], ['cancel'], ['retry'], ['delete', '--yes']]) {
        const { code, stdout } = await own.cli(['jobs', ...words, NOBODY, '--json']);
        expect({ words, code }).toEqual({ words, code: 1 });
        expect(JSON.parse(stdout)).toMatchObject({ ok: false, error: { code: 'NOT_FOUND' } });
      }
      expect((await own.cli(['jobs', 'list'])).code).toBe(0);
      expect(await own.processes()).toEqual([]);
    } finally {
      await own.close();
    }
  });
});

describe('jobs list and show', () => {
  it('filters, pages with the command that it names, and fits the terminal', async () => {
    const one = await made('first \u001b[31mkite\u001b[0m 凧', ...LOCAL, '--tag', 'listing', '--tag', 'first');
    const two = await made('second kite', ...LOCAL, '--tag', 'listing');
    const running = recordOf(await box.cli(['generate', 'x', ...OPENAI, '--tag', 'listing', '--no-wait', '--json', '--idempotency-key', 'slow']));
    await box.cli(['jobs', 'wait', running.job_id]);
    const ids = [running, two, one].map(({ job_id }) => job_id);

    expect((await listed('--tag', 'listing')).jobs.map(({ job_id }) => job_id)).toEqual(ids);
    expect((await listed('--tag', 'first')).jobs).toMatchObject([{ job_id: one.job_id, status: 'completed', path: one.result?.saved[0]?.path }]);
    expect((await listed('--tag', 'listing', '--provider', 'gpt')).jobs.map(({ job_id }) => job_id)).toEqual([running.job_id]);
    expect((await listed('--tag', 'listing', '--status', 'failed')).jobs).toEqual([]);
    expect((await listed('--tag', 'listing', '--kind', 'edit')).jobs).toEqual([]);
    expect((await listed('--tag', 'listing', '--since', '1h')).jobs).toHaveLength(3);
    expect((await listed('--tag', 'listing', '--since', '2100-01-01')).jobs).toEqual([]);

    const page = await box.cli(['jobs', 'list', '--tag', 'listing', '--limit', '2']);
    expect(page.stdout).toContain(two.job_id);
    expect(page.stdout).not.toContain(one.job_id);
    const next = await paste(page.stderr);
    expect(next.stdout).toContain(one.job_id);
    expect(next.stderr).not.toContain('There are more');
    expect(await box.cli(['jobs', 'list', '--cursor', 'nonsense'])).toMatchObject({ code: 2, stderr: expect.stringContaining('cursor') });

    const { code, screen } = await onTerminal(['jobs', 'list', '--tag', 'listing'], box.env);
    expect(code).toBe(0);
    for (const line of screen.split(/\r?\n/)) expect(line.length).toBeLessThanOrEqual(80);
    expect(screen).toContain(one.job_id);
    expect(screen + page.stdout + next.stdout).not.toContain('\u001b');
  });

  it('shows a job whole; its exit code is its state', async () => {
    const record = await made('a red kite', ...LOCAL, '--tag', 'shown');
    const { code, stdout } = await box.cli(['jobs', 'show', record.job_id]);
    expect(code).toBe(0);
    for (const text of [record.job_id, 'completed', 'local', 'shown', record.result?.saved[0]?.path ?? '?', record.result?.saved[0]?.sha256 ?? '?', '/workflows/']) {
      expect(stdout).toContain(text);
    }
    expect(recordOf(await box.cli(['jobs', 'show', record.job_id, '--json']))).toMatchObject({
      ok: true,
      job_id: record.job_id,
      created_at: expect.any(String),
      temporal: { workflow_id: record.job_id },
    });

    fake.fault({ kind: 'never_done' });
    const { job_id: slow } = recordOf(await box.cli(['generate', 'never done', ...OPENAI, '--no-wait', '--json']));
    const shown = await box.cli(['jobs', 'show', slow, '--json']);
    expect(shown.code).toBe(3);
    expect(recordOf(shown)).toMatchObject({ ok: false, status: 'running' });
    const cancelled = await box.cli(['jobs', 'cancel', slow, '--reason', 'a test']);
    expect(cancelled).toMatchObject({ code: 0, stdout: expect.stringContaining(`${slow}: cancelled`) });
    expect((await box.cli(['jobs', 'cancel', slow])).code).toBe(0);
    expect((await box.cli(['jobs', 'show', slow])).code).toBe(1);
  });
});

describe('output that nobody reads', () => {
  it('does not change the exit code', async () => {
    const generate = `'${process.execPath}' '${CLI}' generate unread --provider local --no-wait`;
    const script = `{ { ${generate} >/dev/null; echo "code $?" >&3; } 2>&1 | true; } 3>&1`;
    expect(await run('/bin/sh', ['-c', script], box.env)).toMatchObject({ stdout: 'code 3\n' });
  });
});

describe('jobs wait', () => {
  it('waits for all or any, at most as long as it is told, and gives what image_job_wait gives', async () => {
    fake.fault({ kind: 'never_done' });
    const { job_id: never } = recordOf(await box.cli(['generate', 'never done either', ...OPENAI, '--no-wait', '--json']));
    await until(() => fake.requests.some(({ prompt }) => prompt?.includes('never done either')), 'the request');
    const { job_id: before } = await made('done before', ...LOCAL);
    // It must still run when the command has started, which takes seconds on a busy machine.
    fake.settings.complete_after_polls = 60;
    const { job_id: soon } = recordOf(await box.cli(['generate', 'done soon', ...OPENAI, '--no-wait', '--json']));
    const any = await box.cli(['jobs', 'wait', never, before, soon, '--any', '--json']);
    fake.settings.complete_after_polls = 2;
    expect(any).toMatchObject({ code: 0 });
    expect(JSON.parse(any.stdout)).toMatchObject({ ok: false, pending: [never], timed_out: false, jobs: [{ status: 'running' }, { status: 'completed' }, { status: 'completed' }] });

    const all = await box.cli(['jobs', 'wait', never, soon, '--timeout', '1s', '--json']);
    expect(all.code).toBe(3);
    expect(JSON.parse(all.stdout)).toMatchObject({ pending: [never], timed_out: true });

    const single = await box.cli(['jobs', 'wait', soon, '--json']);
    expect(single.code).toBe(0);
    expect(JSON.parse(single.stdout)).toMatchObject({ ok: true, job_id: soon, timed_out: false });

    await box.cli(['jobs', 'cancel', never]);
    const ended = await box.cli(['jobs', 'wait', never, soon]);
    expect(ended.code).toBe(1);
    expect(ended.stdout).toMatch(new RegExp(`${never}: cancelled`));

    // One ID that nobody knows is told before any waiting.
    expect(await box.cli(['jobs', 'wait', soon, NOBODY])).toMatchObject({ code: 1, stderr: expect.stringMatching(/^NOT_FOUND: No job has the ID img-0+\./) });
  });

  it('shows a bar on a terminal', async () => {
    fake.settings.complete_after_polls = 15;
    const { code, screen } = await onTerminal(['generate', 'with a bar', ...OPENAI, '--n', '2'], box.env);
    fake.settings.complete_after_polls = 2;
    expect(code).toBe(0);
    expect(screen).toMatch(/\[#*-*\] \d of \d, generating, \d+ s/);
    expect(screen).toContain('\r\u001b[K');
    expect(screen.match(/sha256 [0-9a-f]{64}/g)).toHaveLength(2);
  });
});

describe('jobs retry', () => {
  it('buys again what may have been paid only when a person says so', async () => {
    fake.fault({ kind: 'reply_lost', match: 'maybe paid' });
    const failed = await box.cli(['generate', 'maybe paid', ...OPENAI, '--json']);
    expect(failed.code).toBe(1);
    const { job_id: jobId, error } = recordOf(failed);
    expect(error?.code).toBe('MAYBE_BILLED');

    const told = await box.cli(['jobs', 'show', jobId]);
    expect(told).toMatchObject({ code: 1, stdout: expect.stringContaining('--acknowledge-possible-double-charge') });
    const refused = await box.cli(['jobs', 'retry', jobId]);
    expect(refused).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/^MAYBE_BILLED: /m) });
    expect(fake.ledger().by_prompt['maybe paid']).toBe(1);

    const again = await paste(refused.stderr);
    expect(again).toMatchObject({ code: 3, stdout: expect.stringContaining(jobId) });
    const waited = await box.cli(['jobs', 'wait', jobId, '--json']);
    expect(waited.code).toBe(0);
    expect(recordOf(waited)).toMatchObject({ job_id: jobId, status: 'completed' });
    expect(fake.ledger().by_prompt['maybe paid']).toBe(2);

    const nothing = await box.cli(['jobs', 'retry', jobId]);
    expect(nothing).toMatchObject({ code: 1, stderr: expect.stringMatching(/^INVALID_STATE: /m) });
  });

  it('runs a cancelled job again', async () => {
    fake.fault({ kind: 'never_done' });
    const { job_id: jobId } = recordOf(await box.cli(['generate', 'cancelled first', ...OPENAI, '--no-wait', '--json']));
    await box.cli(['jobs', 'cancel', jobId]);
    const again = await box.cli(['jobs', 'retry', jobId, '--acknowledge-possible-double-charge', '--json']);
    expect(again.code).toBe(3);
    expect(recordOf(again)).toMatchObject({ ok: true, job_id: jobId, status: 'running' });
    expect((await box.cli(['jobs', 'wait', jobId])).code).toBe(0);
  });
});

describe('jobs delete', () => {
  it('asks on a terminal, and without one needs --yes', async () => {
    const { job_id: jobId, result } = await made('to be deleted', ...LOCAL);
    const refused = await box.cli(['jobs', 'delete', jobId]);
    expect(refused).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/--yes was not given; nothing was deleted/) });

    const kept = await onTerminal(['jobs', 'delete', jobId], box.env, 'n');
    expect(kept).toMatchObject({ code: 1, screen: expect.stringContaining('Nothing was deleted.') });
    expect((await box.cli(['jobs', 'show', jobId])).code).toBe(0);

    const gone = await onTerminal(['jobs', 'delete', jobId], box.env, 'y');
    expect(gone).toMatchObject({ code: 0, screen: expect.stringContaining(`${jobId} is deleted`) });
    expect(recordOf(await box.cli(['jobs', 'show', jobId, '--json']))).toMatchObject({ ok: false, status: 'expired' });
    expect((await box.cli(['jobs', 'show', jobId])).code).toBe(1);
    expect((await stat(result?.saved[0]?.path ?? '')).isFile()).toBe(true);
    // What is gone already is done, too.
    expect((await box.cli(['jobs', 'delete', jobId])).code).toBe(0);
  });

  it('the command of its refusal works; a running job stays', async () => {
    const { job_id: jobId } = await made('to be deleted by paste', ...LOCAL);
    expect((await paste((await box.cli(['jobs', 'delete', jobId])).stderr)).code).toBe(0);

    fake.fault({ kind: 'never_done' });
    const { job_id: slow } = recordOf(await box.cli(['generate', 'still runs', ...OPENAI, '--no-wait', '--json']));
    const refused = await box.cli(['jobs', 'delete', slow, '--yes']);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/^INVALID_STATE: .*still runs/m) });
    // Its next step cancels it.
    expect((await paste(refused.stderr)).code).toBe(0);
  });
});

describe('jobs cost', () => {
  it('adds up what is known and says how much is not', async () => {
    const own = await makeBox({ OPENAI_API_KEY: 'sk-canary-of-the-cli', OPENAI_BASE_URL: fake.url });
    try {
      expect(await own.cli(['jobs', 'cost'])).toMatchObject({ code: 0, stdout: '', stderr: expect.stringContaining('No jobs.') });
      for (const args of [LOCAL, LOCAL, OPENAI]) expect((await own.cli(['generate', 'what does it cost', ...args])).code).toBe(0);
      const { code, stdout } = await own.cli(['jobs', 'cost', '--since', '1h', '--json']);
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toEqual({
        ok: true,
        since: expect.stringMatching(/^\d{4}-/),
        jobs: 3,
        costs: expect.arrayContaining([{ currency: 'USD', provider: 'local', amount: 0, jobs: 2 }]),
        totals: expect.any(Array),
        jobs_without_known_cost: expect.any(Number),
      });
      const told = await own.cli(['jobs', 'cost']);
      expect(told.stdout).toMatch(/^PROVIDER +COST +JOBS\n/);
      expect(told.stdout).toMatch(/^local +0 USD +2$/m);
      expect(await own.cli(['jobs', 'cost', '--since', 'then'])).toMatchObject({ code: 2, stderr: expect.stringContaining('since') });
    } finally {
      await own.close();
    }
  });
});
