import sharp, { type Sharp } from 'sharp';
import { captionCard } from './caption.js';
import { fromRgb } from './colour.js';
import { svgDocument } from './drawing.js';
import type { CropTo, Edit, ResizeTo } from './edit.js';
import type { Font } from './font.js';
import { LIMITS } from '../../contract/input.js';

/** A decoded picture: sRGB with alpha, 8 bits a channel, 4 bytes a pixel, rows from the top. */
export interface Bitmap {
  data: Buffer;
  width: number;
  height: number;
}

/** Decodes, without turning anything: references come oriented. Throws what sharp throws for bytes that are no picture. */
export function decode(bytes: Buffer): Promise<Bitmap> {
  return rendered(sharp(bytes, { limitInputPixels: LIMITS.maxEdge * LIMITS.maxEdge }));
}

export function openBitmap({ data, width, height }: Bitmap): Sharp {
  return sharp(data, { raw: { width, height, channels: 4 }, limitInputPixels: false });
}

async function rendered(image: Sharp): Promise<Bitmap> {
  const { data, info } = await image.toColourspace('srgb').ensureAlpha().raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height };
}

/** The picture after one operation; a sentence instead where the operation makes no sense for this picture. */
export async function applyEdit(bitmap: Bitmap, edit: Edit, font: Font): Promise<Bitmap | string> {
  const image = openBitmap(bitmap);
  switch (edit.type) {
    case 'crop':
      return rendered(image.extract(cropBox(bitmap, edit.to)));
    case 'resize': {
      const { width, height } = resizedEdges(bitmap, edit.to);
      if (!fits(width, height)) return tooLarge(width, height);
      return rendered(image.resize(width, height, { fit: 'fill' }));
    }
    case 'rotate':
      return rendered(image.rotate(edit.degrees, { background: { r: 0, g: 0, b: 0, alpha: 0 } }));
    case 'flip':
      return rendered(edit.direction === 'vertically' ? image.flip() : image.flop());
    case 'grayscale':
      return rendered(image.recomb(saturationMatrix(0)));
    case 'saturation':
      return rendered(image.recomb(saturationMatrix(edit.factor)));
    case 'sepia':
      return rendered(image.recomb(SEPIA));
    case 'invert':
      return rendered(image.negate({ alpha: false }));
    case 'blur':
      return rendered(image.blur(edit.sigma ?? Math.max(0.6, (Math.max(bitmap.width, bitmap.height) / 160) * edit.strength)));
    case 'sharpen':
      return rendered(image.sharpen({ sigma: 1.2, m1: edit.strength, m2: 3 * edit.strength }));
    case 'brightness':
      return rendered(image.linear([edit.factor, edit.factor, edit.factor, 1], [0, 0, 0, 0]));
    case 'contrast': {
      const offset = 128 * (1 - edit.factor);
      return rendered(image.linear([edit.factor, edit.factor, edit.factor, 1], [offset, offset, offset, 0]));
    }
    case 'tint': {
      const [r, g, b] = edit.colour;
      return rendered(image.tint({ r, g, b }));
    }
    case 'border': {
      const [r, g, b] = edit.colour;
      const edge = edit.pixels ?? Math.max(2, Math.round(Math.min(bitmap.width, bitmap.height) * 0.04));
      const [width, height] = [bitmap.width + 2 * edge, bitmap.height + 2 * edge];
      if (!fits(width, height)) return tooLarge(width, height);
      return rendered(image.extend({ top: edge, bottom: edge, left: edge, right: edge, background: { r, g, b } }));
    }
    default: {
      const { width, height } = bitmap;
      const card = captionCard(edit.text, font, width, height, fromRgb([255, 190, 60]));
      if (card.content === '') return 'the picture is too small for a caption';
      return rendered(image.composite([{ input: svgDocument(width, height, card.content) }]));
    }
  }
}

function fits(width: number, height: number): boolean {
  return width <= LIMITS.maxEdge && height <= LIMITS.maxEdge;
}

function tooLarge(width: number, height: number): string {
  return `${width}x${height} is beyond ${LIMITS.maxEdge} pixels an edge`;
}

function cropBox({ width, height }: Bitmap, to: CropTo): { left: number; top: number; width: number; height: number } {
  if ('half' in to) {
    const [w, h] = [Math.max(1, Math.round(width / 2)), Math.max(1, Math.round(height / 2))];
    if (to.half === 'left' || to.half === 'right') return { left: to.half === 'left' ? 0 : width - w, top: 0, width: w, height };
    return { left: 0, top: to.half === 'top' ? 0 : height - h, width, height: h };
  }
  let [w, h] = [width, height];
  if ('width' in to) [w, h] = [to.width, to.height];
  else if ('part' in to) [w, h] = [width * to.part, height * to.part];
  else if (width / height > to.ratio) w = height * to.ratio;
  else h = width / to.ratio;
  w = Math.min(width, Math.max(1, Math.round(w)));
  h = Math.min(height, Math.max(1, Math.round(h)));
  return { left: Math.floor((width - w) / 2), top: Math.floor((height - h) / 2), width: w, height: h };
}

function resizedEdges({ width, height }: Bitmap, to: ResizeTo): { width: number; height: number } {
  let [w, h] = [width, height];
  if ('part' in to) [w, h] = [width * to.part, height * to.part];
  else if ('width' in to && 'height' in to) [w, h] = [to.width, to.height];
  else if ('width' in to) [w, h] = [to.width, (height * to.width) / width];
  else [w, h] = [(width * to.height) / height, to.height];
  return { width: Math.max(1, Math.round(w)), height: Math.max(1, Math.round(h)) };
}

type Matrix = [[number, number, number], [number, number, number], [number, number, number]];

/** Around the luma of ITU-R BT.709: 0 is grey, 1 leaves the colours, more strengthens them. */
function saturationMatrix(factor: number): Matrix {
  const [r, g, b] = [0.2126 * (1 - factor), 0.7152 * (1 - factor), 0.0722 * (1 - factor)];
  return [
    [r + factor, g, b],
    [r, g + factor, b],
    [r, g, b + factor],
  ];
}

/** The usual sepia matrix, as in the filter of CSS (W3C Filter Effects). */
const SEPIA: Matrix = [
  [0.393, 0.769, 0.189],
  [0.349, 0.686, 0.168],
  [0.272, 0.534, 0.131],
];

/** OpenAI's sense of a mask: where its alpha is 0 the edited pixel shows, everywhere else the original, byte for byte. */
export function confineToMask(original: Bitmap, edited: Bitmap, mask: Bitmap): { bitmap: Bitmap; editable: number } {
  const data = Buffer.from(original.data);
  let editable = 0;
  for (let offset = 0; offset < data.length; offset += 4) {
    if (mask.data[offset + 3] !== 0) continue;
    edited.data.copy(data, offset, offset, offset + 4);
    editable += 1;
  }
  return { bitmap: { ...original, data }, editable };
}

/** The whole picture inside exactly `width` x `height`; what it leaves free shows a soft, darker copy of itself. */
export async function fitInto(bitmap: Bitmap, width: number, height: number): Promise<Bitmap> {
  if (bitmap.width === width && bitmap.height === height) return bitmap;
  const scale = Math.min(width / bitmap.width, height / bitmap.height);
  const inner = { width: Math.max(1, Math.round(bitmap.width * scale)), height: Math.max(1, Math.round(bitmap.height * scale)) };
  // A pixel or two of rounding, or a ratio as good as equal, is no reason for bars.
  if (Math.abs(inner.width / width - 1) < 0.01 && Math.abs(inner.height / height - 1) < 0.01) {
    return rendered(openBitmap(bitmap).resize(width, height, { fit: 'fill' }));
  }
  const [picture, small] = await Promise.all([
    rendered(openBitmap(bitmap).resize(inner.width, inner.height, { fit: 'fill' })),
    openBitmap(bitmap).resize(64, 64, { fit: 'cover' }).blur(4).linear([0.62, 0.62, 0.62, 1], [0, 0, 0, 0]).png({ compressionLevel: 0 }).toBuffer(),
  ]);
  const backdrop = sharp(small).resize(width, height, { fit: 'fill', kernel: 'cubic' });
  const { data, info } = await backdrop.ensureAlpha().raw().toBuffer({ resolveWithObject: true });
  return rendered(
    openBitmap({ data, width: info.width, height: info.height }).composite([
      { input: picture.data, raw: { width: picture.width, height: picture.height, channels: 4 }, left: Math.floor((width - picture.width) / 2), top: Math.floor((height - picture.height) / 2) },
    ]),
  );
}
