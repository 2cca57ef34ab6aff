/** A colour in OKLCH (Björn Ottosson's Oklab in polar form): lightness 0..1, chroma 0..0.4, hue in degrees. */
export interface Colour {
  l: number;
  c: number;
  h: number;
}

export type Rgb = readonly [red: number, green: number, blue: number];

const NAMED: Readonly<Record<string, string>> = {
  red: '#e02b2b',
  crimson: '#c1121f',
  scarlet: '#f0321e',
  maroon: '#7f1d1d',
  orange: '#f77f00',
  coral: '#ff7f6b',
  peach: '#ffc49b',
  amber: '#ffb000',
  gold: '#e3b021',
  golden: '#e3b021',
  yellow: '#ffd60a',
  lime: '#a0d911',
  green: '#2b9a3f',
  emerald: '#0fae6b',
  olive: '#7c7a24',
  mint: '#98e2c6',
  teal: '#0f8f8a',
  turquoise: '#30d5c8',
  cyan: '#12c2e9',
  azure: '#2f9bff',
  blue: '#2460e6',
  navy: '#1b2a6b',
  indigo: '#4338ca',
  violet: '#7c3aed',
  purple: '#8b2fc9',
  magenta: '#d6249f',
  pink: '#f472b6',
  lavender: '#b9a7f0',
  brown: '#8a5a33',
  copper: '#b87333',
  bronze: '#a9713a',
  tan: '#d2b48c',
  beige: '#e8d9bd',
  cream: '#fff3d6',
  black: '#000000',
  white: '#ffffff',
  gray: '#8c8c8c',
  grey: '#8c8c8c',
  silver: '#c0c4c9',
};

export const COLOUR_WORDS: readonly string[] = Object.keys(NAMED);
const SHADES: Readonly<Record<string, number>> = { light: 0.14, pale: 0.18, dark: -0.18, deep: -0.12 };
export const SHADE_WORDS: readonly string[] = Object.keys(SHADES);

/** The red, green and blue (0..255) of "red", "light blue" or "#1e90ff"; undefined for anything else. */
export function namedColour(words: string): Rgb | undefined {
  const text = words.trim().toLowerCase();
  if (/^#[0-9a-f]{6}$/.test(text)) return rgbOf(text);
  const parts = text.split(/[\s-]+/);
  const hex = NAMED[parts.at(-1) ?? ''];
  if (hex === undefined) return undefined;
  const shift = parts.length === 2 ? SHADES[parts[0] ?? ''] : 0;
  if (shift === undefined || parts.length > 2) return undefined;
  return shift === 0 ? rgbOf(hex) : rgbOf(toHex(shade(fromRgb(rgbOf(hex)), shift)));
}

function rgbOf(hex: string): Rgb {
  const value = Number.parseInt(hex.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

/** The same colour, lighter (positive) or darker (negative). */
export function shade(colour: Colour, by: number): Colour {
  return { ...colour, l: Math.min(0.99, Math.max(0.04, colour.l + by)) };
}

/** From `a` (t = 0) to `b` (t = 1), straight through Oklab, so that no foreign hue appears between them. */
export function mix(a: Colour, b: Colour, t: number): Colour {
  const [aa, ab] = axes(a);
  const [ba, bb] = axes(b);
  return fromLab(a.l + (b.l - a.l) * t, aa + (ba - aa) * t, ab + (bb - ab) * t);
}

export function fromRgb([red, green, blue]: Rgb): Colour {
  const [r, g, b] = [toLinear(red), toLinear(green), toLinear(blue)];
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return fromLab(
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  );
}

/** "#rrggbb"; a colour outside sRGB loses chroma until it fits. */
export function toHex(colour: Colour): string {
  let { c } = colour;
  let rgb = linearRgb({ ...colour, c });
  while (c > 0.002 && rgb.some((value) => value < -0.002 || value > 1.002)) {
    c *= 0.92;
    rgb = linearRgb({ ...colour, c });
  }
  return `#${rgb.map((value) => fromLinear(value).toString(16).padStart(2, '0')).join('')}`;
}

function linearRgb(colour: Colour): [number, number, number] {
  const [a, b] = axes(colour);
  const l = (colour.l + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (colour.l - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (colour.l - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
}

function axes({ c, h }: Colour): [number, number] {
  const angle = (h * Math.PI) / 180;
  return [c * Math.cos(angle), c * Math.sin(angle)];
}

function fromLab(l: number, a: number, b: number): Colour {
  return { l, c: Math.hypot(a, b), h: ((Math.atan2(b, a) * 180) / Math.PI + 360) % 360 };
}

function toLinear(byte: number): number {
  const value = byte / 255;
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
}

function fromLinear(value: number): number {
  const clamped = Math.min(1, Math.max(0, value));
  return Math.round(255 * (clamped <= 0.0031308 ? clamped * 12.92 : 1.055 * clamped ** (1 / 2.4) - 0.055));
}
