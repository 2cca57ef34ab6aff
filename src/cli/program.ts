import { Command, CommanderError, Option, InvalidArgumentError } from 'commander';
import { VERSION } from '../version.js';
import { EXIT, reportFailure, tell } from './output.js';

interface CommonOptions {
  dataDir?: string;
  json?: boolean;
}

/** Parses the arguments and runs one command; sets the exit code. Each command loads its own code only. */
export async function runCommand(argv: readonly string[]): Promise<void> {
  try {
    await buildProgram().parseAsync(argv);
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.usage;
    else process.exitCode = reportFailure(error, argv.includes('--json'));
  }
}

function buildProgram(): Command {
  const program = new Command('durable-image-mcp')
    .description('Durable image generation for MCP agents. Without a command: an MCP server on stdin and stdout.')
    .version(VERSION)
    .allowExcessArguments()
    .exitOverride()
    .configureOutput({ writeErr: (text) => process.stderr.write(text) })
    .addOption(dataDirOption())
    .action(async (options: CommonOptions, command: Command) => {
      const [unknown] = command.args;
      if (unknown === undefined) return await serve(options);
      tell(`There is no command ${unknown}. The commands are: ${visibleCommands(program).join(', ')}.`);
      process.exitCode = EXIT.usage;
    });
  program
    .command('stdio')
    .description('Serve MCP on stdin and stdout (the default)')
    .addOption(dataDirOption())
    .action(async (_: CommonOptions, command: Command) => await serve(optionsOf(command)));
  program
    .command('up')
    .description('Start the local stack and show where it is')
    .addOption(dataDirOption())
    .option('--json', 'print JSON')
    .action(async (_: CommonOptions, command: Command) => {
      const { up } = await import('./up.js');
      process.exitCode = await up(environmentOf(command), optionsOf(command).json ?? false);
    });
  program
    .command('down')
    .description('Finish the requests in flight and end the local stack')
    .addOption(dataDirOption())
    .option('--json', 'print JSON')
    .action(async (_: CommonOptions, command: Command) => {
      const { down } = await import('./down.js');
      process.exitCode = await down(environmentOf(command), optionsOf(command).json ?? false);
    });
  program
    .command('status')
    .description('Show the state of the local stack')
    .addOption(dataDirOption())
    .option('--json', 'print JSON')
    .action(async (_: CommonOptions, command: Command) => {
      const { status } = await import('./status.js');
      process.exitCode = await status(environmentOf(command), optionsOf(command).json ?? false);
    });
  program
    .command('worker')
    .description('Run a worker for the Temporal of TEMPORAL_ADDRESS or TEMPORAL_PROFILE')
    .addOption(dataDirOption())
    .addOption(new Option('--stack').hideHelp())
    .addOption(new Option('--module <file>').hideHelp())
    .action(async (options: CommonOptions & { stack?: boolean; module?: string }, command: Command) => {
      const { stackWorker, worker } = await import('./worker.js');
      const env = environmentOf(command);
      await exitAfter(options.stack ? stackWorker(env, options.module) : worker(env));
    });
  program
    .command('supervise', { hidden: true })
    .addOption(dataDirOption())
    .addOption(new Option('--worker-module <file>').hideHelp())
    .action(async (options: CommonOptions & { workerModule?: string }, command: Command) => {
      const { supervise } = await import('./supervise.js');
      await exitAfter(supervise(environmentOf(command), options.workerModule));
    });
  program
    .command('gc')
    .description('Remove what no job needs from the store, also while the stack is down')
    .addOption(dataDirOption())
    .option('--json', 'print JSON')
    .option('--dry-run', 'tell what would go and change nothing')
    .action(async (options: CommonOptions & { dryRun?: boolean }, command: Command) => {
      const { gc } = await import('./gc.js');
      process.exitCode = await gc(environmentOf(command), { json: optionsOf(command).json ?? false, dryRun: options.dryRun ?? false });
    });
  for (const command of program.commands) command.allowExcessArguments(false);
  return program;
}

function dataDirOption(): Option {
  return new Option('--data-dir <folder>', 'the data folder, instead of IMAGE_DATA_DIR').argParser((folder: string) => {
    if (folder.trim() === '') throw new InvalidArgumentError('It is empty.');
    return folder;
  });
}

function visibleCommands(program: Command): string[] {
  return program.createHelp().visibleCommands(program).map((command) => command.name());
}

/** An option may stand before or after the command. */
function optionsOf(command: Command): CommonOptions {
  return command.optsWithGlobals<CommonOptions>();
}

function environmentOf(command: Command): NodeJS.ProcessEnv {
  const { dataDir } = optionsOf(command);
  return dataDir === undefined ? process.env : { ...process.env, IMAGE_DATA_DIR: dataDir };
}

/** For commands that have channels or native threads open, which would keep a failed process alive. */
async function exitAfter(run: Promise<number>): Promise<never> {
  process.exit(await run.catch((error: unknown) => reportFailure(error, false)));
}

async function serve({ dataDir }: CommonOptions): Promise<void> {
  // The server reads the settings later, from the environment.
  if (dataDir !== undefined) process.env['IMAGE_DATA_DIR'] = dataDir;
  const { stdio } = await import('./stdio.js');
  await stdio();
}
