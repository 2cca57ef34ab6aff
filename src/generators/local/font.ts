import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/**
 * Outlines of the bundled font, read from its TrueType tables (OpenType specification: head, hhea, maxp, hmtx, cmap 4 and 12, loca, glyf).
 * Text drawn as outlines needs no font on the machine and looks the same on all of them, and it can never be read as markup.
 */
export interface Font {
  unitsPerEm: number;
  /** Above the base line, in units. */
  ascender: number;
  /** Below the base line, negative. */
  descender: number;
  /** Undefined where the font has no glyph for the character. */
  glyph(character: string): Glyph | undefined;
}

export interface Glyph {
  /** In units of the em. */
  advance: number;
  /** SVG path data in units, y upwards; empty for a space. */
  outline: string;
}

interface Contour {
  points: { x: number; y: number; on: boolean }[];
}

let bundled: Promise<Font> | undefined;

/** assets/ lies three levels above both src/generators/local and dist/generators/local. */
export function bundledFont(): Promise<Font> {
  bundled ??= readFile(fileURLToPath(new URL('../../../assets/fonts/DejaVuSans.ttf', import.meta.url))).then(parseFont);
  return bundled;
}

function parseFont(data: Buffer): Font {
  const tables = new Map<string, number>();
  for (let index = 0; index < data.readUInt16BE(4); index += 1) {
    const entry = 12 + index * 16;
    tables.set(data.toString('latin1', entry, entry + 4), data.readUInt32BE(entry + 8));
  }
  const table = (tag: string): number => {
    const offset = tables.get(tag);
    if (offset === undefined) throw new Error(`the bundled font has no table ${tag}`);
    return offset;
  };
  const [head, hhea, hmtx, loca, glyf] = [table('head'), table('hhea'), table('hmtx'), table('loca'), table('glyf')];
  const longOffsets = data.readInt16BE(head + 50) === 1;
  const metrics = data.readUInt16BE(hhea + 34);
  const glyphOf = readCharacterMap(data, table('cmap'));
  const offsetOf = (id: number): number =>
    longOffsets ? data.readUInt32BE(loca + id * 4) : data.readUInt16BE(loca + id * 2) * 2;

  const contours = (id: number, depth = 0): Contour[] => {
    const start = offsetOf(id);
    if (start === offsetOf(id + 1) || depth > 5) return [];
    const at = glyf + start;
    const count = data.readInt16BE(at);
    if (count >= 0) return simpleContours(data, at + 10, count);
    return compositeParts(data, at + 10).flatMap(({ id: part, scale: [a, b, c, d], dx, dy }) =>
      contours(part, depth + 1).map(({ points }) => ({
        points: points.map(({ x, y, on }) => ({ x: a * x + c * y + dx, y: b * x + d * y + dy, on })),
      })),
    );
  };

  const known = new Map<number, Glyph>();
  return {
    unitsPerEm: data.readUInt16BE(head + 18),
    ascender: data.readInt16BE(hhea + 4),
    descender: data.readInt16BE(hhea + 6),
    glyph(character) {
      const id = glyphOf(character.codePointAt(0) ?? 0);
      if (id === 0) return undefined;
      let glyph = known.get(id);
      if (!glyph) {
        const advance = data.readUInt16BE(hmtx + Math.min(id, metrics - 1) * 4);
        glyph = { advance, outline: contours(id).map(outlineOf).join('') };
        known.set(id, glyph);
      }
      return glyph;
    },
  };
}

function readCharacterMap(data: Buffer, cmap: number): (codePoint: number) => number {
  const formats = new Map<number, number>();
  for (let index = 0; index < data.readUInt16BE(cmap + 2); index += 1) {
    const at = cmap + data.readUInt32BE(cmap + 4 + index * 8 + 4);
    formats.set(data.readUInt16BE(at), at);
  }
  const wide = formats.get(12);
  if (wide !== undefined) {
    const groups = data.readUInt32BE(wide + 12);
    return (codePoint) => {
      for (let group = 0; group < groups; group += 1) {
        const at = wide + 16 + group * 12;
        if (codePoint > data.readUInt32BE(at + 4)) continue;
        const first = data.readUInt32BE(at);
        return codePoint < first ? 0 : data.readUInt32BE(at + 8) + codePoint - first;
      }
      return 0;
    };
  }
  throw new Error('the bundled font has no character map of format 12');
}

function simpleContours(data: Buffer, start: number, count: number): Contour[] {
  if (count === 0) return [];
  const ends = Array.from({ length: count }, (_, index) => data.readUInt16BE(start + index * 2));
  const total = (ends.at(-1) ?? -1) + 1;
  let at = start + count * 2;
  at += 2 + data.readUInt16BE(at);
  const flags: number[] = [];
  while (flags.length < total) {
    const flag = data.readUInt8(at);
    at += 1;
    let repeats = 1;
    if (flag & 8) {
      repeats += data.readUInt8(at);
      at += 1;
    }
    for (let index = 0; index < repeats; index += 1) flags.push(flag);
  }
  const coordinates = (short: number, same: number): number[] => {
    let value = 0;
    return flags.map((flag) => {
      if (flag & short) {
        value += flag & same ? data.readUInt8(at) : -data.readUInt8(at);
        at += 1;
      } else if (!(flag & same)) {
        value += data.readInt16BE(at);
        at += 2;
      }
      return value;
    });
  };
  const xs = coordinates(2, 16);
  const ys = coordinates(4, 32);
  return ends.map((end, index) => {
    const first = index === 0 ? 0 : (ends[index - 1] ?? 0) + 1;
    const points = flags
      .slice(first, end + 1)
      .map((flag, step) => ({ x: xs[first + step] ?? 0, y: ys[first + step] ?? 0, on: (flag & 1) === 1 }));
    return { points };
  });
}

interface Part {
  id: number;
  scale: [number, number, number, number];
  dx: number;
  dy: number;
}

function compositeParts(data: Buffer, start: number): Part[] {
  const parts: Part[] = [];
  let at = start;
  for (let more = true; more; ) {
    const flags = data.readUInt16BE(at);
    const id = data.readUInt16BE(at + 2);
    const words = (flags & 1) !== 0;
    const dx = words ? data.readInt16BE(at + 4) : data.readInt8(at + 4);
    const dy = words ? data.readInt16BE(at + 6) : data.readInt8(at + 5);
    at += words ? 8 : 6;
    const fraction = (): number => {
      at += 2;
      return data.readInt16BE(at - 2) / 16384;
    };
    let scale: Part['scale'] = [1, 0, 0, 1];
    if (flags & 8) {
      const both = fraction();
      scale = [both, 0, 0, both];
    } else if (flags & 0x40) scale = [fraction(), 0, 0, fraction()];
    else if (flags & 0x80) scale = [fraction(), fraction(), fraction(), fraction()];
    parts.push({ id, scale, dx, dy });
    more = (flags & 0x20) !== 0;
  }
  return parts;
}

/** TrueType contours are quadratic; between two control points lies an implied point on the curve. */
function outlineOf({ points }: Contour): string {
  const [first] = points;
  const last = points.at(-1);
  if (!first || !last) return '';
  const begin = first.on ? first : last.on ? last : { x: (first.x + last.x) / 2, y: (first.y + last.y) / 2 };
  const parts = [`M${Math.round(begin.x)} ${Math.round(begin.y)}`];
  let control: { x: number; y: number } | undefined;
  const to = (x: number, y: number): void => {
    parts.push(
      control
        ? `Q${Math.round(control.x)} ${Math.round(control.y)} ${Math.round(x)} ${Math.round(y)}`
        : `L${Math.round(x)} ${Math.round(y)}`,
    );
  };
  for (const point of first.on ? points.slice(1) : points) {
    if (point.on) {
      to(point.x, point.y);
      control = undefined;
    } else {
      if (control) to((control.x + point.x) / 2, (control.y + point.y) / 2);
      control = point;
    }
  }
  if (control) to(begin.x, begin.y);
  parts.push('Z');
  return parts.join('');
}
