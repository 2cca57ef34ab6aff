import type { CommanderError } from 'commander';
import { JobFailure } from '../contract/errors.js';
import { plain } from './plain.js';

/** Exit codes of every command. */
export const EXIT = { done: 0, failed: 1, usage: 2, running: 3 } as const;

/** What a terminal obeys or does not show, but for line ends and tabs. */
const OBEYED = /[^\P{Cc}\n\t]|[\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** Foreign text in it does a terminal no harm. */
export function print(text: string): void {
  process.stdout.write(`${text.replace(OBEYED, '\u{FFFD}')}\n`);
}

/** Controls and invisible characters beyond those that JSON escapes anyway. */
const UNSEEN = /[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Without loss, and without a character that a terminal would obey. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2).replace(UNSEEN, escaped));
}

function escaped(character: string): string {
  return Array.from({ length: character.length }, (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`).join('');
}

/** For people; stdout stays what a program reads. Foreign text in it does a terminal no harm. */
export function tell(text: string): void {
  process.stderr.write(`${text.replace(OBEYED, '\u{FFFD}')}\n`);
}

/** Tells a failure in two sentences, or as JSON where that was asked for, and gives its exit code. */
export function reportFailure(error: unknown, json: boolean): number {
  if (!(error instanceof JobFailure)) {
    tell(`durable-image-mcp: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    return EXIT.failed;
  }
  if (json) printJson({ ok: false, error: error.toJobError() });
  for (const line of inLines(error)) tell(plain(line));
  if (error.code === 'INVALID_ARGUMENT') return EXIT.usage;
  return error.code === 'STARTING' ? EXIT.running : EXIT.failed;
}

/** Several problems have a line each. */
function inLines({ code, message, problems = [], nextStep }: JobFailure): string[] {
  if (problems.length < 2) return [`${code}: ${message}`, nextStep];
  return [`${code}: ${problems.length} problems`, ...problems.map(({ field, message: what }) => `  ${field}: ${what}`), nextStep];
}

/** What commander refused, and has told on stderr. */
export function reportUsage({ message }: CommanderError, json: boolean): number {
  const error = { code: 'INVALID_ARGUMENT', message: message.replace(/^error: /, ''), next_step: 'Call it with --help.', retryable: false };
  if (json) printJson({ ok: false, error });
  return EXIT.usage;
}
