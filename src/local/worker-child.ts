import { spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import type { AccountRegistry } from '../accounts/registry.js';
import type { RunningChild } from './kept-child.js';
import { openLog } from './log-file.js';
import { fromWorkerSchema, type ToWorker } from './protocol.js';
import { endProcess, signal as sendSignal } from './processes.js';

export interface WorkerOptions {
  /** The command with its arguments, for instance node, cli.js, worker, --stack. */
  command: readonly [string, ...string[]];
  dataDir: string;
  env: NodeJS.ProcessEnv;
  address: string;
  namespace: string;
  accounts: AccountRegistry;
  /** Longest time for requests in flight when it is asked to end. */
  drainMs: number;
  signal: AbortSignal;
}

/** Bundle, native code and sharp load within seconds; a machine that is busy takes longer. */
const READY_MS = 120_000;

/**
 * Starts the worker with its private channel, over which it gets its accounts; each account that is new is sent on.
 * Resolves when it polls. The worker ends by itself when the channel closes, that is when this process dies.
 */
export async function startWorker(options: WorkerOptions): Promise<RunningChild> {
  const [program, ...args] = options.command;
  const log = openLog(options.dataDir, 'worker');
  const child = spawn(program, args, {
    env: options.env,
    cwd: '/',
    stdio: ['ignore', log.descriptor, log.descriptor, 'ipc'],
  });
  closeSync(log.descriptor);
  const send = (message: ToWorker): void => {
    if (child.connected) child.send(message, () => undefined);
  };
  const stopListening = options.accounts.onChange(() => send({ type: 'accounts', accounts: revealed(options.accounts) }));
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, name) => resolve(name === null ? `exit code ${code ?? 'unknown'}` : `signal ${name}`));
  }).finally(stopListening);

  let stopWaiting = (): void => {};
  const ready = new Promise<boolean>((resolve) => {
    const give = (): void => resolve(false);
    const timer = setTimeout(give, READY_MS);
    child.on('message', (message) => {
      if (fromWorkerSchema.safeParse(message).success) resolve(true);
    });
    child.once('exit', give);
    child.once('error', give);
    options.signal.addEventListener('abort', give, { once: true });
    stopWaiting = () => clearTimeout(timer);
  });
  send({
    type: 'start',
    address: options.address,
    namespace: options.namespace,
    accounts: revealed(options.accounts),
  });
  const { pid } = child;
  const works = await ready;
  stopWaiting();
  if (pid === undefined || !works) {
    if (pid !== undefined) await endProcess(pid);
    throw new Error(`the worker did not get ready (${await ended}); its log is ${log.path}`);
  }
  return {
    pid,
    ended,
    async stop() {
      sendSignal(pid, 'SIGTERM');
      // Requests in flight are paid for: the worker ends when they are recorded.
      const timer = setTimeout(() => sendSignal(pid, 'SIGKILL'), options.drainMs);
      await ended;
      clearTimeout(timer);
    },
  };
}

function revealed(accounts: AccountRegistry): Extract<ToWorker, { type: 'accounts' }>['accounts'] {
  return accounts.entries().map(({ account, source }) => ({ fields: account.reveal(), source }));
}
