import { worstFirst, type Finding, type Level } from '../doctor/finding.js';
import type { AreaFindings } from '../doctor/run-checks.js';
import { VERSION } from '../version.js';
import { print, printJson } from './output.js';
import { plain } from './plain.js';

const LEVEL_WIDTH = 'warning'.length + 2;

/** All findings by area; what needs doing again at the end, the worst first, with its remedies. */
export function report(areas: readonly AreaFindings[], json: boolean): void {
  const all = areas.flatMap(({ findings }) => findings);
  const bad = worstFirst(all.filter(({ level }) => level !== 'ok'));
  if (json) {
    printJson({ ok: !bad.some(({ level }) => level === 'error'), version: VERSION, findings: worstFirst(all) });
    return;
  }
  for (const { area, findings } of areas) {
    if (findings.length === 0) continue;
    print(area);
    for (const finding of findings) print(`  ${line(finding)}`);
    print('');
  }
  print(summary(bad));
  for (const finding of bad) {
    print('');
    print(line(finding));
    if (finding.remedy !== undefined) print(`${' '.repeat(LEVEL_WIDTH)}${plain(finding.remedy)}`);
  }
}

function line({ level, id, message }: Finding): string {
  return `${level.padEnd(LEVEL_WIDTH)}${id}: ${plain(message)}`;
}

function summary(bad: readonly Finding[]): string {
  const count = (wanted: Level): number => bad.filter(({ level }) => level === wanted).length;
  const [errors, warnings] = [count('error'), count('warning')];
  if (errors + warnings === 0) return 'Everything is in order.';
  const words = [errors > 0 && inWords(errors, 'error'), warnings > 0 && inWords(warnings, 'warning')].filter((text) => text !== false);
  return `${words.join(', ')}. What to do:`;
}

function inWords(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
