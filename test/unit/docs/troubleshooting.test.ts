import { describe, expect, it } from '@jest/globals';
import { ERROR_CODES } from '../../../src/contract/errors.js';
import { JOB_STAGES } from '../../../src/contract/record.js';
import { textOf } from './documents.js';

/** Stages that pass by themselves need no help. */
const UNREMARKABLE = ['queued', 'uploading', 'generating', 'storing'];

describe('docs/troubleshooting.md', () => {
  it('has a row for every error code, and for no other', async () => {
    const page = await textOf('docs/troubleshooting.md');
    const rows = [...page.matchAll(/^\| `([A-Z_]+)` \| (.+) \| (.+) \|$/gm)];
    expect(rows.map(([, code]) => code)).toEqual([...ERROR_CODES]);
  });

  it('has a row for every stage in which a job waits', async () => {
    const page = await textOf('docs/troubleshooting.md');
    for (const stage of JOB_STAGES.filter((one) => !UNREMARKABLE.includes(one))) expect(page).toContain(`| Stage \`${stage}\` |`);
  });
});
