import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { sources, textOf } from './documents.js';
import { TEMPORAL_VARIABLES } from '../../../src/reference/settings.js';

const OURS = /\b(?:IMAGE|EFLOWCODE|EF)_[A-Z][A-Z0-9_]*\b/g;

/** What users rely on: a name that is gone from here is a breaking change. */
const PROMISED = [
  'TEMPORAL_ADDRESS', 'TEMPORAL_PROFILE', 'TEMPORAL_NAMESPACE', 'TEMPORAL_API_KEY', 'TEMPORAL_TLS', 'TEMPORAL_CLI',
  'IMAGE_DATA_DIR', 'IMAGE_BLOB_STORE', 'IMAGE_SAVE_ROOT', 'IMAGE_SAVE_DIR', 'EFLOWCODE_SAVE_DIR_ROOT', 'EFLOWCODE_SAVE_DIR',
  'IMAGE_REFERENCE_ROOTS', 'IMAGE_PROVIDER', 'IMAGE_PROMPT_PREFIX', 'EFLOWCODE_PROMPT_PREFIX', 'IMAGE_CREDENTIALS_FILE',
  'IMAGE_STACK_IDLE_MINUTES', 'IMAGE_RETENTION_DAYS', 'OPENAI_API_KEY', 'OPENAI_BASE_URL', 'OPENAI_IMAGE_MODEL',
  'EFLOWCODE_API_KEY', 'EFLOWCODE_BASE_URL', 'EFLOWCODE_MODEL', 'EF_API_KEY', 'EF_BASE_URL', 'EF_MODEL',
  'GEMINI_API_KEY', 'XAI_API_KEY', 'BFL_API_KEY', 'FAL_KEY', 'REPLICATE_API_TOKEN',
  'SDCPP_BASE_URL', 'SDCPP_API_KEY',
  'GEMINI_BASE_URL', 'XAI_BASE_URL', 'BFL_BASE_URL', 'FAL_BASE_URL', 'REPLICATE_BASE_URL',
] as const;

describe('docs/settings.md', () => {
  it('names every variable of the sources, and no other', async () => {
    const code = (await sources('src')).filter((name) => !name.startsWith(join('src', 'reference')));
    const all = (await Promise.all(code.map(textOf))).join('\n');
    // A constant of the code may look like a variable; its declaration tells.
    const read = (all.match(OURS) ?? []).filter((name) => !new RegExp(`\\bconst ${name}\\b`).test(all));
    const documented = (await textOf('docs/settings.md')).match(OURS) ?? [];
    expect([...new Set(documented)].sort()).toEqual([...new Set(read)].sort());
  });

  it.each(PROMISED)('has a row for %s', async (name) => {
    expect(await textOf('docs/settings.md')).toMatch(new RegExp(String.raw`^\| \`${name}\` \|`, 'm'));
  });

  it.each(Object.keys(TEMPORAL_VARIABLES))('names no variable that Temporal’s own library does not read: %s', async (name) => {
    const library = await textOf(join('node_modules', '@temporalio', 'envconfig', 'lib', 'envconfig-toml.js'));
    expect(library.match(/\bTEMPORAL_[A-Z_]+\b/g)).toContain(name);
  });
});
