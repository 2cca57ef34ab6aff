import { shade, type Colour } from './colour.js';
import { circle, corners, ellipse, num, path, polygon, rect, smooth, stroke, type Point } from './drawing.js';
import type { Subject } from './scene-words.js';

/** Draws a thing into a square of 2r whose centre is (x, y); answers SVG elements. */
type Draw = (x: number, y: number, r: number, colour: Colour) => string[];

/** Where a thing belongs in a landscape. */
export type Place = 'sky' | 'ground' | 'water' | 'anywhere';

const INK: Colour = { l: 0.27, c: 0.03, h: 265 };
const PAPER: Colour = { l: 0.985, c: 0.008, h: 90 };
const STEAM: Colour = { l: 0.8, c: 0.015, h: 250 };
const GLASS: Colour = { l: 0.86, c: 0.06, h: 225 };
const light = (colour: Colour): Colour => shade(colour, 0.09);
const dark = (colour: Colour): Colour => shade(colour, -0.12);

export const SUBJECT_DRAWINGS: Readonly<Record<Subject, { place: Place; draw: Draw }>> = {
  circle: {
    place: 'anywhere',
    draw: (x, y, r, c) => [circle(x, y, r, c), path(`M${num(x - r)} ${num(y)}a${num(r)} ${num(r)} 0 0 1 ${num(r)} ${num(-r)}a${num(r * 1.3)} ${num(r * 1.3)} 0 0 0 ${num(-r)} ${num(r)}z`, light(c), 0.9)],
  },
  square: {
    place: 'anywhere',
    draw: (x, y, r, c) => [rect(x - r * 0.88, y - r * 0.88, r * 1.76, r * 1.76, c, r * 0.1), polygon([[x - r * 0.8, y - r * 0.88], [x + r * 0.1, y - r * 0.88], [x - r * 0.88, y + r * 0.1], [x - r * 0.88, y - r * 0.8]], light(c), 0.85)],
  },
  triangle: {
    place: 'anywhere',
    draw: (x, y, r, c) => [polygon([[x, y - r * 0.92], [x + r, y + r * 0.82], [x - r, y + r * 0.82]], c), polygon([[x, y - r * 0.92], [x, y + r * 0.82], [x - r, y + r * 0.82]], light(c))],
  },
  star: {
    place: 'sky',
    draw: (x, y, r, c) => facets(corners(x, y + r * 0.05, r, 5, r * 0.42), [x, y + r * 0.05], c),
  },
  hexagon: { place: 'anywhere', draw: (x, y, r, c) => facets(corners(x, y, r, 6), [x, y], c) },
  diamond: {
    place: 'anywhere',
    draw: (x, y, r, c) => facets([[x, y - r], [x + r * 0.72, y], [x, y + r], [x - r * 0.72, y]], [x, y - r * 0.15], c),
  },
  heart: {
    place: 'sky',
    draw: (x, y, r, c) => [
      path(`M${num(x)} ${num(y + r * 0.9)}C${num(x - r * 1.5)} ${num(y - r * 0.05)} ${num(x - r * 0.8)} ${num(y - r * 1.15)} ${num(x)} ${num(y - r * 0.45)}C${num(x + r * 0.8)} ${num(y - r * 1.15)} ${num(x + r * 1.5)} ${num(y - r * 0.05)} ${num(x)} ${num(y + r * 0.9)}Z`, c),
      ellipse(x - r * 0.45, y - r * 0.38, r * 0.2, r * 0.15, light(light(c)), 0.75),
    ],
  },
  kite: { place: 'sky', draw: kite },
  balloon: { place: 'sky', draw: balloon },
  bird: {
    place: 'sky',
    draw: (x, y, r, c) => [
      path(`${smooth([[x - r, y - r * 0.35], [x - r * 0.55, y - r * 0.75], [x, y + r * 0.1], [x + r * 0.55, y - r * 0.75], [x + r, y - r * 0.35]])}Q${num(x + r * 0.45)} ${num(y - r * 0.35)} ${num(x + r * 0.14)} ${num(y + r * 0.32)}L${num(x)} ${num(y + r * 0.55)}L${num(x - r * 0.14)} ${num(y + r * 0.32)}Q${num(x - r * 0.45)} ${num(y - r * 0.35)} ${num(x - r)} ${num(y - r * 0.35)}Z`, c),
    ],
  },
  rocket: { place: 'sky', draw: rocket },
  house: { place: 'ground', draw: house },
  tree: {
    place: 'ground',
    draw: (x, y, r, c) => [
      rect(x - r * 0.09, y + r * 0.3, r * 0.18, r * 0.7, { l: 0.43, c: 0.06, h: 55 }),
      circle(x - r * 0.34, y - r * 0.02, r * 0.44, dark(c)),
      circle(x + r * 0.36, y, r * 0.42, dark(c)),
      circle(x, y - r * 0.36, r * 0.62, c),
      circle(x - r * 0.18, y - r * 0.5, r * 0.34, light(c), 0.9),
    ],
  },
  flower: { place: 'ground', draw: flower },
  boat: {
    place: 'water',
    draw: (x, y, r, c) => [
      rect(x - r * 0.035, y - r, r * 0.07, r * 1.6, INK),
      polygon([[x + r * 0.1, y - r * 0.92], [x + r * 0.1, y + r * 0.36], [x + r * 0.86, y + r * 0.36]], PAPER),
      polygon([[x - r * 0.1, y - r * 0.7], [x - r * 0.1, y + r * 0.36], [x - r * 0.66, y + r * 0.36]], light(c)),
      path(`M${num(x - r)} ${num(y + r * 0.5)}H${num(x + r)}Q${num(x + r * 0.82)} ${num(y + r)} ${num(x + r * 0.5)} ${num(y + r)}H${num(x - r * 0.55)}Q${num(x - r * 0.85)} ${num(y + r)} ${num(x - r)} ${num(y + r * 0.5)}Z`, c),
      rect(x - r * 0.93, y + r * 0.62, r * 1.86, r * 0.09, dark(c)),
    ],
  },
  fish: { place: 'water', draw: fish },
  cat: { place: 'ground', draw: cat },
  cup: { place: 'ground', draw: cup },
  robot: { place: 'ground', draw: robot },
  lighthouse: { place: 'ground', draw: lighthouse },
};

/** Every second facet is lighter: a folded-paper look. */
function facets(points: readonly Point[], centre: Point, colour: Colour): string[] {
  return points.map((point, index) => {
    const following = points[(index + 1) % points.length] ?? point;
    return polygon([centre, point, following], index % 2 === 0 ? shade(colour, -0.03) : light(colour));
  });
}

function kite(x: number, y: number, r: number, c: Colour): string[] {
  const top: Point = [x, y - r];
  const right: Point = [x + r * 0.66, y - r * 0.3];
  const bottom: Point = [x, y + r * 0.62];
  const left: Point = [x - r * 0.66, y - r * 0.3];
  const cross: Point = [x, y - r * 0.3];
  const tail: Point[] = [bottom, [x + r * 0.24, y + r * 0.78], [x - r * 0.2, y + r * 0.98], [x + r * 0.26, y + r * 1.2], [x - r * 0.12, y + r * 1.42]];
  const bows = tail.slice(1).flatMap(([bx, by], index) => {
    const w = r * 0.13;
    const fill = index % 2 === 0 ? light(c) : PAPER;
    const cx = bx * 0.72 + x * 0.28;
    return [polygon([[cx, by], [cx - w, by - w * 0.6], [cx - w, by + w * 0.6]], fill), polygon([[cx, by], [cx + w, by - w * 0.6], [cx + w, by + w * 0.6]], fill)];
  });
  return [
    stroke(smooth(tail), INK, Math.max(1, r * 0.022), 0.7),
    ...bows,
    polygon([cross, top, right], c),
    polygon([cross, right, bottom], dark(c)),
    polygon([cross, bottom, left], c),
    polygon([cross, left, top], light(c)),
    stroke(`M${num(x)} ${num(y - r)}V${num(y + r * 0.62)}M${num(x - r * 0.66)} ${num(y - r * 0.3)}H${num(x + r * 0.66)}`, dark(dark(c)), Math.max(1, r * 0.02), 0.6),
  ];
}

function balloon(x: number, y: number, r: number, c: Colour): string[] {
  const bag = (half: number, fill: Colour): string =>
    path(`M${num(x)} ${num(y - r)}C${num(x + half * 1.25)} ${num(y - r)} ${num(x + half * 1.2)} ${num(y + r * 0.1)} ${num(x + half * 0.28)} ${num(y + r * 0.5)}H${num(x - half * 0.28)}C${num(x - half * 1.2)} ${num(y + r * 0.1)} ${num(x - half * 1.25)} ${num(y - r)} ${num(x)} ${num(y - r)}Z`, fill);
  return [
    stroke(`M${num(x - r * 0.18)} ${num(y + r * 0.48)}L${num(x - r * 0.13)} ${num(y + r * 0.76)}M${num(x + r * 0.18)} ${num(y + r * 0.48)}L${num(x + r * 0.13)} ${num(y + r * 0.76)}`, INK, Math.max(1, r * 0.02)),
    bag(r * 0.76, c),
    bag(r * 0.46, light(c)),
    bag(r * 0.18, PAPER),
    rect(x - r * 0.17, y + r * 0.74, r * 0.34, r * 0.26, { l: 0.5, c: 0.08, h: 60 }, r * 0.04),
  ];
}

function rocket(x: number, y: number, r: number, c: Colour): string[] {
  const flame = (w: number, end: number, fill: Colour): string =>
    path(`M${num(x - w)} ${num(y + r * 0.5)}Q${num(x - w * 0.9)} ${num(y + end * 0.75)} ${num(x)} ${num(y + end)}Q${num(x + w * 0.9)} ${num(y + end * 0.75)} ${num(x + w)} ${num(y + r * 0.5)}Z`, fill);
  return [
    flame(r * 0.22, r * 1.25, { l: 0.72, c: 0.19, h: 50 }),
    flame(r * 0.12, r * 0.95, { l: 0.92, c: 0.15, h: 95 }),
    polygon([[x - r * 0.28, y + r * 0.05], [x - r * 0.6, y + r * 0.66], [x - r * 0.24, y + r * 0.52]], dark(c)),
    polygon([[x + r * 0.28, y + r * 0.05], [x + r * 0.6, y + r * 0.66], [x + r * 0.24, y + r * 0.52]], dark(c)),
    path(`M${num(x)} ${num(y - r)}C${num(x + r * 0.46)} ${num(y - r * 0.6)} ${num(x + r * 0.4)} ${num(y + r * 0.1)} ${num(x + r * 0.24)} ${num(y + r * 0.56)}H${num(x - r * 0.24)}C${num(x - r * 0.4)} ${num(y + r * 0.1)} ${num(x - r * 0.46)} ${num(y - r * 0.6)} ${num(x)} ${num(y - r)}Z`, PAPER),
    path(`M${num(x)} ${num(y - r)}C${num(x + r * 0.26)} ${num(y - r * 0.78)} ${num(x + r * 0.33)} ${num(y - r * 0.58)} ${num(x + r * 0.345)} ${num(y - r * 0.45)}H${num(x - r * 0.345)}C${num(x - r * 0.33)} ${num(y - r * 0.58)} ${num(x - r * 0.26)} ${num(y - r * 0.78)} ${num(x)} ${num(y - r)}Z`, c),
    circle(x, y - r * 0.12, r * 0.16, c),
    circle(x, y - r * 0.12, r * 0.1, GLASS),
  ];
}

function house(x: number, y: number, r: number, c: Colour): string[] {
  const wall: Colour = { l: 0.95, c: 0.025, h: 80 };
  const window = (wx: number): string[] => [
    rect(wx, y + r * 0.2, r * 0.34, r * 0.32, GLASS, r * 0.03),
    stroke(`M${num(wx + r * 0.17)} ${num(y + r * 0.2)}v${num(r * 0.32)}M${num(wx)} ${num(y + r * 0.36)}h${num(r * 0.34)}`, PAPER, r * 0.035),
  ];
  return [
    rect(x + r * 0.36, y - r * 0.82, r * 0.2, r * 0.5, dark(c)),
    rect(x - r * 0.78, y - r * 0.1, r * 1.56, r * 1.1, wall),
    rect(x - r * 0.78, y - r * 0.1, r * 1.56, r * 0.12, shade(wall, -0.09)),
    polygon([[x - r, y - r * 0.08], [x, y - r * 0.92], [x + r, y - r * 0.08]], c),
    polygon([[x - r, y - r * 0.08], [x, y - r * 0.92], [x, y - r * 0.08]], light(c)),
    rect(x - r * 0.16, y + r * 0.38, r * 0.32, r * 0.62, { l: 0.45, c: 0.07, h: 50 }, r * 0.03),
    ...window(x - r * 0.62),
    ...window(x + r * 0.28),
  ];
}

function flower(x: number, y: number, r: number, c: Colour): string[] {
  const [hx, hy] = [x, y - r * 0.38];
  const leaf: Colour = { l: 0.58, c: 0.14, h: 142 };
  const petals = corners(hx, hy, r * 0.36, 8).map(([px, py], index) => circle(px, py, r * 0.215, index % 2 === 0 ? c : light(c)));
  return [
    stroke(`M${num(x)} ${num(hy)}Q${num(x + r * 0.06)} ${num(y + r * 0.4)} ${num(x)} ${num(y + r)}`, dark(leaf), r * 0.075),
    path(`M${num(x)} ${num(y + r * 0.78)}Q${num(x + r * 0.1)} ${num(y + r * 0.3)} ${num(x + r * 0.55)} ${num(y + r * 0.28)}Q${num(x + r * 0.45)} ${num(y + r * 0.74)} ${num(x)} ${num(y + r * 0.78)}Z`, leaf),
    path(`M${num(x)} ${num(y + r * 0.9)}Q${num(x - r * 0.1)} ${num(y + r * 0.45)} ${num(x - r * 0.5)} ${num(y + r * 0.46)}Q${num(x - r * 0.42)} ${num(y + r * 0.88)} ${num(x)} ${num(y + r * 0.9)}Z`, dark(leaf)),
    ...petals,
    circle(hx, hy, r * 0.23, { l: 0.82, c: 0.16, h: 85 }),
    circle(hx, hy, r * 0.13, { l: 0.68, c: 0.14, h: 65 }),
  ];
}

function fish(x: number, y: number, r: number, c: Colour): string[] {
  return [
    polygon([[x + r * 0.45, y], [x + r, y - r * 0.42], [x + r * 0.86, y], [x + r, y + r * 0.42]], dark(c)),
    polygon([[x - r * 0.2, y - r * 0.36], [x + r * 0.16, y - r * 0.68], [x + r * 0.34, y - r * 0.26]], dark(c)),
    path(`M${num(x - r)} ${num(y)}Q${num(x - r * 0.3)} ${num(y - r * 0.86)} ${num(x + r * 0.62)} ${num(y)}Q${num(x - r * 0.3)} ${num(y + r * 0.86)} ${num(x - r)} ${num(y)}Z`, c),
    path(`M${num(x - r * 0.35)} ${num(y - r * 0.36)}Q${num(x - r * 0.05)} ${num(y)} ${num(x - r * 0.35)} ${num(y + r * 0.36)}Q${num(x + r * 0.2)} ${num(y + r * 0.36)} ${num(x + r * 0.2)} ${num(y)}Q${num(x + r * 0.2)} ${num(y - r * 0.36)} ${num(x - r * 0.35)} ${num(y - r * 0.36)}Z`, light(c)),
    circle(x - r * 0.62, y - r * 0.1, r * 0.1, PAPER),
    circle(x - r * 0.64, y - r * 0.1, r * 0.05, INK),
  ];
}

function cat(x: number, y: number, r: number, c: Colour): string[] {
  const ear = (s: number): string[] => [
    polygon([[x + s * r * 0.5, y - r * 0.36], [x + s * r * 0.44, y - r], [x + s * r * 0.06, y - r * 0.66]], c),
    polygon([[x + s * r * 0.42, y - r * 0.5], [x + s * r * 0.395, y - r * 0.86], [x + s * r * 0.18, y - r * 0.66]], { l: 0.8, c: 0.08, h: 15 }),
  ];
  const eye = (s: number): string[] => [
    ellipse(x + s * r * 0.23, y - r * 0.36, r * 0.1, r * 0.12, { l: 0.87, c: 0.16, h: 115 }),
    ellipse(x + s * r * 0.23, y - r * 0.36, r * 0.035, r * 0.105, INK),
  ];
  const whiskers = [-1, 1]
    .map((s) => `M${num(x + s * r * 0.2)} ${num(y - r * 0.16)}L${num(x + s * r * 0.74)} ${num(y - r * 0.24)}M${num(x + s * r * 0.2)} ${num(y - r * 0.12)}L${num(x + s * r * 0.74)} ${num(y - r * 0.05)}`)
    .join('');
  return [
    stroke(smooth([[x + r * 0.3, y + r * 0.86], [x + r * 0.95, y + r * 0.98], [x + r * 0.98, y + r * 0.3], [x + r * 0.76, y + r * 0.12]]), dark(c), r * 0.15),
    path(`M${num(x - r * 0.56)} ${num(y + r)}Q${num(x - r * 0.6)} ${num(y)} ${num(x)} ${num(y - r * 0.1)}Q${num(x + r * 0.6)} ${num(y)} ${num(x + r * 0.56)} ${num(y + r)}Z`, c),
    ellipse(x, y + r * 0.62, r * 0.26, r * 0.38, light(light(c))),
    ...ear(-1),
    ...ear(1),
    ellipse(x, y - r * 0.32, r * 0.55, r * 0.47, c),
    ...eye(-1),
    ...eye(1),
    stroke(whiskers, PAPER, Math.max(0.8, r * 0.016), 0.85),
    ellipse(x, y - r * 0.1, r * 0.2, r * 0.13, light(light(c))),
    polygon([[x - r * 0.06, y - r * 0.2], [x + r * 0.06, y - r * 0.2], [x, y - r * 0.12]], { l: 0.68, c: 0.12, h: 15 }),
    ellipse(x - r * 0.22, y + r * 0.95, r * 0.17, r * 0.08, light(c)),
    ellipse(x + r * 0.22, y + r * 0.95, r * 0.17, r * 0.08, light(c)),
  ];
}

function cup(x: number, y: number, r: number, c: Colour): string[] {
  const steam = [-0.28, 0.02, 0.32].map((dx) =>
    stroke(smooth([[x + dx * r, y - r * 0.42], [x + (dx - 0.12) * r, y - r * 0.6], [x + (dx + 0.12) * r, y - r * 0.78], [x + dx * r, y - r * 0.98]]), STEAM, r * 0.055, 0.8),
  );
  return [
    ...steam,
    ellipse(x, y + r * 0.9, r * 0.98, r * 0.13, shade(c, -0.06)),
    ellipse(x, y + r * 0.87, r * 0.98, r * 0.12, light(c)),
    stroke(`M${num(x + r * 0.55)} ${num(y)}C${num(x + r * 1.05)} ${num(y - r * 0.1)} ${num(x + r)} ${num(y + r * 0.58)} ${num(x + r * 0.42)} ${num(y + r * 0.5)}`, dark(c), r * 0.12),
    path(`M${num(x - r * 0.66)} ${num(y - r * 0.22)}H${num(x + r * 0.66)}Q${num(x + r * 0.62)} ${num(y + r * 0.84)} ${num(x + r * 0.22)} ${num(y + r * 0.88)}H${num(x - r * 0.22)}Q${num(x - r * 0.62)} ${num(y + r * 0.84)} ${num(x - r * 0.66)} ${num(y - r * 0.22)}Z`, c),
    ellipse(x, y - r * 0.22, r * 0.66, r * 0.15, light(c)),
    ellipse(x, y - r * 0.2, r * 0.56, r * 0.11, { l: 0.36, c: 0.06, h: 55 }),
  ];
}

function robot(x: number, y: number, r: number, c: Colour): string[] {
  const eye = (s: number): string[] => [
    circle(x + s * r * 0.24, y - r * 0.36, r * 0.12, PAPER),
    circle(x + s * r * 0.24, y - r * 0.36, r * 0.06, INK),
  ];
  return [
    stroke(`M${num(x)} ${num(y - r * 0.68)}V${num(y - r * 0.9)}`, INK, r * 0.05),
    circle(x, y - r * 0.92, r * 0.08, { l: 0.7, c: 0.2, h: 30 }),
    rect(x - r * 0.82, y + r * 0.06, r * 0.2, r * 0.6, dark(c), r * 0.1),
    rect(x + r * 0.62, y + r * 0.06, r * 0.2, r * 0.6, dark(c), r * 0.1),
    rect(x - r * 0.38, y + r * 0.66, r * 0.26, r * 0.34, dark(c), r * 0.06),
    rect(x + r * 0.12, y + r * 0.66, r * 0.26, r * 0.34, dark(c), r * 0.06),
    rect(x - r * 0.1, y - r * 0.14, r * 0.2, r * 0.2, INK),
    rect(x - r * 0.56, y - r * 0.7, r * 1.12, r * 0.64, c, r * 0.14),
    rect(x - r * 0.46, y - r * 0.56, r * 0.92, r * 0.38, dark(dark(c)), r * 0.1),
    ...eye(-1),
    ...eye(1),
    rect(x - r * 0.56, y, r * 1.12, r * 0.72, c, r * 0.12),
    rect(x - r * 0.32, y + r * 0.14, r * 0.64, r * 0.3, light(light(c)), r * 0.06),
    ...[-0.18, 0, 0.18].map((dx, index) => circle(x + dx * r, y + r * 0.29, r * 0.055, { l: 0.7, c: 0.18, h: [25, 90, 150][index] ?? 0 })),
  ];
}

function lighthouse(x: number, y: number, r: number, c: Colour): string[] {
  const band = (from: number, to: number, fill: Colour): string => {
    const half = (t: number): number => r * (0.2 + 0.14 * t);
    const [top, bottom] = [y - r * 0.42 + from * r * 1.42, y - r * 0.42 + to * r * 1.42];
    return polygon([[x - half(from), top], [x + half(from), top], [x + half(to), bottom], [x - half(to), bottom]], fill);
  };
  return [
    polygon([[x, y - r * 0.58], [x + r * 1.3, y - r * 0.9], [x + r * 1.3, y - r * 0.3]], { l: 0.97, c: 0.09, h: 95 }, 0.45),
    ...[0, 1, 2, 3, 4].map((index) => band(index / 5, (index + 1) / 5, index % 2 === 0 ? c : PAPER)),
    rect(x - r * 0.15, y - r * 0.7, r * 0.3, r * 0.24, { l: 0.93, c: 0.13, h: 95 }),
    rect(x - r * 0.27, y - r * 0.47, r * 0.54, r * 0.08, INK, r * 0.02),
    polygon([[x - r * 0.21, y - r * 0.69], [x, y - r * 0.98], [x + r * 0.21, y - r * 0.69]], dark(c)),
  ];
}
