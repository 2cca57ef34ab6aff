import { activityInfo } from '@temporalio/activity';
import type { AttemptKey, AttemptRecord } from '../blobs/attempts.js';
import { JobFailure } from '../contract/errors.js';
import { WAITING } from '../contract/names.js';
import type { Accepted, Generated, GenerationOrder, GenerationProgress } from '../contract/plan.js';
import type { AttemptIdentity, Generator, PreparedSubmit, SubmitOutcome } from '../generators/generator.js';
import { accountFor } from './accounts.js';
import { attemptKey, boughtAt } from './attempt-key.js';
import { awaitTurn, heedDelay } from './await-turn.js';
import { mayBeCharged, Waiting } from './boundary.js';
import type { ActivityDependencies } from './dependencies.js';
import { beatWhile, unaborted } from './heartbeats.js';
import { followLateReply } from './late-reply.js';
import { requestOf, storeResult } from './order-images.js';
import { refuseOtherStore } from './plan-job.js';
import { endOf, maybeBilled, settle, settleLost, standing } from './settle-attempt.js';

/**
 * Buys one picture, at most once: sends at most one request for each attempt record, and never a second while it is
 * possible that the first is charged. The table of states is in docs/pay-once.md; src/activities/settle-attempt.ts writes them.
 * It never aborts a request in flight: not on cancellation, not on shutdown.
 */
export async function submitGeneration(deps: ActivityDependencies, order: GenerationOrder): Promise<Accepted | Generated> {
  const { target } = order;
  const generator = deps.generators.get(target.provider);
  if (!generator) throw notAvailable(target.provider);
  // Where its records are missing nothing would be known of what was bought.
  refuseOtherStore(deps, target.store_id);
  const jobId = activityInfo().workflowExecution?.workflowId ?? '';
  const beats = beatWhile(deps.settings.IMAGE_SUBMIT_HEARTBEAT_SECONDS);
  try {
    if (generator.free) return await makeFree(deps, generator, order, jobId);
    const key = attemptKey(deps, order);
    for (;;) {
      const found = await mayBeCharged(() => standing(deps, key, order, generator));
      if (found.type === 'paid') return found.result;
      const bought = await mayBeCharged(() => boughtAt(deps, order));
      if (bought) throw passedOver(target.provider, bought);
      const sent = await send(deps, { key, n: found.n, form: found.form, order, generator, jobId }, beats.say);
      if (sent) return sent;
      // Another form of the request opens the next record at once.
    }
  } finally {
    beats.stop();
  }
}

interface Sending {
  key: AttemptKey;
  n: number;
  form: string | undefined;
  order: GenerationOrder;
  generator: Generator;
  jobId: string;
}

/** One record, one request. Undefined: certainly not billed, and the provider asks for another form. */
async function send(
  deps: ActivityDependencies,
  sending: Sending,
  say: (progress: GenerationProgress) => void,
): Promise<Accepted | Generated | undefined> {
  const { key, n, order, generator, jobId } = sending;
  const account = accountFor(deps, order.target);
  const identity: AttemptIdentity = { nonce: crypto.randomUUID(), jobId, item: order.item.item };
  const request = await requestOf(deps, order);
  const prepared = await generator.prepare(request, account, identity, sending.form);
  refuseAfterDeadline(order);
  await awaitTurn(deps, generator.name, account?.id);

  const givesUpAt = new Date(Date.now() + prepared.givesUpAfterSeconds * 1000);
  const record = await deps.attempts.open(key, n, {
    nonce: identity.nonce,
    job_id: jobId,
    item: order.item.item,
    provider: generator.name,
    model: order.target.model,
    account: account?.id,
    form: prepared.form,
    gives_up_at: givesUpAt.toISOString(),
  });
  if (!record) {
    throw new Waiting(WAITING.reply, 'Another worker has just sent this request.', deps.settings.IMAGE_WAITING_POLL_SECONDS);
  }

  // From here on the request may be charged. Nothing stands between the record and the request.
  const sentAt = performance.now();
  const reply = prepared.send(deps.settings.IMAGE_SUBMIT_LISTEN_SECONDS);
  const outcome = await withinPatience(reply, givesUpAt);
  if (!outcome) {
    deps.metrics.request(generator.name, 'ambiguous', (performance.now() - sentAt) / 1000);
    return giveUp(deps, sending, record, reply, prepared);
  }
  const stands = await alsoByHeartbeat(outcome, (handle) => say({ phase: 'sending', handle, nonce: identity.nonce }), () =>
    unaborted(
      () => (outcome.type === 'ambiguous' ? settleLost(deps, { key, record, order, generator }, outcome.reason) : settle(deps, key, n, outcome, generator)),
      deps.logger,
    ),
  );
  deps.metrics.request(generator.name, stands.state, (performance.now() - sentAt) / 1000);
  // Without it the others are told by the provider themselves.
  await heedDelay(deps, generator.name, account?.id, outcome).catch(() => undefined);
  // Judged by somebody else meanwhile (a machine that slept): then no activity of this sender's is waited for any more.
  if (stands.late) followLateReply(deps, { key, record, order, generator, jobId, reply });
  if (outcome.type === 'not_billed' && outcome.nextForm !== undefined && stands.state === 'not_billed') return undefined;
  return endOf(stands, deps, key);
}

/** A store takes milliseconds for a record. A heartbeat is billed by Temporal, so one that is not needed is not sent. */
const SLOW_STORE_MS = 100;

/**
 * Writes a reply down. Should that take long or fail, the handle leaves this process by a heartbeat meanwhile: the next attempt
 * finds it there. An earlier heartbeat would hold it back, since Temporal sends one now and then, not each.
 */
async function alsoByHeartbeat<T>(outcome: SubmitOutcome, say: (handle: string) => void, write: () => Promise<T>): Promise<T> {
  if (outcome.type !== 'accepted') return write();
  const timer = setTimeout(() => say(outcome.handle), SLOW_STORE_MS);
  try {
    return await write();
  } catch (error) {
    say(outcome.handle);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** The reply, or undefined when the record may be judged before it came. */
async function withinPatience(reply: Promise<SubmitOutcome>, givesUpAt: Date): Promise<SubmitOutcome | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), Math.max(0, givesUpAt.getTime() - Date.now()));
  });
  const outcome = await Promise.race([reply, patience]);
  clearTimeout(timer);
  return outcome;
}

/** The record is judged, the socket stays open: a late reply is collected and completes the job after all. */
async function giveUp(
  deps: ActivityDependencies,
  sending: Sending,
  record: AttemptRecord,
  reply: Promise<SubmitOutcome>,
  prepared: PreparedSubmit,
): Promise<Accepted | Generated> {
  const { key, order, generator, jobId } = sending;
  const reason = `no reply within ${prepared.givesUpAfterSeconds} seconds`;
  const stands = await unaborted(() => settleLost(deps, { key, record, order, generator }, reason), deps.logger);
  followLateReply(deps, { key, record, order, generator, jobId, reply });
  if (stands.state !== 'ambiguous') return endOf(stands, deps, key);
  throw maybeBilled(stands);
}

/** A provider that cannot bill needs no record: the picture is simply made again after a crash. */
async function makeFree(deps: ActivityDependencies, generator: Generator, order: GenerationOrder, jobId: string): Promise<Generated> {
  const request = await requestOf(deps, order);
  const identity = { nonce: crypto.randomUUID(), jobId, item: order.item.item };
  const prepared = await generator.prepare(request, undefined, identity, undefined);
  const outcome = await prepared.send(0);
  if (outcome.type === 'done') {
    const stored = await storeResult(deps, outcome, generator);
    if (stored.state === 'done') return stored;
    throw stored.failure;
  }
  if (outcome.type === 'not_billed' || outcome.type === 'ended') throw outcome.failure;
  throw new Error(`a free provider answered ${outcome.type}`);
}

/** The timer of the workflow cuts the job off; this keeps a request that waited for its turn from being paid after it. */
function refuseAfterDeadline({ deadline_at: deadline }: GenerationOrder): void {
  if (deadline === undefined || Date.now() < Date.parse(deadline)) return;
  throw new JobFailure({
    code: 'DEADLINE_EXCEEDED',
    message: 'The deadline_seconds of the job were over before the request was sent.',
    nextStep: 'Submit again with a longer deadline_seconds.',
    billing: 'none',
  });
}

function notAvailable(provider: string): JobFailure {
  return new JobFailure({
    code: 'PROVIDER_NOT_CONFIGURED',
    message: `This worker cannot use the provider ${provider}.`,
    nextStep: 'Choose a provider that server_info lists.',
  });
}

/** Certainly unpaid here, so that the job goes on to the fallback. */
function passedOver(provider: string, bought: AttemptRecord): JobFailure {
  return new JobFailure({
    code: 'PROVIDER_UNAVAILABLE',
    message: `Nothing was sent to ${provider}: an earlier run of this job went on to ${bought.provider}, and may have paid there.`,
    nextStep: 'Nothing to do: what was bought there is used.',
    billing: 'none',
  });
}
