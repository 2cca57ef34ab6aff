import { signal } from '../../../src/local/processes.js';
import { until } from '../../support/stack-process.js';
import { lockManifest } from '../moments.js';
import type { Scene } from '../scene.js';
import type { CutOn, Outside } from './outside.js';

/** One job of a cell, held at a moment from outside the product. */
export interface Cell {
  outside: Outside;
  prompt: string;
  jobId: string;
}

export interface HeldCells {
  cells: Cell[];
  /** What is seen from outside of one cell, in few words; rejects when its job does not stand at this moment. */
  look: (cell: Cell) => Promise<string>;
  /** Lets go of what holds the jobs. */
  go: () => Promise<void>;
}

/** Brings one job of each provider to the same moment, so that one fault hits all of them. */
export type Hold = (scene: Scene, outsides: readonly Outside[], title: string) => Promise<HeldCells>;

function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(`no evidence: expected ${what}`);
}

async function recordState(scene: Scene, jobId: string): Promise<string> {
  const records = await scene.records(jobId);
  return records.map(({ state }) => state).join(' ') || 'none';
}

async function submitAll(scene: Scene, outsides: readonly Outside[], title: string, prepare: (outside: Outside, prompt: string) => void): Promise<Cell[]> {
  const cells: Cell[] = [];
  for (const outside of outsides) {
    const prompt = `${title} ${outside.name}`;
    prepare(outside, prompt);
    cells.push({ outside, prompt, jobId: await scene.submit('image_generate_async', { prompt, provider: outside.name }) });
  }
  return cells;
}

const releaseAll = (cells: readonly Cell[]): Promise<void> => Promise.resolve(cells.forEach(({ outside }) => outside.release()));

/** The reference is half downloaded; nothing is written down or asked of the provider. */
export const beforeRecord: Hold = async (scene, outsides, title) => {
  scene.references.hold();
  const cells: Cell[] = [];
  for (const outside of outsides) {
    const prompt = `${title} ${outside.name}`;
    const name = prompt.replaceAll(' ', '-');
    const jobId = await scene.submit('image_edit_async', { prompt, provider: outside.name, image_path: scene.references.url(name) });
    await scene.references.stuck(name);
    cells.push({ outside, prompt, jobId });
  }
  return {
    cells,
    async look({ outside, prompt, jobId }) {
      must((await recordState(scene, jobId)) === 'none' && outside.bought(prompt) === 0, 'no attempt record and no request');
      return 'reference held by its server; no record, no request';
    },
    go: () => Promise.resolve(scene.references.release()),
  };
};

/** The request is with the provider, its reply is held. */
export const beforeReply: Hold = async (scene, outsides, title) => {
  const cells = await submitAll(scene, outsides, title, (outside, prompt) => outside.fault('hang', 'submit', prompt));
  await allSeen(cells, 'submit', 'hang');
  return {
    cells,
    async look({ outside, prompt, jobId }) {
      must((await recordState(scene, jobId)) === 'open' && outside.bought(prompt) === 1, 'an open record and one request');
      return 'fake has the request and holds its reply; record open';
    },
    go: () => releaseAll(cells),
  };
};

/** The handle is written down and Temporal, which stands still, has not seen the end of submit. */
export const accepted: Hold = async (scene, outsides, title) => {
  const held = await beforeReply(scene, outsides, title);
  const { temporal } = await scene.pids();
  const resume = (): Promise<void> => Promise.resolve(void signal(temporal, 'SIGCONT'));
  scene.held.push(resume);
  signal(temporal, 'SIGSTOP');
  await held.go();
  for (const { jobId, prompt } of held.cells) await until(async () => (await recordState(scene, jobId)) === 'accepted', `the accepted record of ${prompt}`);
  return {
    cells: held.cells,
    async look({ outside, prompt, jobId }) {
      must((await recordState(scene, jobId)) === 'accepted' && outside.seen(prompt, 'poll').length === 0, 'an accepted record and no poll');
      return 'record accepted; Temporal stopped before the reply came, so collect has not begun; no poll at the fake';
    },
    go: resume,
  };
};

/** A poll is with the provider. */
export const collecting: Hold = async (scene, outsides, title) => {
  const cells = await submitAll(scene, outsides, title, (outside, prompt) => outside.fault('hang', 'poll', prompt));
  await allSeen(cells, 'poll', 'hang');
  return {
    cells,
    async look({ jobId }) {
      must((await recordState(scene, jobId)) === 'accepted', 'an accepted record');
      return 'fake has a poll and holds its answer; record accepted';
    },
    go: () => releaseAll(cells),
  };
};

/** The pictures are in the store; the final record is not written, since this process has the lock of the manifest. */
export const storing: Hold = async (scene, outsides, title) => {
  const cells = await submitAll(scene, outsides, title, (outside, prompt) => outside.fault('hang', outside.synchronous ? 'submit' : 'poll', prompt));
  for (const cell of cells) await allSeen([cell], cell.outside.synchronous ? 'submit' : 'poll', 'hang');
  const unlocks: (() => Promise<void>)[] = [];
  for (const { jobId } of cells) unlocks.push(await lockManifest(scene, jobId));
  await releaseAll(cells);
  for (const { jobId, prompt } of cells) await until(async () => (await recordState(scene, jobId)) === 'done', `the stored picture of ${prompt}`);
  return {
    cells,
    async look({ jobId }) {
      const [record] = await scene.records(jobId);
      const blob = await scene.store.statBlob(record?.outputs?.[0]?.sha256 ?? '');
      const manifest = await scene.manifests.read(jobId);
      must(record?.state === 'done' && blob !== undefined && manifest?.state === 'accepted', 'a done record, its blob and an open manifest');
      return 'record done, its blob there; manifest still accepted (locked by the test)';
    },
    go: async () => {
      for (const unlock of unlocks) await unlock();
    },
  };
};

async function allSeen(cells: readonly Cell[], on: CutOn, fault: string): Promise<void> {
  for (const { outside, prompt } of cells) {
    await until(() => outside.seen(prompt, on).some((request) => request.fault === fault), `the ${on} of ${prompt}`);
  }
}
