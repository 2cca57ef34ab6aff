import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { isAlive } from '../../src/local/processes.js';
import { startFakeOpenAi, type FakeOpenAi } from '../support/fake-openai.js';
import { allPids, exposed, filesBelow, makeBox, until, type Box, type BoxProcess, type Mcp } from '../support/e2e.js';

jest.setTimeout(120_000);

const KEYS = ['sk-canary-one-0123456789', 'sk-canary-two-9876543210'] as const;
const [KEY_ONE, KEY_TWO] = KEYS;

async function pidsOf(box: Box, role: BoxProcess['role']): Promise<number[]> {
  return (await box.processes()).filter((process) => process.role === role).map(({ pid }) => pid);
}

/** Files that hold a key, and processes that show one, but for those which it was given to. */
async function traces(box: Box, givenTo: readonly number[]): Promise<string[]> {
  const found: string[] = [];
  // All of it: store, logs, database, exported pictures, and the folder of the control socket.
  for (const file of await filesBelow(box.folder)) {
    const bytes = await readFile(file).catch(() => Buffer.alloc(0));
    if (KEYS.some((key) => bytes.includes(key))) found.push(file);
  }
  for (const pid of await allPids()) {
    const { args, environment } = await exposed(pid);
    if (KEYS.some((key) => args.includes(key))) found.push(`arguments of ${pid}`);
    if (!givenTo.includes(pid) && KEYS.some((key) => environment.includes(key))) found.push(`environment of ${pid}: ${args}`);
  }
  return found;
}

describe('two clients on one data folder', () => {
  let box: Box;
  let fakes: [FakeOpenAi, FakeOpenAi];
  let one: Mcp;
  let two: Mcp;
  const withKey = (key: string, fake: FakeOpenAi): Record<string, string> => ({ OPENAI_API_KEY: key, OPENAI_BASE_URL: fake.url });

  beforeAll(async () => {
    fakes = [await startFakeOpenAi({ keys: [KEY_ONE] }), await startFakeOpenAi({ keys: [KEY_TWO] })];
    box = await makeBox();
    // At the same moment, on a folder that is not there.
    [one, two] = await Promise.all([box.server(withKey(KEY_ONE, fakes[0])), box.server(withKey(KEY_TWO, fakes[1]))]);
  });
  afterAll(async () => {
    await box.close();
    await Promise.all(fakes.map(async (fake) => await fake.close()));
  });

  it('start one stack together: one supervisor, one server, one worker', async () => {
    const ids = await Promise.all(
      [one, two].map(async (mcp) => await mcp.start('image_generate_async', { prompt: 'a kite', provider: 'local', size: '512x512' })),
    );
    await Promise.all([one, two].map(async (mcp, index) => expect(await mcp.finished(ids[index] ?? '')).toMatchObject({ status: 'completed' })));
    const status = await box.ready();
    expect(await pidsOf(box, 'supervisor')).toEqual([status.pids.supervisor]);
    expect(await pidsOf(box, 'temporal')).toEqual([status.pids.temporal]);
    expect(await pidsOf(box, 'worker')).toEqual([status.pids.worker]);
  });

  it('keep their accounts apart in twenty interleaved jobs', async () => {
    const jobs: Promise<{ mcp: Mcp; id: string }>[] = [];
    for (let index = 0; index < 20; index += 1) {
      const mcp = index % 2 === 0 ? one : two;
      const args = { prompt: `kite ${index}`, provider: 'openai', size: '512x512' };
      jobs.push(mcp.start('image_generate_async', args).then((id) => ({ mcp, id })));
    }
    const started = await Promise.all(jobs);
    expect(new Set(started.map(({ id }) => id)).size).toBe(20);
    // Each is waited for by the other client: a record is everybody's, an account is not.
    await Promise.all(
      started.map(async ({ mcp, id }) => expect(await (mcp === one ? two : one).finished(id)).toMatchObject({ status: 'completed' })),
    );
    fakes.forEach((fake, index) => {
      const key = KEYS[index] ?? '';
      expect(fake.ledger()).toMatchObject({ total: 10, by_key: { [key]: 10 } });
      expect(new Set(fake.requests.map((request) => request.key))).toEqual(new Set([key]));
      expect(fake.ledger().entries.every(({ prompt }) => Number(prompt.slice(5)) % 2 === index)).toBe(true);
    });
  });

  it('show no key to anybody but the servers that were given one', async () => {
    expect(await traces(box, [one.pid, two.pid])).toEqual([]);
    // The look itself works: it finds the key where it is.
    const found = await traces(box, []);
    expect(found).toHaveLength(2);
    expect(found).toEqual(expect.arrayContaining([one.pid, two.pid].map((pid): unknown => expect.stringContaining(`environment of ${pid}:`))));
  });

  it('go on when the other is killed', async () => {
    const status = await box.ready();
    const id = await two.start('image_generate_async', { prompt: 'kite 21', provider: 'openai', size: '512x512' });
    process.kill(two.pid, 'SIGKILL');
    await until(async () => !(await isAlive(two.pid)), 'the end of a client');
    expect(await one.finished(id)).toMatchObject({ status: 'completed' });
    expect((await box.status()).pids).toEqual(status.pids);
    expect(fakes[1].ledger().by_key).toEqual({ [KEY_TWO]: 11 });

    two = await box.server(withKey(KEY_TWO, fakes[1]));
    const next = await two.start('image_generate_async', { prompt: 'kite 23', provider: 'openai', size: '512x512' });
    process.kill(one.pid, 'SIGKILL');
    await until(async () => !(await isAlive(one.pid)), 'the end of a client');
    expect(await two.finished(next)).toMatchObject({ status: 'completed' });
    expect((await box.status()).pids).toEqual(status.pids);
  });

  it('after everything was killed a job waits for its key, says so, and completes with it', async () => {
    one = await box.server(withKey(KEY_ONE, fakes[0]));
    // Not sent: the worker stands still from the moment of the submission.
    const { pids } = await box.ready();
    process.kill(pids.worker ?? 0, 'SIGSTOP');
    const args = { prompt: 'kite 30', provider: 'openai', size: '512x512' };
    const id = await one.start('image_generate_async', args);
    await box.killAll();
    expect(fakes[0].ledger().total).toBe(10);

    const without = await box.server();
    const waiting = await until(async () => {
      const { record } = await without.call('image_job_wait', { job_id: id, timeout_seconds: 5 });
      return record.stage === 'waiting_for_key' ? record : undefined;
    }, 'the job to wait for its key');
    expect(waiting).toMatchObject({ ok: false, status: 'running', done: false, timed_out: false, next_step: expect.stringMatching(/^tell the user/) });
    const { record: full } = await without.call('image_job_status', { job_id: id });
    expect(full.message).toMatch(/key of account [0-9a-f]{8} of openai.*[Ss]tart the client that submitted this job/);
    // Nor does somebody else's account do.
    const other = await box.server(withKey(KEY_TWO, fakes[1]));
    await other.finished(await other.start('image_generate_async', { prompt: 'kite 31', provider: 'openai', size: '512x512' }));
    expect((await without.call('image_job_status', { job_id: id })).record.stage).toBe('waiting_for_key');
    expect(await traces(box, [other.pid])).toEqual([]);

    const owner = await box.server(withKey(KEY_ONE, fakes[0]));
    // Any call that reaches the stack hands the key over; this one starts nothing.
    await owner.call('image_job_status', { job_id: id });
    expect(await without.finished(id)).toMatchObject({ ok: true, status: 'completed' });
    expect(fakes[0].ledger()).toMatchObject({ total: 11, by_key: { [KEY_ONE]: 11 } });
    expect(await traces(box, [other.pid, owner.pid])).toEqual([]);
  });
});

describe('sixteen servers that only connect and list tools', () => {
  it('start no process of a stack, and leave with their clients', async () => {
    const box = await makeBox();
    try {
      const servers = await Promise.all(Array.from({ length: 16 }, async () => await box.server()));
      await Promise.all(servers.map(async ({ client }) => expect((await client.listTools()).tools.length).toBeGreaterThan(5)));
      await Promise.all(servers.map(async (mcp) => expect((await mcp.call('server_info')).record.ok).toBe(true)));
      const processes = await box.processes();
      expect(processes.map(({ role }) => role)).toEqual(Array.from({ length: 16 }, () => 'stdio'));
      await Promise.all(servers.map(async (mcp) => await mcp.close()));
      await until(async () => (await box.processes()).length === 0, 'the servers to leave');
    } finally {
      await box.close();
    }
  });
});
