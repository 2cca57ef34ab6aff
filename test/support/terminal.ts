import { spawn } from 'node:child_process';
import { shellWord } from '../../src/own-command.js';
import { CLI } from './e2e.js';

export interface OnTerminal {
  code: number | null;
  /** What the terminal was sent, stdout and stderr in one. */
  screen: string;
}

/** What is typed when the screen shows something, for a command that does not end by itself. */
export interface Typed {
  after: RegExp;
  keys: string;
}

/** Runs the command on a pseudo-terminal of 80 columns (by script(1) of util-linux), and types the next character as the answer to each question. */
export async function onTerminal(args: readonly string[], env: Record<string, string>, answers = '', typed?: Typed): Promise<OnTerminal> {
  const command = `stty cols 80; exec ${[process.execPath, CLI, ...args].map(shellWord).join(' ')}`;
  const child = spawn('script', ['-qefc', command, '/dev/null'], { env: { TERM: 'xterm', ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
  let screen = '';
  let asked = 0;
  let waits = typed;
  child.stdout.on('data', (chunk: Buffer) => {
    screen += chunk.toString();
    while (asked < screen.split('[y/N]').length - 1) child.stdin.write(`${answers[asked++] ?? ''}\n`);
    if (waits?.after.test(screen)) {
      child.stdin.write(waits.keys);
      waits = undefined;
    }
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, screen };
}
