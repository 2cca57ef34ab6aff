import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { Connection } from '@temporalio/client';
import envPaths from 'env-paths';
import * as z from 'zod';
import { isAlive, signal } from '../../src/local/processes.js';
import { stackStatusSchema, type StackStatus } from '../../src/local/protocol.js';
import { freePort } from './free-port.js';
import { temporalBinary } from './temporal-binary.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** The built command, as a client's configuration names it. */
export const CLI = join(ROOT, process.env['IMAGE_TEST_DIST'] ?? 'dist', 'cli.js');

/** Polls and retries within tenths of a second. */
const SHORT_WAITS = {
  IMAGE_POLL_SECONDS: '0.2',
  IMAGE_RETRY_INITIAL_SECONDS: '0.2',
  IMAGE_RETRY_MAX_SECONDS: '1',
  IMAGE_WAITING_POLL_SECONDS: '0.5',
  IMAGE_SUBMIT_HEARTBEAT_SECONDS: '4',
};

const answerSchema = z.looseObject({
  ok: z.boolean(),
  job_id: z.string().optional(),
  status: z.string().optional(),
  stage: z.string().optional(),
  done: z.boolean().optional(),
  message: z.string().optional(),
  deduplicated: z.boolean().optional(),
  timed_out: z.boolean().optional(),
  warnings: z.array(z.string()).optional(),
  result: z.looseObject({ saved: z.array(z.looseObject({ path: z.string().optional(), sha256: z.string() })) }).optional(),
  error: z
    .looseObject({
      code: z.string(),
      message: z.string(),
      next_step: z.string(),
      retryable: z.boolean(),
      problems: z.array(z.object({ field: z.string(), code: z.string(), message: z.string() })).optional(),
    })
    .optional(),
});
export type AnswerRecord = z.infer<typeof answerSchema>;

/** What a tool answered: the record in its text block, whether it was a refusal, and how long it took. */
export interface Answer {
  record: AnswerRecord;
  refused: boolean;
  seconds: number;
}

/** One stdio server with its client. */
export interface Mcp {
  pid: number;
  client: Client;
  call(tool: string, args?: Record<string, unknown>): Promise<Answer>;
  /** Starts a job and gives its ID; a job that was not started fails the test with what was answered. */
  start(tool: string, args: Record<string, unknown>): Promise<string>;
  /** Waits until the job is done, in as many calls as that takes. */
  finished(jobId: string): Promise<AnswerRecord>;
  /** What came on stdout and is no JSON-RPC. */
  stray: Error[];
  stderr(): string;
  close(): Promise<void>;
}

export interface Run {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** A data folder, a save root and a folder for temporary files of their own; every process in it ends with it. */
export interface Box {
  folder: string;
  dataDir: string;
  pictures: string;
  env: Record<string, string>;
  /** Of this build, or of the command that is named. */
  server(env?: Record<string, string>, command?: string): Promise<Mcp>;
  cli(args: readonly string[], env?: Record<string, string>): Promise<Run>;
  /** A command that runs on, such as a worker. */
  background(args: readonly string[], env?: Record<string, string>): ChildProcess;
  /** The processes that have this folder in their arguments or environment, on Linux. */
  processes(): Promise<BoxProcess[]>;
  status(): Promise<StackStatus>;
  /** The stack once its worker runs. */
  ready(): Promise<StackStatus>;
  /** kill -9 of everything but the stdio servers whose pids are given. */
  killAll(spare?: readonly number[]): Promise<void>;
  close(): Promise<void>;
}

export interface BoxProcess {
  pid: number;
  role: 'supervisor' | 'temporal' | 'worker' | 'stdio' | 'other';
}

export async function makeBox(extra: Record<string, string> = {}): Promise<Box> {
  const folder = await mkdtemp(join(tmpdir(), 'e2e-'));
  const dataDir = join(folder, 'data');
  const pictures = join(folder, 'pictures');
  const home = join(folder, 'home');
  const temporary = join(folder, 'tmp');
  await Promise.all([mkdir(home), mkdir(temporary)]);
  const env: Record<string, string> = {
    PATH: process.env['PATH'] ?? '',
    HOME: home,
    TMPDIR: temporary,
    IMAGE_DATA_DIR: dataDir,
    IMAGE_SAVE_ROOT: pictures,
    // The product's own search finds the program there; home is another in here.
    IMAGE_CACHE_DIR: process.env['IMAGE_CACHE_DIR'] ?? envPaths('durable-image-mcp', { suffix: '' }).cache,
    GOPATH: join(homedir(), 'go'),
    IMAGE_LOG_LEVEL: 'warn',
    ...SHORT_WAITS,
    ...(process.env['TEMPORAL_CLI'] === undefined ? {} : { TEMPORAL_CLI: process.env['TEMPORAL_CLI'] }),
    ...extra,
  };
  const servers = new Set<Mcp>();
  const children = new Set<ChildProcess>();
  const box: Box = {
    folder,
    dataDir,
    pictures,
    env,
    async server(own = {}, command = CLI) {
      const server = await connect(command, { ...env, ...own }, folder);
      servers.add(server);
      return server;
    },
    cli: async (args, own = {}) => await run(process.execPath, [CLI, ...args], { ...env, ...own }),
    background(args, own = {}) {
      const child = spawn(process.execPath, [CLI, ...args], { env: { ...env, ...own }, stdio: ['ignore', 'ignore', 'ignore'] });
      children.add(child);
      return child;
    },
    processes: async () => await processesNaming(folder),
    async status() {
      const { stdout } = await box.cli(['status', '--json']);
      return stackStatusSchema.parse(JSON.parse(stdout));
    },
    ready: async () =>
      await until(async () => {
        const status = await box.status();
        return status.state === 'ready' && status.worker.state === 'running' ? status : undefined;
      }, 'the local stack'),
    async killAll(spare = []) {
      // Whoever starts others goes first.
      const order = ['stdio', 'supervisor', 'worker', 'temporal', 'other'];
      for (;;) {
        const found = (await box.processes()).filter(({ pid }) => !spare.includes(pid));
        if (found.length === 0) return;
        found.sort((a, b) => order.indexOf(a.role) - order.indexOf(b.role));
        for (const { pid } of found) signal(pid, 'SIGKILL');
        await delay(30);
      }
    },
    async close() {
      await Promise.all([...servers].map(async (server) => await server.close()));
      for (const child of children) child.kill('SIGTERM');
      await box.cli(['down']);
      await box.killAll();
      await rm(folder, { recursive: true, force: true });
    },
  };
  return box;
}

async function connect(command: string, env: Record<string, string>, cwd: string): Promise<Mcp> {
  const transport = new StdioClientTransport({ command: process.execPath, args: [command], env, cwd, stderr: 'pipe' });
  const client = new Client({ name: 'e2e', version: '1' });
  const stray: Error[] = [];
  client.onerror = (error) => stray.push(error);
  let stderr = '';
  transport.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  await client.connect(transport);
  const { pid } = transport;
  if (pid === null) throw new Error('the server has no process');
  const call: Mcp['call'] = async (tool, args = {}) => {
    const from = performance.now();
    const answer = await client.request({ method: 'tools/call', params: { name: tool, arguments: args } }, CallToolResultSchema);
    const [block] = answer.content;
    if (block?.type !== 'text') throw new Error('the answer has no text');
    const record = answerSchema.parse(JSON.parse(block.text));
    return { record, refused: answer.isError === true, seconds: (performance.now() - from) / 1000 };
  };
  return {
    pid,
    client,
    call,
    async start(tool, args) {
      return await until(async () => {
        const { record } = await call(tool, args);
        // A machine under load may take longer than a call for the first connection; both say that nothing was started.
        if (record.error?.code === 'STARTING' || record.error?.code === 'TEMPORAL_UNAVAILABLE') return undefined;
        // And more starts at once than it takes in time.
        if (record.error?.code === 'LIMIT_EXCEEDED' && record.error.retryable) return undefined;
        if (record.job_id === undefined) throw new Error(`not started: ${JSON.stringify(record)}`);
        return record.job_id;
      }, 'the job to be taken');
    },
    async finished(jobId) {
      return await until(async () => {
        const { record } = await call('image_job_wait', { job_id: jobId, timeout_seconds: 5 });
        return record.done === true ? record : undefined;
      }, `the end of ${jobId}`);
    },
    stray,
    stderr: () => stderr,
    close: async () => await client.close(),
  };
}

/** Runs a program to its end. */
export async function run(program: string, args: readonly string[], env: Record<string, string>): Promise<Run> {
  return await new Promise((resolve) => {
    execFile(program, [...args], { env, timeout: 60_000, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : null, stdout, stderr });
    });
  });
}

export interface DevServer {
  address: string;
  binary: string;
  pid: number;
  /** Runs the temporal command against this server. */
  temporal(...args: string[]): Promise<Run>;
  close(): Promise<void>;
}

/** A Temporal that is somebody else's: the development server without any of our settings, in memory. */
export async function startDevServer(): Promise<DevServer> {
  const [binary, port] = await Promise.all([temporalBinary(), freePort()]);
  const address = `127.0.0.1:${port}`;
  const child = spawn(binary, ['server', 'start-dev', '--headless', '--ip', '127.0.0.1', '--port', String(port), '--log-level', 'error'], {
    stdio: 'ignore',
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  await until(async () => {
    const connection = await Connection.connect({ address, connectTimeout: 1000 }).catch(() => undefined);
    const found = await connection?.workflowService.describeNamespace({ namespace: 'default' }).catch(() => undefined);
    await connection?.close();
    return found;
  }, 'the Temporal server');
  return {
    address,
    binary,
    pid: child.pid ?? 0,
    temporal: async (...args) => await run(binary, [...args, '--address', address], plainEnvironment()),
    async close() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

export { freePort };

export function plainEnvironment(): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '', HOME: homedir() };
}

/** Looks until something is there, at most 60 seconds. */
export async function until<T>(look: () => Promise<T | undefined | false> | T | undefined | false, what: string): Promise<T> {
  for (const deadline = Date.now() + 60_000; ; await delay(50)) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
  }
}

/** Every ordinary file below a folder; none for one that is not there. */
export async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

async function processesNaming(folder: string): Promise<BoxProcess[]> {
  const found: BoxProcess[] = [];
  for (const pid of await allPids()) {
    const { args, environment } = await exposed(pid);
    if (!`${args} ${environment}`.includes(folder) || !(await isAlive(pid))) continue;
    found.push({ pid, role: roleOf(args.split('\0')) });
  }
  return found;
}

function roleOf(args: readonly string[]): BoxProcess['role'] {
  if (args[1] === 'server' && args[2] === 'start-dev') return 'temporal';
  if (!(args[1] ?? '').endsWith('cli.js')) return 'other';
  if (args[2] === 'supervise') return 'supervisor';
  if (args[2] === 'worker') return 'worker';
  return args[2] === '' || args[2] === undefined ? 'stdio' : 'other';
}

export async function allPids(): Promise<number[]> {
  const names = await readdir('/proc');
  return names.filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid).map(Number);
}

/** What anybody who may look sees of a process. */
export async function exposed(pid: number): Promise<{ args: string; environment: string }> {
  const [args, environment] = await Promise.all(
    ['cmdline', 'environ'].map(async (name) => await readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '')),
  );
  return { args: args ?? '', environment: environment ?? '' };
}
