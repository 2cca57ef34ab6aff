/** One side of a figure. Every run is kept, in the order in which it was made. */
export interface Sample {
  runs: number[];
  median: number;
  p10: number;
  p90: number;
}

/** What a figure should reach: at most or at least so much. */
export interface Aim {
  is: 'most' | 'least';
  value: number;
}

export interface Figure {
  what: string;
  /** Of the samples. */
  unit: string;
  ours: Sample;
  baseline?: Sample;
  /** What is compared with the aim: the ratio of the medians, or our median where there is nothing to divide by. */
  value: number;
  aim?: Aim;
  /** What a reader must know to read the number. */
  notes?: string[];
  /** Share of the machine, 0 to 1, that others took right before and right after. */
  others?: number;
}

export interface Rounds {
  /** Runs of each side before anything counts. */
  warm: number;
  /** Turns of each side. */
  turns: number;
  /** Runs in one turn, one after the other: a server that slows down under steady use is measured as it is used. */
  runs: number;
}

export interface Comparison {
  what: string;
  unit: string;
  aim?: Aim;
  rounds: Rounds;
  /** One run; gives its number in `unit`. */
  ours: () => Promise<number>;
  baseline: () => Promise<number>;
  notes?: string[];
}

/** Both sides in turn, so that what the machine does meanwhile hits both alike. */
export async function compare({ what, unit, aim, rounds, ours, baseline, notes }: Comparison): Promise<Figure> {
  const { warm, turns, runs } = rounds;
  for (const side of [ours, baseline]) await inSequence(side, warm);
  const ourRuns: number[] = [];
  const baselineRuns: number[] = [];
  for (let turn = 0; turn < turns; turn += 1) {
    ourRuns.push(...(await inSequence(ours, runs)));
    baselineRuns.push(...(await inSequence(baseline, runs)));
    if (process.stderr.isTTY) process.stderr.write(`\r${what}: ${turn + 1}/${turns} `);
  }
  if (process.stderr.isTTY) process.stderr.write('\n');
  return figure({ what, unit, aim, notes, ours: ourRuns, baseline: baselineRuns });
}

/** A figure of runs that were made already. */
export function figure(given: Pick<Figure, 'what' | 'unit' | 'aim' | 'notes'> & { ours: number[]; baseline?: number[] }): Figure {
  const { what, unit, aim, notes } = given;
  const ours = sample(given.ours);
  const baseline = given.baseline && sample(given.baseline);
  const value = baseline ? Math.round((ours.median / baseline.median) * 100) / 100 : ours.median;
  return { what, unit, ours, ...(baseline ? { baseline } : {}), value, ...(aim ? { aim } : {}), ...(notes ? { notes } : {}) };
}

export async function inSequence(side: () => Promise<number>, runs: number): Promise<number[]> {
  const times: number[] = [];
  for (let run = 0; run < runs; run += 1) times.push(await side());
  return times;
}

/** Milliseconds. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

export function isMet({ value, aim }: Figure): boolean | undefined {
  if (!aim) return undefined;
  return aim.is === 'most' ? value <= aim.value : value >= aim.value;
}

function sample(runs: number[]): Sample {
  const sorted = [...runs].sort((x, y) => x - y);
  const at = (part: number): number => round1(sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0);
  return { runs: runs.map(round1), median: at(0.5), p10: at(0.1), p90: at(0.9) };
}

function round1(value: number): number {
  return Math.round(value * 10) / 10;
}
