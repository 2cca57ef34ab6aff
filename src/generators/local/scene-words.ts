import { COLOUR_WORDS, fromRgb, namedColour, SHADE_WORDS, type Colour } from './colour.js';

/** What the local preview can draw, and what it read in a prompt. */

export const SCENERY = [
  'sky',
  'space',
  'sun',
  'moon',
  'stars',
  'clouds',
  'rain',
  'snow',
  'mountains',
  'hills',
  'desert',
  'sea',
  'beach',
  'forest',
  'city',
] as const;
export type Scenery = (typeof SCENERY)[number];

export const PATTERNS = ['stripes', 'dots', 'grid', 'waves', 'gradient', 'checkers', 'rays', 'rings', 'confetti'] as const;
export type Pattern = (typeof PATTERNS)[number];

export const SUBJECTS = [
  'circle',
  'square',
  'triangle',
  'star',
  'hexagon',
  'diamond',
  'heart',
  'kite',
  'balloon',
  'bird',
  'rocket',
  'house',
  'tree',
  'flower',
  'boat',
  'fish',
  'cat',
  'cup',
  'robot',
  'lighthouse',
] as const;
export type Subject = (typeof SUBJECTS)[number];

export type Time = 'day' | 'sunset' | 'dawn' | 'night' | 'storm' | 'winter' | 'autumn';

type Meaning =
  | { type: 'scenery'; name: Scenery }
  | { type: 'pattern'; name: Pattern }
  | { type: 'subject'; name: Subject }
  | { type: 'time'; name: Time }
  | { type: 'ground' };

/** Other words for the same thing; plurals are found without being listed. */
const OTHER_WORDS: Readonly<Record<string, string>> = {
  sunny: 'sun',
  sunshine: 'sun',
  moonlight: 'moon',
  moonlit: 'moon',
  starry: 'stars',
  galaxy: 'space',
  universe: 'space',
  cosmos: 'space',
  cloudy: 'clouds',
  rainy: 'rain',
  snowy: 'snow',
  mountain: 'mountains',
  alps: 'mountains',
  peak: 'mountains',
  hill: 'hills',
  hillside: 'hills',
  meadow: 'hills',
  field: 'hills',
  valley: 'hills',
  landscape: 'hills',
  countryside: 'hills',
  dune: 'desert',
  ocean: 'sea',
  lake: 'sea',
  river: 'sea',
  seascape: 'sea',
  water: 'sea',
  harbour: 'sea',
  harbor: 'sea',
  coast: 'beach',
  shore: 'beach',
  woods: 'forest',
  woodland: 'forest',
  jungle: 'forest',
  town: 'city',
  skyline: 'city',
  cityscape: 'city',
  skyscraper: 'city',
  striped: 'stripes',
  dotted: 'dots',
  polka: 'dots',
  mesh: 'grid',
  wavy: 'waves',
  ripple: 'waves',
  checkered: 'checkers',
  chequered: 'checkers',
  checkerboard: 'checkers',
  chessboard: 'checkers',
  beam: 'rays',
  burst: 'rays',
  concentric: 'rings',
  target: 'rings',
  party: 'confetti',
  disc: 'circle',
  ball: 'circle',
  dot: 'dots',
  box: 'square',
  cube: 'square',
  pyramid: 'triangle',
  rhombus: 'diamond',
  gem: 'diamond',
  love: 'heart',
  airship: 'balloon',
  eagle: 'bird',
  seagull: 'bird',
  gull: 'bird',
  spaceship: 'rocket',
  home: 'house',
  cottage: 'house',
  cabin: 'house',
  hut: 'house',
  pine: 'tree',
  oak: 'tree',
  rose: 'flower',
  tulip: 'flower',
  daisy: 'flower',
  sunflower: 'flower',
  ship: 'boat',
  sailboat: 'boat',
  yacht: 'boat',
  goldfish: 'fish',
  kitten: 'cat',
  mug: 'cup',
  coffee: 'cup',
  tea: 'cup',
  android: 'robot',
};

const TIME_WORDS: Readonly<Record<string, Time>> = {
  day: 'day',
  noon: 'day',
  summer: 'day',
  spring: 'day',
  sunset: 'sunset',
  dusk: 'sunset',
  evening: 'sunset',
  twilight: 'sunset',
  dawn: 'dawn',
  sunrise: 'dawn',
  morning: 'dawn',
  night: 'night',
  midnight: 'night',
  nightscape: 'night',
  storm: 'storm',
  stormy: 'storm',
  thunderstorm: 'storm',
  fog: 'storm',
  foggy: 'storm',
  misty: 'storm',
  winter: 'winter',
  autumn: 'autumn',
  fall: 'autumn',
};

const NUMBERS = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten', 'eleven', 'twelve'];
const MOST_OF_A_SUBJECT = 12;

export interface FoundSubject {
  name: Subject;
  count: number;
  colour?: Colour;
}

export interface SceneWords {
  subjects: FoundSubject[];
  scenery: Map<Scenery, Colour | undefined>;
  patterns: Map<Pattern, Colour | undefined>;
  time?: Time;
  /** Colours of the whole picture, in the order of the prompt. */
  colours: Colour[];
  /** "on a white background". */
  background?: Colour;
  /** Every word that shapes the picture, once each. */
  understood: string[];
}

function meaningOf(word: string): Meaning | undefined {
  const forms = [word, word.replace(/s$/, ''), word.replace(/es$/, ''), `${word}s`];
  for (const form of forms) {
    const time = ownValue(TIME_WORDS, form);
    if (time) return { type: 'time', name: time };
    const name = ownValue(OTHER_WORDS, form) ?? form;
    const found =
      named('scenery', SCENERY, name) ?? named('pattern', PATTERNS, name) ?? named('subject', SUBJECTS, name);
    // "a star" is a thing, "stars" are a sky; "dots" are a pattern in either form.
    if (found && !(form !== word && form === `${word}s` && found.name === 'stars')) return found;
  }
  return word === 'background' || word === 'backdrop' ? { type: 'ground' } : undefined;
}

function named<T extends 'scenery' | 'pattern' | 'subject', N extends string>(
  type: T,
  names: readonly N[],
  name: string,
): { type: T; name: N } | undefined {
  const match = names.find((candidate) => candidate === name);
  return match === undefined ? undefined : { type, name: match };
}

function ownValue<V>(table: Readonly<Record<string, V>>, key: string): V | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}

/** How many words a colour or a number may stand before the thing that it belongs to: "a red paper kite". */
const REACH = 2;

/** Reads the words of a prompt. A colour belongs to the thing that follows it closely, else to the whole picture. */
export function readScene(prompt: string): SceneWords {
  const words = prompt
    .slice(0, 4000)
    .toLowerCase()
    .match(/[\p{L}\p{N}]+/gu) ?? [];
  const found: SceneWords = { subjects: [], scenery: new Map(), patterns: new Map(), colours: [], understood: [] };
  let colour: { value: Colour; at: number } | undefined;
  let count: { value: number; at: number } | undefined;
  const release = (): void => {
    if (colour) found.colours.push(colour.value);
    colour = undefined;
  };
  for (const [at, word] of words.entries()) {
    if (colour && at - colour.at > REACH) release();
    const before = words[at - 1] ?? '';
    const rgb = COLOUR_WORDS.includes(word)
      ? namedColour(SHADE_WORDS.includes(before) ? `${before} ${word}` : word)
      : undefined;
    const meaning = rgb ? undefined : meaningOf(word);
    if (rgb || meaning) note(found, word);
    if (rgb) {
      release();
      colour = { value: fromRgb(rgb), at };
    } else if (meaning?.type === 'time') found.time ??= meaning.name;
    else if (meaning) {
      const own = colour?.value;
      colour = undefined;
      const asked = count && at - count.at <= REACH + 1 ? count.value : undefined;
      count = undefined;
      place(found, meaning, own, asked ?? (word.endsWith('s') ? 3 : 1));
    } else {
      const number = /^\d{1,2}$/.test(word) ? Number(word) : NUMBERS.indexOf(word);
      if (number > 0) count = { value: Math.min(number, MOST_OF_A_SUBJECT), at };
    }
  }
  release();
  return found;
}

function place(found: SceneWords, meaning: Exclude<Meaning, { type: 'time' }>, own: Colour | undefined, count: number): void {
  if (meaning.type === 'ground') {
    if (own) found.background = own;
  } else if (meaning.type === 'scenery') {
    if (meaning.name === 'sky' && own) found.background = own;
    found.scenery.set(meaning.name, own ?? found.scenery.get(meaning.name));
  } else if (meaning.type === 'pattern') {
    found.patterns.set(meaning.name, own ?? found.patterns.get(meaning.name));
  } else if (found.subjects.length < 6) {
    const same = found.subjects.find(({ name }) => name === meaning.name);
    // "polka dots on a cup, a blue cup": the same thing twice is one thing, unless it has another colour.
    if (same && (own === undefined || same.colour === undefined)) {
      if (own) same.colour = own;
    } else found.subjects.push({ name: meaning.name, count, ...(own ? { colour: own } : {}) });
  }
}

function note(found: SceneWords, word: string): void {
  if (!found.understood.includes(word)) found.understood.push(word);
}
