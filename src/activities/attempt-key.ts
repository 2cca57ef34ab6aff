import { activityInfo } from '@temporalio/activity';
import type { AttemptKey, AttemptRecord } from '../blobs/attempts.js';
import { digestOf } from '../contract/canonical.js';
import type { GenerationOrder, Target } from '../contract/plan.js';
import type { ActivityDependencies } from './dependencies.js';

/** What an order buys: one item of one input of this job; at the order's own target or at one of its fallbacks. */
export function attemptKey(deps: ActivityDependencies, { target, item }: GenerationOrder, at: Target = target): AttemptKey {
  return {
    namespace: deps.namespace,
    workflowId: activityInfo().workflowExecution?.workflowId ?? '',
    inputDigest: item.digest === undefined ? at.input_digest : digestOf([at.input_digest, item.digest]),
    item: item.item,
  };
}

/**
 * The fallback that an earlier run of this job went on to and that may have been paid. While there is one, the provider
 * before it is not asked again: it would be a second purchase of the same picture.
 */
export async function boughtAt(deps: ActivityDependencies, order: GenerationOrder): Promise<AttemptRecord | undefined> {
  for (const fallback of order.fallbacks) {
    const record = fallback.free ? undefined : await deps.attempts.latest(attemptKey(deps, order, fallback));
    if (record && record.state !== 'not_billed' && !(await deps.attempts.isReleased(record))) return record;
  }
  return undefined;
}
