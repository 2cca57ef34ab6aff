import { activityInfo, cancelled, sleep } from '@temporalio/activity';
import type { AttemptKey } from '../blobs/attempts.js';
import { JobFailure } from '../contract/errors.js';
import type { ProviderName } from '../contract/names.js';
import type { AcceptedOrder, Cancelled, Generated } from '../contract/plan.js';
import type { Generator } from '../generators/generator.js';
import { accountFor } from './accounts.js';
import type { ActivityDependencies } from './dependencies.js';
import { beatWhile } from './heartbeats.js';
import { pollUntilDone } from './poll.js';
import { endOf } from './settle-attempt.js';

/**
 * Polls an accepted request until it has ended and stores its pictures before it returns. A crash resumes here:
 * the handle is in history. Ends at once on cancellation; the workflow then cancels at the provider.
 */
export async function collectGeneration(deps: ActivityDependencies, { order, accepted }: AcceptedOrder): Promise<Generated> {
  const { key, generator, recordedAccount } = await attemptOf(deps, { order, accepted });
  const standing = await deps.attempts.latest(key);
  if (standing && (standing.state === 'done' || standing.error)) return finished(await endOf(standing, deps, key));
  const account = accountFor(deps, order.target, recordedAccount);

  const beats = beatWhile(deps.settings.IMAGE_COLLECT_HEARTBEAT_SECONDS);
  try {
    beats.say({ phase: 'polling', handle: accepted.handle });
    const polling = pollUntilDone(
      deps,
      { key, generator, account, accepted },
      (percent) => percent !== undefined && beats.say({ phase: 'polling', handle: accepted.handle, percent }),
      sleep,
    );
    return finished(await endOf(await Promise.race([polling, cancelled()]), deps, key));
  } finally {
    beats.stop();
  }
}

/** Asks the provider to stop. Best effort: after a few failures the possible charge is told instead. */
export async function cancelGeneration(deps: ActivityDependencies, { order, accepted }: AcceptedOrder): Promise<Cancelled> {
  const { generator, recordedAccount } = await attemptOf(deps, { order, accepted });
  const cannot = `${order.target.provider} could not be asked to stop; it may still bill for request ${accepted.handle}.`;
  if (!generator.cancel) return { billing: 'maybe', message: cannot };
  try {
    return await generator.cancel(accepted.handle, accountFor(deps, order.target, recordedAccount));
  } catch (error) {
    if (activityInfo().attempt < CANCEL_ATTEMPTS && error instanceof JobFailure && error.retryable) throw error;
    return { billing: 'maybe', message: cannot };
  }
}

/** A person waits for the end of a cancelled job; an outage at the provider must not hold it. */
const CANCEL_ATTEMPTS = 3;

async function attemptOf(
  deps: ActivityDependencies,
  { order, accepted }: AcceptedOrder,
): Promise<{ key: AttemptKey; generator: Generator; recordedAccount?: string }> {
  const key: AttemptKey = {
    namespace: deps.namespace,
    workflowId: activityInfo().workflowExecution?.workflowId ?? '',
    inputDigest: order.target.input_digest,
    item: order.item.item,
  };
  const record = await deps.attempts.latest(key);
  const recordedAccount = record?.n === accepted.attempt ? record.account : undefined;
  return { key, generator: generatorFor(deps, order.target.provider), recordedAccount };
}

function generatorFor(deps: ActivityDependencies, provider: ProviderName): Generator {
  const generator = deps.generators.get(provider);
  if (generator) return generator;
  throw new JobFailure({
    code: 'PROVIDER_NOT_CONFIGURED',
    message: `This worker cannot use the provider ${provider}.`,
    nextStep: 'Start a worker of the version that submitted this job.',
    retryable: true,
  });
}

function finished(end: Awaited<ReturnType<typeof endOf>>): Generated {
  if (end.state === 'done') return end;
  throw new Error('a collected record is still accepted');
}
