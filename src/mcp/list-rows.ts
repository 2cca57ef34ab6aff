import { bytes } from './present.js';

/** Of the text block: hosts cut longer ones, and a page of a list is read whole. */
export const MAX_LIST_BYTES = 30_000;

const LONGEST_TITLE = 60;
const SHORTEST_TITLE = 10;

type Row = Record<string, unknown> & { title?: string; path?: string };

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
  for (let characters = LONGEST_TITLE; characters > SHORTEST_TITLE; characters--) {
    const answered = whole(kept, characters, note);
    if (bytes(answered) <= MAX_LIST_BYTES) return answered;
  }
  return whole(kept, SHORTEST_TITLE, note);
}

/** By code points: half of one would be no text. */
function shortened(row: Row, characters: number): Row {
  const title = [...(row.title ?? '')];
  return title.length <= characters ? row : { ...row, title: `${title.slice(0, characters - 1).join('')}…` };
}

function withoutPath({ path: _, ...row }: Row): Row {
  return row;
}
