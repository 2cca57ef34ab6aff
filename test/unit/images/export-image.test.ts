import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { exportImage, removeLeftovers } from '../../../src/images/export-image.js';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'export-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const name = 'image-0123abcd.png';
const partialOf = (pid: number): string => `.${name}.${pid}-0123abcd-00000000.partial`;

async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  return child.pid ?? 0;
}

describe('an exported image', () => {
  it('leaves a file alone that is there', async () => {
    await writeFile(join(folder, name), 'changed by a person');
    expect(await exportImage(folder, name, async () => Buffer.from('ours'))).toBe(join(folder, name));
    expect(await readFile(join(folder, name), 'utf8')).toBe('changed by a person');
  });

  it('takes away what a killed writer of the same file left behind, and nothing else', async () => {
    const others = [partialOf(process.ppid), `.other.png.${await deadPid()}-0123abcd-00000000.partial`, `.${name}.notes.partial`];
    for (const file of [partialOf(await deadPid()), ...others]) await writeFile(join(folder, file), 'half');
    await exportImage(folder, name, async () => Buffer.from('whole'));
    expect((await readdir(folder)).sort()).toEqual([name, ...others].sort());
    expect(await readFile(join(folder, name), 'utf8')).toBe('whole');
  });

  it('knows the remains of an earlier process with its own pid, and never its own files', async () => {
    await writeFile(join(folder, partialOf(process.pid)), 'half');
    let seen: string[] = [];
    await exportImage(folder, name, async () => {
      await removeLeftovers(folder, name);
      seen = await readdir(folder);
      return Buffer.from('whole');
    });
    expect(seen).toEqual([expect.stringMatching(/\.partial$/)]);
    expect(await readdir(folder)).toEqual([name]);
  });
});
