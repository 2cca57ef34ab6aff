import { execFileSync, spawnSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort } from '../../support/free-port.js';
import { compile, temporaryFolder } from './support/children.js';
import { IS_S3 } from './support/place.js';

/** A file system of our own needs a Linux that lets ordinary users make a namespace for mounts. */
const canMount = spawnSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let answers: { full: unknown; readOnly: unknown };

/** Runs the program with a store on a file system of 500 kB, then again after it was made read-only. */
async function run(): Promise<typeof answers> {
  const program = join(await compile(join(folder.path, 'program')), 'filler.js');
  const disk = join(folder.path, 'disk');
  await mkdir(disk);
  const port = await freePort();
  // The S3 server has to see the file system, too, which only processes of this shell do.
  const server = `"$TEST_VERSITYGW" --quiet --port 127.0.0.1:${port} posix "$1" >/dev/null 2>&1 & trap "kill $!" EXIT; until (exec 3<>/dev/tcp/127.0.0.1/${port}) 2>/dev/null; do sleep 0.05; done;`;
  const url = IS_S3 ? 's3://disk/store' : `file:${disk}/store`;
  const fill = `"$3" "$2" ${url}`;
  const script = `mount -t tmpfs -o size=500k none "$1"; ${IS_S3 ? server : ''} ${fill} full; mount -o remount,ro "$1"; ${fill} readonly`;
  const args = ['-rm', 'bash', '-ec', script, 'bash', disk, program, process.execPath];
  const { AWS_ACCESS_KEY_ID: ROOT_ACCESS_KEY, AWS_SECRET_ACCESS_KEY: ROOT_SECRET_KEY } = process.env;
  const env = { ...process.env, ROOT_ACCESS_KEY, ROOT_SECRET_KEY, AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${port}` };
  const [full = '', readOnly = ''] = execFileSync('unshare', args, { encoding: 'utf8', env }).trim().split('\n');
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
    // An S3 server only says that it failed.
    const [what, remedy] = IS_S3 ? [/disk\/store does not work at the moment/, 'S3 server'] : [/disk\/store is read-only/, 'writable'];
    const readOnly = { ...noSpace, message: expect.stringMatching(what), next_step: expect.stringContaining(remedy) };
    expect(answers.readOnly).toEqual({ document: 'first', creation: readOnly, replacement: readOnly, blob: readOnly });
  });
});
