import sharp, { type Sharp } from 'sharp';
import { captionCard } from './caption.js';
import { fromRgb } from './colour.js';
import { svgDocument } from './drawing.js';
import type { CropTo, Edit, ResizeTo } from './edit.js';
import type { Font } from './font.js';
import { LIMITS } from '../../contract/input.js';

/** A decoded picture: sRGB, 8 bits a channel, with alpha (4) or without (3), rows from the top. */
export interface Bitmap {
  data: Buffer;
  width: number;
  height: number;
  channels: 3 | 4;
}

/** Decodes, without turning anything: references come oriented. Throws what sharp throws for bytes that are no picture. */
export function decode(bytes: Buffer): Promise<Bitmap> {
  return rendered(sharp(bytes, { limitInputPixels: LIMITS.maxEdge * LIMITS.maxEdge }));
}

export function openBitmap({ data, width, height, channels }: Bitmap): Sharp {
  return sharp(data, { raw: { width, height, channels }, limitInputPixels: false });
}

/** Runs the operations of an image. */
export async function rendered(image: Sharp): Promise<Bitmap> {
  const { data, info } = await image.toColourspace('srgb').raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  if (channels !== 3 && channels !== 4) throw new Error(`a picture in sRGB has 3 or 4 channels, not ${channels}`);
  return { data, width, height, channels };
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
      return rendered(image.convolve(sharpening(0.6 * edit.strength)));
    case 'brightness':
      return rendered(image.linear(thrice(edit.factor), thrice(0)));
    case 'contrast': {
      const offset = 128 * (1 - edit.factor);
      return rendered(image.linear(thrice(edit.factor), thrice(offset)));
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
      const captioned = image.composite([{ input: svgDocument(width, height, card.content) }]);
      return rendered(bitmap.channels === 3 ? captioned.removeAlpha() : captioned);
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

/** One factor for red, green and blue; sharp leaves alpha alone then. */
function thrice(value: number): [number, number, number] {
  return [value, value, value];
}

/** Each pixel away from its four neighbours; fast, unlike a sharpening in Lab. */
function sharpening(k: number): { width: number; height: number; kernel: number[] } {
  return { width: 3, height: 3, kernel: [0, -k, 0, -k, 1 + 4 * k, -k, 0, -k, 0] };
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
