/** Tables for terminals of any width, with text in any script. */

/** Two cells: CJK, Hangul, kana, full-width forms, and characters that are pictures by themselves. */
const WIDE = /^(?:[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}|.\ufe0f)/u;
/** No cell: marks that stand on the character before them. */
const ZERO = /^[\p{Mn}\p{Me}\u200b-\u200f]+$/u;

const characters = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** The cells that a line takes in a terminal. */
export function widthOf(text: string): number {
  let width = 0;
  for (const { segment } of characters.segment(text)) width += cellsOf(segment);
  return width;
}

function cellsOf(character: string): number {
  if (WIDE.test(character)) return 2;
  return ZERO.test(character) ? 0 : 1;
}

/** At most so many cells; what is cut ends in "…". */
export function clip(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let kept = '';
  let left = width - 1;
  for (const { segment } of characters.segment(text)) {
    left -= cellsOf(segment);
    if (left < 0) break;
    kept += segment;
  }
  return width < 1 ? '' : `${kept}…`;
}

export interface Column<T> {
  name: string;
  text: (row: T) => string;
  /** What goes first when the terminal is narrow: the highest number. Without one it always stays. */
  dropAt?: number;
  /** The one column that is cut to what is left; it is the last, and needs at least these cells to be worth its place. */
  least?: number;
}

const GAP = 2;

/** The lines of a table, the first with the names; `width` undefined (no terminal) drops and cuts nothing. */
export function tableLines<T>(columns: readonly Column<T>[], rows: readonly T[], width: number | undefined): string[] {
  const kept = width === undefined ? [...columns] : fitting(columns, rows, width);
  const lines = [kept.map(({ name }) => name), ...rows.map((row) => kept.map(({ text }) => text(row)))];
  const widths = kept.map((_, at) => Math.max(...lines.map((cells) => widthOf(cells[at] ?? ''))));
  const fixed = widths.slice(0, -1).reduce((sum, cells) => sum + cells + GAP, 0);
  return lines.map((cells) => {
    const line = cells.map((cell, at) => {
      const last = at === kept.length - 1;
      if (!last) return cell + ' '.repeat((widths[at] ?? 0) - widthOf(cell) + GAP);
      return width !== undefined && kept[at]?.least !== undefined ? clip(cell, Math.max(width - fixed, 0)) : cell;
    });
    return line.join('').trimEnd();
  });
}

function fitting<T>(columns: readonly Column<T>[], rows: readonly T[], width: number): Column<T>[] {
  let kept = [...columns];
  const needed = ({ name, text, least }: Column<T>): number => {
    const longest = Math.max(widthOf(name), ...rows.map((row) => widthOf(text(row))));
    return least === undefined ? longest : Math.min(longest, least);
  };
  for (;;) {
    const total = kept.reduce((sum, column) => sum + needed(column) + GAP, -GAP);
    const [first] = kept.filter(({ dropAt }) => dropAt !== undefined).toSorted((a, b) => (b.dropAt ?? 0) - (a.dropAt ?? 0));
    if (total <= width || first === undefined) return kept;
    kept = kept.filter((column) => column !== first);
  }
}
