import { Command, CommanderError, Option } from 'commander';
import { VERSION } from '../version.js';
import { addJobCommands } from './job-commands.js';
import { type CommonOptions, dataDirOption, environmentOf, example, jsonOption, optionsOf, refuseSubcommand, wholeNumber } from './options.js';
import { EXIT, reportFailure, reportUsage } from './output.js';

/** Parses the arguments and runs one command; sets the exit code. Each command loads its own code only. */
export async function runCommand(argv: readonly string[]): Promise<void> {
  endWithReader();
  try {
    await buildProgram().parseAsync(argv);
  } catch (error) {
    const json = argv.includes('--json');
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.done : reportUsage(error, json);
    else process.exitCode = reportFailure(error, json);
  }
}

/** Whoever reads our output may have enough of it, as `head` does: that ends the command like any other in a shell. */
function endWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(EXIT.done);
  });
  // What is told beside the output is worth no end: the exit code still says how it went.
  process.stderr.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

/** The commands themselves; nothing of theirs is loaded yet. */
export function buildProgram(): Command {
  const program = new Command('durable-image-mcp')
    .description('Durable image generation for MCP agents. Without a command: an MCP server on stdin and stdout.')
    .version(VERSION)
    .allowExcessArguments()
    // A wrong command is told as such, whatever options stand behind it.
    .allowUnknownOption()
    .exitOverride()
    .configureOutput({ writeErr: (text) => process.stderr.write(text) })
    .addOption(dataDirOption())
    .action(async (options: CommonOptions, command: Command) => {
      if (command.args.length === 0) return await serve(options);
      refuseSubcommand(program);
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
    .addOption(jsonOption())
    .action(async (_: CommonOptions, command: Command) => {
      const { up } = await import('./up.js');
      process.exitCode = await up(environmentOf(command), optionsOf(command).json ?? false);
    });
  program
    .command('down')
    .description('Finish the requests in flight and end the local stack')
    .addOption(dataDirOption())
    .addOption(jsonOption())
    .action(async (_: CommonOptions, command: Command) => {
      const { down } = await import('./down.js');
      process.exitCode = await down(environmentOf(command), optionsOf(command).json ?? false);
    });
  program
    .command('status')
    .description('Show the state of the local stack')
    .addOption(dataDirOption())
    .addOption(jsonOption())
    .action(async (_: CommonOptions, command: Command) => {
      const { status } = await import('./status.js');
      process.exitCode = await status(environmentOf(command), optionsOf(command).json ?? false);
    });
  program
    .command('worker')
    .description('Run a worker for the Temporal of TEMPORAL_ADDRESS or TEMPORAL_PROFILE')
    .addOption(dataDirOption())
    .option('--replay <count>', 'run nothing: replay that many of the newest jobs with this build, before it is deployed', wholeNumber)
    .addOption(jsonOption())
    .addOption(new Option('--stack').hideHelp())
    .addOption(new Option('--module <file>').hideHelp())
    .action(async (options: CommonOptions & { stack?: boolean; module?: string; replay?: number }, command: Command) => {
      const { stackWorker, worker } = await import('./worker.js');
      const env = environmentOf(command);
      if (options.replay !== undefined) {
        const { replay } = await import('./replay.js');
        await exitAfter(replay(env, options.replay, optionsOf(command).json ?? false));
        return;
      }
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
    .addOption(jsonOption())
    .option('--dry-run', 'tell what would go and change nothing')
    .addHelpText('after', example('gc', 'gc --dry-run'))
    .action(async (options: CommonOptions & { dryRun?: boolean }, command: Command) => {
      const { gc } = await import('./gc.js');
      process.exitCode = await gc(environmentOf(command), { json: optionsOf(command).json ?? false, dryRun: options.dryRun ?? false });
    });
  addJobCommands(program);
  program
    .command('limits [provider]')
    .description("Show the limits of providers, or change one's for all workers while they run")
    .addOption(dataDirOption())
    .addOption(jsonOption())
    .option('--concurrency <n>', 'requests in flight from one worker')
    .option('--requests-per-minute <n>', 'requests a minute from all workers together, or none')
    .option('--reset', 'back to the settings, and an end to a pause that the provider asked for')
    .addHelpText('after', example('limits', 'limits openai --requests-per-minute 60 --concurrency 10'))
    .action(async (provider: string | undefined, options: { concurrency?: string; requestsPerMinute?: string; reset?: boolean }, command: Command) => {
      const { limits } = await import('./limits.js');
      process.exitCode = await limits(environmentOf(command), provider, options, optionsOf(command).json ?? false);
    });
  program
    .command('doctor')
    .description('Look at every part of the installation and say what to do; pings the workers')
    .addOption(dataDirOption())
    .addOption(jsonOption())
    .option('--no-start', 'do not start the local stack when it is not running')
    .addHelpText('after', example('doctor', 'doctor --no-start --json'))
    .action(async ({ start }: { start: boolean }, command: Command) => {
      const { doctor } = await import('./doctor.js');
      process.exitCode = await doctor(environmentOf(command), { json: optionsOf(command).json ?? false, start });
    });
  program
    .command('setup-search-attributes')
    .description('Register the search attributes of image jobs on the Temporal of the settings')
    .addOption(dataDirOption())
    .addOption(jsonOption())
    .addHelpText('after', example('setup-search-attributes', 'setup-search-attributes --json'))
    .action(async (_: CommonOptions, command: Command) => {
      const { setUpSearchAttributes } = await import('./search-attributes.js');
      process.exitCode = await setUpSearchAttributes(environmentOf(command), optionsOf(command).json ?? false);
    });
  program
    .command('uninstall')
    .description('End everything of the data folder and remove it; pictures in the save folders stay')
    .addOption(dataDirOption())
    .addOption(jsonOption())
    .option('--yes', 'remove the data folder without asking')
    .option('--cache', 'remove the cached temporal program as well, without asking')
    .addHelpText('after', example('uninstall', 'uninstall --yes --cache'))
    .action(async ({ yes = false, cache = false }: { yes?: boolean; cache?: boolean }, command: Command) => {
      const { uninstall } = await import('./uninstall/index.js');
      process.exitCode = await uninstall(environmentOf(command), { yes, cache, json: optionsOf(command).json ?? false });
    });
  for (const command of program.commands) if (command.commands.length === 0) command.allowExcessArguments(false);
  return program;
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
