import { describe, expect, it } from '@jest/globals';
import * as z from 'zod';
import { readSettings } from '../../../src/config.js';
import { LIMITS } from '../../../src/contract/input.js';
import { capabilitiesOf } from '../../../src/generators/capabilities.js';
import { MAX_REPLY_BYTES } from '../../../src/generators/transport.js';
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

const MB = 1024 * 1024;

/** Of EFLOWCODE Image MCP, as its last version has them. */
const ITS_VARIABLES = ['API_KEY', 'BASE_URL', 'MODEL', 'PROMPT_PREFIX', 'SAVE_DIR', 'SAVE_DIR_ROOT'];
const ITS_ARGUMENTS = ['prompt', 'size', 'n', 'model', 'save_dir', 'basename', 'image_path', 'image_paths', 'mask_path', 'job_id', 'api_key'];

const ITS_RESULT = ['ok', 'mode', 'base_url', 'model', 'size', 'requested_n', 'saved', 'errors', 'notes', 'response_summary', 'response_summaries', 'n_references', 'results'];
const ITS_SAVED = ['path', 'size_bytes', 'actual_size', 'actual_megapixels'];
const ITS_SERVER_INFO = ['name', 'mode', 'base_url', 'model', 'prompt_prefix', 'default_save_dir', 'save_dir_root', 'api_key_configured', 'launcher_auth_json_available', 'tools', 'limits'];
const ITS_LIMITS = ['n_range', 'size_format', 'edge_range', 'size_alignment', 'single_input_image_mb', 'total_reference_mb', 'response_image_mb'];

/** The row of the differences that begins so, as its cells. */
async function differenceOf(beginning: string): Promise<string[]> {
  const rows = (await textOf('docs/from-eflowcode.md')).split('\n').filter((line) => line.startsWith(`| ${beginning}`));
  expect({ beginning, rows: rows.length }).toEqual({ beginning, rows: 1 });
  return (rows[0] ?? '').slice(1, -1).split('|').map((cell) => cell.trim());
}

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

  it('names every field of its results, of server_info and of the limits there', async () => {
    const page = await textOf('docs/from-eflowcode.md');
    const named = (name: string): boolean => new RegExp(`\\b${name}\\b[^|]*\``).test(page) || page.includes(`\`${name}\``);
    expect([...ITS_RESULT, ...ITS_SAVED, ...ITS_SERVER_INFO, ...ITS_LIMITS].filter((name) => !named(name))).toEqual([]);
    const [theirs = ''] = await differenceOf('its `limits` are');
    for (const name of ITS_LIMITS) expect(theirs).toContain(`\`${name}\``);
  });

  it('has the numbers of the code', async () => {
    const settings = readSettings({});
    expect((await differenceOf('references up to 4 MB'))[1]).toBe(
      `${LIMITS.referenceBytes / MB} MB each, ${LIMITS.referencesBytes / MB} MB together, ${LIMITS.referencePixels / 1e6} megapixels each`,
    );
    expect((await differenceOf('`image_multi_reference` takes'))[1]).toContain(`${capabilitiesOf('openai').maxReferences} with \`openai\``);
    expect((await differenceOf('a prompt of any length'))[1]).toBe(`up to ${LIMITS.promptCharacters.toLocaleString('en-US')} characters`);
    expect((await differenceOf('a picture of up to 25 MB'))[1]).toBe(`a reply of up to ${MAX_REPLY_BYTES / MB} MB`);
    const [, patience = ''] = await differenceOf('a request is given up after 600 seconds');
    expect(patience.match(/\d+/g)).toEqual([settings.IMAGE_SUBMIT_TIMEOUT_SECONDS, settings.IMAGE_SYNC_SUBMIT_TIMEOUT_SECONDS].map(String));
    expect((await differenceOf('edges of 256'))[1]).toContain(`${LIMITS.minEdge} to ${LIMITS.maxEdge}`);
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
