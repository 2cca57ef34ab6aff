import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import type { Tool } from '@modelcontextprotocol/sdk/types.js';
import { encode } from 'gpt-tokenizer/encoding/o200k_base';
import { setUp } from './bound.js';
import { fakeJobs } from './fakes.js';

/** What clients see of each tool, one file a tool; UPDATE_SNAPSHOTS=1 writes them anew. */
const SNAPSHOTS = fileURLToPath(new URL('snapshots', import.meta.url));

async function listTools(): Promise<Tool[]> {
  const { client } = await setUp(fakeJobs());
  return (await client.listTools()).tools;
}

describe('tools/list', () => {
  it('names every tool of the contract, in an order that stays', async () => {
    expect((await listTools()).map(({ name }) => name)).toEqual([
      'server_info',
      'image_generate_async',
      'image_edit_async',
      'image_batch_edit_async',
      'image_multi_reference_async',
      'image_job_status',
      'image_job_wait',
      'image_job_list',
      'image_job_get_image',
      'image_job_retry',
      'image_job_cancel',
      'image_job_delete',
      'image_generate',
      'image_edit',
      'image_batch_edit',
      'image_multi_reference',
    ]);
  });

  it('is strict in what goes in and open in what comes out, where only ok is required', async () => {
    for (const tool of await listTools()) {
      expect(tool.inputSchema).toMatchObject({ type: 'object', additionalProperties: false });
      expect(tool.inputSchema).not.toHaveProperty('$schema');
      expect(tool.outputSchema).toEqual({ type: 'object', properties: { ok: { type: 'boolean' } }, required: ['ok'] });
      expect(tool.title).toMatch(/^[A-Z]/);
      // Claude Code cuts descriptions at 2 KB.
      expect(Buffer.byteLength(tool.description ?? '')).toBeLessThan(2048);
    }
  });

  it('says which tools only look and which destroy', async () => {
    const tools = await listTools();
    const named = (hint: 'readOnlyHint' | 'destructiveHint') => tools.filter(({ annotations }) => annotations?.[hint]).map(({ name }) => name);
    expect(named('readOnlyHint')).toEqual(['server_info', 'image_job_status', 'image_job_wait', 'image_job_list', 'image_job_get_image']);
    expect(named('destructiveHint')).toEqual(['image_job_cancel', 'image_job_delete']);
  });

  it('costs a model at most 5,000 tokens: names, descriptions and input schemas', async () => {
    const seen = (await listTools()).map(({ name, description, inputSchema }) => ({ name, description, inputSchema }));

    expect(encode(JSON.stringify(seen)).length).toBeLessThanOrEqual(5000);
  });

  it('is what the snapshots say, tool by tool', async () => {
    const tools = await listTools();
    const shown = ({ name, title, description, annotations, inputSchema, outputSchema }: Tool) =>
      `${JSON.stringify({ name, title, description, annotations, inputSchema, outputSchema }, null, 2)}\n`;
    if (process.env['UPDATE_SNAPSHOTS'] === '1') for (const tool of tools) writeFileSync(join(SNAPSHOTS, `${tool.name}.json`), shown(tool));
    expect(readdirSync(SNAPSHOTS).sort()).toEqual(tools.map(({ name }) => `${name}.json`).sort());
    for (const tool of tools) expect(shown(tool)).toBe(readFileSync(join(SNAPSHOTS, `${tool.name}.json`), 'utf8'));
  });
});
