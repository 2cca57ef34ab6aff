import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { chmod, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseKeyValues, readCredentialsFile } from '../../../src/accounts/credentials-file.js';
import { readSalt } from '../../../src/accounts/salt.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'accounts-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe('readCredentialsFile', () => {
  it('reads comments, export and quotes', () => {
    const text = '\uFEFF# mine\r\nexport A=1\nB = "two # words" # why\nC=\'3\'\nD=a#b # comment\nE=\n\n';
    expect(parseKeyValues(text, 'f')).toEqual({ A: '1', B: 'two # words', C: '3', D: 'a#b', E: '' });
  });

  it('names a bad line without quoting it', () => {
    expect(() => parseKeyValues('A=1\nsk-secret', 'f')).toThrow(/^Line 2 (?!.*secret)/);
    expect(() => parseKeyValues('A="sk-secret', 'f')).toThrow(/^Line 1 (?!.*secret)/);
  });

  it('reads a file that only its owner can read', async () => {
    const path = join(folder, 'credentials.env');
    await writeFile(path, 'OPENAI_API_KEY=sk-1\n', { mode: 0o600 });
    expect(await readCredentialsFile(path)).toEqual({ OPENAI_API_KEY: 'sk-1' });
    expect(await readCredentialsFile(join(folder, 'absent'))).toBeUndefined();
  });

  it.each([0o640, 0o604, 0o620, 0o644])('refuses mode %o and says what to do', async (mode) => {
    const path = join(folder, 'credentials.env');
    await writeFile(path, 'OPENAI_API_KEY=sk-1\n');
    await chmod(path, mode);
    await expect(readCredentialsFile(path)).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      nextStep: expect.stringContaining('chmod 600'),
    });
  });

  it('refuses what is no regular file', async () => {
    await expect(readCredentialsFile(folder)).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
  });
});

describe('readSalt', () => {
  it('makes one salt, also when several ask at once, and keeps it', async () => {
    const data = join(folder, 'data');
    const salts = await Promise.all(Array.from({ length: 8 }, () => readSalt(data)));
    expect(new Set(salts.map((salt) => salt.toString('hex'))).size).toBe(1);
    expect(salts[0]).toHaveLength(32);
    expect((await stat(join(data, 'salt'))).mode & 0o777).toBe(0o600);
    expect(await readdir(data)).toEqual(['salt']);
    expect(await readSalt(data)).toEqual(salts[0]);
  });

  it('names a data folder that cannot be used, and what to do', async () => {
    const file = join(folder, 'file');
    await writeFile(file, '');
    for (const data of [file, join(file, 'below')]) {
      await expect(readSalt(data)).rejects.toMatchObject({
        code: 'STORE_UNAVAILABLE',
        message: expect.stringContaining(data),
        nextStep: expect.stringContaining('IMAGE_DATA_DIR'),
      });
    }
  });

  it('refuses a damaged salt instead of replacing it', async () => {
    await writeFile(join(folder, 'salt'), 'short');
    await expect(readSalt(folder)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });
});
