import { describe, expect, it } from '@jest/globals';
import { clip, tableLines, widthOf, type Column } from '../../../src/cli/table.js';

interface Row {
  id: string;
  state: string;
  title: string;
}

const COLUMNS: readonly Column<Row>[] = [
  { name: 'ID', text: ({ id }) => id },
  { name: 'STATE', text: ({ state }) => state, dropAt: 1 },
  { name: 'TITLE', text: ({ title }) => title, dropAt: 2, least: 8 },
];
const ROWS: Row[] = [
  { id: 'img-1', state: 'running', title: 'a red kite over the sea' },
  { id: 'img-22', state: 'failed', title: '風の中の赤い凧、海の上' },
  { id: 'img-3', state: 'expired', title: '' },
];

describe('a table', () => {
  it('has a column below each name, and nothing behind the last text', () => {
    expect(tableLines(COLUMNS, ROWS, undefined)).toEqual([
      'ID      STATE    TITLE',
      'img-1   running  a red kite over the sea',
      'img-22  failed   風の中の赤い凧、海の上',
      'img-3   expired',
    ]);
  });

  it.each([200, 60, 40, 30, 26, 25, 20, 15, 14, 8])('fits %d cells and keeps the first column whole', (width) => {
    const lines = tableLines(COLUMNS, ROWS, width);
    for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(width);
    expect(lines.slice(1).map((line) => line.split(' ')[0])).toEqual(['img-1', 'img-22', 'img-3']);
  });

  it('cuts the last column first, then leaves columns out by their rank', () => {
    expect(tableLines(COLUMNS, ROWS, 30)[1]).toBe('img-1   running  a red kite o…');
    expect(tableLines(COLUMNS, ROWS, 20)[1]).toBe('img-1   running');
    expect(tableLines(COLUMNS, ROWS, 10)[1]).toBe('img-1');
  });

  it.each([
    ['abc', 3],
    ['凧', 2],
    ['한국', 4],
    ['e\u0301', 1],
    ['🪁', 2],
    ['👩‍🎨', 2],
    ['ａ', 2],
    ['é', 1],
    ['', 0],
  ])('%s takes %d cells', (text, cells) => expect(widthOf(text)).toBe(cells));

  it('cuts between characters, never within one', () => {
    expect(clip('凧凧凧', 4)).toBe('凧…');
    expect(clip('凧凧凧', 6)).toBe('凧凧凧');
    expect(clip('abc', 1)).toBe('…');
    expect(clip('abc', 0)).toBe('');
  });
});
