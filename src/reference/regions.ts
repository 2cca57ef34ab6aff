import { commandsTable } from './commands-table.js';
import { accountsTable, settingsTable, temporalTable } from './settings-tables.js';
import { commonArguments, toolSections, toolsTable } from './tools-reference.js';

/** What is written into the documents between `<!-- generated NAME -->` and `<!-- end NAME -->`. */
const REGIONS: Readonly<Record<string, () => string>> = {
  commands: commandsTable,
  tools: toolsTable,
  'tool-sections': toolSections,
  'common-arguments': commonArguments,
  'settings-temporal': () => settingsTable('temporal'),
  'settings-temporal-more': temporalTable,
  'settings-folders': () => settingsTable('folders'),
  'settings-jobs': () => settingsTable('jobs'),
  'settings-references': () => settingsTable('references'),
  'settings-stack': () => settingsTable('stack'),
  'settings-worker': () => settingsTable('worker'),
  'settings-patience': () => settingsTable('patience'),
  'settings-accounts': accountsTable,
};

const REGION = /<!-- generated (\S+) -->\n(?:[\s\S]*?\n)?<!-- end \1 -->/g;
const MARK = /<!-- (?:generated|end) /g;

/** The document with every region as the code says it. Throws for a region that nothing generates, or that does not end. */
export function withRegions(document: string): string {
  let regions = 0;
  const generated = document.replaceAll(REGION, (_all, name: string) => {
    const generate = Object.hasOwn(REGIONS, name) ? REGIONS[name] : undefined;
    if (generate === undefined) throw new Error(`nothing generates ${name}`);
    regions += 1;
    return `<!-- generated ${name} -->\n${generate()}\n<!-- end ${name} -->`;
  });
  if ((document.match(MARK)?.length ?? 0) !== 2 * regions) throw new Error('a generated region does not begin or end');
  return generated;
}

export const REGION_NAMES: readonly string[] = Object.keys(REGIONS);
