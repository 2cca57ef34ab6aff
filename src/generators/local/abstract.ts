import { mix, shade, type Colour } from './colour.js';
import { circle, num, path, polygon, rect, smooth, stroke, type Point } from './drawing.js';
import type { Pattern } from './scene-words.js';
import type { Stage } from './scenery.js';

/** Fills a picture without a landscape: the patterns that a prompt names, and designs for prompts that name nothing we know. */

type DrawPattern = (stage: Stage, colour: Colour) => void;

/** Visible on the background, whatever the two are. */
function against(stage: Stage, colour: Colour): Colour {
  const ground = stage.palette.sky[1];
  const difference = Math.abs(colour.l - ground.l) + Math.abs(colour.c - ground.c);
  return difference > 0.14 ? colour : shade(colour, ground.l > 0.5 ? -0.2 : 0.25);
}

export const PATTERN_DRAWINGS: Readonly<Record<Pattern, DrawPattern>> = {
  stripes(stage, colour) {
    const { width, height } = stage.drawing;
    const step = stage.random('stripes').pick([90, 110, 130]);
    for (let x = -height, index = 0; x < width; x += step, index += 1) {
      const fill = against(stage, index % 2 === 0 ? colour : shade(colour, 0.09));
      const [a, b] = [x, x + step * 0.5];
      stage.drawing.add(polygon([[a, height], [b, height], [b + height, 0], [a + height, 0]], fill));
    }
  },
  dots(stage, colour) {
    const { width, height } = stage.drawing;
    const step = 118;
    for (let y = 0, row = 0; y < height + step; y += step * 0.866, row += 1) {
      for (let x = row % 2 === 0 ? 0 : step / 2; x < width + step; x += step) {
        const t = y / height;
        stage.drawing.add(circle(x, y, 30, against(stage, mix(shade(colour, 0.06), shade(colour, -0.06), t))));
      }
    }
  },
  grid(stage, colour) {
    const { width, height } = stage.drawing;
    const lines = (step: number): string => {
      let d = '';
      for (let x = step / 2; x < width; x += step) d += `M${num(x)} 0V${num(height)}`;
      for (let y = step / 2; y < height; y += step) d += `M0 ${num(y)}H${num(width)}`;
      return d;
    };
    const ink = against(stage, colour);
    stage.drawing.add(stroke(lines(25), ink, 1.2, 0.28), stroke(lines(100), ink, 4.5, 0.85));
  },
  waves(stage, colour) {
    const { width, height } = stage.drawing;
    const random = stage.random('waves');
    const rows = 9;
    for (let row = 0; row < rows; row += 1) {
      const t = row / (rows - 1);
      const points: Point[] = [];
      const phase = random.between(0, 6.28);
      for (let x = -80; x <= width + 160; x += 80) {
        points.push([x, height * (0.1 + 0.9 * t) + 34 * Math.sin(x / 130 + phase)]);
      }
      const fill = mix(shade(colour, 0.16), shade(colour, -0.2), t);
      stage.drawing.add(path(`${smooth(points)}V${num(height + 60)}H-80Z`, fill));
    }
  },
  gradient(stage, colour) {
    const { palette, drawing } = stage;
    const fill = drawing.linear(
      [
        { at: 0, colour: palette.ridge(0.05) },
        { at: 0.5, colour },
        { at: 1, colour: palette.ridge(0.95) },
      ],
      'diagonal',
    );
    drawing.add(rect(0, 0, drawing.width, drawing.height, fill));
  },
  checkers(stage, colour) {
    const { width, height } = stage.drawing;
    const cell = 125;
    let d = '';
    for (let y = 0, row = 0; y < height; y += cell, row += 1) {
      for (let x = row % 2 === 0 ? 0 : cell; x < width; x += cell * 2) d += `M${num(x)} ${num(y)}h${cell}v${cell}h${-cell}z`;
    }
    stage.drawing.add(path(d, against(stage, colour)));
  },
  rays(stage, colour) {
    const { width, height } = stage.drawing;
    const [x, y] = [width / 2, height * 0.46];
    const reach = width + height;
    const count = 32;
    for (let index = 0; index < count; index += 2) {
      const [a, b] = [(index / count) * 2 * Math.PI, ((index + 1) / count) * 2 * Math.PI];
      stage.drawing.add(
        polygon([[x, y], [x + reach * Math.cos(a), y + reach * Math.sin(a)], [x + reach * Math.cos(b), y + reach * Math.sin(b)]], against(stage, colour)),
      );
    }
  },
  rings(stage, colour) {
    const { width, height } = stage.drawing;
    for (let index = 8; index > 0; index -= 1) {
      const fill = index % 2 === 0 ? against(stage, shade(colour, (index - 4) * 0.015)) : stage.palette.sky[0];
      stage.drawing.add(circle(width / 2, height * 0.46, index * 66, fill));
    }
  },
  confetti(stage, colour) {
    const { width, height } = stage.drawing;
    const random = stage.random('confetti');
    const count = Math.min(400, Math.round((150 * width * height) / 1_000_000));
    for (let index = 0; index < count; index += 1) {
      const [x, y, s] = [random.between(0, width), random.between(0, height), random.between(9, 20)];
      const fill: Colour = index % 4 === 0 ? colour : { l: 0.7, c: 0.17, h: random.between(0, 360) };
      const turn = random.between(0, 6.28);
      const [dx, dy] = [Math.cos(turn) * s, Math.sin(turn) * s];
      stage.drawing.add(
        index % 3 === 0
          ? circle(x, y, s * 0.7, fill)
          : polygon([[x - dx, y - dy], [x - dy * 0.5, y + dx * 0.5], [x + dx, y + dy], [x + dy * 0.5, y - dx * 0.5]], fill),
      );
    }
  },
};

/** A design of layers for a prompt that names nothing we can draw. */
export function drawDesign(stage: Stage): void {
  const designs = [dunes, orbs, tiles, fans] as const;
  stage.random('design').pick(designs)(stage);
}

function dunes(stage: Stage): void {
  const { drawing, palette } = stage;
  const random = stage.random('dunes');
  const { width, height } = drawing;
  const glow = drawing.radial([
    { at: 0, colour: palette.light, opacity: 0.95 },
    { at: 1, colour: palette.light, opacity: 0 },
  ]);
  const x = width * random.between(0.25, 0.75);
  drawing.add(circle(x, height * 0.3, 420, glow), circle(x, height * 0.3, 96, palette.light));
  const layers = 7;
  for (let layer = 0; layer < layers; layer += 1) {
    const t = layer / (layers - 1);
    const [phase, wave, swell] = [random.between(0, 6.28), random.between(380, 760), random.between(38, 84)];
    const points: Point[] = [];
    for (let at = -80; at <= width + 160; at += 70) {
      points.push([at, height * (0.36 + 0.52 * t) + swell * Math.sin(at / (wave / 3) + phase) + at * 0.03 * Math.sin(phase)]);
    }
    const colour = palette.ridge(0.08 + 0.92 * t);
    const fill = drawing.linear([
      { at: 0, colour: shade(colour, 0.045) },
      { at: 1, colour: shade(colour, -0.07) },
    ]);
    drawing.add(path(`${smooth(points)}V${num(height + 40)}H-80Z`, fill));
  }
}

function orbs(stage: Stage): void {
  const { drawing, palette } = stage;
  const random = stage.random('orbs');
  const back = drawing.linear(
    [
      { at: 0, colour: palette.ridge(0.25) },
      { at: 1, colour: palette.ridge(0.8) },
    ],
    'diagonal',
  );
  drawing.add(rect(0, 0, drawing.width, drawing.height, back));
  const count = Math.min(40, Math.round(9 * Math.max(drawing.width, drawing.height) / 1000));
  for (let index = 0; index < count; index += 1) {
    const t = index / count;
    const colour = palette.ridge(random.between(0, 1));
    const fill = drawing.linear(
      [
        { at: 0, colour: shade(colour, 0.14) },
        { at: 1, colour: shade(colour, -0.06) },
      ],
      'diagonal',
    );
    const radius = 270 * (1 - t) ** 1.3 + 34;
    drawing.add(circle(random.between(0, drawing.width), random.between(0, drawing.height), radius, fill, 0.86));
  }
}

/** Quarter and half discs on a grid. */
function tiles(stage: Stage): void {
  const { drawing, palette } = stage;
  const random = stage.random('tiles');
  const columns = Math.max(1, Math.round(drawing.width / 200));
  const rows = Math.max(1, Math.round(drawing.height / 200));
  const [w, h] = [drawing.width / columns, drawing.height / rows];
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const tone = random.between(0, 1);
      const fill = palette.ridge((tone + random.between(0.3, 0.7)) % 1);
      const [x, y] = [column * w, row * h];
      const [right, low] = [random.whole(0, 1), random.whole(0, 1)];
      const [cx, cy, sx, sy] = [x + right * w, y + low * h, right === 1 ? -1 : 1, low === 1 ? -1 : 1];
      const quarter = (part: number): string =>
        `M${num(cx)} ${num(cy)}h${num(sx * w * part)}A${num(w * part)} ${num(h * part)} 0 0 ${right === low ? 1 : 0} ${num(cx)} ${num(cy + sy * h * part)}Z`;
      drawing.add(rect(x, y, w + 0.6, h + 0.6, palette.ridge(tone)));
      const kind = random.whole(0, 3);
      if (kind === 0) drawing.add(circle(x + w / 2, y + h / 2, Math.min(w, h) * 0.36, fill));
      else if (kind === 1) drawing.add(path(quarter(1), fill), path(quarter(0.5), palette.ridge(tone)));
      else drawing.add(path(quarter(1), fill));
    }
  }
}

/** Overlapping fans of rings, as in a seigaiha pattern. */
function fans(stage: Stage): void {
  const { drawing, palette } = stage;
  const random = stage.random('fans');
  const radius = random.pick([110, 130, 150]);
  for (let y = 0, row = 0; y < drawing.height + radius * 2; y += radius * 0.5, row += 1) {
    const t = Math.min(1, y / (drawing.height + radius));
    for (let x = row % 2 === 0 ? 0 : radius; x < drawing.width + radius * 2; x += radius * 2) {
      for (const [index, part] of [1, 0.78, 0.56, 0.34].entries()) {
        const base = palette.ridge(Math.min(1, Math.max(0, t + random.between(-0.05, 0.05))));
        drawing.add(circle(x, y, radius * part, index % 2 === 0 ? base : shade(base, 0.13)));
      }
    }
  }
}
