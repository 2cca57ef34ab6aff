import { describe, expect, it } from '@jest/globals';
import * as z from 'zod';
import { commonFields } from '../../../src/mcp/fields.js';
import { TOOLS } from '../../../src/mcp/tools/index.js';
import { textOf } from './documents.js';

const schema = z.object({ properties: z.record(z.string(), z.unknown()).optional() });
const page = await textOf('docs/tools.md');

/** The arguments of a table: the first cell of each row. */
function rowsOf(section: string): string[] {
  return [...section.matchAll(/^\| `(\w+)` \|/gm)].map(([, name = '']) => name);
}

function sectionOf(heading: string): string {
  return page.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
}

describe('docs/tools.md', () => {
  it('has the common arguments', () => {
    expect(rowsOf(sectionOf('Common arguments'))).toEqual(Object.keys(commonFields));
  });

  it.each(TOOLS.map((tool) => [tool.name, tool] as const))('has the arguments of %s, and no others', (name, tool) => {
    const section = sectionOf(name);
    const common = section.includes('[common arguments](#common-arguments)') ? Object.keys(commonFields) : [];
    const { properties = {} } = schema.parse(z.toJSONSchema(tool.inputSchema, { io: 'input' }));
    expect([...rowsOf(section), ...common].sort()).toEqual(Object.keys(properties).sort());
  });
});
