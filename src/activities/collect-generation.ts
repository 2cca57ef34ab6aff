import { cancelled, sleep } from '@temporalio/activity';
import { JobFailure } from '../contract/errors.js';
import type { ProviderName } from '../contract/names.js';
import type { AcceptedOrder, Cancelled, Generated, GenerationOrder } from '../contract/plan.js';
import type { Generator } from '../generators/generator.js';
import { accountFor } from './accounts.js';
import { attemptKey } from './attempt-key.js';
import type { ActivityDependencies } from './dependencies.js';
import { beatWhile } from './heartbeats.js';
import { refuseOtherStore } from './plan-job.js';
import { pollUntilDone } from './poll.js';
import { endOf } from './settle-attempt.js';

/**
 * Polls an accepted request until it has ended and stores its pictures before it returns. A crash resumes here:
 * the handle is in history. Ends at once on cancellation; the workflow then cancels at the provider.
 */
export async function collectGeneration(deps: ActivityDependencies, { order, accepted }: AcceptedOrder): Promise<Generated> {
  refuseOtherStore(deps, order.target.store_id);
  const key = attemptKey(deps, order);
  const generator = generatorFor(deps, order.target.provider);
  const standing = await deps.attempts.latest(key);
  if (standing && (standing.state === 'done' || standing.error)) return finished(await endOf(standing, deps, key));
  const account = accountFor(deps, order.target, standing?.account);

  const beats = beatWhile(deps.settings.IMAGE_COLLECT_HEARTBEAT_SECONDS);
  try {
    // The handle is in history: a beat that says it is needed to show life, not to keep it, and each one is billed.
    beats.prepare({ phase: 'polling', handle: accepted.handle });
    const polling = pollUntilDone(
      deps,
      { key, generator, account, accepted, since: standing?.created_at },
      (percent) => percent !== undefined && beats.say({ phase: 'polling', handle: accepted.handle, percent }),
      sleep,
    );
    return finished(await endOf(await Promise.race([polling, cancelled()]), deps, key));
  } finally {
    beats.stop();
  }
}

/**
 * After a cancellation: what became of the request of an order that has no result, by its attempt record, which knows
 * more than the workflow when a worker died. An accepted request is stopped at the provider; idempotent.
 */
export async function cancelGeneration(deps: ActivityDependencies, order: GenerationOrder): Promise<Cancelled> {
  const { provider } = order.target;
  refuseOtherStore(deps, order.target.store_id);
  const record = await deps.attempts.latest(attemptKey(deps, order));
  switch (record?.state) {
    case undefined:
    case 'not_billed':
      return { billing: 'none' };
    case 'open':
    case 'ambiguous':
      return { billing: 'maybe', message: `A request was sent to ${provider} and its reply is not known; it may be billed.` };
    case 'done':
      return { billing: 'billed', message: `The picture of ${provider} was finished before the end; image_job_retry brings it without another purchase.` };
    case 'accepted': {
      if (record.error) return { billing: record.billing ?? 'maybe', message: record.error.message };
      const generator = generatorFor(deps, provider);
      if (!generator.cancel || record.handle === undefined) return { billing: 'maybe', message: `${provider} cannot be asked to stop; it may still bill.` };
      return generator.cancel(record.handle, accountFor(deps, order.target, record.account));
    }
  }
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
