import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { endProcess } from './processes.js';

/**
 * Runs a program that must not outlive this process, even when this process is killed: a small shell between the two
 * watches a pipe (its descriptor 3) that we hold open, and ends the program when the pipe closes. It prints the
 * program's own pid, and ends with the program's exit code. The program's output goes to the shell's stderr.
 */
const WRAPPER = `
umask 077
exec 3<&0
"$@" </dev/null >&2 3<&- &
child=$!
echo "$child"
exec >&-
(
  while read -r _ <&3; do :; done
  kill -TERM "$child"
  tries=0
  while [ "$tries" -lt 50 ] && kill -0 "$child"; do sleep 0.1; tries=$((tries + 1)); done
  kill -KILL "$child"
) 2>/dev/null &
watcher=$!
wait "$child"
code=$?
kill "$watcher" 2>/dev/null
exit "$code"
`;

export interface GuardedOptions {
  env: NodeJS.ProcessEnv;
  /** A file descriptor for the program's output, or a reader of its lines. */
  output: number | ((line: string) => void);
}

export interface GuardedProcess {
  /** The program's own pid. */
  pid: number;
  /** "exit code 1" or "signal SIGKILL", once it has ended. */
  ended: Promise<string>;
  /** Asks it to end, insists after ten seconds, and returns when it is gone. */
  stop(): Promise<void>;
}

/** Rejects when the program cannot be started at all; a program that fails later only ends. */
export async function spawnGuarded(command: string, args: readonly string[], options: GuardedOptions): Promise<GuardedProcess> {
  const { output } = options;
  const wrapper = spawn('sh', ['-c', WRAPPER, 'sh', command, ...args], {
    env: options.env,
    cwd: '/',
    stdio: ['pipe', 'pipe', typeof output === 'number' ? output : 'pipe'],
  });
  const wrapperEnded = endOf(wrapper);
  if (typeof output !== 'number' && wrapper.stderr) createInterface({ input: wrapper.stderr }).on('line', output);
  const pid = await Promise.race([pidFrom(wrapper), wrapperEnded.then(() => undefined)]);
  if (pid === undefined) throw new Error(`${command} could not be started (${(await wrapperEnded).how})`);
  let over = false;
  const ended = wrapperEnded.then(async ({ how, killed }) => {
    // A killed wrapper leaves the program behind for a moment: it has ended when it is gone.
    if (killed) await endProcess(pid);
    over = true;
    return how;
  });
  return {
    pid,
    ended,
    async stop() {
      if (!over) await endProcess(pid);
      await ended;
    },
  };
}

async function endOf(wrapper: ChildProcess): Promise<{ how: string; killed: boolean }> {
  return await new Promise((resolve) => {
    wrapper.once('error', (error) => resolve({ how: error.message, killed: false }));
    wrapper.once('exit', (code, signal) => {
      // Closing the pipe ends a program whose wrapper was killed.
      wrapper.stdin?.destroy();
      // A shell reports a program's death by signal as 128 plus its number.
      const words = code !== null && code > 128 ? `signal ${code - 128}` : `exit code ${code}`;
      resolve({ how: signal === null ? words : `its wrapper had signal ${signal}`, killed: signal !== null });
    });
  });
}

async function pidFrom(wrapper: ChildProcess): Promise<number | undefined> {
  if (!wrapper.stdout) return undefined;
  // Writing to a pipe whose reader is gone must not end us.
  wrapper.stdin?.on('error', () => {});
  const lines = createInterface({ input: wrapper.stdout });
  const [line] = await Promise.race([once(lines, 'line'), once(lines, 'close')]).then((values: unknown[]) => values);
  const pid = Number(line);
  return Number.isInteger(pid) && pid > 1 ? pid : undefined;
}
