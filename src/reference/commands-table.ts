import type { Command } from 'commander';
import { buildProgram } from '../cli/program.js';
import { table } from './table.js';

/** One line a command, those within a command too. */
export function commandsTable(): string {
  return table(['Command', 'What it does'], commandsOf(buildProgram(), []));
}

function commandsOf(parent: Command, before: readonly string[]): string[][] {
  const help = parent.createHelp();
  const own = help.visibleCommands(parent).filter((command) => command.name() !== 'help');
  return own.flatMap((command) => {
    const words = [...before, command.name()];
    const inner = commandsOf(command, words);
    if (inner.length > 0) return inner;
    const given = command.registeredArguments.map((argument) => (argument.required ? `<${argument.name()}>` : `[${argument.name()}]`));
    return [[`\`${[...words, ...given].join(' ')}\``, `${command.description()}.`]];
  });
}
