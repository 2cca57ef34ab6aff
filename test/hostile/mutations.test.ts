import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { ACCEPTED, expected, type Guard } from './case.js';
import { CASES } from './cases/index.js';
import { GUARDS } from './guards/index.js';
import { inTurn, runCases, type Run } from './run/outcomes.js';
import { makeTree, makeTreeWithout } from './run/tree.js';

jest.setTimeout(240_000);

/**
 * Each guard is switched off by a change of its text in a copy of the sources; every case of the guard must then end otherwise than it
 * has to, while ordinary pictures are still taken. A text that is not there any more fails: the table has to follow the code.
 */
const base = realpathSync(mkdtempSync(join(tmpdir(), 'hostile-guards-')));
const tree = join(base, 'tree');
const runs = new Map<string, Promise<Run>>();

beforeAll(() => {
  makeTree(tree);
  const started = inTurn(GUARDS.map((guard) => () => runWithout(guard)), availableParallelism());
  for (const [index, { id }] of GUARDS.entries()) {
    const one = started[index];
    // Looked at by its own test.
    one?.catch(() => undefined);
    if (one) runs.set(id, one);
  }
});
afterAll(() => rmSync(base, { recursive: true, force: true }));

async function runWithout({ id, off }: Guard): Promise<Run> {
  const folder = join(base, id);
  makeTreeWithout(off, tree, folder);
  try {
    return await runCases(folder, id, 60);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('without the guard', () => {
  it.each(GUARDS.map((guard: Guard) => guard))('$id ($what) each of its cases fails', async ({ id, keepsFaults }) => {
    const run = await runs.get(id);
    if (!run) throw new Error('it was not run');
    const { outcomes, whole, stderr } = run;
    expect({ whole, stderr }).toEqual({ whole: true, stderr: '' });
    const cases = CASES.filter(({ guard }) => guard === id);
    expect(cases.filter((one) => outcomes.get(one.id)?.outcome === expected(one)).map((one) => one.id)).toEqual([]);

    // Without the guard the product still works: it is not the change itself that fails.
    const ids: string[] = CASES.map((one) => one.id);
    const controls = [...outcomes.values()].filter((one) => !ids.includes(one.id));
    expect(controls.length).toBeGreaterThan(0);
    expect(controls.filter(({ outcome }) => outcome !== ACCEPTED)).toEqual([]);
    if (!keepsFaults) expect([...outcomes.values()].filter(({ outcome }) => outcome.startsWith('fault'))).toEqual([]);
  });
});
