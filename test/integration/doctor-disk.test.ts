import { execFileSync, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { CLI } from '../support/e2e.js';
import { reportSchema, type Finding } from './doctor-support.js';

jest.setTimeout(60_000);

/** A file system of our own needs a Linux that lets ordinary users make a namespace for mounts. */
const canMount = spawnSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;

(canMount ? describe : describe.skip)('doctor on a disk', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'doctor-disk-'));
    await mkdir(join(folder, 'disk'));
  });
  afterAll(async () => await rm(folder, { recursive: true, force: true }));

  /** The findings on a file system of so many megabytes, in which these commands were run first. */
  function lookAt(megabytes: number, prepare = 'true'): Finding[] {
    const script = `mount -t tmpfs -o size=${megabytes}m,mode=700 none "$1" && cd "$1" && ${prepare} && { "$2" "$3" doctor --no-start --json || true; }`;
    const env = { PATH: process.env['PATH'] ?? '', HOME: folder, IMAGE_DATA_DIR: join(folder, 'disk', 'data'), IMAGE_SAVE_ROOT: join(folder, 'disk', 'pictures') };
    const output = execFileSync('unshare', ['-rm', 'sh', '-ec', script, 'sh', join(folder, 'disk'), process.execPath, CLI], { encoding: 'utf8', env });
    return reportSchema.parse(JSON.parse(output)).findings;
  }

  const of = (findings: readonly Finding[], ...ids: string[]): Finding[] => findings.filter(({ id }) => ids.includes(id));

  it('with little space left says how much', () => {
    expect(of(lookAt(50), 'free-space')).toMatchObject([{ level: 'error', message: expect.stringMatching(/has (4\d|5\d) MB free/) }]);
    expect(of(lookAt(500), 'free-space')).toMatchObject([{ level: 'warning', message: expect.stringMatching(/ MB free, less than 1\.0 GB/) }]);
    expect(of(lookAt(3000), 'free-space')).toMatchObject([{ level: 'ok' }]);
  });

  it('that is read-only can hold neither data nor pictures', () => {
    const findings = lookAt(3000, 'mkdir -m 700 data && mkdir pictures && mount -o remount,ro "$1"');
    expect(of(findings, 'data-folder', 'save-folder')).toMatchObject([
      { id: 'data-folder', level: 'error', message: expect.stringContaining('read-only') },
      { id: 'save-folder', level: 'error', message: expect.stringContaining('read-only') },
    ]);
  });

  it('that became read-only under a store says so', () => {
    const up = 'mkdir -m 700 data && mkdir -p data/store && echo \'{"id":"s","created_at":"2026-11-25T03:00:00.000Z"}\' > data/store/store.json';
    expect(of(lookAt(3000, up), 'store')).toMatchObject([{ level: 'ok' }]);
    expect(of(lookAt(3000, `${up} && mount -o remount,ro "$1"`), 'store')).toMatchObject([{ level: 'error', message: expect.stringContaining('read-only'), remedy: expect.stringContaining('writable') }]);
  });
});
