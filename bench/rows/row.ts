import type { Figure, Rounds } from '../measure.js';

/** One line, or a few that belong together, of the table. */
export interface Row {
  /** For --only. */
  name: string;
  measure(run: Run): Promise<Figure[]>;
}

export interface Run {
  /** A look in seconds; its numbers say little. */
  quick: boolean;
}

/** Each run alone, the sides in turn. */
export function single({ quick }: Run): Rounds {
  return quick ? { warm: 1, turns: 5, runs: 1 } : { warm: 5, turns: 40, runs: 1 };
}

/** Twenty runs in a row: a server that slows down under steady use is measured as it is used. */
export function steady({ quick }: Run): Rounds {
  return quick ? { warm: 5, turns: 1, runs: 15 } : { warm: 10, turns: 4, runs: 20 };
}
