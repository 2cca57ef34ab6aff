import { distance } from 'fastest-levenshtein';

/** The known name that was probably meant; undefined when none is near. Upper and lower case count as the same. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  let best: { name: string; away: number } | undefined;
  for (const candidate of known) {
    const away = distance(name.toUpperCase(), candidate.toUpperCase());
    if (away <= Math.max(1, Math.min(3, Math.floor(candidate.length / 5))) && (!best || away < best.away)) best = { name: candidate, away };
  }
  return best?.name;
}
