import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { thisProcess } from '../../../src/blobs/process-identity.js';
import { databases } from '../../../src/doctor/checks/databases.js';
import { localStack, localStackAtAGlance } from '../../../src/doctor/checks/local-stack.js';
import { orphans } from '../../../src/doctor/checks/orphans.js';
import { namedBinary, temporalBinary } from '../../../src/doctor/checks/temporal-binary.js';
import { temporalProfile } from '../../../src/doctor/checks/temporal-profile.js';
import type { DoctorContext } from '../../../src/doctor/context.js';
import type { StackFile } from '../../../src/local/protocol.js';
import { PINNED_CLI_VERSION } from '../../../src/local/temporal-version.js';
import { contextOf, levels, look, stackStatus, useFolder } from './support.js';

const folder = useFolder();
const data = (): string => join(folder(), 'data');
const remote = { TEMPORAL_ADDRESS: 'localhost:7233' };

const children: ChildProcess[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
});

describe('the local stack', () => {
  const seen = (changes: Parameters<typeof stackStatus>[1]): DoctorContext => contextOf(folder(), {}, { stack: stackStatus(data(), changes) });
  const stopped = { state: 'stopped', address: undefined, pids: {} } as const;

  it('that runs, or that nobody has needed yet, is in order', async () => {
    expect(levels(await look(localStack, seen({})))).toEqual(['ok']);
    expect(levels(await look(localStack, seen(stopped)))).toEqual(['ok']);
    expect(levels(await look(localStack, seen({ state: 'preparing', preparation: { step: 'building', percent: 40 } })))).toEqual(['ok']);
    expect(await look(localStack, contextOf(folder(), remote))).toEqual([]);
  });

  it('that could not be prepared says why, and what to do', async () => {
    const error = { code: 'TEMPORAL_UNAVAILABLE' as const, message: 'No server.', next_step: 'Install one.', retryable: false };
    expect(await look(localStack, seen({ state: 'failed', error }))).toEqual([{ id: 'local-stack', level: 'error', message: 'No server.', remedy: 'Install one.' }]);
  });

  it('of a newer package refuses this one; of an older one is replaced', async () => {
    const newer = await look(localStack, seen({ versions: { package: '99.0.0' } }));
    expect(newer[1]).toMatchObject({ level: 'error', message: expect.stringContaining('99.0.0'), remedy: expect.stringContaining('Restart this MCP client') });
    const older = await look(localStack, seen({ versions: { package: '0.0.1' } }));
    expect(older[1]).toMatchObject({ level: 'warning', message: expect.stringContaining('0.0.1'), remedy: expect.stringMatching(/ up --data-dir /) });
  });

  it('whose worker or server does not run, or was restarted, names the log', async () => {
    const since = '2026-11-25T03:00:00.000Z';
    const restarted = await look(localStack, seen({ worker: { state: 'running', since, restarts: 2 } }));
    expect(restarted[1]).toMatchObject({ level: 'warning', message: expect.stringContaining('worker of the local stack was restarted 2 times'), remedy: expect.stringContaining('worker.log') });
    const dying = await look(localStack, seen({ server: { state: 'restarting', since, restarts: 3, problem: 'exit code 1' } }));
    expect(dying[1]).toMatchObject({ level: 'error', message: expect.stringContaining('exit code 1'), remedy: expect.stringContaining('temporal.log') });
    const coming = await look(localStack, seen({ worker: { state: 'starting', since, restarts: 0 } }));
    expect(coming[1]).toMatchObject({ level: 'warning', message: expect.stringContaining('starting') });
  });

  it('repeats what the supervisor noted', async () => {
    expect((await look(localStack, seen({ messages: ['2 open jobs were started again.'] })))[1]).toMatchObject({ message: expect.stringContaining('2 open jobs') });
  });

  /** A stack.json as a supervisor leaves it that was killed: no such process, no such socket. */
  async function leave(owner: Partial<StackFile>): Promise<void> {
    const self = await thisProcess();
    const file: StackFile = { ...self, nonce: '0123456789abcdef', socket: join(folder(), 'none', 's'), version: '0.1.0', started_at: '2026-11-25T03:00:00.000Z', ...owner };
    await mkdir(data(), { recursive: true, mode: 0o700 });
    await writeFile(join(data(), 'stack.json'), JSON.stringify(file));
  }

  it.each([
    ['by the command', localStack],
    ['by a client', localStackAtAGlance],
  ])('whose supervisor was killed is told, %s', async (_by, check) => {
    await leave({ start: 'another' });
    expect(await look(check, seen(stopped))).toMatchObject([{ level: 'warning', message: expect.stringContaining(String(process.pid)) }]);
  });

  it.each([
    ['by the command', localStack],
    ['by a client', localStackAtAGlance],
  ])('whose supervisor hangs is told with the command that ends it, %s', async (_by, check) => {
    // It has the socket and answers nothing.
    const place = await mkdtemp(join(tmpdir(), 'dim-'));
    const server = createServer(() => undefined);
    await new Promise<void>((resolve) => server.listen(join(place, 's'), resolve));
    try {
      await leave({ socket: join(place, 's') });
      expect(await look(check, seen(stopped))).toMatchObject([{ level: 'error', remedy: expect.stringContaining(`kill -9 ${process.pid}`) }]);
    } finally {
      server.close();
      await rm(place, { recursive: true });
    }
  }, 15_000);
});

describe('databases that were set aside', () => {
  it('are counted, and the remedy removes them', async () => {
    expect(await look(databases, contextOf(folder()))).toEqual([]);
    await mkdir(data(), { mode: 0o700 });
    const names = ['temporal.db.set-aside-2026-11-25T03-00-00.000Z', 'temporal.db.set-aside-2026-11-25T03-00-00.000Z-wal', 'temporal.db.set-aside-2026-11-26T03-00-00.000Z'];
    for (const name of ['temporal.db', 'temporal.db-wal', ...names]) await writeFile(join(data(), name), 'x');
    const [finding] = await look(databases, contextOf(folder()));
    expect(finding).toMatchObject({ level: 'warning', message: expect.stringMatching(/^2 databases/) });
    expect(finding?.remedy).toMatch(new RegExp(`rm ${names.map((name) => join(data(), name)).join(' ')}$`));
    expect(await look(databases, contextOf(folder(), remote))).toEqual([]);
  });
});

describe('processes of an earlier stack', () => {
  it('that no supervisor knows are told', async () => {
    await mkdir(data(), { mode: 0o700 });
    expect(await look(orphans, contextOf(folder()))).toEqual([]);
    const worker = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', 'worker', '--stack', '--data-dir', data()], { stdio: 'ignore' });
    const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', 'worker', '--stack', '--data-dir', folder()], { stdio: 'ignore' });
    children.push(worker, other);
    expect(await look(orphans, contextOf(folder()))).toMatchObject([{ level: 'warning', remedy: expect.stringMatching(new RegExp(`: kill ${worker.pid}$`)) }]);
  });
});

describe('the temporal program', () => {
  const cache = (): Record<string, string> => ({ IMAGE_CACHE_DIR: join(folder(), 'cache'), PATH: join(folder(), 'bin') });

  async function program(path: string, server = '1.29.1'): Promise<void> {
    await mkdir(join(path, '..'), { recursive: true });
    await writeFile(path, `#!/bin/sh\necho "temporal version 1.5.1 (Server ${server}, UI 2.42.1)"\n`);
    await chmod(path, 0o755);
  }

  it('is found by TEMPORAL_CLI, in the cache, on PATH, in this order', async () => {
    const installed = join(folder(), 'bin', 'temporal');
    await program(installed);
    const found = async (env: Record<string, string>): Promise<string> => (await look(temporalBinary, contextOf(folder(), { ...cache(), ...env })))[0]?.message ?? '';
    expect(await found({})).toMatch(new RegExp(`${installed} \\(found by: an installed one; version 1.5.1, server 1.29.1\\)`));
    const cached = join(folder(), 'cache', `temporal-v${PINNED_CLI_VERSION}`, 'temporal');
    await program(cached);
    expect(await found({})).toContain(`${cached} (found by: the cache`);
    const named = join(folder(), 'mine');
    await program(named);
    expect(await found({ TEMPORAL_CLI: named })).toContain(`${named} (found by: TEMPORAL_CLI`);
    expect(await look(temporalBinary, contextOf(folder(), { ...cache(), ...remote }))).toEqual([]);
  });

  it('named by TEMPORAL_CLI and no such program is passed over', async () => {
    await program(join(folder(), 'bin', 'temporal'));
    const env = { ...cache(), TEMPORAL_CLI: join(folder(), 'gone') };
    expect(await look(temporalBinary, contextOf(folder(), env))).toMatchObject([{ level: 'ok' }, { level: 'warning', message: expect.stringContaining('gone is not an executable file') }]);
    expect(await look(namedBinary, contextOf(folder(), env))).toMatchObject([{ level: 'warning', message: expect.stringContaining('gone is not an executable file') }]);
    expect(await look(namedBinary, contextOf(folder(), env, { stack: stackStatus(data()) }))).toEqual([]);
    expect(await look(namedBinary, contextOf(folder(), cache()))).toEqual([]);
  });
});

describe('a Temporal elsewhere that is not used', () => {
  it('is told for its profiles, which nothing reads', async () => {
    const env = { HOME: folder(), XDG_CONFIG_HOME: join(folder(), 'config') };
    expect(await look(temporalProfile, contextOf(folder(), env))).toEqual([]);
    const path = join(folder(), 'config', 'temporalio', 'temporal.toml');
    await mkdir(join(path, '..'), { recursive: true });
    await writeFile(path, 'no TOML at all');
    const context = contextOf(folder(), env, { platform: 'linux' });
    expect(await look(temporalProfile, context)).toMatchObject([{ level: 'ok', message: expect.stringMatching(/temporal\.toml is not used/) }]);
    expect(await look(temporalProfile, contextOf(folder(), { ...env, ...remote }))).toEqual([]);
  });

  it('is told for its variables, without their values', async () => {
    const findings = await look(temporalProfile, contextOf(folder(), { TEMPORAL_NAMESPACE: 'canary', TEMPORAL_API_KEY: 'canary', TEMPORAL_TLS: '' }));
    expect(findings).toMatchObject([{ level: 'warning', message: expect.stringContaining('TEMPORAL_API_KEY, TEMPORAL_NAMESPACE count for nothing') }]);
    expect(JSON.stringify(findings)).not.toContain('canary');
  });
});
