/**
 * npm run bench [-- --only ROW,ROW] [--quick]: what the product costs over raw Temporal and a bare MCP server, as ratios in one
 * run. Baselines have as many processes: a stdio server, a Temporal server, a worker. Prints a table and writes all runs to bench/results/.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { machine, othersShare } from './machine.js';
import type { Figure } from './measure.js';
import { ROOT } from './processes.js';
import { ROWS } from './rows/index.js';
import { table } from './table.js';

const { values } = parseArgs({ options: { only: { type: 'string' }, quick: { type: 'boolean', default: false } } });
const names = values.only?.split(',') ?? ROWS.map(({ name }) => name);
const unknown = names.filter((name) => !ROWS.some((row) => row.name === name));
if (unknown.length > 0) {
  process.stderr.write(`There is no row ${unknown.join(', ')}; rows: ${ROWS.map(({ name }) => name).join(', ')}\n`);
  process.exit(2);
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

const at = new Date();
const before = machine();
const figures: (Figure & { row: string; seconds: number })[] = [];
const failures: { row: string; error: string }[] = [];
for (const row of ROWS.filter(({ name }) => names.includes(name))) {
  process.stderr.write(`${row.name} …\n`);
  const start = performance.now();
  const others = await othersShare();
  try {
    const measured = await row.measure({ quick: values.quick });
    const worst = Math.max(others, await othersShare());
    const seconds = Math.round((performance.now() - start) / 1000);
    figures.push(...measured.map((figure) => ({ row: row.name, ...figure, others: worst, seconds })));
  } catch (error) {
    // One row that cannot be measured does not take the others' figures with it.
    failures.push({ row: row.name, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}

const results = join(ROOT, 'bench/results');
await mkdir(results, { recursive: true });
const file = join(results, `${at.toISOString().replaceAll(':', '-')}.json`);
const whole = { at: at.toISOString(), minutes: Math.round((Date.now() - at.getTime()) / 6000) / 10, machine: before, quick: values.quick, figures, failures };
await writeFile(file, `${JSON.stringify(whole, null, 2)}\n`);
process.stdout.write(`${table(figures)}\n`);
for (const { row, error } of failures) process.stdout.write(`FAILED ${row}: ${error}\n`);
process.stdout.write(`all runs: ${file}\n`);
process.exit(failures.length > 0 ? 1 : 0);
