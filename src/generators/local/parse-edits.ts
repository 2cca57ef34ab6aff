import { COLOUR_WORDS, namedColour, SHADE_WORDS } from './colour.js';
import type { Edit } from './edit.js';

/** What a prompt asks for, in the order in which it stands there, and the passages that mean nothing to the local preview. */
export interface ParsedEdits {
  edits: Edit[];
  unknown: string[];
  /** Operations beyond the limit of MOST_EDITS. */
  dropped: number;
}

const MOST_EDITS = 20;

type Groups = Record<string, string | undefined>;
interface Rule {
  pattern: RegExp;
  /** Undefined: the words look like this operation but do not make one. */
  read: (groups: Groups) => Edit | undefined;
}

const IT = '(?:\\s+(?:it|this|the\\s+(?:whole\\s+|entire\\s+)?(?:image|picture|photo|photograph|result)|everything))?';
const TO = '(?:\\s+(?:to|by|at|with|of|from|in))?(?:\\s+(?:a|an|the|its))?';
const NUMBER = '\\d{1,5}(?:\\.\\d{1,3})?';
const PX = '\\s*(?:px|pixels?)';
const SIZE = `(?<w>\\d{1,5})(?:${PX})?\\s*(?:[x×*]|by)\\s*(?<h>\\d{1,5})(?:${PX})?`;
const COLOUR = `#[0-9a-f]{6}|(?:(?:${SHADE_WORDS.join('|')})[\\s-]+)?(?:${COLOUR_WORDS.join('|')})`;
const DEGREE = '(?:(?<much>much|a\\s+lot|strongly|heavily|very)\\s+|(?<little>slightly|a\\s+(?:bit|little)|a\\s+touch|subtly|somewhat)\\s+)?';
const BY = `(?:\\s+(?:by\\s+)?(?<amount>[+-]?${NUMBER})\\s*(?<percent>%|percent)?|\\s+(?<after>slightly|a\\s+(?:bit|little)|a\\s+lot|strongly|much))?`;
/** Of bounded length, so that a mark without its partner does not make the reading of a long prompt slow. */
const QUOTED = '"(?<q1>[^"]{0,1200})"|“(?<q2>[^”]{0,1200})”|«(?<q3>[^»]{0,1200})»|‘(?<q4>[^’]{0,1200})’|\'(?<q5>(?:[^\']|\'(?=\\p{L})){0,1200})\'|`(?<q6>[^`]{0,1200})`';

/** The patterns stand at one place of the prompt each (sticky); the first that fits wins. */
const rule = (pattern: string, read: Rule['read']): Rule => ({
  pattern: new RegExp(`(?:${pattern})(?![\\p{L}\\p{N}])`, 'iuy'),
  read,
});

/**
 * A prompt is anyone's text, so no pattern may read the same characters in two ways: every repetition is bounded, and
 * between two runs of white space stands something that must be there.
 */
const CAPTION_RULES: readonly Rule[] = [
  {
    pattern: new RegExp(
      `(?:(?:add|put|write|insert|with|draw)\\s+)?(?:(?:a|the|some)\\s+)?(?:caption|text|title|label|words|lettering|write|add)(?:\\s+(?:it|that\\s+says|saying|reading|says|which\\s+says|with|of|the\\s+text)){0,6}\\s*(?:[:=]\\s*)?(?:${QUOTED})`,
      'iuy',
    ),
    read: ({ q1, q2, q3, q4, q5, q6 }) => captionOf(q1 ?? q2 ?? q3 ?? q4 ?? q5 ?? q6 ?? ''),
  },
  {
    pattern: /(?:(?:add|put)\s+)?(?:(?:a|the)\s+)?(?:caption|text|title|label)\s*:\s*(?<rest>[^\n"“«]+)/iuy,
    read: ({ rest }) => captionOf(rest ?? ''),
  },
];

function captionOf(text: string): Edit | undefined {
  return text.trim() === '' ? undefined : { type: 'caption', text: text.trim() };
}

const RULES: readonly Rule[] = [
  ...CAPTION_RULES,
  rule(`crop(?:ped)?${IT}${TO}\\s+${SIZE}`, ({ w, h }) => cropTo(Number(w), Number(h))),
  rule(`crop(?:ped)?${IT}${TO}\\s+(?<a>${NUMBER})\\s*:\\s*(?<b>${NUMBER})`, ({ a, b }) => cropRatio(Number(a), Number(b))),
  rule(`crop(?:ped)?${IT}${TO}\\s+(?:(?:cent(?:er|re)|middle)\\s+)?(?<p>${NUMBER})\\s*(?:%|percent)`, ({ p }) => cropPart(Number(p) / 100)),
  rule(`crop(?:ped)?${IT}${TO}\\s+(?:(?:cent(?:er|re)(?:ed)?|middle)\\s+)?square`, () => ({ type: 'crop', to: { ratio: 1, name: 'a square' } })),
  rule(`square\\s+crop`, () => ({ type: 'crop', to: { ratio: 1, name: 'a square' } })),
  rule(`crop(?:ped)?${IT}${TO}\\s+(?<side>left|right|top|bottom)(?:\\s+half)?`, ({ side }) => cropHalf(side)),
  rule(`crop(?:ped)?${IT}${TO}\\s+(?:cent(?:er|re)|middle)|cent(?:er|re)\\s+crop`, () => cropPart(0.5)),

  rule(`(?:resized?|scaled?|shrink|enlarge|upscale|downscale|resample)${IT}(?:\\s+(?:up|down))?${TO}\\s+${SIZE}`, ({ w, h }) => resizeTo(Number(w), Number(h))),
  rule(`(?:resized?|scaled?|shrink|enlarge|upscale|downscale)${IT}(?:\\s+(?:up|down))?${TO}\\s+(?<p>${NUMBER})\\s*(?:%|percent)`, ({ p }) => resizePart(Number(p) / 100)),
  rule(`(?:resized?|scaled?|shrink|enlarge|upscale|downscale)${IT}(?:\\s+(?:up|down))?${TO}\\s+(?:(?<w1>\\d{1,5})(?:${PX})?\\s*wide|width\\s+(?:of\\s+)?(?<w2>\\d{1,5})(?:${PX})?)`, ({ w1, w2 }) => resizeEdge('width', Number(w1 ?? w2))),
  rule(`(?:resized?|scaled?|shrink|enlarge|upscale|downscale)${IT}(?:\\s+(?:up|down))?${TO}\\s+(?:(?<h1>\\d{1,5})(?:${PX})?\\s*(?:high|tall)|height\\s+(?:of\\s+)?(?<h2>\\d{1,5})(?:${PX})?)`, ({ h1, h2 }) => resizeEdge('height', Number(h1 ?? h2))),
  rule(`(?:resized?|scaled?|enlarge|upscale)${IT}(?:\\s+up)?(?:\\s+(?:to|by))?\\s+(?<f>${NUMBER})\\s*[x×]`, ({ f }) => resizePart(Number(f))),
  rule(`(?:(?:resized?|scaled?|shrink|downscale)${IT}(?:\\s+(?:down))?${TO}\\s+)?half(?:\\s+(?:the|its|of\\s+(?:the|its)))?(?:\\s+(?:original|size))+|(?:shrink|scale)${IT}\\s+(?:to|by)\\s+half`, () => resizePart(0.5)),
  rule(`(?:(?:resized?|scaled?|enlarge|upscale)${IT}${TO}\\s+)?(?:double|twice)(?:\\s+(?:the|its))?(?:\\s+(?:original|size))+`, () => resizePart(2)),

  rule(`(?:rotated?|turn(?:ed)?)${IT}(?:\\s+by)?\\s+(?<n>-?${NUMBER})\\s*(?:°|degrees?|deg)?(?:\\s+(?:to\\s+the\\s+)?(?<way>clockwise|counter[\\s-]?clockwise|anti[\\s-]?clockwise|ccw|cw|left|right))?`, ({ n, way }) => rotate(Number(n), way)),
  rule(`(?:rotated?|turn(?:ed)?)${IT}(?:\\s+to\\s+the)?\\s+(?<way>counter[\\s-]?clockwise|anti[\\s-]?clockwise|clockwise|left|right)(?:\\s+by)?(?:\\s+(?<n>${NUMBER})\\s*(?:°|degrees?|deg)?)?`, ({ n, way }) => rotate(Number(n ?? 90), way)),
  rule(`(?:rotated?|turn(?:ed)?|flip(?:ped)?)${IT}\\s+upside\\s+down|upside\\s+down`, () => ({ type: 'rotate', degrees: 180 })),

  rule(`(?:flip(?:ped)?|mirror(?:ed)?)${IT}(?:\\s+(?:it\\s+)?)?(?:vertical(?:ly)?|top\\s+to\\s+bottom|top[\\s-]bottom)|vertical\\s+(?:flip|mirror)`, () => ({ type: 'flip', direction: 'vertically' })),
  rule(`(?:flip(?:ped)?|mirror(?:ed)?)${IT}\\s+(?:horizontal(?:ly)?|left\\s+to\\s+right|left[\\s-]right|sideways)|horizontal\\s+(?:flip|mirror)|mirror(?:ed)?|flip(?:ped)?`, () => ({ type: 'flip', direction: 'horizontally' })),

  rule('gr[ae]y[\\s-]?scale|black[\\s-](?:and|&)[\\s-]white|black\\s*&\\s*white|b\\s?&\\s?w|monochrom(?:e|atic)', () => ({ type: 'grayscale' })),
  rule(`${DEGREE}desaturated?${IT}${BY}`, (groups) => (amounts(groups) ? change('saturation', -1, groups) : { type: 'grayscale' })),
  rule('sepia(?:\\s+ton(?:e|ed|ing))?', () => ({ type: 'sepia' })),
  rule(`invert(?:ed)?${IT}(?:\\s+(?:the\\s+)?colou?rs)?|negative`, () => ({ type: 'invert' })),

  rule(`${DEGREE}(?:(?:gaussian\\s+)?blur(?:red|ry|rier)?)${IT}(?:\\s+(?:with|by|of|at))?(?:\\s+(?:an?\\s+)?(?:radius|sigma|amount|strength)(?:\\s+of)?)?(?:\\s+(?<amount>${NUMBER})(?:${PX})?|\\s+(?<after>slightly|a\\s+(?:bit|little)|a\\s+lot|strongly|heavily|much))?`, (groups) => blur(groups)),
  rule(`${DEGREE}sharp(?:en(?:ed)?|er)${IT}(?:\\s+(?<after>slightly|a\\s+(?:bit|little)|a\\s+lot|strongly|much))?`, (groups) => ({ type: 'sharpen', strength: strengthOf(groups) })),

  ...adjustment('brightness', 'brighten(?:ed)?|brighter|lighten(?:ed)?|lighter', 'darken(?:ed)?|darker|dim(?:mer|med)?', 'brightness|exposure'),
  ...adjustment('contrast', 'contrastier', 'flatter', 'contrast'),
  ...adjustment('saturation', 'saturated?|more\\s+(?:saturated|colou?rful|vivid|vibrant)|vivid|vibrant', 'less\\s+(?:saturated|colou?rful|vivid|vibrant)', 'saturation|vibrance|colou?rfulness'),

  rule(`(?:(?:thick|thin|solid|plain|simple)\\s+)?(?:(?<n1>\\d{1,4})(?:${PX}|-pixel)?(?:\\s+(?:wide|thick))?\\s+)?(?<c1>${COLOUR})\\s+(?:border|frame)(?:\\s+(?:of|with|that\\s+is))?(?:\\s+(?<n2>\\d{1,4})(?:${PX})?(?:\\s+(?:wide|thick))?)?`, (groups) => border(groups)),
  rule(`(?:(?<n1>\\d{1,4})(?:${PX}|-pixel)?(?:\\s+(?:wide|thick))?\\s+)?(?:border|frame)(?:\\s+(?:of|with|in))?(?:\\s+(?<n2>\\d{1,4})(?:${PX})?)?(?:\\s+(?:in|of))?(?:\\s+(?<c1>${COLOUR}))?`, (groups) => border(groups)),

  rule(`(?:tint(?:ed)?|colou?ri[sz]ed?)${IT}${TO}\\s+(?<c1>${COLOUR})|(?<c2>${COLOUR})\\s+(?:tint|tone|hue)|make${IT}\\s+(?<c3>${COLOUR})(?!\\s+(?!and\\b|then\\b|but\\b|please\\b|now\\b)\\p{L})`, ({ c1, c2, c3 }) => tint(c1 ?? c2 ?? c3)),
];

function adjustment(type: 'brightness' | 'contrast' | 'saturation', up: string, down: string, noun: string): Rule[] {
  const the = '(?:\\s+(?:the|its|some|a\\s+bit\\s+of|a\\s+little))?';
  return [
    rule(`${DEGREE}(?:${up})${IT}${BY}`, (groups) => change(type, 1, groups)),
    rule(`${DEGREE}(?:${down})${IT}${BY}`, (groups) => change(type, -1, groups)),
    rule(`${DEGREE}(?:increase|more|higher|raise|boost|add|enhance|stronger)${the}\\s+(?:${noun})${BY}`, (groups) => change(type, 1, groups)),
    rule(`${DEGREE}(?:decrease|less|lower|reduce|weaker|drop)${the}\\s+(?:${noun})${BY}`, (groups) => change(type, -1, groups)),
    rule(`(?:high)\\s+(?:${noun})|(?:${noun})\\s+up`, (groups) => change(type, 1, groups)),
    rule(`(?:low)\\s+(?:${noun})|(?:${noun})\\s+down`, (groups) => change(type, -1, groups)),
    rule(`(?:${noun})(?:\\s+(?:by|of))?\\s*(?<amount>[+-]?${NUMBER})\\s*(?<percent>%|percent)?`, (groups) => change(type, 1, groups)),
  ];
}

function amounts(groups: Groups): boolean {
  return ['amount', 'much', 'little', 'after'].some((name) => groups[name] !== undefined);
}

/** 1 as a rule, less for "slightly", more for "a lot". */
function strengthOf({ much, little, after }: Groups): number {
  if (much !== undefined || /lot|strongly|heavily|much/i.test(after ?? '')) return 2.2;
  return little !== undefined || after !== undefined ? 0.45 : 1;
}

function change(type: 'brightness' | 'contrast' | 'saturation', sign: 1 | -1, groups: Groups): Edit {
  const usual = type === 'saturation' ? 0.4 : 0.25;
  const by = groups.amount === undefined ? usual * strengthOf(groups) : Number(groups.amount) / 100;
  return { type, factor: Math.min(10, Math.max(0, 1 + sign * by)) };
}

function blur(groups: Groups): Edit | undefined {
  if (groups.amount === undefined) return { type: 'blur', strength: strengthOf(groups) };
  const sigma = Number(groups.amount);
  return sigma === 0 ? undefined : { type: 'blur', sigma: Math.min(200, Math.max(0.3, sigma)), strength: 1 };
}

function cropRatio(a: number, b: number): Edit | undefined {
  return a > 0 && b > 0 ? { type: 'crop', to: { ratio: a / b, name: `${a}:${b}` } } : undefined;
}

function cropPart(part: number): Edit | undefined {
  return part > 0 && part <= 1 ? { type: 'crop', to: { part } } : undefined;
}

function cropHalf(side: string | undefined): Edit | undefined {
  const half = (['left', 'right', 'top', 'bottom'] as const).find((name) => name === side?.toLowerCase());
  return half && { type: 'crop', to: { half } };
}

function cropTo(width: number, height: number): Edit | undefined {
  return width > 0 && height > 0 ? { type: 'crop', to: { width, height } } : undefined;
}

function resizeTo(width: number, height: number): Edit | undefined {
  return width > 0 && height > 0 ? { type: 'resize', to: { width, height } } : undefined;
}

function resizeEdge(edge: 'width' | 'height', pixels: number): Edit | undefined {
  if (pixels === 0) return undefined;
  return { type: 'resize', to: edge === 'width' ? { width: pixels } : { height: pixels } };
}

function resizePart(part: number): Edit | undefined {
  return part > 0 ? { type: 'resize', to: { part } } : undefined;
}

function rotate(degrees: number, way: string | undefined): Edit {
  const back = /^(?:counter|anti|ccw|left)/i.test(way ?? '');
  return { type: 'rotate', degrees: (back ? -degrees : degrees) % 360 };
}

function tint(name: string | undefined): Edit | undefined {
  const colour = namedColour(name ?? '');
  return colour && name ? { type: 'tint', colour, name: name.toLowerCase() } : undefined;
}

function border({ n1, n2, c1 }: Groups): Edit | undefined {
  const name = (c1 ?? 'white').toLowerCase();
  const colour = namedColour(name);
  const pixels = n1 ?? n2;
  return colour && { type: 'border', colour, name, ...(pixels === undefined ? {} : { pixels: Number(pixels) }) };
}

/** Words that ask for nothing by themselves. */
const FILLERS = new Set(
  `a add also an and apply as at be but by can change convert could do effect everything filter finally first following for from give have
  i image images in into is it its just keep like look looking make me more my now of on onto operation operations out photo photograph
  photos picture pictures please put result so the them then this to turn turned up us use using version want we whole will with would you your
  add next last lastly afterwards after that color colour colors colours`.split(/\s+/),
);

/** Reads an edit prompt from left to right. */
export function parseEdits(prompt: string): ParsedEdits {
  const parsed: ParsedEdits = { edits: [], unknown: [], dropped: 0 };
  const space = /[^\p{L}\p{N}"“«‘'`#+-]+/uy;
  const word = /[\p{L}\p{N}]+(?:['’-][\p{L}\p{N}]+)*|./suy;
  let at = 0;
  let passage: { from: number; to: number; meant: boolean } | undefined;
  const closePassage = (): void => {
    if (passage?.meant === true) parsed.unknown.push(trimFillers(prompt.slice(passage.from, passage.to)));
    passage = undefined;
  };
  while (at < prompt.length) {
    space.lastIndex = at;
    const gap = space.exec(prompt);
    if (gap) {
      at = space.lastIndex;
      if (/[,.;:!?\n]/.test(gap[0])) closePassage();
      continue;
    }
    const found = ruleAt(prompt, at);
    if (found) {
      closePassage();
      if (parsed.edits.length < MOST_EDITS) parsed.edits.push(found.edit);
      else parsed.dropped += 1;
      at = found.end;
      continue;
    }
    word.lastIndex = at;
    const text = word.exec(prompt)?.[0] ?? '';
    const end = at + Math.max(1, text.length);
    const meant = /[\p{L}\p{N}]/u.test(text) && !FILLERS.has(text.toLowerCase());
    passage = passage ? { from: passage.from, to: end, meant: passage.meant || meant } : { from: at, to: end, meant };
    at = end;
  }
  closePassage();
  return parsed;
}

function ruleAt(prompt: string, at: number): { edit: Edit; end: number } | undefined {
  for (const { pattern, read } of RULES) {
    pattern.lastIndex = at;
    const match = pattern.exec(prompt);
    const edit = match && read(match.groups ?? {});
    if (edit) return { edit, end: pattern.lastIndex };
  }
  return undefined;
}

const BEFORE_A_WISH = new Set(['and', 'then', 'also', 'please', 'but', 'now', 'finally', 'it', 'to']);
const BEHIND_A_WISH = new Set(['and', 'then', 'also', 'please', 'with', 'to', 'a', 'the']);

/** "and then add a hat" is reported as "add a hat". Word by word: a pattern would be slow on a long row of such words. */
function trimFillers(passage: string): string {
  const words = passage.trim().split(/\s+/);
  let from = 0;
  let to = words.length;
  while (from < to - 1 && BEFORE_A_WISH.has((words[from] ?? '').toLowerCase())) from += 1;
  while (to > from + 1 && BEHIND_A_WISH.has((words[to - 1] ?? '').toLowerCase())) to -= 1;
  return words.slice(from, to).join(' ');
}
