import { shade, type Colour } from './colour.js';
import { num, rect } from './drawing.js';
import type { Font } from './font.js';
import { visualOrder, writesRightToLeft } from './text-order.js';

/** Dark and dense enough that white text on it is legible whatever lies behind. */
const PANEL: Colour = { l: 0.2, c: 0.025, h: 270 };
const PANEL_OPACITY = 0.8;
/** More than any caption shows. */
const MOST_CHARACTERS = 1200;

/** Text as it may be drawn: no control or format characters, single spaces, composed, of bounded length. */
export function printable(text: string): string {
  const cut = text.length > MOST_CHARACTERS * 4 ? text.slice(0, MOST_CHARACTERS * 4) : text;
  const clean = cut
    .replace(/[\p{Zs}\p{Zl}\p{Zp}\t\n\r\f\v]+/gu, ' ')
    .replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Variation_Selector}]/gu, '')
    .normalize('NFC')
    .replace(/ +/g, ' ')
    .trim();
  const characters = Array.from(clean);
  return characters.length > MOST_CHARACTERS ? `${characters.slice(0, MOST_CHARACTERS).join('')}…` : clean;
}

/** The characters of a text that the bundled font cannot draw. */
export function missingCharacters(text: string, font: Font): string[] {
  return [...new Set(Array.from(printable(text)).filter((character) => !font.glyph(character)))];
}

/** Lines of outlines; the block's top left corner is the origin. */
export interface TextBlock {
  lines: string[];
  width: number;
  height: number;
  size: number;
  rightToLeft: boolean;
}

/** Wraps at words (inside a word only where it is longer than a line); what does not fit ends with an ellipsis. */
export function layOut(text: string, font: Font, size: number, maxWidth: number, maxLines: number): TextBlock {
  const { lines, complete } = wrap(printable(text), font, size, maxWidth, maxLines);
  const last = lines.length - 1;
  if (!complete && last >= 0) {
    let shortened = Array.from(lines[last] ?? '');
    while (shortened.length > 0 && widthOf(`${shortened.join('').trimEnd()}…`, font, size) > maxWidth) {
      shortened = shortened.slice(0, -1);
    }
    lines[last] = `${shortened.join('').trimEnd()}…`;
  }
  return {
    lines,
    width: Math.min(maxWidth, Math.max(0, ...lines.map((line) => widthOf(line, font, size)))),
    height: lines.length * size * LINE,
    size,
    rightToLeft: writesRightToLeft(text),
  };
}

const LINE = 1.32;

function wrap(
  text: string,
  font: Font,
  size: number,
  maxWidth: number,
  maxLines: number,
): { lines: string[]; complete: boolean } {
  const lines: string[] = [];
  let line = '';
  const flush = (): boolean => {
    lines.push(line);
    line = '';
    return lines.length < maxLines;
  };
  for (const word of text.split(' ')) {
    const joined = line === '' ? word : `${line} ${word}`;
    if (widthOf(joined, font, size) <= maxWidth) {
      line = joined;
      continue;
    }
    if (line !== '' && !flush()) return { lines, complete: false };
    for (const character of word) {
      if (line !== '' && widthOf(line + character, font, size) > maxWidth && !flush()) return { lines, complete: false };
      line += character;
    }
  }
  if (line !== '') lines.push(line);
  return { lines, complete: true };
}

/** A character without a glyph is drawn as an empty box. */
const BOX = { advance: 0.6, outline: 'M.1 0L.5 0L.5 .7L.1 .7ZM.15 .05L.15 .65L.45 .65L.45 .05Z' };

export function widthOf(text: string, font: Font, size: number): number {
  let width = 0;
  for (const character of text) {
    const glyph = font.glyph(character);
    width += glyph ? (glyph.advance / font.unitsPerEm) * size : BOX.advance * size;
  }
  return width;
}

/** Outlines of one line whose base line begins at (x, y); `spacing` is in pixels, `weight` thickens the strokes by that part of the size. */
export function drawLine(
  characters: readonly string[],
  font: Font,
  size: number,
  x: number,
  y: number,
  options: { spacing?: number; weight?: number } = {},
): string {
  const scale = size / font.unitsPerEm;
  let at = x;
  const glyphs = characters.map((character) => {
    const glyph = font.glyph(character);
    const [unit, outline, advance] = glyph
      ? [scale, glyph.outline, glyph.advance * scale]
      : [size, BOX.outline, BOX.advance * size];
    const element =
      outline === '' ? '' : `<path transform="matrix(${fine(unit)} 0 0 ${fine(-unit)} ${num(at)} ${num(y)})" d="${outline}"/>`;
    at += advance + (options.spacing ?? 0);
    return element;
  });
  const bold = options.weight
    ? ` stroke="#fff" stroke-width="${num(options.weight * font.unitsPerEm)}" stroke-linejoin="round"`
    : '';
  return `<g fill="#fff"${bold}>${glyphs.join('')}</g>`;
}

function fine(value: number): string {
  return value.toFixed(6);
}

/** The lines of a block with its top left corner at (x, y). */
export function drawBlock(block: TextBlock, font: Font, x: number, y: number): string {
  const above = (font.ascender / font.unitsPerEm) * block.size;
  const leading = (block.size * LINE - above + (font.descender / font.unitsPerEm) * block.size) / 2;
  return block.lines
    .map((line, index) => {
      const start = block.rightToLeft ? x + block.width - widthOf(line, font, block.size) : x;
      const base = y + index * block.size * LINE + leading + above;
      return drawLine(visualOrder(line, block.rightToLeft), font, block.size, start, base);
    })
    .join('');
}

/** The caption card at the bottom left of a picture. */
export function captionCard(
  text: string,
  font: Font,
  width: number,
  height: number,
  accent: Colour,
): { content: string; height: number } {
  const unit = Math.min(width, height);
  const margin = unit * 0.035;
  const size = Math.max(6, unit * 0.034);
  const padding = size * 0.75;
  const bar = Math.max(1, size * 0.18);
  const room = width - 2 * margin - 2 * padding - bar - size * 0.35;
  if (room < size * 3) return { content: '', height: 0 };
  let block = layOut(text, font, size, room, 3);
  if (block.lines.at(-1)?.endsWith('…') === true) block = layOut(text, font, size * 0.82, room, 4);
  if (block.lines.length === 0) return { content: '', height: 0 };
  const cardWidth = block.width + 2 * padding + bar + size * 0.35;
  const cardHeight = block.height + padding * 1.3;
  const top = height - margin - cardHeight;
  const barColour = shade(accent, Math.max(0, 0.72 - accent.l));
  const content = [
    rect(margin, top, cardWidth, cardHeight, PANEL, size * 0.45, PANEL_OPACITY),
    rect(margin + padding * 0.8, top + padding * 0.75, bar, cardHeight - padding * 1.5, barColour, bar / 2),
    drawBlock(block, font, margin + padding * 0.8 + bar + size * 0.55, top + padding * 0.65),
  ];
  return { content: content.join(''), height: cardHeight + margin };
}

/** The small mark in a corner at the right that says what this picture is. */
export function previewMark(font: Font, width: number, height: number, corner: 'top' | 'bottom' = 'top'): string {
  const unit = Math.min(width, height);
  const size = Math.max(5, unit * 0.0185);
  const spacing = size * 0.16;
  const word = Array.from('PREVIEW');
  const textWidth = widthOf('PREVIEW', font, size) + spacing * (word.length - 1);
  const [markWidth, markHeight] = [textWidth + size * 1.7, size * 2];
  const margin = unit * 0.035;
  const [x, y] = [width - margin - markWidth, corner === 'top' ? margin : height - margin - markHeight];
  return [
    rect(x, y, markWidth, markHeight, PANEL, markHeight / 2, 0.66),
    drawLine(word, font, size, x + size * 0.85, y + size * 1.365, { spacing, weight: 0.03 }),
  ].join('');
}

/** A digit or two in white on a filled disc, for the sheet. */
export function numberBadge(font: Font, value: number, x: number, y: number, radius: number): string {
  const text = String(value);
  const size = radius * (text.length > 1 ? 1 : 1.2);
  return drawLine(Array.from(text), font, size, x - widthOf(text, font, size) / 2, y + size * 0.365, { weight: 0.04 });
}
