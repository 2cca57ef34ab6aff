import { spawn } from 'node:child_process';
import { join } from 'node:path';
import * as z from 'zod';
import { CHILD } from './tree.js';

/** A line of run/child.ts. */
const lineSchema = z.object({ id: z.string(), outcome: z.string(), digest: z.string(), milliseconds: z.number() });
export type Outcome = z.infer<typeof lineSchema>;

export interface Run {
  /** By the id of the case. */
  outcomes: Map<string, Outcome>;
  /** Whether the runner came to its end: it ends itself by SIGKILL, since threads that hang would keep it. */
  whole: boolean;
  stderr: string;
}

const LAST_LINE = '{"end":true}';

/** Runs the cases of one guard, or all, in a process of the tree; `env` in addition to this process's own. */
export async function runCases(tree: string, guard: string | undefined, seconds: number, env: Record<string, string> = {}): Promise<Run> {
  const child = spawn(process.execPath, [join(tree, CHILD), ...(guard === undefined ? [] : [guard])], {
    // An outer test runner's options are not the product's.
    env: { ...process.env, NODE_OPTIONS: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: seconds * 1000,
    killSignal: 'SIGKILL',
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  await new Promise((resolve) => child.once('close', resolve));
  const lines = stdout.split('\n').filter((line) => line !== '');
  const outcomes = lines.filter((line) => line !== LAST_LINE).map((line) => lineSchema.parse(JSON.parse(line)));
  return { outcomes: new Map(outcomes.map((one) => [one.id, one])), whole: lines.at(-1) === LAST_LINE, stderr };
}

/** Lets a few tasks run at a time; each result can be awaited by itself. */
export function inTurn<T>(tasks: readonly (() => Promise<T>)[], places: number): Promise<T>[] {
  const results: Promise<T>[] = [];
  for (const [index, task] of tasks.entries()) {
    const before = index < places ? undefined : results[index - places];
    results.push(Promise.resolve(before).catch(() => undefined).then(task));
  }
  return results;
}
