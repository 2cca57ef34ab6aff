import { describe, expect, it } from '@jest/globals';
import { readSettings } from '../../src/config.js';
import { JobFailure } from '../../src/contract/errors.js';

describe('the prompt prefix', () => {
  it.each(['IMAGE_PROMPT_PREFIX', 'EFLOWCODE_PROMPT_PREFIX', 'EF_PROMPT_PREFIX'])('%s has at most 4000 characters', (name) => {
    expect(readSettings({ [name]: 'x'.repeat(4000) }).promptPrefix).toHaveLength(4000);
    const read = (): unknown => readSettings({ [name]: 'x'.repeat(4001) });
    expect(read).toThrow(JobFailure);
    expect(read).toThrow(`${name} (must be at most 4000 characters)`);
  });
});

describe('the folders for pictures', () => {
  it.each(['EFLOWCODE', 'EF'])('take the names of %s, and IMAGE_ ones first', (family) => {
    const named = { [`${family}_SAVE_DIR_ROOT`]: '/pictures', [`${family}_SAVE_DIR`]: '/pictures/today' };
    expect(readSettings(named)).toMatchObject({ saveRoot: '/pictures', saveDir: '/pictures/today' });
    expect(readSettings({ ...named, IMAGE_SAVE_ROOT: '/other', IMAGE_SAVE_DIR: 'now' })).toMatchObject({ saveRoot: '/other', saveDir: '/other/now' });
  });
});
