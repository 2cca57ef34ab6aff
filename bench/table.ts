import { MUCH } from './machine.js';
import { isMet, type Figure, type Sample } from './measure.js';

/** The figures as an aligned table: medians with the 10th and 90th percentile, then the notes. */
export function table(figures: Figure[]): string {
  const head = ['figure', 'unit', 'ours (p10..p90)', 'baseline (p10..p90)', 'value', 'aim', ''];
  const rows = [head, ...figures.map(cells)];
  const widths = head.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const lines = rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd());
  const notes = figures.flatMap(({ what, notes: said = [] }) => said.map((note) => `- ${what}: ${note}`));
  return [...lines, ...(notes.length > 0 ? ['', ...notes] : [])].join('\n');
}

function cells(figure: Figure): string[] {
  const { what, unit, ours, baseline, value, aim } = figure;
  const met = isMet(figure);
  const verdict = met === undefined ? '' : met ? 'met' : 'MISSED';
  const busy = (figure.others ?? 0) > MUCH ? `others took ${Math.round((figure.others ?? 0) * 100)} % of the machine` : '';
  return [
    what,
    unit,
    spread(ours),
    baseline ? spread(baseline) : '',
    baseline ? value.toFixed(2) : String(value),
    aim ? `${aim.is === 'most' ? '<=' : '>='} ${aim.value}` : '',
    [verdict, busy].filter((word) => word !== '').join(', '),
  ];
}

function spread({ median, p10, p90 }: Sample): string {
  return p10 === median && p90 === median ? String(median) : `${median} (${p10}..${p90})`;
}
