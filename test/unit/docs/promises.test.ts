import { describe, expect, it } from '@jest/globals';
import { textOf } from './documents.js';

/** The rows of a table as lists of cells, by the heading that it stands under. */
function rowsUnder(page: string, heading: string): string[][] {
  const section = page.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
  const lines = section.split('\n').filter((line) => line.startsWith('|')).slice(2);
  return lines.map((line) => line.slice(1, -1).split('|').map((cell) => cell.trim()));
}

const rows = rowsUnder(await textOf('README.md'), 'What happens when things die');

describe('what README.md promises when things die', () => {
  it('is a table', () => {
    expect(rows.length).toBeGreaterThan(8);
  });

  it.each(rows)('%s: %s (%s)', async (_when, _then, named = '') => {
    const [, name = '', file = ''] = /^\[([^\]]+)\]\((test\/[^)]+\.test\.ts)\)$/.exec(named) ?? [];
    const source = await textOf(file);
    expect({ name, there: [`it('${name}'`, `describe('${name}'`].some((beginning) => source.includes(beginning)) }).toEqual({ name, there: true });
  });
});
