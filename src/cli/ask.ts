import { createInterface } from 'node:readline';
import { isatty } from 'node:tty';

/** Whether a person can be asked. */
export function canAsk(): boolean {
  return isatty(0) && isatty(2);
}

/** Asks on the terminal; only a yes is one: Enter, the end of the input and Ctrl-C are a no. */
export async function confirm(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await new Promise<boolean>((resolve) => {
      terminal.once('close', () => resolve(false));
      terminal.once('SIGINT', () => {
        process.stderr.write('\n');
        resolve(false);
      });
      terminal.question(`${question} [y/N] `, (answer) => resolve(/^y(es)?$/i.test(answer.trim())));
    });
  } finally {
    terminal.close();
  }
}
