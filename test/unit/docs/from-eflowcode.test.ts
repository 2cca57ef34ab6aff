import { describe, expect, it } from '@jest/globals';
import * as z from 'zod';
import { ACCOUNT_FAMILIES } from '../../../src/accounts/environment.js';
import { readJobArguments } from '../../../src/contract/arguments.js';
import { SETTING_TEXTS } from '../../../src/reference/settings.js';
import { TOOLS } from '../../../src/mcp/tools/index.js';
import { blocksOf, textOf } from './documents.js';

const configuration = z.object({
  mcpServers: z.object({
    'eflowcode-image': z.object({ command: z.string(), args: z.array(z.string()), env: z.record(z.string(), z.string()) }),
  }),
});

/** Of EFLOWCODE Image MCP, as its last version has them. */
const ITS_VARIABLES = ['API_KEY', 'BASE_URL', 'MODEL', 'PROMPT_PREFIX', 'SAVE_DIR', 'SAVE_DIR_ROOT'];
const ITS_ARGUMENTS = ['prompt', 'size', 'n', 'model', 'save_dir', 'basename', 'image_path', 'image_paths', 'mask_path', 'job_id', 'api_key'];

describe('docs/from-eflowcode.md', () => {
  it('keeps every variable of the configuration before', async () => {
    const [before, after] = blocksOf(await textOf('docs/from-eflowcode.md'), 'json').map((block) => configuration.parse(JSON.parse(block)).mcpServers['eflowcode-image']);
    expect(after?.env).toMatchObject(before?.env ?? { missing: '' });
    expect(after).toMatchObject({ command: 'node', args: ['/path/to/durable-image-mcp/dist/cli.js'] });
  });

  it('promises variables that are read, and tells of those that are not', async () => {
    const page = await textOf('docs/from-eflowcode.md');
    const accounts = ACCOUNT_FAMILIES.flatMap(({ key, url, models }) => [key, url, ...Object.values(models ?? {})]);
    for (const name of ITS_VARIABLES.flatMap((rest) => [`EFLOWCODE_${rest}`, `EF_${rest}`])) {
      expect([...accounts, ...Object.keys(SETTING_TEXTS)]).toContain(name);
      if (name.startsWith('EFLOWCODE')) expect(page).toContain(name);
    }
    for (const unread of ['EFLOWCODE_STREAM', 'EFLOWCODE_USE_SHELL_PROXY']) expect(page).toContain(unread);
  });

  it('names its arguments', async () => {
    const page = await textOf('docs/from-eflowcode.md');
    for (const name of ITS_ARGUMENTS) expect(page).toContain(`\`${name}\``);
  });

  it('promises tools that exist', async () => {
    const [, row = ''] = /^\| Tools \| (.*) \|$/m.exec(await textOf('docs/from-eflowcode.md')) ?? [];
    const promised = [...row.matchAll(/`(\w+)`/g)].map(([, name]) => name);
    expect(promised).toHaveLength(9);
    expect(TOOLS.map(({ name }) => name)).toEqual(expect.arrayContaining(promised));
  });

  it.each([
    ['openai', 'gpt'],
    ['xai', 'grok'],
    ['gemini', 'banana'],
  ])('%s answers to %s', (provider, alias) => {
    expect(readJobArguments('image_generate', { prompt: 'a kite', provider: alias, api_key: '' })).toMatchObject({ arguments: { provider }, problems: [], warnings: [] });
  });
});
