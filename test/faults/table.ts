/** One row of the table that a run prints. */
export interface TableRow {
  fault: string;
  moment: string;
  pids: string;
  evidence: string;
  end: string;
  ledger: string;
  files: string;
  seconds: string;
  verdict: 'PASS' | 'FAIL';
}

const COLUMNS = ['verdict', 'fault', 'moment', 'pids', 'end', 'ledger', 'files', 'seconds', 'evidence'] as const;
const TITLES: Record<(typeof COLUMNS)[number], string> = {
  verdict: '',
  fault: 'fault',
  moment: 'moment',
  pids: 'pid',
  end: 'state at the end',
  ledger: 'ledger',
  files: 'half-written',
  seconds: 'seconds',
  evidence: 'seen from outside at the moment of the fault',
};

/** Aligned columns, one line a row. */
export function drawTable(rows: readonly TableRow[]): string {
  const lines = [TITLES, ...rows].map((row) => COLUMNS.map((column) => row[column].replaceAll(/\s+/g, ' ')));
  const widths = COLUMNS.map((_, index) => Math.max(...lines.map((line) => line[index]?.length ?? 0)));
  return lines.map((line) => line.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join('  ').trimEnd()).join('\n');
}
