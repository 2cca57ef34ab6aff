/**
 * Which characters stand where, for a caption of one paragraph: enough of right-to-left writing to be readable
 * (runs in order, letters of Arabic joined by Unicode's presentation forms), not the whole bidirectional algorithm.
 */

const RIGHT_TO_LEFT = /^[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;
const LEFT_TO_RIGHT = /^[\p{L}\p{Nd}]/u;
const MARK = /^\p{M}/u;
const MIRRORED = new Map(Array.from('()[]{}<>«»').map((character, index, all) => [character, all[index ^ 1] ?? character]));

type Direction = 'left' | 'right';

function directionOf(cluster: string): Direction | undefined {
  if (RIGHT_TO_LEFT.test(cluster)) return 'right';
  return LEFT_TO_RIGHT.test(cluster) ? 'left' : undefined;
}

/** The side at which the paragraph begins: that of its first letter. */
export function writesRightToLeft(text: string): boolean {
  for (const character of text) {
    if (/\p{L}/u.test(character)) return RIGHT_TO_LEFT.test(character);
  }
  return false;
}

/** The characters of one line as they stand from left to right. */
export function visualOrder(line: string, rightToLeft: boolean): string[] {
  const clusters = clustersOf(joinArabic(line));
  const own = clusters.map(directionOf);
  if (!rightToLeft && !own.includes('right')) return clusters.flatMap((cluster) => Array.from(cluster));
  const base: Direction = rightToLeft ? 'right' : 'left';
  const runs: { direction: Direction; clusters: string[] }[] = [];
  for (const [index, cluster] of clusters.entries()) {
    const direction = own[index] ?? between(own, index, base);
    const run = runs.at(-1);
    if (run?.direction === direction) run.clusters.push(cluster);
    else runs.push({ direction, clusters: [cluster] });
  }
  if (rightToLeft) runs.reverse();
  return runs.flatMap((run) => {
    if (run.direction === 'left') return run.clusters.flatMap((cluster) => Array.from(cluster));
    return run.clusters.toReversed().flatMap((cluster) => Array.from(MIRRORED.get(cluster) ?? cluster));
  });
}

/** Spaces and signs belong to their neighbours where those agree, else to the paragraph. */
function between(own: readonly (Direction | undefined)[], index: number, base: Direction): Direction {
  const before = own.slice(0, index).findLast((direction) => direction !== undefined) ?? base;
  const after = own.slice(index + 1).find((direction) => direction !== undefined) ?? base;
  return before === after ? before : base;
}

/** A letter and its marks stay together when a run is turned round. */
function clustersOf(text: string): string[] {
  const clusters: string[] = [];
  for (const character of text) {
    if (MARK.test(character) && clusters.length > 0) clusters.push((clusters.pop() ?? '') + character);
    else clusters.push(character);
  }
  return clusters;
}

/** Isolated, final, initial and medial form of each Arabic letter, as Unicode decomposes them (U+FE80 to U+FEF4). */
const FORMS = new Map<string, string[]>();
for (let code = 0xfe80; code <= 0xfef4; code += 1) {
  const form = String.fromCharCode(code);
  const letter = form.normalize('NFKC');
  FORMS.set(letter, [...(FORMS.get(letter) ?? []), form]);
}

function joinArabic(text: string): string {
  const characters = Array.from(text);
  const neighbour = (from: number, step: 1 | -1): string[] => {
    let index = from + step;
    while (MARK.test(characters[index] ?? '')) index += step;
    return FORMS.get(characters[index] ?? '') ?? [];
  };
  return characters
    .map((character, index) => {
      const forms = FORMS.get(character);
      if (!forms) return character;
      const joinsBefore = forms.length > 1 && neighbour(index, -1).length === 4;
      const joinsAfter = forms.length === 4 && neighbour(index, 1).length > 1;
      return forms[(joinsBefore ? 1 : 0) + (joinsAfter ? 2 : 0)] ?? character;
    })
    .join('');
}
