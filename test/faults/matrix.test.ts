import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { signal } from '../../src/local/processes.js';
import type { Answer } from '../support/mcp-client.js';
import { killHard, until, type StackPids } from '../support/stack-process.js';
import { filesWith } from './files.js';
import { accepted, beforeRecord, beforeReply, collecting, storing, type Cell, type Hold } from './matrix/moments.js';
import { CANARY, startOutside, type CutKind, type CutOn, type Outside } from './matrix/outside.js';
import { HEARTBEAT_SECONDS, openScene, type Scene } from './scene.js';
import { drawTable, type TableRow } from './table.js';

/**
 * Pay once as a matrix: provider x fault x moment, on the built product. Jobs of all providers stand at one moment when one
 * fault hits them; each is a cell with evidence of its own. FAULT_CELLS=tenth runs the fixed tenth that CI has.
 */
jest.setTimeout(240_000);

const TENTH = process.env['FAULT_CELLS'] === 'tenth';
type End = 'completed' | 'failed MAYBE_BILLED';

let outsides: Outside[];
let scene: Scene;
const table: TableRow[] = [];
const answers: Answer[] = [];

beforeAll(async () => {
  outsides = await startOutside();
  scene = await openScene(Object.fromEntries(outsides.flatMap(({ env }) => Object.entries(env))));
});
afterAll(async () => {
  const passed = table.filter(({ verdict }) => verdict === 'PASS').length;
  process.stdout.write(`\n${drawTable(table)}\n\n${passed} of ${table.length} cells passed\n\n`);
  await scene.close();
  await Promise.all(outsides.map((outside) => outside.close()));
});

/** Fills the rows of its cells; a cell in which anything is missing fails, and the others are still looked at. */
async function verdicts(fault: string, moment: string, cells: readonly Cell[], evidence: ReadonlyMap<Cell, string>, pids: string, expected: (outside: Outside) => End, since: number): Promise<void> {
  const failures: string[] = [];
  for (const cell of cells) {
    const { outside, prompt, jobId } = cell;
    const line: TableRow = { fault: `${outside.name}: ${fault}`, moment, pids, evidence: evidence.get(cell) ?? '', end: '', ledger: '', files: 'none', seconds: '', verdict: 'FAIL' };
    table.push(line);
    const end = await scene.ended(jobId);
    answers.push(end, await scene.status(jobId));
    line.end = [end.status, end.error?.code].filter(Boolean).join(' ');
    line.ledger = String(outside.bought(prompt));
    line.seconds = ((Date.now() - since) / 1000).toFixed(1);
    const good = line.evidence !== '' && line.end === expected(outside) && line.ledger === '1' && outside.violations() === 0;
    line.verdict = good ? 'PASS' : 'FAIL';
    if (!good) failures.push(`${line.fault} at ${moment}: ${line.end}, ledger ${line.ledger}, evidence "${line.evidence}", expected ${expected(outside)}`);
  }
  if (failures.length > 0) process.stderr.write(`\n=== ${fault}, ${moment}\n${await scene.logs()}\n`);
  expect(failures).toEqual([]);
}

async function letGo(): Promise<void> {
  for (const outside of outsides) {
    outside.clear();
    outside.release();
  }
  await scene.letGo();
}

type Victim = keyof StackPids;
const EVERYTHING: readonly Victim[] = ['supervisor', 'temporal', 'worker'];
const queued = ({ synchronous }: Outside): boolean => !synchronous;
const everyone = (): boolean => true;
const completed = (): End => 'completed';
/** Between record and reply: completed only where the provider can show what it took. */
const shownOrAsked = ({ reconciles }: Outside): End => (reconciles ? 'completed' : 'failed MAYBE_BILLED');

const KILLS: [string, readonly Victim[], string, Hold, (outside: Outside) => boolean, (outside: Outside) => End][] = [
  ['kill -9 of the worker', ['worker'], 'before the record', beforeRecord, everyone, completed],
  ['kill -9 of the worker', ['worker'], 'between record and reply', beforeReply, everyone, shownOrAsked],
  ['kill -9 of the worker', ['worker'], 'between submit and collect', accepted, queued, completed],
  ['kill -9 of the worker', ['worker'], 'during collect', collecting, queued, completed],
  ['kill -9 of the worker', ['worker'], 'during store', storing, everyone, completed],
  ['kill -9 of Temporal', ['temporal'], 'before the record', beforeRecord, everyone, completed],
  ['kill -9 of Temporal', ['temporal'], 'between record and reply', beforeReply, everyone, completed],
  ['kill -9 of Temporal', ['temporal'], 'between submit and collect', accepted, queued, completed],
  ['kill -9 of Temporal', ['temporal'], 'during collect', collecting, queued, completed],
  ['kill -9 of Temporal', ['temporal'], 'during store', storing, everyone, completed],
  ['kill -9 of everything', EVERYTHING, 'before the record', beforeRecord, everyone, completed],
  ['kill -9 of everything', EVERYTHING, 'between record and reply', beforeReply, everyone, shownOrAsked],
  ['kill -9 of everything', EVERYTHING, 'between submit and collect', accepted, queued, completed],
  ['kill -9 of everything', EVERYTHING, 'during collect', collecting, queued, completed],
  ['kill -9 of everything', EVERYTHING, 'during store', storing, everyone, completed],
];

/** The fixed tenth: what is hardest, and the one after it. */
const IN_TENTH = new Set(['kill -9 of the worker between record and reply', 'kill -9 of everything during collect']);
const inRun = (fault: string, moment: string): boolean => !TENTH || IN_TENTH.has(`${fault} ${moment}`);

describe.each(KILLS.filter(([fault, , moment]) => inRun(fault, moment)))('%s', (fault, victims, moment, hold, takesPart, expected) => {
  it(`${moment}: every provider, paid once`, async () => {
    const since = Date.now();
    try {
      const held = await hold(scene, outsides.filter(takesPart), `${fault} ${moment}`);
      for (const cell of held.cells) await held.look(cell);
      const running = await scene.pids();
      const pids = victims.map((victim) => running[victim]);
      await killHard(...pids);
      const evidence = new Map<Cell, string>();
      for (const cell of held.cells) evidence.set(cell, await held.look(cell).catch(() => ''));
      await held.go();
      await verdicts(fault, moment, held.cells, evidence, pids.join(' '), expected, since);
    } finally {
      await letGo();
    }
  });
});

const STOPS: [string, Hold, (outside: Outside) => boolean][] = [
  ['between record and reply', beforeReply, everyone],
  ['during collect', collecting, queued],
];

(TENTH ? describe.skip : describe).each(STOPS)('the worker stands still', (moment, hold, takesPart) => {
  it(`${moment}, for twice the heartbeat timeout: every provider, paid once`, async () => {
    const since = Date.now();
    try {
      const held = await hold(scene, outsides.filter(takesPart), `stopped ${moment}`);
      const { worker } = await scene.pids();
      scene.held.push(() => Promise.resolve(void signal(worker, 'SIGCONT')));
      signal(worker, 'SIGSTOP');
      const seen = new Map<Cell, string>();
      for (const cell of held.cells) seen.set(cell, await held.look(cell));
      await held.go();
      await delay(2 * HEARTBEAT_SECONDS * 1000);
      const evidence = new Map<Cell, string>();
      for (const cell of held.cells) {
        const attempt = await until(async () => {
          const { attempt: number = 1 } = await scene.status(cell.jobId);
          return number > 1 ? number : undefined;
        }, `the second attempt of ${cell.prompt}`);
        evidence.set(cell, `${seen.get(cell)}; Temporal gave it up: attempt ${attempt}`);
      }
      signal(worker, 'SIGCONT');
      await verdicts('worker stopped', moment, held.cells, evidence, String(worker), completed, since);
    } finally {
      await letGo();
    }
  });
});

const CUTS: [string, CutKind, CutOn, (outside: Outside) => boolean, (outside: Outside) => End][] = [
  ['connection reset after the request was taken', 'reply_lost', 'submit', everyone, shownOrAsked],
  ['reply breaks off', 'truncated_body', 'submit', everyone, shownOrAsked],
  ['reply is not readable', 'unreadable', 'submit', everyone, shownOrAsked],
  ['connection reset at a poll', 'reply_lost', 'poll', queued, completed],
  ['answer to a poll breaks off', 'truncated_body', 'poll', queued, completed],
  ['picture breaks off', 'truncated_body', 'file', ({ files }) => files, completed],
];

describe('a connection that is cut', () => {
  it.each(TENTH ? CUTS.slice(0, 1) : CUTS)('%s: every provider, paid once', async (fault, kind, on, takesPart, expected) => {
    const since = Date.now();
    try {
      const cells: Cell[] = [];
      for (const outside of outsides.filter(takesPart)) {
        const prompt = `${fault} ${outside.name}`;
        outside.fault(kind, on, prompt);
        cells.push({ outside, prompt, jobId: await scene.submit('image_generate_async', { prompt, provider: outside.name }) });
      }
      const evidence = new Map<Cell, string>();
      for (const cell of cells) {
        const { outside, prompt } = cell;
        const hit = await until(() => outside.seen(prompt, on).find((request) => request.fault === kind), `the cut of ${prompt}`);
        evidence.set(cell, `fake: ${on} met ${hit.fault}${hit.accepted ? ', request accepted and billed' : ''}`);
      }
      await verdicts(fault, on, cells, evidence, '-', expected, since);
    } finally {
      await letGo();
    }
  });
});

describe('after all of it', () => {
  it('no key of any account is in an answer, a history, a log, the database, the store or any other file', async () => {
    expect(JSON.stringify(answers)).not.toContain(CANARY);
    const looked = await filesWith(scene.folder, CANARY);
    expect(looked.found).toEqual([]);
    // The look itself: what was asked for is in the database and in the journals.
    expect((await filesWith(scene.folder, 'kill -9 of the worker')).found.length).toBeGreaterThan(2);
    expect(looked.files).toBeGreaterThan(50);
  });

  it('no ledger has more than its jobs, and every answer about a job was its record', () => {
    const jobs = [...scene.jobs.keys()];
    for (const outside of outsides) expect([outside.name, outside.total()]).toEqual([outside.name, jobs.filter((prompt) => prompt.endsWith(` ${outside.name}`)).length]);
    expect(scene.refusals).toEqual([]);
  });
});
