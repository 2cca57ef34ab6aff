import { mix, shade, type Colour } from './colour.js';
import { circle, ellipse, num, path, polygon, rect, smooth, stroke, type Drawing, type Point } from './drawing.js';
import type { Palette } from './palette.js';
import { randomFrom, type Random } from './random.js';

/** Where the layers of a landscape are drawn; the shorter edge is 1000 units long. */
export interface Stage {
  drawing: Drawing;
  palette: Palette;
  /** Height of the horizon from the top. */
  horizon: number;
  /** A stream of its own for each layer, so that one more layer leaves the others as they are. */
  random: (layer: string) => Random;
}

export function stageFor(drawing: Drawing, palette: Palette, horizon: number, seed: string): Stage {
  return { drawing, palette, horizon, random: (layer) => randomFrom(`${seed}/${layer}`) };
}

export function drawSky({ drawing, palette: { sky } }: Stage): void {
  const fill = drawing.linear([
    { at: 0, colour: sky[0] },
    { at: 0.42, colour: sky[1] },
    { at: 0.78, colour: sky[2] },
  ]);
  drawing.add(rect(0, 0, drawing.width, drawing.height, fill));
}

export function drawStars({ drawing, horizon, random: layer }: Stage): void {
  const random = layer('stars');
  const count = Math.min(320, Math.round((130 * drawing.width * horizon) / 600_000));
  for (let index = 0; index < count; index += 1) {
    const y = horizon * random.between(0, 1) ** 1.25;
    const bright = random.between(0, 1) ** 3;
    drawing.add(
      circle(random.between(0, drawing.width), y, 0.9 + 2.4 * bright, { l: 0.98, c: 0.02, h: 250 }, 0.35 + 0.6 * bright),
    );
  }
}

/** The sun or the moon; answers where it stands. */
export function drawLight(stage: Stage, moon: boolean, low: boolean): Point {
  const { drawing, palette, horizon } = stage;
  const random = stage.random('light');
  const x = drawing.width * random.pick([random.between(0.2, 0.36), random.between(0.6, 0.74)]);
  const radius = moon ? 56 : 68;
  const y = low ? horizon - radius * random.between(0.5, 1.2) : Math.max(radius * 1.8, horizon * random.between(0.26, 0.4));
  const glow = drawing.radial([
    { at: 0, colour: palette.light, opacity: moon ? 0.5 : 0.75 },
    { at: 0.3, colour: palette.light, opacity: moon ? 0.2 : 0.34 },
    { at: 1, colour: palette.light, opacity: 0 },
  ]);
  drawing.add(circle(x, y, radius * (low ? 5.5 : 4.2), glow), circle(x, y, radius, palette.light));
  if (moon) {
    const crater = shade(palette.light, -0.06);
    drawing.add(
      circle(x - 18, y - 12, 13, crater, 0.8),
      circle(x + 17, y + 14, 17, crater, 0.7),
      circle(x + 13, y - 26, 7, crater, 0.8),
      circle(x - 20, y + 24, 8, crater, 0.6),
    );
  }
  return [x, y];
}

export function drawClouds({ drawing, palette, horizon, random: layer }: Stage, many: boolean): void {
  const random = layer('clouds');
  const colour: Colour = palette.dark ? shade(palette.sky[2], 0.08) : mix(palette.sky[2], { l: 1, c: 0, h: 0 }, 0.75);
  const count = Math.max(1, Math.round((drawing.width / 1000) * (many ? 6 : 3)));
  for (let index = 0; index < count; index += 1) {
    const x = ((index + random.between(0.15, 0.85)) / count) * drawing.width;
    const y = horizon * random.between(0.14, 0.6);
    const size = random.between(46, 92) * (0.7 + (0.5 * (horizon - y)) / horizon);
    const opacity = palette.dark ? 0.3 : random.between(0.75, 0.95);
    const puffs = random.whole(3, 5);
    // One path, so that the overlapping parts of a translucent cloud do not show.
    let d = pill(x - size * 1.7, y - size * 0.3, size * 3.4, size * 0.6);
    for (let puff = 0; puff < puffs; puff += 1) {
      const t = puffs === 1 ? 0.5 : puff / (puffs - 1);
      const r = size * (0.42 + 0.34 * Math.sin(Math.PI * t) + random.between(-0.06, 0.08));
      d += disc(x + (t - 0.5) * size * 2.1, y - r * 0.45, r);
    }
    drawing.add(path(d, colour, opacity));
  }
}

function disc(x: number, y: number, r: number): string {
  return `M${num(x - r)} ${num(y)}a${num(r)} ${num(r)} 0 1 1 ${num(2 * r)} 0a${num(r)} ${num(r)} 0 1 1 ${num(-2 * r)} 0z`;
}

function pill(x: number, y: number, width: number, height: number): string {
  const r = height / 2;
  const arc = `a${num(r)} ${num(r)} 0 0 1`;
  return `M${num(x + r)} ${num(y)}h${num(width - height)}${arc} 0 ${num(height)}h${num(height - width)}${arc} 0 ${num(-height)}z`;
}

/** A jagged line of midpoint displacement from x = 0 to the full width. */
function jagged(random: Random, width: number, base: number, height: number): Point[] {
  let heights = Array.from({ length: Math.max(3, Math.round(width / 260) + 1) }, (_, index) =>
    index % 2 === 0 ? random.between(0.05, 0.5) : random.between(0.5, 1),
  );
  for (let rough = 0.16; rough > 0.012; rough *= 0.52) {
    heights = heights.flatMap((value, index) => {
      const following = heights[index + 1];
      return following === undefined ? [value] : [value, (value + following) / 2 + random.between(-rough, rough)];
    });
  }
  return heights.map((value, index) => [(index / (heights.length - 1)) * width, base - value * height]);
}

export function drawMountains(stage: Stage, snowy: boolean): void {
  const { drawing, palette, horizon } = stage;
  const layers = 4;
  for (let layer = 0; layer < layers; layer += 1) {
    const t = layer / (layers - 1);
    const random = stage.random(`ridge${layer}`);
    const base = horizon + t * 40;
    const points = jagged(random, drawing.width, base, (330 - 190 * t) * (horizon / 620));
    const colour = palette.ridge(t);
    const outline = (line: readonly Point[], bottom: number): string =>
      `M0 ${num(bottom)}${line.map(([x, y]) => `L${num(x)} ${num(y)}`).join('')}L${num(drawing.width)} ${num(bottom)}Z`;
    const fill = drawing.linear([
      { at: 0, colour },
      { at: 1, colour: mix(colour, palette.sky[2], 0.45) },
    ]);
    drawing.add(path(outline(points, layer === layers - 1 ? drawing.height : base + 80), fill));
    if (snowy && layer < 2) {
      const line = horizon - (layer === 0 ? 190 : 170) * (horizon / 620);
      // The snow line wanders; where the ridge lies below it, the cap has no height.
      const cap = points.map(([x, y]): Point => [x, Math.max(y, Math.min(line + random.between(-26, 30), y + random.between(34, 78)))]);
      drawing.add(polygon([...cap, ...points.toReversed()], palette.dark ? shade(palette.sky[2], 0.38) : { l: 0.985, c: 0.01, h: 240 }, 0.92));
    }
  }
}

/** Rolling hills from the horizon down; the nearest is the last. */
export function drawHills(stage: Stage, layers: number, from = 0): void {
  const { drawing, palette, horizon } = stage;
  const depth = drawing.height - horizon;
  for (let layer = 0; layer < layers; layer += 1) {
    const t = layers === 1 ? 1 : layer / (layers - 1);
    const random = stage.random(`hill${layer}`);
    const top = horizon + depth * (from + (0.62 - from) * (t * 0.9)) - 20;
    const swell = random.between(26, 62) * (depth / 380);
    const wave = random.between(560, 980);
    const phase = random.between(0, 6.28);
    const points: Point[] = [];
    for (let x = -60; x <= drawing.width + 120; x += 60) {
      const y = top - swell * Math.sin((x / wave) * 6.28 + phase) - swell * 0.35 * Math.sin((x / wave) * 13.9 + phase * 2);
      points.push([x, y]);
    }
    const colour = palette.ground(t);
    const fill = drawing.linear([
      { at: 0, colour: shade(colour, 0.05) },
      { at: 1, colour: shade(colour, -0.09) },
    ]);
    drawing.add(path(`${smooth(points)}L${num(drawing.width + 120)} ${num(drawing.height + 10)}L-60 ${num(drawing.height + 10)}Z`, fill));
  }
}

/** Water from the horizon down, with glitter, and the light's reflection where there is one. */
export function drawSea(stage: Stage, light: Point | undefined, top: number): void {
  const { drawing, palette } = stage;
  const random = stage.random('sea');
  const depth = drawing.height - top;
  const fill = drawing.linear([
    { at: 0, colour: palette.water(0) },
    { at: 1, colour: palette.water(1) },
  ]);
  drawing.add(rect(0, top, drawing.width, depth + 1, fill));
  const pale = mix(palette.water(0), palette.sky[2], 0.65);
  const strokes = Math.min(260, Math.round(70 * (drawing.width / 1000) * Math.max(1, depth / 400)));
  for (let index = 0; index < strokes; index += 1) {
    const t = random.between(0, 1) ** 1.4;
    const length = (18 + 130 * t) * random.between(0.5, 1.2);
    const x = random.between(-60, drawing.width);
    drawing.add(rect(x, top + 6 + t * depth, length, 1.6 + 4 * t, pale, 1 + 2 * t, random.between(0.12, 0.4)));
  }
  if (!light) return;
  for (let index = 0; index < 26; index += 1) {
    const t = index / 26;
    const width = (60 + 120 * t) * random.between(0.35, 1);
    const x = light[0] + random.between(-26, 26) * (0.4 + t);
    drawing.add(rect(x - width / 2, top + 4 + t * depth * 0.9, width, 3 + 4 * t, palette.light, 3, 0.75 - 0.6 * t));
  }
}

/** Rows of waves with crests, towards the viewer larger. */
export function drawSwell(stage: Stage): void {
  const { drawing, palette, horizon } = stage;
  const depth = drawing.height - horizon;
  for (let row = 0; row < 5; row += 1) {
    const t = (row + 1) / 5;
    const [top, length, height] = [horizon + depth * (0.12 + 0.68 * t ** 1.3), 110 + 130 * t, 14 + 34 * t];
    const start = -length * stage.random(`swell${row}`).between(0.1, 1);
    let d = `M${num(start)} ${num(top)}`;
    // Each wave rises slowly and falls steeply.
    for (let x = start; x < drawing.width; x += length) {
      d += `q${num(length * 0.55)} ${num(-height * 0.1)} ${num(length * 0.72)} ${num(-height)}q${num(-length * 0.02)} ${num(height * 0.95)} ${num(length * 0.28)} ${num(height)}`;
    }
    const colour = palette.water(0.15 + 0.8 * t);
    drawing.add(path(`${d}V${num(drawing.height + 10)}H${num(start)}Z`, colour), stroke(d, mix(colour, { l: 1, c: 0, h: 0 }, 0.55), 2 + 3 * t, 0.7));
  }
}

/** Three rows of conifers, the nearest the darkest. */
export function drawForest(stage: Stage, base: number): void {
  const { drawing, palette } = stage;
  const rows = 3;
  for (let row = 0; row < rows; row += 1) {
    const t = row / (rows - 1);
    const random = stage.random(`forest${row}`);
    const colour = shade(palette.ground(0.45 + 0.55 * t), -0.1 - 0.06 * t);
    const ground = base + t * (drawing.height - base) * 0.42;
    const step = 54 + 24 * t;
    let d = '';
    for (let x = -40; x < drawing.width + 60; x += step * random.between(0.6, 1.15)) {
      d += conifer(x, ground + random.between(-6, 10), (105 + 105 * t) * random.between(0.7, 1.2));
    }
    drawing.add(path(d, colour), rect(0, ground - 26, drawing.width, drawing.height - ground + 27, colour));
  }
}

/** Path data of a conifer standing at (x, y). */
export function conifer(x: number, y: number, height: number): string {
  const half = height * 0.24;
  const parts = [`M${num(x - height * 0.03)} ${num(y)}h${num(height * 0.06)}v${num(-height * 0.2)}h${num(-height * 0.06)}z`];
  for (const [from, to, width] of [
    [0.1, 0.56, 1],
    [0.34, 0.78, 0.78],
    [0.58, 1, 0.54],
  ] as const) {
    parts.push(`M${num(x - half * width)} ${num(y - height * from)}L${num(x)} ${num(y - height * to)}L${num(x + half * width)} ${num(y - height * from)}Z`);
  }
  return parts.join('');
}

export function drawRain({ drawing, random: layer }: Stage): void {
  const random = layer('rain');
  const count = Math.min(500, Math.round((150 * drawing.width * drawing.height) / 1_000_000));
  let d = '';
  for (let index = 0; index < count; index += 1) {
    const [x, y, length] = [random.between(0, drawing.width), random.between(-40, drawing.height), random.between(22, 54)];
    d += `M${num(x)} ${num(y)}l${num(-length * 0.22)} ${num(length)}`;
  }
  drawing.add(stroke(d, { l: 0.95, c: 0.02, h: 230 }, 2.6, 0.5));
}

export function drawSnow({ drawing, random: layer }: Stage): void {
  const random = layer('snow');
  const count = Math.min(500, Math.round((150 * drawing.width * drawing.height) / 1_000_000));
  for (let index = 0; index < count; index += 1) {
    const radius = 2 + 6 * random.between(0, 1) ** 2;
    drawing.add(
      circle(random.between(0, drawing.width), random.between(0, drawing.height), radius, { l: 1, c: 0, h: 0 }, random.between(0.5, 0.95)),
    );
  }
}

/** Sand along the bottom, with a line of foam. */
export function drawBeach({ drawing, random: layer, palette }: Stage): void {
  const random = layer('beach');
  const top = drawing.height * 0.84;
  const phase = random.between(0, 6);
  const line = (lift: number): string => {
    const points: Point[] = [];
    for (let x = -60; x <= drawing.width + 120; x += 90) {
      points.push([x, top - lift + 26 * Math.sin(x / 210 + phase) - (x / drawing.width) * 30]);
    }
    return `${smooth(points)}L${num(drawing.width + 120)} ${num(drawing.height + 10)}L-60 ${num(drawing.height + 10)}Z`;
  };
  const sand: Colour = palette.dark ? { l: 0.36, c: 0.035, h: 80 } : { l: 0.88, c: 0.06, h: 85 };
  drawing.add(path(line(16), { l: 0.99, c: 0.01, h: 220 }, palette.dark ? 0.35 : 0.75), path(line(0), sand));
}

/** A soft shadow on the ground. */
export function drawShadow(drawing: Drawing, x: number, y: number, width: number): void {
  drawing.add(ellipse(x, y, width / 2, width * 0.09, { l: 0.1, c: 0.02, h: 270 }, 0.22));
}
