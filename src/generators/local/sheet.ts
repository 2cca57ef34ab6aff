import sharp, { type Sharp } from 'sharp';
import { LIMITS } from '../../contract/input.js';
import type { ReferenceImage } from '../generator.js';
import { drawBlock, layOut, numberBadge, previewMark } from './caption.js';
import { shade, type Colour } from './colour.js';
import { circle, createDrawing, rect, svgDocument } from './drawing.js';
import type { Font } from './font.js';
import { undecodable } from './failures.js';
import { randomFrom } from './random.js';
import { readScene } from './scene-words.js';
import type { PixelSize } from './size.js';

/** Where one picture lies on the sheet, in whole pixels. */
export interface Placement {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** Space around and between, and what the caption takes at the bottom. */
interface Frame {
  margin: number;
  gutter: number;
  /** White rim of a card. */
  rim: number;
  /** Strip of a card below its picture, with the number. */
  foot: number;
  top: number;
  bottom: number;
}

/** Each picture whole, in order, in the grid of that many columns which shows them largest. */
export function arrange(pictures: readonly PixelSize[], size: PixelSize, frame: Frame): Placement[] {
  let best: Placement[] = [];
  let bestArea = -1;
  for (let columns = 1; columns <= pictures.length; columns += 1) {
    const placements = inGrid(pictures, size, frame, columns);
    const area = placements.reduce((sum, { width, height }) => sum + width * height, 0);
    if (area > bestArea) [best, bestArea] = [placements, area];
  }
  return best;
}

function inGrid(pictures: readonly PixelSize[], size: PixelSize, frame: Frame, columns: number): Placement[] {
  const { margin, gutter, rim, foot, top, bottom } = frame;
  const lines = Math.ceil(pictures.length / columns);
  const cellWidth = (size.width - 2 * margin - (columns - 1) * gutter) / columns;
  const room = size.height - top - bottom;
  const cellHeight = (room - (lines - 1) * gutter) / lines;
  const scaled = pictures.map((picture) => {
    const scale = Math.min((cellWidth - 2 * rim) / picture.width, (cellHeight - rim - foot) / picture.height);
    return { width: Math.max(1, Math.floor(picture.width * scale)), height: Math.max(1, Math.floor(picture.height * scale)) };
  });
  const rows = Array.from({ length: lines }, (_, line) => scaled.slice(line * columns, (line + 1) * columns));
  const heights = rows.map((row) => Math.max(...row.map(({ height }) => height)) + rim + foot);
  // Rows that do not need their cells' height stand closer, and all together in the middle.
  const free = Math.max(0, room - heights.reduce((sum, height) => sum + height, 0));
  const gap = lines === 1 ? 0 : Math.min(gutter * 2, free / (lines - 1));
  let y = top + (free - gap * (lines - 1)) / 2;
  return rows.flatMap((row, line) => {
    const height = heights[line] ?? 0;
    const left = (size.width - row.length * cellWidth - (row.length - 1) * gutter) / 2;
    const placed = row.map((picture, column) => {
      const x = left + column * (cellWidth + gutter) + (cellWidth - picture.width) / 2;
      const inRow = y + (height - rim - foot - picture.height) / 2 + rim;
      return {
        ...picture,
        left: Math.max(0, Math.min(size.width - picture.width, Math.round(x))),
        top: Math.max(0, Math.min(size.height - picture.height, Math.round(inRow))),
      };
    });
    y += height + gap;
    return placed;
  });
}

/** A sheet of cards that shows all references in order, numbered, with the prompt below. */
export async function drawSheet(
  prompt: string,
  seed: string,
  references: readonly ReferenceImage[],
  size: PixelSize,
  font: Font,
): Promise<Sharp> {
  const unit = Math.min(size.width, size.height);
  const margin = unit * 0.04;
  const textSize = Math.max(6, unit * 0.031);
  const caption = layOut(prompt, font, textSize, size.width - 2 * margin - textSize - unit * 0.17, 3);
  const rim = Math.max(1, Math.round(unit * 0.011));
  const foot = unit / Math.sqrt(references.length) < 48 ? rim : Math.max(11, Math.round(unit * 0.048));
  const frame: Frame = {
    margin,
    gutter: unit * 0.03,
    rim,
    foot,
    top: margin,
    bottom: margin + caption.height + textSize * 0.9,
  };
  const placements = arrange(references, size, frame);
  const thumbnails = await Promise.all(references.map((reference, index) => thumbnail(reference, placements[index])));
  const svg = sheetSvg(prompt, seed, size, placements, frame, font, drawBlock(caption, font, margin + textSize * 0.5, size.height - margin - caption.height));
  return sharp(svg, { limitInputPixels: false }).composite(
    thumbnails.map((input, index) => {
      const { left = 0, top = 0, width = 1, height = 1 } = placements[index] ?? {};
      return { input, raw: { width, height, channels: 4 as const }, left, top };
    }),
  )
    .removeAlpha();
}

async function thumbnail({ bytes }: ReferenceImage, place: Placement | undefined): Promise<Buffer> {
  try {
    return await sharp(bytes, { limitInputPixels: LIMITS.maxEdge * LIMITS.maxEdge })
      .resize(place?.width, place?.height, { fit: 'fill' })
      .toColourspace('srgb')
      .ensureAlpha()
      .raw({ depth: 'uchar' })
      .toBuffer();
  } catch (error) {
    throw undecodable('A reference', error);
  }
}

function sheetSvg(
  prompt: string,
  seed: string,
  { width, height }: PixelSize,
  placements: readonly Placement[],
  { rim, foot }: Frame,
  font: Font,
  caption: string,
): Buffer {
  const random = randomFrom(`${seed}/sheet`);
  // Photographs stand best before a cool ground; a colour of the prompt goes before that.
  const base = readScene(prompt).colours[0] ?? { l: 0.62, c: 0.14, h: random.between(195, 285) };
  // A dark yellow looks like mud: there the ground is nearly grey, and the numbers alone carry the colour.
  const muddy = base.h > 45 && base.h < 130;
  const deep = (l: number, turn: number): Colour => ({ l, c: Math.min(base.c, muddy ? 0.012 : 0.06), h: (base.h + turn) % 360 });
  const drawing = createDrawing(width, height, 's');
  const back = drawing.linear(
    [
      { at: 0, colour: deep(0.36, 0) },
      { at: 1, colour: deep(0.2, 25) },
    ],
    'diagonal',
  );
  const unit = Math.min(width, height);
  drawing.add(rect(0, 0, width, height, back));
  for (let index = 0; index < 3; index += 1) {
    drawing.add(circle(random.between(0, width), random.between(0, height), unit * random.between(0.25, 0.5), deep(0.55, 10), 0.1));
  }
  const paper: Colour = { l: 0.985, c: 0.004, h: 90 };
  const badge = shade({ ...base, c: Math.min(base.c, 0.15) }, 0.58 - base.l);
  for (const [index, place] of placements.entries()) {
    const [x, y, w, h] = [place.left - rim, place.top - rim, place.width + 2 * rim, place.height + rim + foot];
    const drop = unit * 0.006;
    drawing.add(
      rect(x - drop, y, w + 2 * drop, h + 2.4 * drop, { l: 0.05, c: 0, h: 0 }, rim * 1.4, 0.16),
      rect(x, y + drop * 0.6, w, h, { l: 0.05, c: 0, h: 0 }, rim, 0.25),
      rect(x, y, w, h, paper, rim * 0.8),
    );
    if (foot <= rim) continue;
    const radius = foot * 0.36;
    const [cx, cy] = [place.left + radius, place.top + place.height + foot / 2];
    drawing.add(circle(cx, cy, radius, badge), numberBadge(font, index + 1, cx, cy, radius));
  }
  return svgDocument(width, height, `${drawing.content()}${caption}${previewMark(font, width, height, 'bottom')}`);
}
