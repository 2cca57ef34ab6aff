import { bytes, cut } from './present.js';

/** Of the text block: hosts cut longer ones, and a page of a list is read whole. */
export const MAX_LIST_BYTES = 30_000;

const SHORTEST_TITLE = 10;

/** One job; the fields that may give way by name. */
export type Row = Record<string, unknown> & { title?: string; path?: string };

/**
 * The answer with its rows, newest first, within the limit: titles give way evenly, then the paths of the oldest rows, whole and
 * with a note. What names a job is never cut.
 */
export function fitRows(rows: readonly Row[], answer: Record<string, unknown>): Record<string, unknown> {
  const { next_cursor, ...head } = answer;
  const whole = (kept: readonly Row[], characters: number, note?: string): Record<string, unknown> => ({
    ...head,
    jobs: kept.map((row) => shortened(row, characters)),
    ...(next_cursor !== undefined && { next_cursor }),
    ...(note !== undefined && { note }),
  });
  let kept = [...rows];
  let note: string | undefined;
  let left = 0;
  for (let last = rows.length - 1; last >= 0 && bytes(whole(kept, SHORTEST_TITLE, note)) > MAX_LIST_BYTES; last--) {
    if (kept[last]?.path === undefined) continue;
    left += 1;
    note = `the paths of the ${left} oldest of these jobs were left out; image_job_status has them`;
    kept = kept.map((row, index) => (index === last ? withoutPath(row) : row));
  }
  const longest = Math.max(0, ...rows.map(({ title = '' }) => title.length));
  for (let characters = longest; characters > SHORTEST_TITLE; characters--) {
    const answered = whole(kept, characters, note);
    if (bytes(answered) <= MAX_LIST_BYTES) return answered;
  }
  return whole(kept, SHORTEST_TITLE, note);
}

function shortened(row: Row, characters: number): Row {
  return row.title === undefined ? row : { ...row, title: cut(row.title, characters) };
}

function withoutPath(row: Row): Row {
  const { path: _, ...rest } = row;
  return rest;
}
