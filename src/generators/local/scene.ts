import { drawDesign, PATTERN_DRAWINGS } from './abstract.js';
import { drawCity } from './city.js';
import { captionCard, previewMark } from './caption.js';
import { mix, shade, type Colour } from './colour.js';
import { circle, createDrawing, ellipse, rect, svgDocument, type Point } from './drawing.js';
import type { Font } from './font.js';
import { landscapePalette, studioPalette, timeOf, type Palette } from './palette.js';
import { randomFrom } from './random.js';
import { readScene, type FoundSubject, type SceneWords } from './scene-words.js';
import {
  drawBeach,
  drawClouds,
  drawForest,
  drawHills,
  drawLight,
  drawMountains,
  drawRain,
  drawSea,
  drawShadow,
  drawSky,
  drawSnow,
  drawStars,
  drawSwell,
  stageFor,
  type Stage,
} from './scenery.js';
import { SUBJECT_DRAWINGS } from './subjects.js';

/** An SVG of `width` x `height` pixels for a prompt, and the words that shaped it. */
export interface Scene {
  svg: Buffer;
  understood: string[];
}


/** The same prompt, size and seed text give the same scene. */
export function drawScene(prompt: string, seed: string, width: number, height: number, font: Font): Scene {
  const scene = readScene(prompt);
  const scale = Math.min(width, height) / 1000;
  const drawing = createDrawing(width / scale, height / scale);
  // Things without a place stand in a studio rather than in a landscape.
  const outdoors = scene.scenery.size > 0 || (scene.time !== undefined && scene.patterns.size === 0);
  const random = randomFrom(`${seed}/palette`);
  const palette = outdoors ? landscapePalette(scene, random) : studioPalette(scene, random);
  const stage = stageFor(drawing, palette, drawing.height * horizonOf(scene), seed);
  if (outdoors) drawLandscape(stage, scene);
  else drawStudio(stage, scene);
  if (scene.scenery.has('rain')) drawRain(stage);
  if (scene.scenery.has('snow')) drawSnow(stage);
  const content = [
    `<g transform="scale(${scale.toFixed(6)})">${drawing.content()}</g>`,
    captionCard(prompt, font, width, height, palette.accent).content,
    previewMark(font, width, height),
  ];
  return { svg: svgDocument(width, height, content.join('')), understood: scene.understood };
}

/** As a part of the height. */
function horizonOf({ scenery }: SceneWords): number {
  if (scenery.has('space')) return 1;
  return scenery.has('city') ? 0.74 : 0.6;
}

function drawLandscape(stage: Stage, scene: SceneWords): void {
  const { scenery } = scene;
  const time = timeOf(scene);
  const sea = scenery.has('sea') || scenery.has('beach');
  drawSky(stage);
  if (time === 'night' || scenery.has('stars')) drawStars(stage);
  let light: Point | undefined;
  const low = time === 'sunset' || time === 'dawn';
  if (scenery.has('moon') || time === 'night') light = drawLight(stage, true, false);
  if (scenery.has('sun') || low || (time === 'day' && !scenery.has('clouds'))) light = drawLight(stage, false, low);
  if ((time !== 'night' && !scenery.has('space')) || scenery.has('clouds')) drawClouds(stage, scenery.has('clouds') || time === 'storm');
  const sky = scene.subjects.filter(({ name }) => ['sky', 'anywhere'].includes(SUBJECT_DRAWINGS[name].place));
  if (scenery.has('mountains')) drawMountains(stage, time === 'winter' || scenery.has('snow') || scenery.has('mountains'));
  if (scenery.has('city')) drawCity(stage, stage.horizon + 20);
  if (sea) drawSea(stage, light, scenery.has('city') ? stage.horizon + 60 : stage.horizon + (scenery.has('mountains') ? 46 : 0));
  if (scenery.has('desert')) drawDesert(stage);
  const open = !sea && !scenery.has('desert') && !scenery.has('city') && !scenery.has('space');
  if (scenery.has('hills') && sea) drawHills(stage, 2, 0.55);
  else if (open) drawHills(stage, scenery.has('mountains') ? 2 : 4, scenery.has('mountains') ? 0.25 : 0);
  if (scenery.has('forest')) drawForest(stage, stage.horizon + (sea ? -10 : 70));
  if (scene.patterns.has('waves') && sea) drawSwell(stage);
  if (scenery.has('beach')) drawBeach(stage);
  drawInSky(stage, sky);
  drawOnGround(stage, scene.subjects.filter((subject) => !sky.includes(subject)), sea && !scenery.has('beach') && !scenery.has('hills'));
}

function drawDesert(stage: Stage): void {
  const { palette } = stage;
  const sand: Colour = { l: palette.dark ? 0.34 : 0.82, c: palette.dark ? 0.05 : 0.1, h: 72 };
  const ground = (t: number): Colour => shade(mix(sand, palette.sky[2], 0.25 * (1 - t)), -0.2 * t);
  drawHills({ ...stage, palette: { ...palette, ground } }, 4);
}

/** Places in a row over the width, each with a size that leaves air between them. */
function row(stage: Stage, count: number, largest: number): { x: number; r: number }[] {
  const { width } = stage.drawing;
  const random = stage.random(`row${count}`);
  const slot = width / count;
  const r = Math.min(largest, slot * 0.4);
  return Array.from({ length: count }, (_, index) => ({
    x: slot * (index + 0.5) + (count === 1 ? random.between(-0.1, 0.1) * width : random.between(-0.06, 0.06) * slot),
    r: r * (count === 1 ? 1 : random.between(0.82, 1.06)),
  }));
}

function instances(subjects: readonly FoundSubject[]): { subject: FoundSubject; index: number }[] {
  return subjects.flatMap((subject, index) => Array.from({ length: subject.count }, () => ({ subject, index }))).slice(0, 24);
}

function drawInSky(stage: Stage, subjects: readonly FoundSubject[]): void {
  const all = instances(subjects);
  const random = stage.random('in-sky');
  const places = row(stage, all.length, all.length === 1 ? 175 : 120);
  for (const [at, { subject, index }] of all.entries()) {
    const place = places[at];
    if (!place) continue;
    const y = stage.horizon * (all.length === 1 ? random.between(0.4, 0.5) : random.between(0.26, 0.62));
    const r = Math.min(place.r, stage.horizon * 0.3) * (subject.name === 'bird' ? 0.62 : 1);
    stage.drawing.add(...SUBJECT_DRAWINGS[subject.name].draw(place.x, y, r, colourOf(stage.palette, subject, index)));
  }
}

function drawOnGround(stage: Stage, subjects: readonly FoundSubject[], water: boolean): void {
  const all = instances(subjects);
  const { drawing, horizon } = stage;
  const depth = drawing.height - horizon;
  const places = row(stage, all.length, Math.max(110, Math.min(160, depth * 0.42)));
  for (const [at, { subject, index }] of all.entries()) {
    const place = places[at];
    if (!place) continue;
    const { r, x } = place;
    const floats = SUBJECT_DRAWINGS[subject.name].place === 'water';
    // High enough for the caption card below.
    const foot = Math.min(drawing.height * 0.82, floats ? horizon + depth * 0.4 : horizon + depth * 0.48);
    if (!water) drawShadow(drawing, x, foot, r * 1.9);
    stage.drawing.add(...SUBJECT_DRAWINGS[subject.name].draw(x, foot - r * 0.98, r, colourOf(stage.palette, subject, index)));
    if (water) drawing.add(ellipse(x, foot + 4, r * 1.15, r * 0.07, stage.palette.water(0.1), 0.8));
  }
}

const OWN_COLOURS: Readonly<Partial<Record<FoundSubject['name'], Colour>>> = {
  lighthouse: { l: 0.58, c: 0.2, h: 27 },
  tree: { l: 0.55, c: 0.13, h: 142 },
  bird: { l: 0.3, c: 0.03, h: 260 },
  star: { l: 0.85, c: 0.16, h: 88 },
  heart: { l: 0.62, c: 0.22, h: 20 },
  cat: { l: 0.72, c: 0.14, h: 58 },
};

function colourOf(palette: Palette, subject: FoundSubject, index: number): Colour {
  return subject.colour ?? OWN_COLOURS[subject.name] ?? palette.thing(index);
}

function drawStudio(stage: Stage, scene: SceneWords): void {
  drawSky(stage);
  const { palette } = stage;
  for (const [pattern, colour] of scene.patterns) {
    const quiet = scene.subjects.length > 0 ? mix(palette.sky[1], colour ?? palette.accent, 0.35) : undefined;
    PATTERN_DRAWINGS[pattern](stage, colour ?? quiet ?? palette.accent);
  }
  if (scene.subjects.length > 0) {
    if (scene.patterns.size === 0) drawBackdrop(stage);
    drawOnTable(stage, scene.subjects);
  } else if (scene.patterns.size === 0) drawDesign(stage);
}

/** Large soft discs behind the things, so that the ground is not empty. */
function drawBackdrop(stage: Stage): void {
  const { drawing, palette } = stage;
  const { width, height } = drawing;
  const random = stage.random('backdrop');
  const tone = shade(palette.sky[2], palette.dark ? 0.05 : -0.015);
  drawing.add(
    circle(width * random.between(0.1, 0.3), height * random.between(0.1, 0.3), 330, tone, 0.35),
    circle(width * random.between(0.7, 0.95), height * random.between(0.45, 0.7), 390, tone, 0.35),
    rect(0, height * 0.76, width, height * 0.24 + 1, shade(palette.sky[2], palette.dark ? -0.04 : -0.05)),
  );
  const ring = shade(palette.sky[0], palette.dark ? 0.08 : 0.03);
  drawing.add(circle(width / 2, height * 0.45, 350, ring, 0.55));
}

function drawOnTable(stage: Stage, subjects: readonly FoundSubject[]): void {
  const { drawing, palette } = stage;
  const all = instances(subjects);
  const { width, height } = drawing;
  const columns = Math.min(all.length, Math.max(1, Math.ceil(Math.sqrt((all.length * width) / height))));
  const rows = Math.ceil(all.length / columns);
  const r = Math.min(290, (width / columns) * 0.38, (height * 0.72) / rows * 0.42);
  const step = r * 2.45;
  for (const [at, { subject, index }] of all.entries()) {
    const [line, inLine] = [Math.floor(at / columns), Math.min(columns, all.length - Math.floor(at / columns) * columns)];
    const x = width / 2 + ((at % columns) - (inLine - 1) / 2) * Math.min(width / columns, step * 1.1);
    const y = height * 0.455 + (line - (rows - 1) / 2) * step;
    const tall = subject.name === 'kite' || subject.name === 'rocket' ? 0.8 : 1;
    if (line === rows - 1) drawShadow(drawing, x, y + r * 1.06, r * 1.7);
    drawing.add(...SUBJECT_DRAWINGS[subject.name].draw(x, y, r * tall, visible(palette, colourOf(palette, subject, index))));
  }
}

/** A white thing on a pale ground would be lost: its ground colour is moved away, and only as far as needed. */
function visible(palette: Palette, colour: Colour): Colour {
  const gap = colour.l - palette.sky[0].l;
  return Math.abs(gap) < 0.1 && Math.abs(colour.c - palette.sky[0].c) < 0.06 ? shade(colour, gap < 0 ? -0.14 : 0.1) : colour;
}
