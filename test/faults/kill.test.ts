import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { isAlive, signal } from '../../src/local/processes.js';
import type { Answer } from '../support/mcp-client.js';
import { killHard, until, type StackPids } from '../support/stack-process.js';
import { halfWritten } from './files.js';
import { accepted, beforeReply, bought, collecting, storing, uploading, writing, type Moment, type Reach } from './moments.js';
import { HEARTBEAT_SECONDS, openScene, type Scene } from './scene.js';
import { drawTable, type TableRow } from './table.js';

/** The pay-once table of the design, on the built product: each row ends processes with kill -9 at a moment that is shown from outside. */

jest.setTimeout(120_000);

let scene: Scene;
const table: TableRow[] = [];

beforeAll(async () => {
  scene = await openScene();
});
afterAll(async () => {
  process.stdout.write(`\n${drawTable(table)}\n\n${table.filter(({ verdict }) => verdict === 'PASS').length} of ${table.length} rows passed\n\n`);
  await scene.close();
});

type End = 'completed' | 'failed MAYBE_BILLED';
type Victim = 'MCP server' | keyof StackPids;

/** Fills its row while it goes; whatever is missing at the end fails it. */
async function row(fault: string, moment: string, run: (row: TableRow) => Promise<void>): Promise<void> {
  const line: TableRow = { fault, moment, pids: '', evidence: '', end: '', ledger: '', files: '', seconds: '', verdict: 'FAIL' };
  table.push(line);
  const since = Date.now();
  try {
    await run(line);
    if (line.evidence === '') throw new Error('a row without evidence');
    line.verdict = 'PASS';
  } catch (error) {
    process.stderr.write(`\n=== ${fault}, ${moment}\n${await scene.logs()}\n`);
    throw error;
  } finally {
    await scene.letGo();
    line.seconds = ((Date.now() - since) / 1000).toFixed(1);
  }
}

function told(end: Answer): string {
  return [end.status, end.error?.code].filter(Boolean).join(' ');
}

/** What holds for every row once its jobs have ended. */
async function check(line: TableRow, moments: readonly Pick<Moment, 'prompt' | 'jobId'>[], ends: readonly Answer[], expected: End): Promise<void> {
  const ledger = moments.map(({ prompt }) => bought(scene, prompt));
  const broken = await halfWritten(scene, ends);
  line.end = ends.map(told).join(', ');
  line.ledger = ledger.join(', ');
  line.files = broken.length === 0 ? 'none' : broken.join('; ');
  expect(ends.map(told)).toEqual(moments.map(() => expected));
  expect(ends.map(({ job_id }) => job_id)).toEqual(moments.map(({ jobId }) => jobId));
  expect(ledger).toEqual(moments.map(() => 1));
  expect(broken).toEqual([]);
  expect(scene.fake.violations).toEqual([]);
  // The stack is whole again, with other processes than those that were killed.
  const now = Object.values(await scene.pids()).map(String);
  if (line.fault !== STOPPED) expect(line.pids.split(' ').filter((pid) => now.includes(pid))).toEqual([]);
}

async function pidsOf(victims: readonly Victim[]): Promise<number[]> {
  const pids = await scene.pids();
  return victims.map((victim) => (victim === 'MCP server' ? scene.mcp.pid : pids[victim]));
}

const STOPPED = 'worker stopped';
const EVERYTHING: readonly Victim[] = ['MCP server', 'supervisor', 'temporal', 'worker'];

describe.each<[string, readonly Victim[], string, Reach, End]>([
  ['worker', ['worker'], 'upload', uploading, 'completed'],
  ['worker', ['worker'], 'before the reply', beforeReply, 'failed MAYBE_BILLED'],
  ['worker', ['worker'], 'submit to collect', accepted, 'completed'],
  ['worker, Temporal', ['worker', 'temporal'], 'submit to collect', accepted, 'completed'],
  ['worker', ['worker'], 'collect', collecting, 'completed'],
  ['worker', ['worker'], 'store, mid-file', writing, 'completed'],
  ['worker', ['worker'], 'store, unrecorded', storing, 'completed'],
  ['Temporal', ['temporal'], 'upload', uploading, 'completed'],
  ['Temporal', ['temporal'], 'before the reply', beforeReply, 'completed'],
  ['Temporal', ['temporal'], 'collect', collecting, 'completed'],
  ['Temporal', ['temporal'], 'store, unrecorded', storing, 'completed'],
  ['supervisor', ['supervisor'], 'before the reply', beforeReply, 'completed'],
  ['supervisor', ['supervisor'], 'collect', collecting, 'completed'],
  ['everything', EVERYTHING, 'before the reply', beforeReply, 'failed MAYBE_BILLED'],
  ['everything', EVERYTHING, 'collect', collecting, 'completed'],
  ['everything', EVERYTHING, 'store, unrecorded', storing, 'completed'],
])('kill -9 of %s', (fault, victims, moment, reach, expected) => {
  it(`at ${moment}: ${expected}, paid once`, async () => {
    await row(fault, moment, async (line) => {
      const reached = await reach(scene, `${fault} ${moment}`);
      const pids = await pidsOf(victims);
      line.pids = pids.join(' ');
      await killHard(...pids);
      line.evidence = await reached.look();
      await reached.go();
      if (victims.includes('MCP server')) await scene.restartMcp();
      await check(line, [reached], [await scene.ended(reached.jobId)], expected);
    });
  });
});

describe('kill -9 of the MCP server', () => {
  it('right after it answered: the job goes on without it', async () => {
    await row('MCP server', 'just answered', async (line) => {
      const prompt = 'MCP server just answered';
      const { pid } = scene.mcp;
      const jobId = await scene.submit('image_generate_async', { prompt });
      await killHard(pid);
      line.pids = String(pid);
      const manifest = await scene.manifests.read(jobId);
      if (manifest) line.evidence = `answered with the job_id; manifest ${manifest.state} on disk`;
      await scene.restartMcp();
      await check(line, [{ prompt, jobId }], [await scene.ended(jobId)], 'completed');
    });
  });
});

describe('a worker that stands still', () => {
  it.each<[string, Reach]>([
    ['before the reply', beforeReply],
    ['collect', collecting],
  ])('for twice the heartbeat timeout at %s: completed, paid once', async (moment, reach) => {
    await row(STOPPED, moment, async (line) => {
      const reached = await reach(scene, `worker stopped ${moment}`);
      const { worker } = await scene.pids();
      line.pids = String(worker);
      scene.held.push(() => Promise.resolve(void signal(worker, 'SIGCONT')));
      signal(worker, 'SIGSTOP');
      const seen = await reached.look();
      await reached.go();
      await delay(2 * HEARTBEAT_SECONDS * 1000);
      const attempt = await until(async () => {
        const { attempt: number = 1 } = await scene.status(reached.jobId);
        return number > 1 ? number : undefined;
      }, 'the second attempt');
      line.evidence = `${seen}; Temporal gave it up: attempt ${attempt}`;
      signal(worker, 'SIGCONT');
      await check(line, [reached], [await scene.ended(reached.jobId)], 'completed');
    });
  });
});

describe('a reply after the record was given up', () => {
  it('completes the job that had ended as MAYBE_BILLED', async () => {
    await row('late reply', 'after gives_up_at', async (line) => {
      const reached = await beforeReply(scene, 'late reply');
      const first = await scene.ended(reached.jobId);
      const [record] = await scene.records(reached.jobId);
      expect([told(first), record?.state]).toEqual(['failed MAYBE_BILLED', 'ambiguous']);
      line.evidence = `fake has the request and holds its reply; ${told(first)} and record ambiguous`;
      line.pids = '-';
      await reached.go();
      const end = await until(async () => {
        const seen = await scene.ended(reached.jobId);
        return seen.status === 'completed' ? seen : undefined;
      }, 'the completed job');
      await check(line, [reached], [end], 'completed');
    });
  });
});

describe('a power cut that takes the database', () => {
  it('is survived by all jobs, under their IDs', async () => {
    await row('power cut', 'store, collect, upload', async (line) => {
      // In this order: what brings a job to its storing lets all held answers go.
      const moments = [
        await storing(scene, 'power cut store'),
        await collecting(scene, 'power cut collect'),
        await uploading(scene, 'power cut upload'),
      ];
      const pids = await pidsOf(EVERYTHING);
      line.pids = pids.join(' ');
      await killHard(...pids);
      const seen = await Promise.all(moments.map(({ look }) => look()));
      for (const suffix of ['', '-wal', '-shm']) await rm(join(scene.dataDir, `temporal.db${suffix}`), { force: true });
      line.evidence = `${seen.join(' / ')}; temporal.db deleted`;
      for (const { go } of moments) await go();
      await scene.restartMcp();
      const ends = await Promise.all(moments.map(({ jobId }) => scene.ended(jobId)));
      await check(line, moments, ends, 'completed');
    });
  });
});

describe('after all of it', () => {
  it('no job is lost and no picture was bought twice', async () => {
    for (const [prompt, jobId] of scene.jobs) {
      expect([prompt, (await scene.manifests.read(jobId))?.state]).toEqual([prompt, 'ended']);
      expect([prompt, bought(scene, prompt)]).toEqual([prompt, 1]);
    }
    expect(scene.fake.ledger().total).toBe(scene.jobs.size);
  });

  it('every answer about a job was its record, also while the stack was coming back', () => {
    expect(scene.refusals).toEqual([]);
  });

  it('down leaves no process behind', async () => {
    const pids = Object.values(await scene.pids());
    await scene.down();
    expect(await Promise.all(pids.map(isAlive))).toEqual(pids.map(() => false));
  });
});
