import { JobFailure } from '../contract/errors.js';

/** Exit codes of every command. */
export const EXIT = { done: 0, failed: 1, usage: 2, running: 3 } as const;

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2));
}

/** For people; stdout stays what a program reads. */
export function tell(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Tells a failure in two sentences, or as JSON where that was asked for, and gives its exit code. */
export function reportFailure(error: unknown, json: boolean): number {
  if (!(error instanceof JobFailure)) {
    tell(`durable-image-mcp: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    return EXIT.failed;
  }
  if (json) printJson({ ok: false, error: error.toJobError() });
  tell(`${error.code}: ${error.message}\n${error.nextStep}`);
  if (error.code === 'INVALID_ARGUMENT') return EXIT.usage;
  return error.code === 'STARTING' ? EXIT.running : EXIT.failed;
}
