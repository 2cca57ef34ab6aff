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
