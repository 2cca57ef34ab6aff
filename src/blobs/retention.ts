import { referencesOf } from '../contract/input.js';
import { parseImageUri } from '../references/image-uri.js';
import { lastRunOf, tombstone, type Manifest, type Manifests } from './manifests.js';

/** Temporal, as far as the jobs of one namespace need it. Errors are Temporal's own; those of a Temporal that is away end the collection. */
export interface JobRuns {
  /** The latest run under the ID: when it closed, or that it runs; undefined when Temporal knows no job of this ID. */
  look(jobId: string): Promise<Date | 'running' | undefined>;
  /** Writes the end of a closed job into its manifest, as a reader would. */
  recordEnd(jobId: string): Promise<void>;
  /**
   * Deletes the closed runs of a job. `running`: it runs (again), and nothing was deleted; `refused`: this Temporal does
   * not let us delete.
   */
  forget(jobId: string): Promise<'forgotten' | 'running' | 'refused'>;
}

export interface Retention {
  manifests: Manifests;
  /** Jobs of other namespaces are left to the collections there: nobody here can see whether they run. */
  namespace: string;
  /** Days after its end from which on a job becomes a tombstone; undefined: never. */
  days?: number | undefined;
  /** Absent while Temporal is away. */
  runs?: JobRuns | undefined;
  now: Date;
  /** Changes nothing, and tells what would be changed. */
  dryRun?: boolean;
  signal?: AbortSignal | undefined;
  onJob?: (done: number, total?: number) => void;
}

export interface Retained {
  /** Jobs that became expired (in a dry run: that would). */
  expired: string[];
  /** Open manifests whose end was written. */
  ended: number;
  workflowsDeleted: number;
  /** Closed workflows of deleted and expired jobs that are still in Temporal, or may be. */
  workflowsLeft: number;
  unreadable: string[];
}

/** An open manifest is not looked at before: its start may still be on the way. */
const SETTLED_MS = 3_600_000;

/**
 * Makes tombstones of the jobs that ended long ago, and lets Temporal forget the workflows of all tombstones.
 *
 * A job may begin to run again at any moment, so what keeps that apart from a tombstone is not a look but an order:
 * - We start a job again (a retry, a late reply, the recovery of the local stack) only after `restarted_at` stands in its
 *   manifest. A tombstone is written only over the very manifest that is due, and `restarted_at` makes it young. Whichever of
 *   the two writes comes first, the other one sees it: the job is left, or the start is refused.
 * - Another program starts a job again without asking the store. So the latest run is looked at before the tombstone is
 *   written and once more after it (`forget`); if one runs by then, what stood before is written back. A run that begins later still
 *   finds the tombstone and opens the manifest anew with its own input. It finds what was paid by the attempt records, which stay.
 * - Killed in between: the tombstone stands, and the next collection finds that its workflow is not deleted.
 * - `image_job_delete` writes the same tombstone against the same version: one of the two comes first, and its reason stands.
 * - A late reply of an expired job is written into its attempt record, and starts nothing.
 * - Running jobs have an open manifest or, before their first activity, a run in Temporal: both are left alone.
 * - Only closed runs are deleted, each by its own run ID: a run that begins meanwhile has another.
 */
export async function retain(options: Retention): Promise<Retained> {
  const { manifests, namespace, runs, now, dryRun = false, signal, onJob } = options;
  const result: Retained = { expired: [], ended: 0, workflowsDeleted: 0, workflowsLeft: 0, unreadable: [] };
  const isDue = dueWhen(options);
  const due: string[] = [];
  const tombstones: string[] = [];
  const needed = new Set<string>();
  let done = 0;
  for await (const manifest of manifests.list((key) => result.unreadable.push(key))) {
    signal?.throwIfAborted();
    onJob?.((done += 1));
    if (manifest.state === 'accepted') for (const jobId of namedBy(manifest)) needed.add(jobId);
    if (manifest.namespace !== namespace) continue;
    if (manifest.state === 'deleted' && !manifest.deletion?.workflow_deleted) tombstones.push(manifest.job_id);
    if (isDue(manifest)) due.push(manifest.job_id);
    const isSettled = now.getTime() - lastRunOf(manifest).getTime() > SETTLED_MS;
    if (manifest.state === 'accepted' && isSettled && runs && !dryRun && (await runs.look(manifest.job_id)) instanceof Date) {
      // Before Temporal forgets it: an operator terminated it, and nobody has asked since.
      await runs.recordEnd(manifest.job_id);
      result.ended += 1;
    }
  }

  const forgetting = new Forgetting(manifests, dryRun ? undefined : runs);
  // A manifest that cannot be read may be that of a job which needs one of these.
  const expiring = result.unreadable.length > 0 ? [] : due.filter((jobId) => !needed.has(jobId));
  const total = expiring.length + tombstones.length;
  done = 0;
  for (const jobId of expiring) {
    signal?.throwIfAborted();
    onJob?.((done += 1), total);
    if (dryRun || (await expire(jobId, options, forgetting))) result.expired.push(jobId);
  }
  for (const jobId of tombstones) {
    signal?.throwIfAborted();
    onJob?.((done += 1), total);
    await forgetting.forget(jobId);
  }
  result.workflowsDeleted = forgetting.deleted;
  result.workflowsLeft = forgetting.left;
  return result;
}

function dueWhen({ days, now }: Retention): (manifest: Manifest) => boolean {
  if (days === undefined) return () => false;
  const since = sinceOf(now, days);
  return (manifest) => manifest.state === 'ended' && manifest.ended_at !== undefined && lastRunOf(manifest) < since;
}

function sinceOf(now: Date, days: number): Date {
  return new Date(now.getTime() - days * 24 * 3_600_000);
}

/** True when the job is expired now. */
async function expire(jobId: string, options: Retention, forgetting: Forgetting): Promise<boolean> {
  const { manifests, runs, days, now } = options;
  const seen = await runs?.look(jobId);
  if (seen === 'running' || (seen !== undefined && days !== undefined && seen >= sinceOf(now, days))) return false;
  const isDue = dueWhen(options);
  let before: Manifest | undefined;
  const written = await manifests.update(jobId, (stands) => {
    before = isDue(stands) ? stands : undefined;
    return before && tombstone(before, 'retention', now);
  });
  if (before === undefined || written?.state !== 'deleted') return false;
  if ((await forgetting.forget(jobId)) !== 'running') return true;
  const { deletion } = written;
  await manifests.update(jobId, (stands) =>
    stands.state === 'deleted' && stands.deletion?.reason === 'retention' && stands.deletion.at === deletion?.at ? before : undefined,
  );
  return false;
}

/** Jobs whose pictures an open job names as its references: it has not read them yet. */
function namedBy({ input }: Manifest): string[] {
  return [...referencesOf(input), input.mask_path].flatMap((reference) => {
    const uri = typeof reference === 'string' ? parseImageUri(reference) : undefined;
    return uri ? [uri.jobId] : [];
  });
}

/** Lets Temporal forget the workflows of tombstones, and counts. A Temporal that refuses once is not asked again. */
class Forgetting {
  deleted = 0;
  left = 0;
  #refused = false;

  constructor(
    private readonly manifests: Manifests,
    private readonly runs: JobRuns | undefined,
  ) {}

  async forget(jobId: string): Promise<'forgotten' | 'running' | 'left'> {
    const outcome = this.#refused ? undefined : await this.runs?.forget(jobId);
    this.#refused ||= outcome === 'refused';
    if (outcome === 'running') return 'running';
    if (outcome !== 'forgotten') {
      this.left += 1;
      return 'left';
    }
    await workflowForgotten(this.manifests, jobId);
    this.deleted += 1;
    return 'forgotten';
  }
}

/** Writes into the tombstone of a job that its workflow is gone. */
export async function workflowForgotten(manifests: Manifests, jobId: string): Promise<void> {
  await manifests.update(jobId, (stands) => {
    if (stands.state !== 'deleted') return undefined;
    const { reason, at } = stands.deletion ?? { reason: 'deleted', at: stands.ended_at ?? stands.created_at };
    return { ...stands, deletion: { reason, at, workflow_deleted: true } };
  });
}
