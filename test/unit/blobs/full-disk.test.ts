import { execFileSync, spawnSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { compile, temporaryFolder } from './support/children.js';

/** A file system of our own needs a Linux that lets ordinary users make a namespace for mounts. */
const canMount = spawnSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let answers: { full: unknown; readOnly: unknown };

/** Runs the program on a file system of 200 kB, then again after it was made read-only. */
async function run(): Promise<typeof answers> {
  const program = join(await compile(join(folder.path, 'program')), 'filler.js');
  const disk = join(folder.path, 'disk');
  await mkdir(disk);
  const script = `mount -t tmpfs -o size=200k none "$1" && "$3" "$2" "$1/store" full && mount -o remount,ro "$1" && "$3" "$2" "$1/store" readonly`;
  const args = ['-rm', 'sh', '-ec', script, 'sh', disk, program, process.execPath];
  const [full = '', readOnly = ''] = execFileSync('unshare', args, { encoding: 'utf8' }).trim().split('\n');
  return { full: parsed(full), readOnly: parsed(readOnly) };
}

function parsed(line: string): unknown {
  return JSON.parse(line);
}

beforeAll(async () => {
  folder = await temporaryFolder();
  if (canMount) answers = await run();
});
afterAll(() => folder.remove());

const ifMountable = canMount ? describe : describe.skip;

ifMountable('a disk', () => {
  const noSpace = {
    code: 'STORE_UNAVAILABLE',
    retryable: true,
    message: expect.stringMatching(/disk\/store has no space left/),
    next_step: expect.stringContaining('Free some space'),
  };

  it('that is full fails writes, harms nothing, and works again when space was freed', () => {
    expect(answers.full).toEqual({ blob: noSpace, replacement: noSpace, document: 'first', afterwards: true });
  });

  it('that is read-only still reads', () => {
    const readOnly = { ...noSpace, message: expect.stringMatching(/disk\/store is read-only/), next_step: expect.stringContaining('writable') };
    expect(answers.readOnly).toEqual({ document: 'first', creation: readOnly, replacement: readOnly, blob: readOnly });
  });
});
