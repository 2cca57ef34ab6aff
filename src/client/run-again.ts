import type { Client } from '@temporalio/client';
import type { Manifests } from '../blobs/manifests.js';
import { restartFromManifest } from './recover.js';

/**
 * Runs a job again under its ID because a reply that it had given up came after all: the new run finds the paid picture
 * and completes. A run that has not ended yet is waited for. A job that a person cancelled, terminated or deleted stays as it is.
 */
export async function runAgain(client: Client, manifests: Manifests, jobId: string, databaseId: string | undefined): Promise<void> {
  for (;;) {
    await client.workflow.getHandle(jobId).result().catch(() => undefined);
    const manifest = await manifests.read(jobId);
    // A deleted job has no workflow any more; one of another namespace is not ours to start.
    if (!manifest || manifest.state === 'deleted' || manifest.namespace !== client.options.namespace) return;
    const { status } = await client.workflow.getHandle(jobId).describe();
    if (status.name === 'CANCELLED' || status.name === 'TERMINATED') return;
    // Another late reply of this job has brought it to its end already.
    if (manifest.state === 'ended' && manifest.record?.billing !== 'maybe') return;
    if ((await restartFromManifest(client, manifests, manifest, databaseId)) === 'started') return;
  }
}
