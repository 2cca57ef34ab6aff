import { Option, type Command } from 'commander';
import type { JobKind } from '../contract/names.js';
import type { ListFilters } from './jobs/list.js';
import {
  dataDirOption,
  environmentOf,
  example,
  jsonOption,
  optionsOf,
  refuseSubcommand,
  repeatable,
  type CommonOptions,
} from './options.js';

/** The commands that make pictures and look after jobs; each loads its own code when it runs. */
export function addJobCommands(program: Command): void {
  addMakers(program);
  addJobs(program);
}

/** The arguments that all jobs take, under the names that their problems have. */
const JOB_ARGUMENTS: Readonly<Record<string, Option>> = {
  provider: new Option('--provider <name>', 'who makes the picture; by default the first that has a key, else local previews'),
  model: new Option('--model <name>'),
  size: new Option('--size <size>', 'WxH or a word of the provider; 1024x1024 unless --aspect-ratio is given'),
  aspect_ratio: new Option('--aspect-ratio <W:H>'),
  quality: new Option('--quality <word>'),
  output_format: new Option('--output-format <format>', 'png, jpeg or webp'),
  background: new Option('--background <word>', 'such as transparent'),
  seed: new Option('--seed <number>'),
  n: new Option('--n <number>', 'pictures, 1 to 10'),
  save_dir: new Option('--save-dir <folder>', 'where the pictures go, relative to the working folder'),
  basename: new Option('--basename <name>', 'file name without extension'),
  idempotency_key: new Option('--idempotency-key <key>', 'the same key is the same job, paid once'),
  priority: new Option('--priority <number>', '1 (most urgent) to 5, by default 3'),
  tags: repeatable('--tag <tag>', 'for jobs list; may be repeated'),
  deadline_seconds: new Option('--deadline-seconds <seconds>', 'from the start to the last picture'),
  fallback: repeatable('--fallback <provider>', 'tried when the one before surely took nothing; may be repeated'),
};

interface MakerOptions extends CommonOptions {
  wait?: boolean;
  image?: string[];
  mask?: string;
  batch?: boolean;
}

function addMakers(program: Command): void {
  const generate = program.command('generate').description('Make pictures from a text and wait for them').argument('<prompt>', 'what to make');
  addMakerOptions(generate)
    .addHelpText('after', example("generate 'a red kite over the sea' --size 1536x1024 --n 2", "generate 'a red kite' --no-wait --json"))
    .action(async (prompt: string, _: MakerOptions, command: Command) => {
      await runMaker(command, 'image_generate', { prompt, ...jobArguments(command) });
    });

  const edit = program
    .command('edit')
    .description('Change a picture, or make one of several, as the text says, and wait for it')
    .argument('<prompt>', 'what to change')
    .addOption(repeatable('--image <path>', 'a file, an https:// URL or an image:// URI; several make one new picture of them'))
    .option('--mask <path>', 'a PNG whose transparent part is edited')
    .option('--batch', 'the same edit for each --image, one result each');
  addMakerOptions(edit)
    .addHelpText(
      'after',
      example(
        "edit 'make the sky stormy' --image beach.png",
        "edit 'the person wears the jacket' --image person.jpg --image jacket.jpg",
        "edit 'remove the background' --batch --image one.png --image two.png",
      ),
    )
    .action(async (prompt: string, { image = [], mask, batch = false }: MakerOptions, command: Command) => {
      const kind = kindOf(image.length, batch);
      const references = kind === 'image_edit' ? { image_path: image[0] } : { image_paths: image };
      await runMaker(command, kind, { prompt, ...references, mask_path: mask, ...jobArguments(command) });
    });
}

/** One image is edited, several make one new picture; a batch edits each. */
export function kindOf(images: number, batch: boolean): JobKind {
  if (batch) return 'image_batch_edit';
  return images > 1 ? 'image_multi_reference' : 'image_edit';
}

function addMakerOptions(command: Command): Command {
  for (const option of Object.values(JOB_ARGUMENTS)) command.addOption(option);
  return command
    .option('--no-wait', 'answer when the job has been taken')
    .addOption(jsonOption())
    .addOption(dataDirOption())
    .allowExcessArguments(false);
}

function jobArguments(command: Command): Record<string, unknown> {
  const values = command.opts<Record<string, unknown>>();
  return Object.fromEntries(Object.entries(JOB_ARGUMENTS).map(([name, option]) => [name, values[option.attributeName()]]));
}

async function runMaker(command: Command, kind: JobKind, args: Record<string, unknown>): Promise<void> {
  const { make } = await import('./make.js');
  const { wait = true } = command.opts<MakerOptions>();
  process.exitCode = await make(environmentOf(command), { kind, args, wait, json: isJson(command) });
}

function addJobs(program: Command): void {
  const jobs = program
    .command('jobs')
    .description('List, show, wait for, cancel, retry and delete jobs, and add up their cost')
    .addOption(dataDirOption())
    .addOption(jsonOption())
    .allowExcessArguments()
    .allowUnknownOption()
    .action((_: CommonOptions, command: Command) => refuseSubcommand(command));
  const add = (name: string, description: string, ...examples: string[]): Command =>
    jobs
      .command(name)
      .description(description)
      .addOption(dataDirOption())
      .addOption(jsonOption())
      .allowExcessArguments(false)
      .addHelpText('after', example(...examples));

  add('list', 'List jobs, the newest first', 'jobs list --status running', 'jobs list --since 7d --tag poster --limit 50')
    .option('--status <status>', 'running, completed, failed, cancelled or expired')
    .option('--kind <kind>', 'generate, edit, batch_edit or multi_reference')
    .option('--provider <name>')
    .option('--tag <tag>')
    .option('--since <time>', 'such as 24h, 7d or 2026-01-31')
    .option('--limit <number>', '1 to 100, by default 20')
    .option('--cursor <cursor>', 'the next page, as the page before named it')
    .action(async ({ dataDir: _folder, json: _json, ...filters }: CommonOptions & ListFilters, command: Command) => {
      const { list } = await import('./jobs/list.js');
      process.exitCode = await list(environmentOf(command), filters, isJson(command));
    });
  add('show', 'Show everything that is known of a job', 'jobs show img-0123456789abcdef0123456789abcdef')
    .argument('<job_id>')
    .action(async (jobId: string, _: CommonOptions, command: Command) => {
      const { show } = await import('./jobs/show.js');
      process.exitCode = await show(environmentOf(command), jobId, isJson(command));
    });
  add('wait', 'Wait until jobs end', 'jobs wait img-0123456789abcdef0123456789abcdef --timeout 15m')
    .argument('<job_id...>')
    .option('--any', 'until one of them ends')
    .option('--timeout <time>', 'seconds, or such as 15m; by default until the end')
    .action(async (jobIds: string[], { any = false, timeout }: { any?: boolean; timeout?: string }, command: Command) => {
      const { readTimeout, wait } = await import('./jobs/wait.js');
      const limit = timeout === undefined ? {} : { timeoutSeconds: readTimeout(timeout) };
      process.exitCode = await wait(environmentOf(command), { jobIds, any, json: isJson(command), ...limit });
    });
  add('cancel', 'Ask a job to stop', "jobs cancel img-0123456789abcdef0123456789abcdef --reason 'wrong prompt'")
    .argument('<job_id>')
    .option('--reason <text>', 'is kept in Temporal')
    .action(async (jobId: string, { reason }: { reason?: string }, command: Command) => {
      const { cancel } = await import('./jobs/cancel.js');
      process.exitCode = await cancel(environmentOf(command), jobId, reason, isJson(command));
    });
  add('retry', 'Run a failed or cancelled job, or what failed of a completed one, again under its ID', 'jobs retry img-0123456789abcdef0123456789abcdef')
    .argument('<job_id>')
    .option('--acknowledge-possible-double-charge', 'also buy again what may have been paid')
    .action(async (jobId: string, options: { acknowledgePossibleDoubleCharge?: boolean }, command: Command) => {
      const { retry } = await import('./jobs/retry.js');
      process.exitCode = await retry(environmentOf(command), jobId, options.acknowledgePossibleDoubleCharge ?? false, isJson(command));
    });
  add('delete', 'Delete an ended job; files that were exported stay', 'jobs delete img-0123456789abcdef0123456789abcdef --yes')
    .argument('<job_id>')
    .option('--yes', 'without asking')
    .action(async (jobId: string, { yes = false }: { yes?: boolean }, command: Command) => {
      const { deleteJob } = await import('./jobs/delete.js');
      process.exitCode = await deleteJob(environmentOf(command), jobId, yes, isJson(command));
    });
  add('cost', 'Add up what jobs cost; deleted ones are not known any more', 'jobs cost --since 30d')
    .option('--since <time>', 'such as 24h, 7d or 2026-01-31')
    .action(async ({ since }: { since?: string }, command: Command) => {
      const { cost } = await import('./jobs/cost.js');
      process.exitCode = await cost(environmentOf(command), since, isJson(command));
    });
}

function isJson(command: Command): boolean {
  return optionsOf(command).json ?? false;
}
