import { watch } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Locks } from '../../src/blobs/lock.js';
import { sha256 } from '../../src/contract/canonical.js';
import { signal } from '../../src/local/processes.js';
import { until } from '../support/stack-process.js';
import type { Scene } from './scene.js';

/** A job that stands still at one moment of its way, held there from outside the product. */
export interface Moment {
  prompt: string;
  jobId: string;
  /** What was seen from outside, in few words. A moment that cannot be shown is an error. */
  evidence: string;
  /** Lets go of what holds the job; harmless when nothing is held any more. */
  go: () => Promise<void>;
}

export type Reach = (scene: Scene, prompt: string) => Promise<Moment>;

function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(`no evidence: expected ${what}`);
}

/** The reference is half downloaded; nothing is written down or asked of the provider. */
export const uploading: Reach = async (scene, prompt) => {
  const name = prompt.replaceAll(' ', '-');
  scene.references.hold();
  const jobId = await scene.submit('image_edit_async', { prompt, image_path: scene.references.url(name) });
  const sent = await scene.references.stuck(name);
  must((await scene.records(jobId)).length === 0 && bought(scene, prompt) === 0, 'no attempt record and no request');
  return {
    prompt,
    jobId,
    evidence: `reference server holds the body after ${sent} bytes; no record, no request`,
    go: () => Promise.resolve(scene.references.release()),
  };
};

/** The request is with the provider, its reply is held. */
export const beforeReply: Reach = async (scene, prompt) => {
  scene.fake.fault({ kind: 'hang', match: prompt });
  const jobId = await scene.submit('image_generate_async', { prompt });
  await scene.fake.waitForRequest((entry) => entry.method === 'POST' && entry.prompt === prompt);
  const [record] = await scene.records(jobId);
  must(record?.state === 'open' && bought(scene, prompt) === 1, `record open and one request, not ${record?.state}`);
  return {
    prompt,
    jobId,
    evidence: 'fake has the request and holds its reply; record open',
    go: () => Promise.resolve(void scene.fake.release()),
  };
};

/** The handle is written down, and Temporal, which stands still, cannot have heard of it: collect has not begun. */
export const accepted: Reach = async (scene, prompt) => {
  const { jobId, go } = await beforeReply(scene, prompt);
  const { temporal } = await scene.pids();
  const resume = (): Promise<void> => Promise.resolve(void signal(temporal, 'SIGCONT'));
  scene.held.push(resume);
  signal(temporal, 'SIGSTOP');
  await go();
  await until(async () => (await scene.records(jobId))[0]?.state === 'accepted', 'the accepted record');
  must(polls(scene, prompt) === 0, 'no poll');
  return {
    prompt,
    jobId,
    evidence: 'record accepted; Temporal stopped before it could hear of it; no poll at the fake',
    go: resume,
  };
};

/** A poll is with the provider. */
export const collecting: Reach = async (scene, prompt) => {
  scene.fake.fault({ kind: 'hang', on: 'poll', match: prompt });
  const jobId = await scene.submit('image_generate_async', { prompt });
  await scene.fake.waitForRequest((entry) => entry.method === 'GET' && entry.prompt === prompt);
  const [record] = await scene.records(jobId);
  must(record?.state === 'accepted', `record accepted, not ${record?.state}`);
  return {
    prompt,
    jobId,
    evidence: 'fake has a poll and holds its answer; record accepted',
    go: () => Promise.resolve(void scene.fake.release()),
  };
};

/** Pictures are stored and exported; the final record is not written, since this process has the lock of the manifest. */
export const storing: Reach = async (scene, prompt) => {
  const { jobId, go } = await collecting(scene, prompt);
  const digest = sha256(jobId);
  const lock = `document-${sha256(`manifests/${digest.slice(0, 2)}/${digest}.json`)}`;
  let release = (): void => {};
  let taken = (): void => {};
  const free = new Promise<void>((resolve) => (release = resolve));
  const isTaken = new Promise<void>((resolve) => (taken = resolve));
  const held = new Locks(join(scene.dataDir, 'store', 'locks')).hold(lock, async () => {
    taken();
    await free;
  });
  const letGo = async (): Promise<void> => {
    release();
    await held;
  };
  scene.held.push(letGo);
  await isTaken;
  await go();
  const name = await until(async () => (await readdir(scene.saveRoot)).find((file) => isOf(jobId, file)), 'the exported file');
  const [record] = await scene.records(jobId);
  const manifest = await scene.manifests.read(jobId);
  const blob = await scene.store.statBlob(record?.outputs?.[0]?.sha256 ?? '');
  must(record?.state === 'done' && manifest?.state === 'accepted' && blob !== undefined, 'record done, its blob, manifest open');
  return {
    prompt,
    jobId,
    evidence: `record done, blob of ${blob?.sizeBytes} bytes and ${name} there; manifest still accepted (locked by the test)`,
    go: letGo,
  };
};

/** A large picture is on its way into the save folder: the worker is stopped the moment its partial file appears. */
export const writing: Reach = async (scene, prompt) => {
  const { worker } = await scene.pids();
  const resume = (): Promise<void> => Promise.resolve(void signal(worker, 'SIGCONT'));
  scene.held.push(resume);
  for (let n = 1; n <= 5; n++) {
    const tried = `${prompt} ${n}`;
    const stopped = stopAt(scene.saveRoot, worker);
    scene.fake.fault({ kind: 'large_image', match: tried, bytes: 30_000_000 });
    const jobId = await scene.submit('image_generate_async', { prompt: tried });
    const partial = await stopped;
    const size = await stat(join(scene.saveRoot, partial)).then((found) => found.size, () => undefined);
    const whole = (await readdir(scene.saveRoot)).some((file) => isOf(jobId, file));
    if (size !== undefined && !whole) {
      const evidence = `${partial} has ${size} bytes, no file under the final name (worker stopped by the watcher)`;
      return { prompt: tried, jobId, evidence, go: resume };
    }
    // Too late: this one completes, and the next may be caught.
    await resume();
    await scene.ended(jobId);
  }
  throw new Error('no evidence: no partial file could be caught');
};

async function stopAt(folder: string, pid: number): Promise<string> {
  return new Promise((resolve) => {
    const watcher = watch(folder, (_, name) => {
      if (!name?.endsWith('.partial')) return;
      signal(pid, 'SIGSTOP');
      watcher.close();
      resolve(name);
    });
  });
}

/** Exported files carry eight characters of their job. */
export function isOf(jobId: string, file: string): boolean {
  return !file.startsWith('.') && file.includes(sha256(jobId).slice(0, 8));
}

export function bought(scene: Scene, prompt: string): number {
  return scene.fake.ledger().by_prompt[prompt] ?? 0;
}

function polls(scene: Scene, prompt: string): number {
  return scene.fake.requests.filter((entry) => entry.method === 'GET' && entry.prompt === prompt).length;
}
