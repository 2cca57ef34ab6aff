import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from '@jest/globals';
import { readSettings } from '../../../src/config.js';
import type { Check, DoctorContext } from '../../../src/doctor/context.js';
import type { Finding } from '../../../src/doctor/finding.js';
import type { StackStatus } from '../../../src/local/protocol.js';
import { VERSION } from '../../../src/version.js';

/** A folder of its own for each test. */
export function useFolder(): () => string {
  let folder = '';
  beforeEach(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'doctor-')));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });
  return () => folder;
}

/** What a check sees of this environment, with data and pictures in the folder; nothing runs, unless the test says so. */
export function contextOf(folder: string, env: Record<string, string> = {}, seen: Partial<DoctorContext> = {}): DoctorContext {
  const all = { IMAGE_DATA_DIR: join(folder, 'data'), IMAGE_SAVE_ROOT: join(folder, 'pictures'), ...env };
  return {
    env: all,
    platform: process.platform,
    nodeVersion: process.versions.node,
    settings: readSettings(all),
    cwd: folder,
    clientRoots: [],
    store: undefined,
    stack: undefined,
    temporal: { state: 'down' },
    workers: async () => ({ by: 'nothing' }),
    ...seen,
  };
}

export async function look<Needs>(check: Check<Needs>, context: Needs): Promise<readonly Finding[]> {
  const findings = await check.look(context);
  for (const { level, message, remedy } of findings) {
    if (level !== 'ok' && (remedy ?? '') === '') throw new Error(`no remedy: ${message}`);
  }
  return findings;
}

export function levels(findings: readonly Finding[]): string[] {
  return findings.map(({ level }) => level);
}

/** A stack that runs as it should, but for the changes. */
export function stackStatus(dataDir: string, changes: Partial<StackStatus> = {}): StackStatus {
  const running = { state: 'running' as const, since: '2026-11-25T03:00:00.000Z', restarts: 0 };
  return {
    state: 'ready',
    address: '127.0.0.1:27166',
    namespace: 'default',
    ui_url: 'http://127.0.0.1:27167',
    pids: { supervisor: 11, temporal: 12, worker: 13 },
    versions: { package: VERSION, temporal_cli: '1.5.1', temporal_server: '1.29.1' },
    temporal_binary: '/opt/temporal',
    data_dir: dataDir,
    server: running,
    worker: running,
    clients: 1,
    accounts: [],
    messages: [],
    ...changes,
  };
}
