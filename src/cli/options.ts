import { InvalidArgumentError, Option, type Command } from 'commander';
import { JobFailure } from '../contract/errors.js';
import { ownCommand } from '../own-command.js';

/** What every command takes. */
export interface CommonOptions {
  dataDir?: string;
  json?: boolean;
}

export function dataDirOption(): Option {
  return new Option('--data-dir <folder>', 'the data folder, instead of IMAGE_DATA_DIR').argParser((folder: string) => {
    if (folder.trim() === '') throw new InvalidArgumentError('It is empty.');
    return folder;
  });
}

export function jsonOption(): Option {
  return new Option('--json', 'print JSON');
}

/** For an option that may be given several times. */
export function repeatable(flags: string, description: string): Option {
  return new Option(flags, description).argParser((value: string, before: string[] | undefined) => [...(before ?? []), value]);
}

/** An option may stand before or after the command. */
export function optionsOf(command: Command): CommonOptions {
  return command.optsWithGlobals<CommonOptions>();
}

export function environmentOf(command: Command): NodeJS.ProcessEnv {
  const { dataDir } = optionsOf(command);
  return dataDir === undefined ? process.env : { ...process.env, IMAGE_DATA_DIR: dataDir };
}

/** Help that shows the command at work. */
export function example(...lines: string[]): string {
  return `\n${lines.length === 1 ? 'Example' : 'Examples'}:\n${lines.map((line) => `  $ durable-image-mcp ${line}`).join('\n')}`;
}

/** The answer of a command that only groups others: INVALID_ARGUMENT with those that exist. */
export function refuseSubcommand(group: Command): never {
  const path = pathOf(group);
  const [first] = group.args;
  const names = group.createHelp().visibleCommands(group).map((command) => command.name());
  const wrong = first?.startsWith('-') === true ? `There is no option ${first} before a command` : `There is no command ${[...path, first].join(' ')}`;
  throw new JobFailure({
    code: 'INVALID_ARGUMENT',
    message: `${first === undefined ? `${path.join(' ')} needs a command` : wrong}. The commands are: ${names.join(', ')}.`,
    nextStep: `See: ${ownCommand(...path, '--help')}`,
  });
}

/** The words of a command after the program's name. */
function pathOf(command: Command): string[] {
  return command.parent === null ? [] : [...pathOf(command.parent), command.name()];
}

/** A number of things, at least one. */
export function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text.trim())) throw new InvalidArgumentError('It is no whole number above 0.');
  return Number(text);
}
