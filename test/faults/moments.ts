import { watch } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { AttemptRecord } from '../../src/blobs/attempts.js';
import { Locks } from '../../src/blobs/lock.js';
import { sha256 } from '../../src/contract/canonical.js';
import { signal } from '../../src/local/processes.js';
import { until } from '../support/stack-process.js';
import type { Scene } from './scene.js';

/** A job that stands still at one moment of its way, held there from outside the product. */
export interface Moment {
  prompt: string;
  jobId: string;
  /** What is seen from outside, in few words; rejects when the job does not stand at this moment. */
  look: () => Promise<string>;
  /** Lets go of what holds the job; harmless when nothing is held any more. */
  go: () => Promise<void>;
}

export type Reach = (scene: Scene, prompt: string) => Promise<Moment>;

function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(`no evidence: expected ${what}`);
}

/** A moment counts only when it can be shown. */
async function shown(moment: Moment): Promise<Moment> {
  await moment.look();
  return moment;
}

/** The reference is half downloaded; nothing is written down or asked of the provider. */
export const uploading: Reach = async (scene, prompt) => {
  const name = prompt.replaceAll(' ', '-');
  scene.references.hold();
  const jobId = await scene.submit('image_edit_async', { prompt, image_path: scene.references.url(name) });
  const sent = await scene.references.stuck(name);
  return shown({
    prompt,
    jobId,
    async look() {
      must((await scene.records(jobId)).length === 0 && bought(scene, prompt) === 0, 'no attempt record and no request');
      return `reference server holds the body after ${sent} bytes; no record, no request`;
    },
    go: () => Promise.resolve(scene.references.release()),
  });
};

/** The request is with the provider, its reply is held. */
export const beforeReply: Reach = async (scene, prompt) => {
  scene.fake.fault({ kind: 'hang', match: prompt });
  const jobId = await scene.submit('image_generate_async', { prompt });
  await scene.fake.waitForRequest((entry) => entry.method === 'POST' && entry.prompt === prompt);
  return shown({
    prompt,
    jobId,
    async look() {
      await mustBe(scene, jobId, 'open');
      must(bought(scene, prompt) === 1, 'one request');
      return 'fake has the request and holds its reply; record open';
    },
    go: () => Promise.resolve(void scene.fake.release()),
  });
};

/**
 * The handle is written down, and Temporal stands still: it has not seen the end of submit, and collect has not begun. What
 * the worker has sent lies in Temporal's socket; it is lost when Temporal is killed too.
 */
export const accepted: Reach = async (scene, prompt) => {
  const { jobId, go } = await beforeReply(scene, prompt);
  const { temporal } = await scene.pids();
  const resume = (): Promise<void> => Promise.resolve(void signal(temporal, 'SIGCONT'));
  scene.held.push(resume);
  signal(temporal, 'SIGSTOP');
  await go();
  await until(async () => (await scene.records(jobId))[0]?.state === 'accepted', 'the accepted record');
  return shown({
    prompt,
    jobId,
    async look() {
      await mustBe(scene, jobId, 'accepted');
      must(polls(scene, prompt) === 0, 'no poll');
      return 'record accepted; Temporal stopped before the reply came, so collect has not begun; no poll at the fake';
    },
    go: resume,
  });
};

/** A poll is with the provider. */
export const collecting: Reach = async (scene, prompt) => {
  scene.fake.fault({ kind: 'hang', on: 'poll', match: prompt });
  const jobId = await scene.submit('image_generate_async', { prompt });
  await scene.fake.waitForRequest((entry) => entry.method === 'GET' && entry.prompt === prompt);
  return shown({
    prompt,
    jobId,
    async look() {
      await mustBe(scene, jobId, 'accepted');
      return 'fake has a poll and holds its answer; record accepted';
    },
    go: () => Promise.resolve(void scene.fake.release()),
  });
};

/** Pictures are stored and exported; the final record is not written, since this process has the lock of the manifest. */
export const storing: Reach = async (scene, prompt) => {
  const { jobId, go } = await collecting(scene, prompt);
  const unlock = await lockManifest(scene, jobId);
  await go();
  const name = await until(async () => (await readdir(scene.saveRoot)).find((file) => isOf(jobId, file)), 'the exported file');
  return shown({
    prompt,
    jobId,
    async look() {
      const record = await mustBe(scene, jobId, 'done');
      const blob = await scene.store.statBlob(record.outputs?.[0]?.sha256 ?? '');
      const manifest = await scene.manifests.read(jobId);
      must(manifest?.state === 'accepted' && blob !== undefined, 'an open manifest and the blob');
      return `record done, blob of ${blob?.sizeBytes} bytes and ${name} there; manifest still accepted (locked by the test)`;
    },
    go: unlock,
  });
};

/** Takes the lock that the product takes to write a manifest; gives what releases it. */
export async function lockManifest(scene: Scene, jobId: string): Promise<() => Promise<void>> {
  const digest = sha256(jobId);
  const lock = `document-${sha256(`manifests/${digest}.json`)}`;
  let release = (): void => {};
  const free = new Promise<void>((resolve) => (release = resolve));
  let held: Promise<void> | undefined;
  const unlock = async (): Promise<void> => {
    release();
    await held;
  };
  await new Promise<void>((resolve) => {
    held = new Locks(join(scene.dataDir, 'store', 'locks')).hold(lock, () => {
      resolve();
      return free;
    });
  });
  scene.held.push(unlock);
  return unlock;
}

/** A large picture is on its way into the save folder: the worker is stopped the moment its partial file appears. */
export const writing: Reach = async (scene, prompt) => {
  const { worker } = await scene.pids();
  const resume = (): Promise<void> => Promise.resolve(void signal(worker, 'SIGCONT'));
  scene.held.push(resume);
  for (let n = 1; n <= CATCHES; n++) {
    const tried = `${prompt} ${n}`;
    const stopped = stopAtPartial(scene.saveRoot, worker);
    scene.fake.fault({ kind: 'large_image', match: tried, bytes: 30_000_000 });
    const jobId = await scene.submit('image_generate_async', { prompt: tried });
    const partial = await stopped;
    const look = async (): Promise<string> => {
      const size = await stat(join(scene.saveRoot, partial)).then(
        (found) => found.size,
        () => undefined,
      );
      const whole = (await readdir(scene.saveRoot)).some((file) => isOf(jobId, file));
      must(size !== undefined && !whole, 'a partial file alone');
      return `${partial} has ${size} bytes, no file under the final name (worker stopped by the watcher)`;
    };
    try {
      return await shown({ prompt: tried, jobId, look, go: resume });
    } catch {
      // Too late: this one completes, and the next may be caught.
      await resume();
      await scene.ended(jobId);
    }
  }
  throw new Error('no evidence: no partial file could be caught');
};

/** The file lives for milliseconds: a busy machine may see it too late. */
const CATCHES = 5;

async function stopAtPartial(folder: string, pid: number): Promise<string> {
  return new Promise((resolve) => {
    const watcher = watch(folder, (_, name) => {
      if (!name?.endsWith('.partial')) return;
      signal(pid, 'SIGSTOP');
      watcher.close();
      resolve(name);
    });
  });
}

async function mustBe(scene: Scene, jobId: string, state: AttemptRecord['state']): Promise<AttemptRecord> {
  const [record, ...others] = await scene.records(jobId);
  if (record?.state !== state || others.length > 0) throw new Error(`no evidence: expected one record ${state}, not ${record?.state}`);
  return record;
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
