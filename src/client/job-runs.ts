import { isGrpcServiceError, type Client } from '@temporalio/client';
import type { Manifests } from '../blobs/manifests.js';
import type { JobRuns } from '../blobs/retention.js';
import { closedAt, deleteClosedRuns, latestJobRun } from './closed-runs.js';
import { describeJob } from './describe-job.js';
import { recordEndOf } from './recover.js';
import { unavailable } from './temporal.js';

/** Each of these answers takes milliseconds. */
const ANSWER_MS = 10_000;

/** The runs of the jobs in one namespace, for the collection. A Temporal that is away is TEMPORAL_UNAVAILABLE. */
export function jobRuns(client: Client, manifests: Manifests, address: string): JobRuns {
  const answered = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await client.connection.withDeadline(Date.now() + ANSWER_MS, work);
    } catch (error) {
      throw isGrpcServiceError(error) ? unavailable(address, error) : error;
    }
  };
  return {
    look: (jobId) =>
      answered(async () => {
        const latest = await latestJobRun(client, jobId);
        return latest && (closedAt(latest) ?? 'running');
      }),
    recordEnd: (jobId) =>
      answered(async () => {
        const reader = { client, namespace: client.options.namespace, worker: async () => ({ state: 'alive' as const }) };
        const described = await describeJob(reader, jobId);
        if (described?.closed) await recordEndOf(manifests, jobId, described.record);
      }),
    forget: (jobId) => answered(() => deleteClosedRuns(client, jobId)),
  };
}
