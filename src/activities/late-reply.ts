import type { AttemptKey, AttemptRecord } from '../blobs/attempts.js';
import type { Accepted, GenerationOrder } from '../contract/plan.js';
import type { Generator, SubmitOutcome } from '../generators/generator.js';
import type { Logger } from '../log.js';
import { accountFor } from './accounts.js';
import type { ActivityDependencies } from './dependencies.js';
import { unaborted } from './heartbeats.js';
import { pollUntilDone } from './poll.js';
import { settle } from './settle-attempt.js';

interface Late {
  key: AttemptKey;
  record: AttemptRecord;
  order: GenerationOrder;
  generator: Generator;
  jobId: string;
  reply: Promise<SubmitOutcome>;
}

/**
 * Listens on after the record was given up. A reply that comes late is written down and collected at once, before it
 * expires at the provider; then the job runs again under its ID, finds the paid picture and completes.
 * No activity waits for this: it lives in the worker process, which ends after it.
 */
export function followLateReply(deps: ActivityDependencies, late: Late): void {
  const log = deps.logger.child({ job_id: late.jobId });
  const following = followToItsEnd(deps, late, log).finally(() => deps.lateReplies.delete(following));
  deps.lateReplies.add(following);
}

async function followToItsEnd(deps: ActivityDependencies, late: Late, log: Logger): Promise<void> {
  try {
    if (await follow(deps, late)) log.info('a late reply was collected; the job runs again');
  } catch (error) {
    log.error({ err: error instanceof Error ? error.message : 'unknown' }, 'a late reply could not be used');
  }
}

async function follow(deps: ActivityDependencies, late: Late): Promise<boolean> {
  const { key, record, order, generator, jobId } = late;
  const outcome = await late.reply;
  if (outcome.type === 'ambiguous' || outcome.type === 'not_billed') return false;
  const stands = await unaborted(() => settle(deps, key, record.n, outcome, generator), deps.logger);
  if (stands.state === 'accepted' && stands.handle !== undefined && !stands.error) {
    const accepted: Accepted = { state: 'accepted', handle: stands.handle, attempt: stands.n };
    try {
      const account = accountFor(deps, order.target, stands.account);
      await pollUntilDone(deps, { key, generator, account, accepted, since: stands.created_at }, () => undefined);
    } catch (error) {
      // An outage: the new run of the job goes on asking.
      deps.logger.warn({ job_id: jobId, err: error instanceof Error ? error.message : 'unknown' }, 'a late reply is not collected yet');
    }
  }
  await deps.runAgain(jobId);
  return true;
}
