import { Client } from '@temporalio/client';
import { connectTemporal } from './connect.js';
import { Attempts } from '../blobs/attempts.js';
import { Manifests, type Manifest } from '../blobs/manifests.js';
import { openBlobStore } from '../blobs/open-store.js';
import type { Settings } from '../config.js';
import type { Logger } from '../log.js';
import { describeJob } from './describe-job.js';
import { startWorkflow } from './start-workflow.js';
import type { Connected } from './temporal.js';

export interface RecoverOptions {
  address: string;
  namespace: string;
  settings: Settings;
  /** The database that runs now. */
  databaseId: string;
  logger: Logger;
}

/** A power cut may lose the last commits: a job younger than this is started again although its database is there. */
const YOUNG_MS = 5 * 60 * 1000;

/**
 * Brings manifests and Temporal together when the local stack comes up: writes the ends of closed jobs into open
 * manifests, then starts again, under the same ID, the open jobs that Temporal has lost. Paid pictures are found by
 * their attempt records, so nothing is bought twice. Returns how many were started again.
 */
export async function recoverJobs(options: RecoverOptions): Promise<number> {
  const { address, namespace, settings, databaseId, logger } = options;
  const store = await openBlobStore(settings.blobStore);
  const manifests = new Manifests(store);
  const attempts = new Attempts(store);
  const connection = await connectTemporal({ address });
  try {
    const client = new Client({ connection, namespace });
    const connected: Connected = { client, connection, namespace, address, worker: async () => ({ state: 'alive' }) };
    let restarted = 0;
    for await (const manifest of manifests.list()) {
      if (manifest.namespace !== namespace) continue;
      const log = logger.child({ job_id: manifest.job_id });
      try {
        const again =
          manifest.state === 'accepted'
            ? await recoverJob(connected, manifests, manifest, databaseId)
            : await recoverLateReply(connected, manifests, manifest, attempts);
        if (again) {
          restarted += 1;
          log.info('the job was started again from its manifest');
        }
      } catch (error) {
        log.error({ err: error instanceof Error ? error.message : 'unknown' }, 'the job could not be recovered');
      }
    }
    return restarted;
  } finally {
    await connection.close();
  }
}

async function recoverJob(connected: Connected, manifests: Manifests, manifest: Manifest, databaseId: string): Promise<boolean> {
  const { job_id: jobId } = manifest;
  const described = await describeJob(connected, jobId);
  if (described) {
    if (described.closed) await recordEndOf(manifests, jobId, described.record);
    return false;
  }
  const lost = manifest.database_id !== databaseId || Date.now() - Date.parse(manifest.created_at) < YOUNG_MS;
  if (!lost) return false;
  await restartFromManifest(connected.client, manifests, manifest, databaseId);
  return true;
}

/** A reply that came late was written down, and its worker died before the job ran again: the paid picture is not left lying. */
async function recoverLateReply(connected: Connected, manifests: Manifests, manifest: Manifest, attempts: Attempts): Promise<boolean> {
  const { job_id: workflowId, state, record, namespace } = manifest;
  if (state !== 'ended' || record?.billing !== 'maybe' || record.status === 'cancelled') return false;
  const found = (await attempts.list({ namespace, workflowId })).some(
    ({ late, error, updated_at }) => late === true && !error && (manifest.ended_at === undefined || updated_at > manifest.ended_at),
  );
  return found && (await restartFromManifest(connected.client, manifests, manifest, manifest.database_id)) === 'started';
}

/**
 * Starts a job again under its ID with the input of its manifest, in its own namespace alone; an ID that runs already is left alone, and so is a deleted
 * job: that this is about to happen is written first, so that no deletion and no retention comes between (src/blobs/retention.ts).
 */
export async function restartFromManifest(
  client: Client,
  manifests: Manifests,
  manifest: Manifest,
  databaseId: string | undefined,
): Promise<'started' | 'exists'> {
  const { job_id: jobId, input, request_digest: requestDigest } = manifest;
  // Attempt records are kept by namespace: in another one nothing would be known of what was bought.
  if (manifest.namespace !== client.options.namespace) return 'exists';
  const stands = await manifests.update(jobId, (now) =>
    now.state === 'ended' ? { ...now, restarted_at: new Date().toISOString() } : undefined,
  );
  if (!stands || stands.state === 'deleted') return 'exists';
  const { type } = await startWorkflow(client, { jobId, input, requestDigest, again: true });
  await manifests.update(jobId, (now) => (now.database_id === databaseId ? undefined : { ...now, database_id: databaseId }));
  return type;
}

/** Writes the end that Temporal tells into a manifest that is still open; gives the manifest as it stands. */
export async function recordEndOf(manifests: Manifests, jobId: string, record: Manifest['record']): Promise<Manifest | undefined> {
  return manifests.update(jobId, (now) =>
    now.state === 'accepted' ? { ...now, state: 'ended', ended_at: new Date().toISOString(), record } : undefined,
  );
}
