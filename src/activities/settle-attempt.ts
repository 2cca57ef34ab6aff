import { activityInfo } from '@temporalio/activity';
import type { AttemptKey, AttemptRecord } from '../blobs/attempts.js';
import { JobFailure } from '../contract/errors.js';
import { WAITING } from '../contract/names.js';
import type { Accepted, Generated, GenerationOrder } from '../contract/plan.js';
import type { Generator, SubmitOutcome } from '../generators/generator.js';
import { capabilitiesOf } from '../generators/capabilities.js';
import { believable, costByList } from '../generators/price.js';
import { accountFor } from './accounts.js';
import { Waiting } from './boundary.js';
import type { ActivityDependencies } from './dependencies.js';
import { storeResult, type Unusable } from './order-images.js';

/** What a later attempt finds: something that was paid, or leave to send under the number n. */
export type Standing = { type: 'paid'; result: Accepted | Generated } | { type: 'free'; n: number; form?: string };

/** Reads the latest record and does what the pay-once table says for its state. */
export async function standing(
  deps: ActivityDependencies,
  key: AttemptKey,
  order: GenerationOrder,
  generator: Generator,
): Promise<Standing> {
  const last = await deps.attempts.latest(key);
  if (!last) return { type: 'free', n: 0 };
  if (await deps.attempts.isReleased(last)) return { type: 'free', n: last.n + 1 };
  switch (last.state) {
    case 'done':
    case 'accepted':
      return { type: 'paid', result: await endOf(last, deps, key) };
    case 'ambiguous':
      throw maybeBilled(last);
    case 'not_billed': {
      const wait = last.not_before === undefined ? 0 : (Date.parse(last.not_before) - Date.now()) / 1000;
      if (wait > 0) {
        const failure = failureOf(last, 'none');
        throw new Waiting(failure.code, failure.message, wait, failure);
      }
      return { type: 'free', n: last.n + 1, form: last.next_form };
    }
    case 'open':
      return { type: 'paid', result: await judge(deps, key, last, order, generator) };
  }
}

/** An open record: its sender may be alive until gives_up_at; after it, only proof of acceptance lets the job go on. */
async function judge(
  deps: ActivityDependencies,
  key: AttemptKey,
  open: AttemptRecord,
  order: GenerationOrder,
  generator: Generator,
): Promise<Accepted | Generated> {
  const handle = heartbeatHandle(open) ?? (await reconciled(deps, open, order, generator));
  if (handle !== undefined) return endOf(await acceptedAs(handle, deps, key, open.n), deps, key);
  const left = (Date.parse(open.gives_up_at) - Date.now()) / 1000;
  if (left > 0) {
    throw new Waiting(
      WAITING.reply,
      `A request was sent and its reply is not known; it is waited for until ${open.gives_up_at}.`,
      Math.min(left, deps.settings.IMAGE_WAITING_POLL_SECONDS),
    );
  }
  const stands = await deps.attempts.change(key, open.n, (now) =>
    now.state === 'open' ? { ...now, state: 'ambiguous', reason: now.reason ?? 'the sender ended before the reply was written down' } : undefined,
  );
  return endOf(stands, deps, key);
}

/** What a provider, or a heartbeat, shows as taken. */
async function acceptedAs(handle: string, deps: ActivityDependencies, key: AttemptKey, n: number): Promise<AttemptRecord> {
  return deps.attempts.change(key, n, (now) => (isPaid(now) ? undefined : { ...now, state: 'accepted', handle }));
}

/**
 * The sender knows that the reply is lost. A provider that can show what it took is asked, from now on until gives_up_at: the
 * request may appear in its list a moment later. Everywhere else the record is judged at once.
 */
export async function settleLost(
  deps: ActivityDependencies,
  { key, record, order, generator }: { key: AttemptKey; record: AttemptRecord; order: GenerationOrder; generator: Generator },
  reason: string,
): Promise<AttemptRecord> {
  if (!generator.reconcile) return settle(deps, key, record.n, { type: 'ambiguous', reason }, generator);
  const lost = await deps.attempts.change(key, record.n, (now) => (now.state === 'open' ? { ...now, reason } : undefined));
  if (lost.state !== 'open') return lost;
  const handle = await reconciled(deps, lost, order, generator);
  if (handle !== undefined) return acceptedAs(handle, deps, key, record.n);
  if (Date.parse(lost.gives_up_at) <= Date.now()) return settle(deps, key, record.n, { type: 'ambiguous', reason }, generator);
  throw new Waiting(WAITING.reply, `The reply of ${generator.name} was lost (${reason}); it is asked whether it took the request.`, deps.settings.IMAGE_WAITING_POLL_SECONDS);
}

/** A handle that the sender put into its heartbeat but could not write into the store any more. */
function heartbeatHandle(open: AttemptRecord): string | undefined {
  const details: unknown = activityInfo().heartbeatDetails;
  if (typeof details !== 'object' || details === null) return undefined;
  const { handle, nonce } = details as { handle?: unknown; nonce?: unknown };
  return typeof handle === 'string' && nonce === open.nonce ? handle : undefined;
}

/** By the provider's own means, once the sender must be gone or knows that the reply is lost: it may show that it accepted, never that it did not. */
async function reconciled(
  deps: ActivityDependencies,
  open: AttemptRecord,
  order: GenerationOrder,
  generator: Generator,
): Promise<string | undefined> {
  const waiting = open.reason === undefined && Date.parse(open.gives_up_at) > Date.now();
  if (!generator.reconcile || waiting) return undefined;
  const account = accountFor(deps, order.target, open.account);
  const times = { openedAt: open.created_at, givesUpAt: open.gives_up_at };
  return generator.reconcile({ nonce: open.nonce, jobId: open.job_id, item: open.item, ...times }, account);
}

/** Writes down what became of the one request of record n. A reply outranks a judgement; nothing outranks a reply. */
export async function settle(
  deps: ActivityDependencies,
  key: AttemptKey,
  n: number,
  outcome: SubmitOutcome,
  generator: Generator,
): Promise<AttemptRecord> {
  const stored = outcome.type === 'done' ? await storeResult(deps, outcome, generator) : undefined;
  return deps.attempts.change(key, n, (now) => {
    if (isPaid(now) || now.state === 'not_billed') return undefined;
    const lateness = now.state === 'ambiguous' ? { late: true } : {};
    switch (outcome.type) {
      case 'accepted':
        return { ...now, ...lateness, state: 'accepted', handle: outcome.handle, cost: outcome.cost };
      case 'done':
        return stored && { ...now, ...lateness, ...closing(stored) };
      case 'ended':
        return { ...now, ...lateness, ...closing({ ...outcome, state: 'unusable' }) };
      case 'not_billed':
        // A judged record stays ambiguous: not_billed would allow another request while the person already decides.
        if (now.state !== 'open') return undefined;
        return {
          ...now,
          state: 'not_billed',
          reason: outcome.failure.message,
          error: outcome.failure.toJobError(),
          next_form: outcome.nextForm,
          not_before: notBefore(outcome.failure),
        };
      case 'ambiguous':
        return now.state === 'open' ? { ...now, state: 'ambiguous', reason: outcome.reason } : undefined;
    }
  });
}

function notBefore(failure: JobFailure): string | undefined {
  const { retryAfterSeconds } = failure;
  return retryAfterSeconds === undefined ? undefined : new Date(Date.now() + retryAfterSeconds * 1000).toISOString();
}

/** The fields of a record whose request has ended, with pictures or without. */
export function closing(end: Generated | Unusable): Partial<AttemptRecord> & Pick<AttemptRecord, 'state'> {
  if (end.state === 'unusable') return { state: 'accepted', error: end.failure.toJobError(), billing: end.billing };
  const { outputs, generative, cost, usage, notes } = end;
  return { state: 'done', outputs, generative, cost, usage, notes };
}

function isPaid(record: AttemptRecord): boolean {
  return record.state === 'accepted' || record.state === 'done';
}

/** What a record means to the job: a result, or the failure that it stands for. */
export async function endOf(record: AttemptRecord, deps: ActivityDependencies, key: AttemptKey): Promise<Accepted | Generated> {
  switch (record.state) {
    case 'done':
      return generatedOf(record, deps);
    case 'accepted':
      if (record.error) throw failureOf(record, record.billing ?? 'maybe');
      if (record.handle === undefined) throw new Error(`attempt ${record.n} of ${key.workflowId} is accepted without a handle`);
      return { state: 'accepted', handle: record.handle, attempt: record.n };
    case 'not_billed': {
      const failure = failureOf(record, 'none');
      if (!failure.retryable) throw failure;
      const seconds = failure.retryAfterSeconds ?? retryDelay(deps);
      throw new Waiting(failure.code, failure.message, seconds, failure);
    }
    case 'ambiguous':
      throw maybeBilled(record);
    case 'open':
      throw new Error(`attempt ${record.n} of ${key.workflowId} is still open`);
  }
}

/** Exponential by Temporal's attempt, when the provider names no delay. */
function retryDelay(deps: ActivityDependencies): number {
  const { IMAGE_RETRY_INITIAL_SECONDS, IMAGE_RETRY_MAX_SECONDS } = deps.settings;
  return Math.min(IMAGE_RETRY_MAX_SECONDS, IMAGE_RETRY_INITIAL_SECONDS * 2 ** Math.min(activityInfo().attempt - 1, 20));
}

/** The outputs of a finished record, as long as the store still has them. */
export async function generatedOf(record: AttemptRecord, deps: ActivityDependencies): Promise<Generated> {
  const outputs = record.outputs ?? [];
  const present = await Promise.all(outputs.map((output) => deps.store.statBlob(output.sha256)));
  if (outputs.length === 0 || present.includes(undefined)) {
    throw new JobFailure({
      code: 'RESULT_EXPIRED',
      message: 'This picture was bought before and its file is gone from the store.',
      nextStep: 'Ask the user whether to buy it again, then call image_job_retry with acknowledge_possible_double_charge.',
      billing: 'billed',
    });
  }
  const { generative = true, usage, notes, late } = record;
  const { price } = capabilitiesOf(record.provider, record.model, deps.settings.overrides);
  const cost = believable(record.cost) ?? costByList(price, outputs.length, usage);
  return { state: 'done', outputs, generative, cost, usage, notes, ...(late ? { late } : {}) };
}

function failureOf(record: AttemptRecord, billing: 'none' | 'billed' | 'maybe'): JobFailure {
  const { error } = record;
  return new JobFailure({
    code: error?.code ?? 'INTERNAL',
    message: error?.message ?? record.reason ?? 'The provider did not take the request.',
    nextStep: error?.next_step ?? 'Submit again.',
    retryable: error?.retryable ?? false,
    retryAfterSeconds: error?.retry_after_seconds,
    providerStatus: error?.provider_status,
    billing,
  });
}

export function maybeBilled(record: AttemptRecord): JobFailure {
  return new JobFailure({
    code: 'MAYBE_BILLED',
    message: `The request reached ${record.provider} or may have, and its reply was lost (${record.reason ?? 'unknown reason'}): it may have been charged.`,
    nextStep: 'ask the user',
    billing: 'maybe',
  });
}
