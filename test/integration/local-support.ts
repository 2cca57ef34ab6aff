import { readFile, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { existsSync } from 'node:fs';
import { readSettings } from '../../src/config.js';
import { ControlConnection } from '../../src/local/control-client.js';
import { isAlive, serversOfDatabase, signal } from '../../src/local/processes.js';
import { LocalStack, type StackAddress, type StackStatus } from '../../src/local/stack-client.js';
import { createLogger } from '../../src/log.js';
import { VERSION } from '../../src/version.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** The compiled package: supervisors are real processes. */
export const CLI = join(ROOT, process.env['IMAGE_TEST_DIST'] ?? 'dist', 'cli.js');
/** Stands in for src/worker.ts: says which accounts it knows in `<data>/worker-<pid>.json`, and takes a moment to drain. */
const WORKER_STUB = `
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export async function runWorker({ settings, accounts, onReady, signal }) {
  const tell = (drained) =>
    writeFileSync(join(settings.dataDir, \`worker-\${process.pid}.json\`), JSON.stringify({ accounts: accounts.list(), drained }));
  accounts.onChange(() => tell(false));
  tell(false);
  onReady();
  while (!signal.aborted) await delay(20);
  await delay(300);
  tell(true);
}
`;
const BUILT = '/tmp/tb/bin/temporal';

/** A data folder with its stack, gone with all its processes after `remove`. */
export interface TestFolder {
  dataDir: string;
  env: NodeJS.ProcessEnv;
  /** With a stand-in for the worker, or the real one. */
  client(options?: { version?: string; realWorker?: boolean }): LocalStack;
  ready(stack: LocalStack): Promise<StackAddress>;
  servers(): Promise<number[]>;
  down(): Promise<void>;
  remove(): Promise<void>;
}

export async function testFolder(extra: NodeJS.ProcessEnv = {}): Promise<TestFolder> {
  const dataDir = await mkdtemp(join(tmpdir(), 'local-stack-'));
  const env = {
    ...process.env,
    IMAGE_DATA_DIR: dataDir,
    IMAGE_LOG_LEVEL: 'warn',
    ...(process.env['TEMPORAL_CLI'] === undefined && existsSync(BUILT) ? { TEMPORAL_CLI: BUILT } : {}),
    ...extra,
  };
  const stub = join(dataDir, 'worker-stub.mjs');
  await writeFile(stub, WORKER_STUB);
  const clients: LocalStack[] = [];
  const databasePath = join(dataDir, 'temporal.db');
  const folder: TestFolder = {
    dataDir,
    env,
    client({ version = VERSION, realWorker = false } = {}) {
      const stack = new LocalStack({
        settings: readSettings(env),
        env,
        version,
        logger: createLogger('silent', 'test'),
        superviseCommand: [process.execPath, CLI, 'supervise', ...(realWorker ? [] : ['--worker-module', stub])],
      });
      clients.push(stack);
      return stack;
    },
    ready: async (stack) => await stack.ensure(120_000),
    servers: async () => await serversOfDatabase(databasePath),
    async down() {
      const connection = await ControlConnection.open(dataDir);
      if (!connection) return;
      const { pid } = connection.identity;
      await connection.request({ method: 'down', reason: 'down' });
      await until(async () => !(await isAlive(pid)));
    },
    async remove() {
      await Promise.all(clients.map(async (stack) => await stack.close()));
      await folder.down();
      for (const pid of await folder.servers()) signal(pid, 'SIGKILL');
      await rm(dataDir, { recursive: true, force: true });
    },
  };
  return folder;
}

/** Waits for a condition; the test's own time limit ends it. */
export async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await condition())) await delay(30);
}

/** The state once the worker runs too. */
export async function settled(stack: LocalStack): Promise<StackStatus & { pids: { supervisor: number; temporal: number; worker: number } }> {
  for (;;) {
    const status = await stack.state();
    const { supervisor, temporal, worker } = status.pids;
    if (status.state === 'ready' && supervisor !== undefined && temporal !== undefined && worker !== undefined) {
      return { ...status, pids: { supervisor, temporal, worker } };
    }
    await delay(30);
  }
}

export async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** Arguments and environment of a process, on Linux. */
export async function exposed(pid: number): Promise<string> {
  return (await Promise.all([readFile(`/proc/${pid}/cmdline`, 'utf8'), readFile(`/proc/${pid}/environ`, 'utf8')])).join('\0');
}

/** The direct children of a process, on Linux. */
export async function childrenOf(pid: number): Promise<number[]> {
  return (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).split(' ').filter(Boolean).map(Number);
}
