import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { expected } from './case.js';
import { CASES, THEMES } from './cases/index.js';
import { GUARDS } from './guards/index.js';
import { runCases, type Run } from './run/outcomes.js';
import { unreachedRefusals } from './run/reached.js';
import { makeTree } from './run/tree.js';

jest.setTimeout(180_000);

const base = realpathSync(mkdtempSync(join(tmpdir(), 'hostile-table-')));
const tree = join(base, 'tree');
const coverage = join(base, 'coverage');
let run: Run;

beforeAll(async () => {
  makeTree(tree);
  run = await runCases(tree, undefined, 150, { NODE_V8_COVERAGE: coverage });
});
afterAll(() => rmSync(base, { recursive: true, force: true }));

describe.each(Object.keys(THEMES))('hostile %s', (theme) => {
  it.each((THEMES[theme] ?? []).map((one) => ({ id: one.id, what: one.what, where: one.where, must: expected(one) })))('$id ($where): $what: $must', ({ id, must }) => {
    expect(run.outcomes.get(id)?.outcome).toBe(must);
  });
});

describe('the table', () => {
  it('runs to its end in one process, which then still takes ordinary pictures through every door', () => {
    expect(run.whole).toBe(true);
    expect(['call', 'job', 'download', 'output'].map((door) => run.outcomes.get(door)?.outcome)).toEqual(Array(4).fill('accepted'));
  });

  it('has no case twice, under whatever name', () => {
    expect(CASES.length).toBeGreaterThanOrEqual(80);
    const ids = CASES.map(({ id }) => id);
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
    const digests = ids.map((id) => run.outcomes.get(id)?.digest ?? id);
    expect(ids.filter((_id, index) => digests.indexOf(digests[index] ?? '') !== index)).toEqual([]);
  });

  it('has a case for every guard and a guard for every case', () => {
    const guards: readonly string[] = GUARDS.map(({ id }) => id);
    expect(guards.filter((id, index) => guards.indexOf(id) !== index)).toEqual([]);
    expect(guards.filter((id) => !CASES.some(({ guard }) => guard === id))).toEqual([]);
    expect(CASES.filter(({ guard }) => !guards.includes(guard))).toEqual([]);
  });

  it('reaches every refusal of the code that meets references and pictures', () => {
    expect(unreachedRefusals(tree, ['src/references', 'src/images'], coverage)).toEqual([
      // Calls name references by text; a program of this package may ask for a blob.
      expect.stringMatching(/^src\/references\/snapshot\.ts: .*The store has no blob/),
      // For the compiler: a picture or a canvas is there by then.
      expect.stringContaining('src/references/headers/webp.ts: throw new BrokenHeader(\'it does not state its size\')'),
    ]);
  });
});
