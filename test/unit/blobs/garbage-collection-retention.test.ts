import { describe, expect, it } from '@jest/globals';
import { collectGarbage, type CollectedGarbage, type GarbageCollection } from '../../../src/blobs/garbage-collection.js';
import { tombstone, type Manifest } from '../../../src/blobs/manifests.js';
import type { JobRuns } from '../../../src/blobs/retention.js';
import { sha256 } from '../../../src/contract/canonical.js';
import { ago, endedAgo, shelf } from './support/shelf.js';

const get = shelf();

/** What Temporal knows, as the test has it. */
interface FakeRuns extends JobRuns {
  known: Map<string, Date | 'running'>;
  forgotten: string[];
  refuses: boolean;
  /** Called in each step, where other processes do something in between. */
  meanwhile: { look?: (jobId: string) => Promise<void>; forget?: (jobId: string) => Promise<void> };
}

function fakeRuns(): FakeRuns {
  const runs: FakeRuns = {
    known: new Map(),
    forgotten: [],
    refuses: false,
    meanwhile: {},
    async look(jobId) {
      const seen = runs.known.get(jobId);
      await runs.meanwhile.look?.(jobId);
      return seen;
    },
    async recordEnd(jobId) {
      await get().manifests.update(jobId, (stands) => ({ ...stands, state: 'ended', ended_at: ago(0).toISOString() }));
    },
    async forget(jobId) {
      await runs.meanwhile.forget?.(jobId);
      if (runs.known.get(jobId) === 'running') return 'running';
      if (runs.refuses) return 'refused';
      runs.known.delete(jobId);
      runs.forgotten.push(jobId);
      return 'forgotten';
    },
  };
  return runs;
}

function collect(runs: JobRuns | undefined, more: Partial<GarbageCollection> & { days?: number } = {}): Promise<CollectedGarbage> {
  const { store, manifests } = get();
  const { days = 90, ...options } = more;
  return collectGarbage({ store, manifests, retention: { namespace: 'default', days, runs }, ...options });
}

async function read(jobId: string): Promise<Manifest> {
  const manifest = await get().manifests.read(jobId);
  if (!manifest) throw new Error(`there is no ${jobId}`);
  return manifest;
}

describe('retention', () => {
  it('makes a tombstone of a job that ended long ago, and its blobs go with the same collection', async () => {
    const { blob, job, bought, remaining } = get();
    const [own, shared, paid] = await Promise.all([blob('own'), blob('shared'), blob('paid')]);
    await job('old', { ...endedAgo(91, [own, shared]), request_digest: 'digest', idempotent: true });
    await bought('old', paid);
    await job('younger', endedAgo(89, [shared]));
    const runs = fakeRuns();
    runs.known.set('old', ago(91 * 24));
    expect(await collect(runs)).toMatchObject({ expired: 1, removed: 2, workflowsDeleted: 1, workflowsLeft: 0 });
    expect(await remaining(own, shared, paid)).toEqual([false, true, false]);
    expect(runs.forgotten).toEqual(['old']);
    expect(await read('old')).toMatchObject({
      state: 'deleted',
      request_digest: 'digest',
      idempotent: true,
      deletion: { reason: 'retention', workflow_deleted: true },
    });
    expect((await read('younger')).state).toBe('ended');
    // Attempt records stay: an expired job is never paid for again.
    expect(await get().keys('attempts/')).toHaveLength(1);
  });

  it('happens only when it is set', async () => {
    const { store, manifests, job } = get();
    await job('old', endedAgo(3000));
    await collectGarbage({ store, manifests, retention: { namespace: 'default', days: undefined, runs: fakeRuns() } });
    expect((await read('old')).state).toBe('ended');
  });

  it('goes by the clock: the job expires when its days are over', async () => {
    const { job } = get();
    await job('job', endedAgo(0));
    const inDays = (days: number) => ({ now: () => ago(-24 * days), days: 10 });
    expect(await collect(fakeRuns(), inDays(9.9))).toMatchObject({ expired: 0 });
    expect(await collect(fakeRuns(), inDays(10.1))).toMatchObject({ expired: 1 });
    expect((await read('job')).deletion?.at.slice(0, 13)).toBe(ago(-24 * 10.1).toISOString().slice(0, 13));
  });

  it('leaves open jobs, jobs without an end, and those of other namespaces', async () => {
    const { job } = get();
    await job('open', { created_at: ago(5000).toISOString() });
    await job('elsewhere', { ...endedAgo(200), namespace: 'other' });
    await job('endless', { ...endedAgo(200), ended_at: undefined });
    expect(await collect(fakeRuns())).toMatchObject({ expired: 0 });
    for (const jobId of ['open', 'elsewhere', 'endless']) expect((await read(jobId)).state).not.toBe('deleted');
  });

  it('leaves a job whose pictures an open job is about to read', async () => {
    const { job } = get();
    await job('named', endedAgo(200));
    await job('other', endedAgo(200));
    await job('open', { input: { kind: 'image_edit', prompt: 'x', provider: 'openai', image_path: 'image://jobs/named/outputs/0' } });
    expect(await collect(fakeRuns())).toMatchObject({ expired: 1 });
    expect((await read('named')).state).toBe('ended');
    expect((await read('other')).state).toBe('deleted');
  });

  it('changes nothing while a manifest cannot be read: it may be that of a job which needs one of these', async () => {
    const { store, job } = get();
    await job('old', endedAgo(200));
    await store.createDocument(`manifests/${sha256('damaged')}.json`, Buffer.from('{'));
    expect(await collect(fakeRuns())).toMatchObject({ expired: 0, unreadable: [expect.stringContaining('manifests/')] });
    expect((await read('old')).state).toBe('ended');
  });

  it('tells in a dry run what would expire and which blobs would go with it', async () => {
    const { blob, job, remaining } = get();
    const own = await blob('own');
    await job('old', endedAgo(200, [own]));
    const runs = fakeRuns();
    const told: string[] = [];
    const dry = await collect(runs, { dryRun: true, onExpired: (jobId) => told.push(jobId) });
    expect(dry).toMatchObject({ expired: 1, removed: 1 });
    expect(told).toEqual(['old']);
    expect(await remaining(own)).toEqual([true]);
    expect((await read('old')).state).toBe('ended');
    expect(runs.forgotten).toEqual([]);
  });

  it('works without Temporal, and a later collection deletes the workflow', async () => {
    await get().job('old', endedAgo(200));
    expect(await collect(undefined)).toMatchObject({ expired: 1, workflowsDeleted: 0, workflowsLeft: 1 });
    expect((await read('old')).deletion?.workflow_deleted).toBe(false);
    const runs = fakeRuns();
    expect(await collect(runs)).toMatchObject({ expired: 0, workflowsDeleted: 1, workflowsLeft: 0 });
    expect(runs.forgotten).toEqual(['old']);
    expect(await collect(runs)).toMatchObject({ workflowsDeleted: 0, workflowsLeft: 0 });
    expect(runs.forgotten).toEqual(['old']);
  });

  it('asks a Temporal that refuses to delete once, and again the next time', async () => {
    const { job } = get();
    for (const jobId of ['a', 'b', 'c']) await job(jobId, endedAgo(200));
    const runs = fakeRuns();
    let asked = 0;
    runs.meanwhile.forget = async () => void (asked += 1);
    runs.refuses = true;
    expect(await collect(runs)).toMatchObject({ expired: 3, workflowsDeleted: 0, workflowsLeft: 3 });
    expect(asked).toBe(1);
    runs.refuses = false;
    expect(await collect(runs)).toMatchObject({ expired: 0, workflowsDeleted: 3, workflowsLeft: 0 });
  });

  it('deletes the workflow of a job that a person deleted while Temporal was away, also by an earlier version', async () => {
    const { manifests, job } = get();
    await job('deleted', endedAgo(1));
    await manifests.update('deleted', (stands) => tombstone(stands));
    await job('earlier', endedAgo(1));
    await manifests.update('earlier', (stands) => ({ ...tombstone(stands), deletion: undefined }));
    const runs = fakeRuns();
    expect(await collect(runs, { days: undefined })).toMatchObject({ expired: 0, workflowsDeleted: 2 });
    expect(runs.forgotten.sort()).toEqual(['deleted', 'earlier']);
    for (const jobId of ['deleted', 'earlier']) {
      expect((await read(jobId)).deletion).toMatchObject({ reason: 'deleted', workflow_deleted: true });
    }
  });

  it('writes down the end of a job that an operator terminated, before Temporal forgets it', async () => {
    const { job } = get();
    await job('terminated');
    await job('running');
    await job('just started', { created_at: ago(0.1).toISOString() });
    const runs = fakeRuns();
    runs.known.set('terminated', ago(2));
    runs.known.set('running', 'running');
    runs.known.set('just started', ago(0));
    expect(await collect(runs)).toMatchObject({ ended: 1 });
    expect((await read('terminated')).state).toBe('ended');
    expect((await read('running')).state).toBe('accepted');
    expect((await read('just started')).state).toBe('accepted');
  });
});

describe('a job that runs again', () => {
  it('is left, whether its manifest knows it or Temporal alone', async () => {
    const { job } = get();
    await job('restarted', { ...endedAgo(200), restarted_at: ago(1).toISOString() });
    await job('of a program', endedAgo(200));
    await job('ended again', endedAgo(200));
    const runs = fakeRuns();
    runs.known.set('of a program', 'running');
    runs.known.set('ended again', ago(24));
    runs.meanwhile.forget = async (jobId) => {
      throw new Error(`${jobId} was a tombstone for a moment`);
    };
    expect(await collect(runs)).toMatchObject({ expired: 0, workflowsDeleted: 0 });
    for (const jobId of ['restarted', 'of a program', 'ended again']) expect((await read(jobId)).state).toBe('ended');
  });

  it('is left when the retry is written down between the look and the tombstone', async () => {
    const { manifests, job } = get();
    await job('old', endedAgo(200));
    const runs = fakeRuns();
    runs.meanwhile.look = async (jobId) => {
      await manifests.update(jobId, (stands) => ({ ...stands, restarted_at: ago(0).toISOString() }));
    };
    expect(await collect(runs)).toMatchObject({ expired: 0, workflowsDeleted: 0 });
    expect(await read('old')).toMatchObject({ state: 'ended', record: { status: 'completed' } });
  });

  it('is left when its first activity opens the manifest between the look and the tombstone', async () => {
    const { manifests, job } = get();
    await job('old', endedAgo(200));
    const runs = fakeRuns();
    runs.meanwhile.look = async (jobId) => {
      await manifests.update(jobId, (stands) => ({ ...stands, state: 'accepted', ended_at: undefined }));
    };
    expect(await collect(runs)).toMatchObject({ expired: 0 });
    expect((await read('old')).state).toBe('accepted');
  });

  it('gets back what stood before when a program started it between the look and the tombstone', async () => {
    const { blob, job, remaining } = get();
    const own = await blob('own');
    await job('old', { ...endedAgo(200, [own]), references: { 'https://a.example/cat.png': sha256('cat') } });
    const before = await read('old');
    const runs = fakeRuns();
    runs.meanwhile.look = async (jobId) => void runs.known.set(jobId, 'running');
    expect(await collect(runs)).toMatchObject({ expired: 0, removed: 0 });
    expect(await read('old')).toEqual(before);
    expect(await remaining(own)).toEqual([true]);
  });

  it('keeps what its first activity wrote when a program started it right after the tombstone', async () => {
    const { manifests, job } = get();
    await job('old', endedAgo(200));
    const runs = fakeRuns();
    runs.meanwhile.forget = async (jobId) => {
      runs.known.set(jobId, 'running');
      await manifests.update(jobId, (stands) => ({
        ...stands,
        deletion: undefined,
        state: 'accepted',
        input: { kind: 'image_generate', prompt: 'as the program says' },
      }));
    };
    await collect(runs);
    expect(await read('old')).toMatchObject({ state: 'accepted', input: { prompt: 'as the program says' } });
  });

  it('stays deleted when a person deleted it right after its tombstone', async () => {
    const { manifests, job } = get();
    await job('old', endedAgo(200));
    const runs = fakeRuns();
    runs.meanwhile.forget = async (jobId) => {
      runs.known.set(jobId, 'running');
      await manifests.update(jobId, (stands) => tombstone(stands, 'deleted', ago(-1)));
    };
    await collect(runs);
    expect(await read('old')).toMatchObject({ state: 'deleted', deletion: { reason: 'deleted' } });
  });

  it('is not touched by its tombstone: a deleted job that a program runs again keeps its workflow', async () => {
    const { manifests, job } = get();
    await job('deleted', endedAgo(1));
    await manifests.update('deleted', (stands) => tombstone(stands));
    const runs = fakeRuns();
    runs.known.set('deleted', 'running');
    expect(await collect(runs)).toMatchObject({ workflowsDeleted: 0 });
    expect((await read('deleted')).deletion?.workflow_deleted).toBe(false);
  });
});

describe('two deletions of one job', () => {
  it('keep the reason of the first', async () => {
    const { manifests, job } = get();
    await job('old', endedAgo(200));
    const runs = fakeRuns();
    runs.meanwhile.look = async (jobId) => void (await manifests.update(jobId, (stands) => tombstone(stands)));
    expect(await collect(runs)).toMatchObject({ expired: 0 });
    expect((await read('old')).deletion?.reason).toBe('deleted');
  });

  it('of two collections at once expire a job once', async () => {
    const { job, blob } = get();
    await Promise.all(Array.from({ length: 20 }, async (_, index) => job(`job ${index}`, endedAgo(200, [await blob(`blob ${index}`)]))));
    const [one, two] = await Promise.all([collect(fakeRuns()), collect(fakeRuns())]);
    expect(one.expired + two.expired).toBe(20);
    expect(one.removed + two.removed).toBe(20);
  });
});

describe('the tombstone', () => {
  it('of a later version, with a reason that is unknown here, is a deleted job', async () => {
    const { store, manifests, job } = get();
    await job('job', endedAgo(1));
    await manifests.update('job', (stands) => tombstone(stands));
    const [key = ''] = await get().keys('manifests/');
    const document = await store.readDocument(key);
    const text = document?.bytes.toString().replace('"reason":"deleted"', '"reason":"evicted"') ?? '';
    expect(text).toContain('evicted');
    await store.replaceDocument(key, Buffer.from(text), document?.version ?? '');
    expect(await read('job')).toMatchObject({ state: 'deleted', deletion: { reason: 'deleted' } });
  });
});
