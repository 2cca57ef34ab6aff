import { cpus, totalmem } from 'node:os';

export interface Sample {
  /** Milliseconds of each run, in order. */
  runs: number[];
  median: number;
  p10: number;
  p90: number;
}

export interface Row {
  what: string;
  ours: Sample;
  baseline: Sample;
  ratio: number;
  aim: number;
}

export interface Rounds {
  /** Runs of each side before anything counts. */
  warm: number;
  /** Turns of each side. */
  turns: number;
  /** Runs in one turn, one after the other: a server that slows down under steady use is measured as it is used. */
  runs: number;
}

/** Both sides in turn, so that what the machine does meanwhile hits both alike. */
export async function compare(
  what: string,
  aim: number,
  { warm, turns, runs }: Rounds,
  ours: () => Promise<number>,
  baseline: () => Promise<number>,
): Promise<Row> {
  for (const side of [ours, baseline]) await inSequence(side, warm);
  const ourRuns: number[] = [];
  const baselineRuns: number[] = [];
  for (let turn = 0; turn < turns; turn += 1) {
    ourRuns.push(...(await inSequence(ours, runs)));
    baselineRuns.push(...(await inSequence(baseline, runs)));
    if (process.stderr.isTTY) process.stderr.write(`\r${what}: ${turn + 1}/${turns} `);
  }
  if (process.stderr.isTTY) process.stderr.write('\n');
  const [a, b] = [sample(ourRuns), sample(baselineRuns)];
  return { what, ours: a, baseline: b, ratio: Math.round((a.median / b.median) * 100) / 100, aim };
}

async function inSequence(side: () => Promise<number>, runs: number): Promise<number[]> {
  const times: number[] = [];
  for (let run = 0; run < runs; run += 1) times.push(await side());
  return times;
}

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function sample(runs: number[]): Sample {
  const sorted = [...runs].sort((x, y) => x - y);
  const at = (part: number): number => round1(sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0);
  return { runs: runs.map(round1), median: at(0.5), p10: at(0.1), p90: at(0.9) };
}

function round1(value: number): number {
  return Math.round(value * 10) / 10;
}

export function machine(): Record<string, unknown> {
  return {
    cpus: cpus().length,
    cpu: cpus()[0]?.model,
    memory_gib: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
  };
}

/** The rows as an aligned table: medians with the 10th and 90th percentile in milliseconds. */
export function table(rows: Row[]): string {
  const cells = rows.map((row) => [
    row.what,
    spread(row.ours),
    spread(row.baseline),
    row.ratio.toFixed(2),
    row.aim.toFixed(2),
    row.ratio <= row.aim ? 'met' : 'MISSED',
  ]);
  const all = [['figure', 'ours ms (p10..p90)', 'baseline ms (p10..p90)', 'ratio', 'aim', ''], ...cells];
  const widths = (all[0] ?? []).map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  return all.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd()).join('\n');
}

function spread({ median, p10, p90 }: Sample): string {
  return `${median} (${p10}..${p90})`;
}
