import type { BlobStore } from '../blobs/blob-store.js';
import { blobsOf, removeUnneeded } from '../blobs/garbage-collection.js';
import { tombstone, type Manifest, type Manifests } from '../blobs/manifests.js';
import { workflowForgotten } from '../blobs/retention.js';
import { JobFailure } from '../contract/errors.js';
import type { JobRecord } from '../contract/record.js';
import { deleteClosedRuns } from './closed-runs.js';
import { inTime } from './in-time.js';
import { expired, isTransportError, notFound, type Seen } from './job-reader.js';
import type { Connected } from './temporal.js';

export interface DeleteContext {
  manifests: Manifests;
  store: BlobStore;
  /** A Temporal that answers. Without one the workflow goes with the next garbage collection. */
  connecting: Promise<Connected | undefined>;
  /** Milliseconds of the clock by which Temporal must have answered. */
  deadline: number;
  look: (jobId: string) => Promise<Seen>;
}

/** A blob that was stored, or stored again, more recently may belong to a call whose manifest is about to come. */
const YOUNG_MINUTES = 10;

/** Leaves a tombstone and the attempt records. See JobApi.delete. */
export async function deleteJob(jobId: string, context: DeleteContext): Promise<JobRecord> {
  const { manifests, store } = context;
  const { record, manifest, unanswered } = await context.look(jobId);
  if (unanswered) throw unanswered;
  if (record.status === 'unknown') throw notFound(jobId);
  if (!record.done) throw stillRuns(jobId);
  let buried = manifest;
  if (manifest?.state === 'ended') {
    buried = await manifests.update(jobId, (now) => (isOver(now) ? tombstone(now) : undefined));
    // Somebody starts it again in this very moment.
    if (buried?.state !== 'deleted') throw stillRuns(jobId);
    await removeUnneeded({ store, manifests, candidates: await blobsOf(store, manifest), minAgeMinutes: YOUNG_MINUTES });
  } else if (!manifest) {
    // A program's job that no worker has ever seen has no blobs.
    await manifests.create(tombstoneOf(record));
    buried = await manifests.read(jobId);
  }
  if (!buried) return record;
  if (buried.deletion?.workflow_deleted === true || (await forgotten(jobId, context))) return expired(buried);
  const { message, ...rest } = expired(buried);
  return { ...rest, message: `${message} ${WORKFLOW_LEFT}` };
}

/** Ends the message of a deletion that Temporal has not carried out. */
export const WORKFLOW_LEFT = 'Its workflow is still in Temporal and goes with the next garbage collection.';
/** What the deletion itself gets at least when the rest was slow. */
const LEAST_FORGET_MS = 500;

/** Whether the closed workflow is gone; a Temporal that is away, hangs or refuses leaves it to the garbage collection. */
async function forgotten(jobId: string, { manifests, connecting, deadline }: DeleteContext): Promise<boolean> {
  const connected = await connecting;
  if (!connected) return false;
  try {
    const byThen = Math.max(deadline, Date.now() + LEAST_FORGET_MS);
    if ((await inTime(connected, byThen, () => deleteClosedRuns(connected.client, jobId))) !== 'forgotten') return false;
  } catch (error) {
    if (!isTransportError(error)) throw error;
    return false;
  }
  await workflowForgotten(manifests, jobId);
  return true;
}

/** A retry says so before it starts the workflow; its first activity opens the manifest. */
const RESTART_MS = 60_000;

function isOver({ state, restarted_at, ended_at }: Manifest): boolean {
  const restarts = restarted_at !== undefined && (ended_at === undefined || restarted_at > ended_at);
  return state === 'ended' && !(restarts && Date.now() - Date.parse(restarted_at) < RESTART_MS);
}

function stillRuns(jobId: string): JobFailure {
  return new JobFailure({
    code: 'INVALID_STATE',
    message: `The job ${jobId} still runs; nothing was deleted.`,
    nextStep: 'Call image_job_cancel first, or wait for its end.',
  });
}

function tombstoneOf({ job_id, created_at, temporal }: JobRecord): Manifest {
  return tombstone({
    job_id,
    state: 'ended',
    created_at: created_at ?? new Date().toISOString(),
    created_by: 'client',
    namespace: temporal?.namespace ?? 'default',
    input: { kind: 'image_generate', prompt: '(deleted)' },
    references: {},
    pins: [],
    output_pins: [],
  });
}
