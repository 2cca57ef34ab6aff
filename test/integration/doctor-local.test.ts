import { spawn } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { isAlive, signal } from '../../src/local/processes.js';
import { startFakeOpenAi } from '../support/fake-openai.js';
import { freePort, makeBox, plainEnvironment, run, until, type Box } from '../support/e2e.js';
import { look } from './doctor-support.js';

jest.setTimeout(120_000);

describe('doctor on the local stack', () => {
  let box: Box;
  let stopped: number[] = [];

  beforeEach(async () => {
    box = await makeBox();
  });
  afterEach(async () => {
    for (const pid of stopped.splice(0)) signal(pid, 'SIGCONT');
    await box.close();
  });

  function freeze(pid: number | undefined): void {
    if (pid === undefined || !signal(pid, 'SIGSTOP')) throw new Error('no such process');
    stopped.push(pid);
  }

  async function kill(pid: number | undefined): Promise<void> {
    if (pid === undefined || !signal(pid, 'SIGKILL')) throw new Error('no such process');
    await until(async () => !(await isAlive(pid)), `the end of process ${pid}`);
  }

  it('only looks with --no-start: makes no folder and no process', async () => {
    const { code, bad, findings } = await look(box, ['--no-start']);
    expect(code).toBe(0);
    expect(bad('accounts')).toMatchObject([{ level: 'warning' }]);
    expect(findings.filter(({ level }) => level !== 'ok').map(({ id }) => id)).toEqual(['accounts']);
    expect((await readdir(box.folder)).sort()).toEqual(['home', 'tmp']);
    expect(await box.processes()).toEqual([]);
  });

  it('starts the stack, says so, pings its worker, and prints what a person reads', async () => {
    const { code, stdout, stderr } = await box.cli(['doctor'], { OPENAI_API_KEY: 'sk-canary', OPENAI_BASE_URL: 'http://127.0.0.1:9/v1' });
    expect(stdout).toMatch(/ok {7}local-stack: The local stack was not running; it was started for this look/);
    expect(stdout).toMatch(/ok {7}workers: Workers \(\d+@\S+\) answer: image-upload \d+ ms, .*image-submit-local \d+ ms, image-submit-openai \d+ ms[,.]/);
    expect(stdout).toMatch(/ok {7}clock: /);
    // Nothing listens on the discard port: the one error stands at the end, with its remedy.
    expect(code).toBe(1);
    const [problem, remedy] = stdout.trimEnd().split('\n').slice(-2);
    expect(problem).toMatch(/^error {4}provider-addresses: .*127\.0\.0\.1:9.* nothing listens there\.$/);
    expect(remedy).toMatch(/^ {9}Check the base URL/);
    expect(stdout + stderr).not.toContain('sk-canary');
    const second = await look(box);
    expect(second).toMatchObject({ code: 0 });
    expect(second.findings.some(({ message }) => message.includes('started for this look'))).toBe(false);
    // What it leaves in the store is known as ours.
    expect(await box.cli(['uninstall', '--yes'])).toMatchObject({ code: 0 });
    expect(await readdir(box.folder)).not.toContain('data');
  });

  it('hands over no key: a job that waits for one still waits, and is found', async () => {
    const fake = await startFakeOpenAi();
    try {
      await box.cli(['up']);
      const { address = '', temporal_binary: binary = '' } = await box.ready();
      const input = JSON.stringify({ kind: 'image_generate', prompt: 'a red kite', provider: 'openai' });
      await run(binary, ['workflow', 'start', '--type', 'imageJob', '--task-queue', 'image-jobs', '--workflow-id', 'keyless', '--input', input, '--address', address], plainEnvironment());
      const env = { OPENAI_API_KEY: 'sk-canary', OPENAI_BASE_URL: fake.url };
      const { bad } = await until(async () => {
        const seen = await look(box, [], env);
        return seen.bad('waiting-jobs').length > 0 && seen;
      }, 'the job to wait');
      expect(bad('waiting-jobs')).toMatchObject([{ level: 'warning', message: expect.stringMatching(/^1 job waits for a key/) }]);
      expect(fake.ledger().total).toBe(0);
      const mcp = await box.server();
      const { record } = await mcp.call('server_info');
      expect(record['findings']).toContainEqual(expect.objectContaining({ id: 'waiting-jobs' }));
    } finally {
      await fake.close();
    }
  });

  it('finds a worker that hangs, and one that was killed', async () => {
    await box.cli(['up']);
    const { pids } = await box.ready();
    freeze(pids.worker);
    const frozen = await look(box);
    expect(frozen.bad('workers')).toMatchObject([{ level: 'error', remedy: expect.stringContaining('worker.log') }]);
    stopped = [];
    await kill(pids.worker);
    await until(async () => (await box.status()).pids.worker !== undefined && (await box.status()).worker.state === 'running', 'another worker');
    const restarted = await look(box);
    expect(restarted.bad('workers')).toEqual([]);
    expect(restarted.bad('local-stack')).toMatchObject([{ level: 'warning', message: expect.stringContaining('restarted 1 time') }]);
  });

  it('finds a supervisor that hangs, one that was killed, and a server that outlived it', async () => {
    await box.cli(['up']);
    const { pids, temporal_binary: binary = '' } = await box.ready();
    freeze(pids.supervisor);
    const hung = await look(box, ['--no-start']);
    expect(hung.bad('local-stack')).toMatchObject([{ level: 'error', remedy: expect.stringContaining(`kill -9 ${pids.supervisor}`) }]);
    expect((await look(box)).bad('local-stack')).toMatchObject([{ level: 'error', message: expect.stringContaining('does not answer') }]);
    stopped = [];
    await kill(pids.supervisor);
    await until(async () => (await box.processes()).length === 0, 'the end of its processes');
    const killed = await look(box, ['--no-start']);
    expect(killed.bad('local-stack')).toMatchObject([{ level: 'warning', message: expect.stringContaining(`process ${pids.supervisor}`) }]);
    expect(killed.bad('orphans')).toEqual([]);

    const args = ['server', 'start-dev', '--headless', '--db-filename', join(box.dataDir, 'temporal.db'), '--port', String(await freePort())];
    const orphan = spawn(binary, args, { stdio: 'ignore' });
    expect((await look(box, ['--no-start'])).bad('orphans')).toMatchObject([{ level: 'warning', remedy: expect.stringContaining(`kill ${orphan.pid}`) }]);
  });

  it('says what hinders it when the settings cannot be read', async () => {
    const { code, findings } = await look(box, [], { IMAGE_LOG_LEVEL: 'loud', IMAGE_POLL_SECONDS: 'x' });
    expect(code).toBe(1);
    expect(findings[0]).toMatchObject({ id: 'settings', level: 'error', message: expect.stringMatching(/IMAGE_LOG_LEVEL.*IMAGE_POLL_SECONDS/) });
    expect(findings.map(({ id }) => id)).toContain('node');
    expect(await box.processes()).toEqual([]);
  });

  it('starts nothing where the data folder cannot be made', async () => {
    const { bad } = await look(box, ['--data-dir', '/proc/nothing']);
    expect(bad('data-folder')).toMatchObject([{ level: 'error' }]);
    expect(await box.processes()).toEqual([]);
  });

  it('says in server_info what a client sees, without starting anything', async () => {
    const mcp = await box.server({ IMAGE_PROVIDER: 'openai', IMAGE_DATADIR: '/x' });
    const { record, seconds } = await mcp.call('server_info');
    expect(record).toMatchObject({
      default_provider: 'openai',
      allowed: { agent_double_charge: false, private_reference_urls: false },
      findings: [{ id: 'default-provider', level: 'error' }, { id: 'settings', level: 'warning' }, { id: 'accounts', level: 'warning' }],
    });
    expect(seconds).toBeLessThan(5);
    expect(await box.processes()).toEqual([{ pid: mcp.pid, role: 'stdio' }]);
  });
});
