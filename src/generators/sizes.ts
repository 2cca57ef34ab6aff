import { pixelSize, ratioOf } from '../contract/input.js';

/** How a provider wants the size of a picture to be said; data of its capabilities. */
export type SizeRule =
  /** Not known: what was asked goes out as it is, and the provider says what it cannot do. */
  | { by: 'any' }
  /** Any width and height: multiples of `step`, edges and pixels within limits. */
  | { by: 'pixels'; step: number; minEdge: number; maxEdge: number; minPixels?: number; maxPixels: number; maxRatio?: number }
  /** One of a few sizes. */
  | { by: 'list'; sizes: readonly string[] }
  /** A ratio and, where there are several, a class of resolution with the pixels that it has. */
  | { by: 'ratio'; ratios: readonly string[]; resolutions?: readonly { name: string; pixels: number }[] };

export interface Asked {
  size?: string | undefined;
  aspect_ratio?: string | undefined;
}

/** The asked size in the provider's terms; `differs` says so when the picture will have another shape or size. */
export interface Offered {
  width?: number;
  height?: number;
  ratio?: string;
  resolution?: string;
  /** The provider's own word, passed through. */
  word?: string;
  differs?: string;
}

/** An aspect ratio alone asks for about so many pixels. */
const USUAL_PIXELS = 1024 * 1024;
/** Two shapes that differ by less look alike: 1024x1536 and 2:3 are the same, 16:9 and 1820x1024 too. */
const ALIKE = 0.02;
/** A class of resolution has about so many pixels, whatever the shape; as a difference of logarithms. */
const SAME_AREA = 0.25;

/**
 * Maps our size (a word, WxH, or an aspect ratio) to what the provider offers. Words are passed through: a provider may
 * know more than we do.
 */
export function mapSize({ size, aspect_ratio: aspectRatio }: Asked, rule: SizeRule): Offered {
  const pixels = size === undefined ? undefined : pixelSize(size);
  if (size !== undefined && pixels === undefined) return { word: size };
  const ratio = pixels ? pixels.width / pixels.height : aspectRatio === undefined ? undefined : ratioOf(aspectRatio);
  if (ratio === undefined) return aspectRatio === undefined ? {} : { word: aspectRatio };
  switch (rule.by) {
    case 'any':
      return pixels ?? { ratio: aspectRatio };
    case 'pixels':
      return fitted(pixels ?? fromRatio(ratio), pixels !== undefined, rule);
    case 'list':
      return listed(pixels, ratio, rule.sizes);
    case 'ratio':
      return nearest(pixels, ratio, rule);
  }
}

/** A rule for people and models. */
export function inWords(rule: SizeRule): string {
  switch (rule.by) {
    case 'any':
      return 'WxH, passed through';
    case 'list':
      return rule.sizes.join(', ');
    case 'pixels':
      return `WxH in steps of ${rule.step}, edges ${rule.minEdge} to ${rule.maxEdge}, at most ${Math.floor(rule.maxPixels / 1e5) / 10} megapixels`;
    case 'ratio':
      return `${rule.ratios.join(', ')}${rule.resolutions ? ` at ${rule.resolutions.map(({ name }) => name).join(', ')}` : ''}`;
  }
}

interface Pixels {
  width: number;
  height: number;
}

function fromRatio(ratio: number): Pixels {
  return { width: Math.sqrt(USUAL_PIXELS * ratio), height: Math.sqrt(USUAL_PIXELS / ratio) };
}

function fitted(wanted: Pixels, exact: boolean, rule: Extract<SizeRule, { by: 'pixels' }>): Offered {
  const { step, minEdge, maxEdge, minPixels = 0, maxPixels, maxRatio = Infinity } = rule;
  let { width, height } = wanted;
  if (width / height > maxRatio) width = height * maxRatio;
  if (height / width > maxRatio) height = width * maxRatio;
  // Up when there is too little of it, so that the shape stays.
  const enough = Math.max(1, minEdge / Math.min(width, height), Math.sqrt(minPixels / (width * height)));
  const scale = Math.min(enough, maxEdge / Math.max(width, height), Math.sqrt(maxPixels / (width * height)));
  // Down where it was scaled down, so that rounding does not lead beyond the limit again.
  const round = scale < 1 ? Math.floor : Math.round;
  const edge = (length: number): number => Math.min(maxEdge, Math.max(Math.ceil(minEdge / step) * step, round((length * scale) / step) * step));
  const offered = { width: edge(width), height: edge(height) };
  // Rounding can lead below what is allowed, too: then the shorter edge grows by a step.
  const [short, long] = offered.width < offered.height ? (['width', 'height'] as const) : (['height', 'width'] as const);
  if (offered[short] * offered[long] < minPixels || offered[long] > offered[short] * maxRatio) offered[short] += step;
  if (!exact || (offered.width === wanted.width && offered.height === wanted.height)) return offered;
  return { ...offered, differs: `${wanted.width}x${wanted.height} becomes ${offered.width}x${offered.height}` };
}

function listed(pixels: Pixels | undefined, ratio: number, sizes: readonly string[]): Offered {
  const known = sizes.flatMap((size) => pixelSize(size) ?? []);
  const area = pixels ? pixels.width * pixels.height : USUAL_PIXELS;
  const far = (one: Pixels): number => distance(one.width / one.height, ratio) * 10 + Math.abs(Math.log((one.width * one.height) / area));
  const [best] = [...known].sort((a, b) => far(a) - far(b));
  if (!best) return {};
  const same = pixels ? best.width === pixels.width && best.height === pixels.height : distance(best.width / best.height, ratio) < ALIKE;
  return { ...best, ...(same ? {} : { differs: `${pixels ? `${pixels.width}x${pixels.height}` : 'the aspect ratio'} becomes ${best.width}x${best.height}` }) };
}

function nearest(pixels: Pixels | undefined, ratio: number, rule: Extract<SizeRule, { by: 'ratio' }>): Offered {
  const known = rule.ratios.flatMap((name) => {
    const value = ratioOf(name);
    return value === undefined ? [] : [{ name, value }];
  });
  const [best] = [...known].sort((a, b) => distance(a.value, ratio) - distance(b.value, ratio));
  const resolution = rule.resolutions && closest(pixels ? pixels.width * pixels.height : USUAL_PIXELS, rule.resolutions);
  const offered: Offered = { ...(best ? { ratio: best.name } : {}), ...(resolution ? { resolution: resolution.name } : {}) };
  const shape = best && distance(best.value, ratio) >= ALIKE ? `the shape becomes ${best.name}` : undefined;
  const area = pixels && pixels.width * pixels.height;
  const far = area !== undefined && Math.abs(Math.log((resolution?.pixels ?? USUAL_PIXELS) / area)) > SAME_AREA;
  const size = far && pixels ? `${pixels.width}x${pixels.height} is only approximate` : undefined;
  const differs = [shape, size].filter((one) => one !== undefined).join(', and ');
  return { ...offered, ...(differs === '' ? {} : { differs }) };
}

function closest<T extends { pixels: number }>(area: number, resolutions: readonly T[]): T | undefined {
  const far = (one: T): number => Math.abs(Math.log(one.pixels / area));
  return [...resolutions].sort((a, b) => far(a) - far(b))[0];
}

function distance(a: number, b: number): number {
  return Math.abs(Math.log(a / b));
}
