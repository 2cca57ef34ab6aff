import { shade, type Colour } from './colour.js';
import { num, path, rect, type Drawing } from './drawing.js';
import type { Palette } from './palette.js';
import type { Random } from './random.js';
import type { Stage } from './scenery.js';

/** Two rows of houses with lit windows. */
export function drawCity(stage: Stage, base: number): void {
  const { drawing, palette } = stage;
  for (const row of [0, 1]) {
    const random = stage.random(`city${row}`);
    const colour = shade(palette.ridge(row === 0 ? 0.35 : 0.9), palette.dark ? -0.02 : 0);
    for (let x = -20; x < drawing.width; ) {
      const width = random.between(60, 120);
      const height = random.between(110, 330) * (row === 0 ? 1.15 : 0.8);
      drawing.add(rect(x, base - height, width, height + 2, colour));
      if (random.whole(0, 3) === 0) drawing.add(rect(x + width / 2 - 2, base - height - 44, 4, 46, colour));
      if (row === 1) drawWindows(drawing, random, x, base - height, width, height, palette);
      x += width + random.between(-4, 10);
    }
  }
  drawing.add(rect(0, base - 1, drawing.width, drawing.height - base + 2, shade(palette.ridge(1), -0.04)));
}

function drawWindows(
  drawing: Drawing,
  random: Random,
  x: number,
  y: number,
  width: number,
  height: number,
  palette: Palette,
): void {
  const lit: Colour = palette.dark ? { l: 0.88, c: 0.13, h: 88 } : shade(palette.sky[1], 0.06);
  let d = '';
  for (let row = y + 16; row < y + height - 16; row += 26) {
    for (let column = x + 12; column < x + width - 16; column += 20) {
      if (random.whole(0, 9) < 6) d += `M${num(column)} ${num(row)}h10v13h-10z`;
    }
  }
  if (d !== '') drawing.add(path(d, lit, 0.85));
}
