import { mix, shade, type Colour } from './colour.js';
import type { Random } from './random.js';
import type { SceneWords, Time } from './scene-words.js';

/** The colours of one picture. */
export interface Palette {
  /** Top, middle and horizon. */
  sky: [Colour, Colour, Colour];
  /** From the farthest layer (0) to the nearest (1). */
  ridge(t: number): Colour;
  ground(t: number): Colour;
  water(t: number): Colour;
  /** The sun, or the moon. */
  light: Colour;
  accent: Colour;
  /** Colours for the n-th thing that has none of its own. */
  thing(index: number): Colour;
  dark: boolean;
}

interface Mood {
  sky: [Colour, Colour, Colour];
  ridge: [Colour, Colour];
  ground: [Colour, Colour];
  water: [Colour, Colour];
  light: Colour;
  dark: boolean;
}

const at = (l: number, c: number, h: number): Colour => ({ l, c, h });

const MOODS: Readonly<Record<Time, Mood>> = {
  day: {
    sky: [at(0.67, 0.125, 247), at(0.82, 0.075, 235), at(0.95, 0.025, 215)],
    ridge: [at(0.78, 0.05, 245), at(0.4, 0.065, 235)],
    ground: [at(0.8, 0.13, 128), at(0.5, 0.12, 145)],
    water: [at(0.8, 0.08, 215), at(0.44, 0.11, 245)],
    light: at(0.95, 0.11, 95),
    dark: false,
  },
  sunset: {
    sky: [at(0.42, 0.13, 295), at(0.66, 0.17, 20), at(0.89, 0.13, 78)],
    ridge: [at(0.66, 0.13, 25), at(0.24, 0.07, 300)],
    ground: [at(0.42, 0.08, 330), at(0.22, 0.06, 295)],
    water: [at(0.76, 0.13, 45), at(0.34, 0.1, 295)],
    light: at(0.95, 0.11, 88),
    dark: false,
  },
  dawn: {
    sky: [at(0.68, 0.09, 265), at(0.84, 0.08, 350), at(0.94, 0.06, 75)],
    ridge: [at(0.8, 0.06, 330), at(0.42, 0.07, 275)],
    ground: [at(0.74, 0.08, 150), at(0.42, 0.07, 190)],
    water: [at(0.87, 0.05, 340), at(0.52, 0.08, 255)],
    light: at(0.97, 0.06, 75),
    dark: false,
  },
  night: {
    sky: [at(0.17, 0.055, 278), at(0.27, 0.085, 272), at(0.45, 0.1, 262)],
    ridge: [at(0.37, 0.08, 266), at(0.13, 0.035, 272)],
    ground: [at(0.27, 0.06, 230), at(0.14, 0.035, 250)],
    water: [at(0.4, 0.085, 258), at(0.17, 0.05, 268)],
    light: at(0.96, 0.035, 95),
    dark: true,
  },
  storm: {
    sky: [at(0.45, 0.025, 255), at(0.64, 0.025, 245), at(0.84, 0.015, 230)],
    ridge: [at(0.69, 0.025, 240), at(0.33, 0.03, 240)],
    ground: [at(0.57, 0.05, 160), at(0.34, 0.045, 180)],
    water: [at(0.66, 0.035, 225), at(0.34, 0.045, 240)],
    light: at(0.95, 0.03, 95),
    dark: false,
  },
  winter: {
    sky: [at(0.72, 0.07, 245), at(0.86, 0.04, 235), at(0.96, 0.015, 220)],
    ridge: [at(0.84, 0.03, 245), at(0.55, 0.06, 250)],
    ground: [at(0.98, 0.008, 240), at(0.88, 0.03, 245)],
    water: [at(0.88, 0.035, 220), at(0.6, 0.07, 240)],
    light: at(0.98, 0.04, 95),
    dark: false,
  },
  autumn: {
    sky: [at(0.75, 0.07, 230), at(0.88, 0.05, 80), at(0.95, 0.05, 80)],
    ridge: [at(0.78, 0.08, 60), at(0.4, 0.09, 35)],
    ground: [at(0.76, 0.14, 75), at(0.48, 0.12, 45)],
    water: [at(0.84, 0.05, 80), at(0.5, 0.07, 230)],
    light: at(0.95, 0.1, 90),
    dark: false,
  },
};

/** The time of day or year that the words ask for, or imply. */
export function timeOf(scene: SceneWords): Time {
  if (scene.time) return scene.time;
  const { scenery } = scene;
  if (scenery.has('moon') || scenery.has('stars') || scenery.has('space')) return 'night';
  if (scenery.has('snow')) return 'winter';
  return scenery.has('rain') ? 'storm' : 'day';
}

/** Colours of a landscape; colours of the prompt replace the hues and leave light and shade. */
export function landscapePalette(scene: SceneWords, random: Random): Palette {
  const mood = MOODS[timeOf(scene)];
  const turn = random.between(-9, 9);
  const [first, second = first] = scene.colours;
  const sky = scene.background ?? first;
  const cast = (colour: Colour, by: Colour | undefined, strength: number): Colour => {
    if (!by) return { ...colour, h: (colour.h + turn + 360) % 360 };
    const chroma = by.c < 0.03 ? by.c : Math.max(colour.c, by.c * strength);
    return { l: colour.l * 0.72 + Math.min(0.9, Math.max(0.15, by.l)) * 0.28, c: chroma, h: by.h };
  };
  const pair = ([a, b]: [Colour, Colour], by: Colour | undefined): ((t: number) => Colour) => {
    const [from, to] = [cast(a, by, 0.75), cast(b, by, 0.8)];
    return (t) => mix(from, to, t);
  };
  const { scenery } = scene;
  return {
    sky: [cast(mood.sky[0], sky, 0.85), cast(mood.sky[1], sky, 0.7), cast(mood.sky[2], sky, 0.4)],
    ridge: pair(mood.ridge, scenery.get('mountains') ?? second),
    ground: pair(mood.ground, scenery.get('hills') ?? scenery.get('forest') ?? scenery.get('desert') ?? second),
    water: pair(mood.water, scenery.get('sea') ?? second),
    light: scenery.get('sun') ?? scenery.get('moon') ?? mood.light,
    accent: first ?? scene.subjects[0]?.colour ?? at(0.68, 0.19, (35 + turn * 4 + 360) % 360),
    thing: things(scene, random),
    dark: mood.dark,
  };
}

/** Colours of a picture without a landscape: one hue, or those of the prompt, from light to dark. */
export function studioPalette(scene: SceneWords, random: Random): Palette {
  const own = scene.subjects.find(({ colour }) => colour)?.colour;
  const patternColour = [...scene.patterns.values()].find((colour) => colour !== undefined);
  const chance = at(0.62, random.between(0.12, 0.17), random.between(0, 360));
  const [first = own ?? patternColour ?? chance, second] = scene.colours;
  const dark = scene.time === 'night' || (scene.background ? scene.background.l < 0.5 : first.l < 0.12);
  // A hue that was asked for stays; one of chance may wander.
  const asked = first !== chance;
  const partner = second ?? { ...first, h: (first.h + random.pick(asked ? [-14, 12] : [-42, 34, 50]) + 360) % 360 };
  const tint = (l: number, c: number): Colour =>
    ({ l: dark ? Math.max(0.12, l - 0.68) : l, c: first.c < 0.03 ? first.c : Math.min(first.c, c), h: first.h });
  const ground = scene.background;
  const sky: Palette['sky'] = ground
    ? [shade(ground, ground.l < 0.5 ? 0.05 : 0), ground, shade(ground, ground.l < 0.5 ? -0.01 : -0.035)]
    : [tint(0.95, 0.045), tint(0.9, 0.075), tint(0.82, 0.12)];
  const light = shade({ ...first, c: first.c * 0.75 }, Math.max(0.12, 0.82 - first.l));
  const deep = second ?? shade({ ...partner, c: partner.c * 0.9 }, Math.min(-0.14, 0.36 - partner.l));
  const ramp = (t: number): Colour => (t < 0.5 ? mix(light, first, t * 2) : mix(first, deep, t * 2 - 1));
  return {
    sky,
    ridge: ramp,
    ground: ramp,
    water: ramp,
    light: tint(0.97, 0.05),
    accent: first,
    thing: things(scene, random, first),
    dark,
  };
}

function things(scene: SceneWords, random: Random, base?: Colour): (index: number) => Colour {
  const start = random.between(0, 360);
  const chosen = scene.colours;
  return (index) => {
    const colour = chosen.length > 0 ? chosen[index % chosen.length] : undefined;
    if (colour) return colour;
    if (index === 0 && base) return base;
    return at(0.66, 0.18, (start + index * 137.5) % 360);
  };
}
