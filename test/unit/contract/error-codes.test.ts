import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { ERROR_CODES } from '../../../src/contract/errors.js';

const SRC = fileURLToPath(new URL('../../../src', import.meta.url));

/** Where codes are listed or explained, not given. */
const NAMES_ONLY = ['contract/errors.ts', 'workflows/failures.ts'];

async function sources(): Promise<string[]> {
  const names = (await readdir(SRC, { recursive: true })).filter((name) => name.endsWith('.ts') && !NAMES_ONLY.includes(name));
  return await Promise.all(names.map((name) => readFile(join(SRC, name), 'utf8')));
}

const texts = await sources();

describe('error codes', () => {
  it.each(ERROR_CODES)('%s is given by something, not only promised', (code) => {
    // A comparison reads it and gives it to nobody.
    const given = new RegExp(`(?<![!=]== )'${code}'`);
    expect(texts.filter((text) => given.test(text)).length).toBeGreaterThan(0);
  });
});
