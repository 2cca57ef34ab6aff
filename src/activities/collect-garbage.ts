import { ApplicationFailure, CancelledFailure, Context } from '@temporalio/activity';
import * as z from 'zod';
import { collectGarbage as collect, collectionReport } from '../blobs/garbage-collection.js';
import type { CollectionProgress, CollectionReport } from '../contract/collection.js';
import { JobFailure } from '../contract/errors.js';
import type { ActivityDependencies } from './dependencies.js';

/** A sixth of the heartbeat timeout (src/workflows/collect-garbage.ts). */
const BEAT_MS = 5000;

const orderSchema = z.object({ store_id: z.string() });

/** One collection of this worker's store. Its heartbeats tell how far it is; it ends within a step when it is cancelled. */
export async function collectGarbage(deps: ActivityDependencies, given: unknown): Promise<CollectionReport> {
  refuseOther(deps, given);
  const { store, manifests, namespace, settings, runs, logger } = deps;
  const context = Context.current();
  let progress: CollectionProgress = { phase: 'jobs', done: 0 };
  const timer = setInterval(() => context.heartbeat(progress), BEAT_MS);
  try {
    const collected = await collect({
      store,
      manifests,
      retention: { namespace, days: settings.IMAGE_RETENTION_DAYS, runs },
      signal: context.cancellationSignal,
      onProgress: (now) => {
        progress = now;
      },
    });
    const report = collectionReport(collected);
    if (report.unreadable > 0) logger.warn(report, 'documents of the store cannot be read; no blob was removed');
    else logger.info(report, 'the store was collected');
    return report;
  } catch (error) {
    if (!(error instanceof CancelledFailure) || context.cancellationDetails?.cancelRequested) throw error;
    // The worker ends: another one, or this one's next start, goes on.
    throw ApplicationFailure.create({ type: 'WORKER_ENDED', message: 'The worker ended in the middle of the collection.' });
  } finally {
    clearInterval(timer);
  }
}

/** Bytes of one store are not in another: retryable, for the right worker may come. */
function refuseOther({ store, settings }: ActivityDependencies, given: unknown): void {
  const order = orderSchema.safeParse(given);
  if (!order.success) {
    throw new JobFailure({
      code: 'INVALID_ARGUMENT',
      message: 'A collection names the store that it is for.',
      nextStep: `Start it with {"store_id": "${store.id}"}.`,
    });
  }
  if (order.data.store_id === store.id) return;
  throw new JobFailure({
    code: 'STORE_UNAVAILABLE',
    message: `This collection is for the store ${order.data.store_id}, and this worker uses ${store.id} (${settings.blobStore}).`,
    nextStep: 'Start a worker with that store, or delete the Schedule if that store is not used any more.',
    retryable: true,
  });
}
