import { LIMITS, pixelSize, ratioOf } from '../../contract/input.js';
import type { Picture } from '../../contract/plan.js';

export interface PixelSize {
  width: number;
  height: number;
}

const MEGAPIXEL = 1024 * 1024;

/** The size that the request asks for in numbers: size, else about one megapixel of the aspect ratio; undefined for neither. */
export function askedSize(picture: Picture): PixelSize | undefined {
  const pixels = picture.size === undefined ? undefined : pixelSize(picture.size);
  if (pixels) return pixels;
  const ratio = picture.aspect_ratio === undefined ? undefined : ratioOf(picture.aspect_ratio);
  if (ratio === undefined) return undefined;
  // Whole steps of 8 keep 16:9 and the like within a hair of the ratio; extreme ratios meet the limits of an edge.
  const edge = (length: number): number => Math.min(LIMITS.maxEdge, Math.max(LIMITS.minEdge, Math.round(length / 8) * 8));
  return { width: edge(Math.sqrt(MEGAPIXEL * ratio)), height: edge(Math.sqrt(MEGAPIXEL / ratio)) };
}
