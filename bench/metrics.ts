import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { temporalBinary } from '../test/support/temporal-binary.js';
import { freePort } from './processes.js';

/** Counts by the kind of Action, as the Temporal server counts them itself. */
export type Actions = ReadonlyMap<string, number>;

export interface Metered {
  /** Makes the local stack's server show its metrics. */
  env: Record<string, string>;
  /** Actions of the namespace of jobs up to now; waits until the server has told them all. */
  actions: () => Promise<Actions>;
}

/** The server that the product would find, started with an address for its metrics: nothing else is different. */
export async function withMetrics<T>(work: (metered: Metered) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'durable-image-bench-temporal-'));
  try {
    const port = await freePort();
    const program = join(folder, 'temporal');
    const binary = `'${(await temporalBinary()).replaceAll("'", String.raw`'\''`)}'`;
    await writeFile(program, `#!/bin/sh\n[ "$1" = server ] && exec ${binary} "$@" --metrics-port ${port}\nexec ${binary} "$@"\n`);
    await chmod(program, 0o755);
    const url = `http://127.0.0.1:${port}/metrics`;
    return await work({ env: { TEMPORAL_CLI: program }, actions: () => settled(url) });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The server collects what it counts for a second before it shows it. */
const COLLECTING_MS = 1500;

async function settled(url: string): Promise<Actions> {
  await sleep(COLLECTING_MS);
  return read(await (await fetch(url)).text());
}

const ACTION = /^action\{action_type="([^"]+)",namespace="default",.*\} (\d+)$/gm;

function read(text: string): Actions {
  const counts = new Map<string, number>();
  for (const [, kind = '', count] of text.matchAll(ACTION)) counts.set(kind, (counts.get(kind) ?? 0) + Number(count));
  return counts;
}

/** What was added since; kinds without a change are left out. */
export function since(before: Actions, after: Actions): Actions {
  return new Map([...after].map(([kind, count]): [string, number] => [kind, count - (before.get(kind) ?? 0)]).filter(([, count]) => count !== 0));
}

export function total(actions: Actions): number {
  return [...actions.values()].reduce((sum, count) => sum + count, 0);
}
