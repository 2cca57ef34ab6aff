import { afterEach, describe, expect, it } from '@jest/globals';
import type { BlobStore } from '../../../src/blobs/blob-store.js';
import { JobFailure } from '../../../src/contract/errors.js';
import type { Accepted, Generated, GenerationOrder } from '../../../src/contract/plan.js';
import type { SubmitOutcome } from '../../../src/generators/generator.js';
import { bench, changedStore, done, failure, generator, JOB, key, later, order, storeAway, target, until, type AttemptInfo, type Bench, type BenchOptions } from './support.js';

let made: Bench | undefined;
async function make(options: BenchOptions): Promise<Bench> {
  made = await bench(options);
  return made;
}
afterEach(async () => {
  await made?.remove();
  made = undefined;
});

const submit = (
  on: Bench,
  given: GenerationOrder,
  info?: AttemptInfo,
  onHeartbeat?: (details: unknown) => void,
): Promise<Accepted | Generated> => on.run((activities) => activities.submitGeneration(given), info, onHeartbeat);

const ACCEPTED: SubmitOutcome = { type: 'accepted', handle: 'resp_1' };

/** A record as a killed sender leaves it. */
function leave(on: Bench, givesUpInMs: number, nonce = 'nonce-of-the-dead'): Promise<unknown> {
  const gives_up_at = new Date(Date.now() + givesUpInMs).toISOString();
  return on.attempts.open(key(), 0, { job_id: JOB, item: 0, provider: 'openai', nonce, gives_up_at });
}

describe('the record and the request', () => {
  it('the record is open and on the disk when the request leaves', async () => {
    let found: unknown;
    const paid = generator({
      outcomes: [
        async (): Promise<SubmitOutcome> => {
          found = await made?.attempts.latest(key());
          return ACCEPTED;
        },
      ],
    });
    const on = await make({ generators: [paid] });
    expect(await submit(on, order())).toEqual({ state: 'accepted', handle: 'resp_1', attempt: 0 });
    expect(found).toMatchObject({ state: 'open', n: 0, nonce: paid.sent[0]?.nonce, account: on.account.id });
  });

  it('what can fail before leaves no record', async () => {
    const refuse = (): never => {
      throw new JobFailure({ code: 'PROVIDER_AUTH', message: 'Odd key.', nextStep: 'Correct it.' });
    };
    const on = await make({ generators: [generator({ prepare: refuse })] });
    expect(await failure(submit(on, order()))).toMatchObject({ type: 'PROVIDER_AUTH', nonRetryable: true });
    expect(await on.attempts.latest(key())).toBeUndefined();
  });

  it('nothing leaves where the store is not the one of the plan: what was bought is not known there', async () => {
    const paid = generator({ outcomes: [ACCEPTED] });
    const on = await make({ generators: [paid] });
    const elsewhere = order({ target: { ...target(), store_id: 'the-store-that-was-lost' } });
    const refused = { type: 'STORE_UNAVAILABLE', nonRetryable: false, message: expect.stringContaining('the-store-that-was-lost') };
    expect(await failure(submit(on, elsewhere))).toMatchObject(refused);
    expect(await failure(on.run((activities) => activities.collectGeneration({ order: elsewhere, accepted: { state: 'accepted', handle: 'resp_1', attempt: 0 } })))).toMatchObject(refused);
    expect(paid.sent).toEqual([]);
    expect(await submit(on, order({ target: { ...target(), store_id: on.deps.store.id } }))).toMatchObject({ state: 'accepted' });
  });

  it('two attempts at once send one request', async () => {
    const reply = later<SubmitOutcome>();
    const paid = generator({ outcomes: [() => reply.promise, ACCEPTED] });
    const on = await make({ generators: [paid] });
    const runs = Array.from({ length: 5 }, () => submit(on, order()));
    const ended = Promise.allSettled(runs);
    await until(() => paid.sent.length > 0);
    reply.resolve(ACCEPTED);
    const states = (await ended).map((one): unknown => (one.status === 'fulfilled' ? one.value : one.reason));
    expect(paid.sent).toHaveLength(1);
    for (const state of states) expect([{ state: 'accepted', handle: 'resp_1', attempt: 0 }, { type: 'WAITING_FOR_REPLY' }]).toContainEqual(expect.objectContaining(summary(state)));
  });
});

function summary(end: unknown): object {
  if (typeof end !== 'object' || end === null) return {};
  return 'type' in end ? { type: end.type } : end;
}

describe('a handle in the heartbeat of an attempt that died', () => {
  it('is written down and used: nothing is sent', async () => {
    const paid = generator();
    const on = await make({ generators: [paid] });
    await leave(on, 60_000);
    const heartbeatDetails = { phase: 'sending', handle: 'resp_of_the_dead', nonce: 'nonce-of-the-dead' };
    expect(await submit(on, order(), { attempt: 2, heartbeatDetails })).toMatchObject({ handle: 'resp_of_the_dead' });
    expect(await on.attempts.latest(key())).toMatchObject({ state: 'accepted', handle: 'resp_of_the_dead' });
    expect(paid.sent).toEqual([]);
  });

  it('of another request is not believed', async () => {
    const on = await make({ generators: [generator()] });
    await leave(on, 60_000);
    const heartbeatDetails = { phase: 'sending', handle: 'resp_of_another', nonce: 'another-nonce' };
    const ended = await failure(submit(on, order(), { attempt: 2, heartbeatDetails }));
    expect(ended).toMatchObject({ type: 'WAITING_FOR_REPLY', nonRetryable: false });
    expect((await on.attempts.latest(key()))?.state).toBe('open');
  });

  it('survives an attempt that cannot read the store', async () => {
    const away = later<undefined>();
    const broken = async function* (): AsyncIterable<string> {
      yield (await away.promise) ?? '';
      throw storeAway();
    };
    const on = await make({ generators: [generator()], store: (store) => changedStore(store, { listDocuments: broken }) });
    const heartbeatDetails = { phase: 'sending', handle: 'resp_of_the_dead', nonce: 'nonce-of-the-dead' };
    const beats: unknown[] = [];
    const ended = failure(submit(on, order(), { attempt: 2, heartbeatDetails }, (details) => beats.push(details)));
    await until(() => beats.length > 1);
    away.resolve(undefined);
    expect((await ended).type).toBe('STORE_UNAVAILABLE');
    expect(new Set(beats.map((beat) => JSON.stringify(beat)))).toEqual(new Set([JSON.stringify(heartbeatDetails)]));
  });
});

describe('the store fails between reply and record', () => {
  it('the handle leaves first, and it is written until it stands', async () => {
    let failing = 3;
    const flaky = (store: BlobStore): BlobStore =>
      changedStore(store, {
        async replaceDocument(name, bytes, version) {
          if ((failing -= 1) >= 0) throw storeAway();
          return store.replaceDocument(name, bytes, version);
        },
      });
    const paid = generator({ outcomes: [ACCEPTED] });
    const on = await make({ generators: [paid], store: flaky });
    const beats: unknown[] = [];
    expect(await submit(on, order(), {}, (details) => beats.push(details))).toMatchObject({ handle: 'resp_1' });
    expect(failing).toBeLessThan(0);
    // A slow machine may have beaten once before the reply, without details.
    expect(beats.find((beat) => beat !== undefined)).toEqual({ phase: 'sending', handle: 'resp_1', nonce: paid.sent[0]?.nonce });
    expect(await on.attempts.latest(key())).toMatchObject({ state: 'accepted', handle: 'resp_1' });
  });
});

describe('an open record whose time is over', () => {
  it('is accepted when the provider shows the request', async () => {
    const asked: unknown[] = [];
    const paid = generator({
      reconcile: async (identity) => {
        asked.push(identity);
        return 'resp_found';
      },
    });
    const on = await make({ generators: [paid] });
    await leave(on, -1);
    expect(await submit(on, order())).toMatchObject({ handle: 'resp_found' });
    const record = await on.attempts.latest(key());
    const times = { openedAt: record?.created_at, givesUpAt: record?.gives_up_at };
    expect(asked).toEqual([{ nonce: 'nonce-of-the-dead', jobId: JOB, item: 0, ...times }]);
    expect(Date.parse(times.openedAt ?? '')).toBeGreaterThan(Date.now() - 60_000);
    expect(paid.sent).toEqual([]);
  });

  it('is ambiguous when it does not, never free', async () => {
    const paid = generator({ reconcile: async () => undefined });
    const on = await make({ generators: [paid] });
    await leave(on, -1);
    expect(await failure(submit(on, order()))).toMatchObject({ type: 'MAYBE_BILLED', nonRetryable: true });
    expect((await on.attempts.latest(key()))?.state).toBe('ambiguous');
    expect(paid.sent).toEqual([]);
  });
});

describe('a reply that is known to be lost', () => {
  const lost: SubmitOutcome = { type: 'ambiguous', reason: 'the connection broke' };

  it('is judged at once where the provider shows nothing', async () => {
    const on = await make({ generators: [generator({ outcomes: [lost] })] });
    expect(await failure(submit(on, order()))).toMatchObject({ type: 'MAYBE_BILLED' });
    expect(await on.attempts.latest(key())).toMatchObject({ state: 'ambiguous', reason: 'the connection broke' });
  });

  it('is accepted when the provider shows the request, also a moment later', async () => {
    const shown = [undefined, undefined, 'resp_found'];
    const paid = generator({ outcomes: [lost], reconcile: async () => shown.shift() });
    const on = await make({ generators: [paid] });
    expect(await failure(submit(on, order()))).toMatchObject({ type: 'WAITING_FOR_REPLY', nonRetryable: false });
    expect(await on.attempts.latest(key())).toMatchObject({ state: 'open', reason: 'the connection broke' });
    expect(await failure(submit(on, order(), { attempt: 2 }))).toMatchObject({ type: 'WAITING_FOR_REPLY' });
    expect(await submit(on, order(), { attempt: 3 })).toMatchObject({ handle: 'resp_found' });
    expect(paid.sent).toHaveLength(1);
  });

  it('is ambiguous when the provider has not shown it until gives_up_at', async () => {
    const paid = generator({ outcomes: [lost], givesUpAfterSeconds: 0.2, reconcile: async () => undefined });
    const on = await make({ generators: [paid] });
    await failure(submit(on, order()));
    await until(async () => Date.now() > Date.parse((await on.attempts.latest(key()))?.gives_up_at ?? ''));
    expect(await failure(submit(on, order(), { attempt: 2 }))).toMatchObject({ type: 'MAYBE_BILLED' });
    expect(await on.attempts.latest(key())).toMatchObject({ state: 'ambiguous', reason: 'the connection broke' });
    expect(paid.sent).toHaveLength(1);
  });
});

describe('a reply after the record was given up', () => {
  const refusal = new JobFailure({ code: 'PROVIDER_AUTH', message: 'No.', nextStep: 'Correct it.', billing: 'none' });
  const replies: [string, SubmitOutcome, string, boolean][] = [
    ['that refuses changes nothing, for the person decides already', { type: 'not_billed', failure: refusal }, 'ambiguous', false],
    ['that says nothing changes nothing', { type: 'ambiguous', reason: 'the socket died' }, 'ambiguous', false],
    ['that ends the request runs the job again', { type: 'ended', failure: refusal, billing: 'maybe' }, 'accepted', true],
    ['that accepts is collected, and the job runs again', ACCEPTED, 'done', true],
  ];
  it.each(replies)('%s', async (_name, outcome, state, runsAgain) => {
    const reply = later<SubmitOutcome>();
    const poll = async (): Promise<SubmitOutcome & { type: 'done' }> => done();
    const paid = generator({ outcomes: [() => reply.promise], givesUpAfterSeconds: 0.05, poll });
    const on = await make({ generators: [paid] });
    expect((await failure(submit(on, order()))).type).toBe('MAYBE_BILLED');
    reply.resolve(outcome);
    await until(async () => (await on.attempts.latest(key()))?.state === state && on.rerun.length === (runsAgain ? 1 : 0));
    await new Promise((resolve) => setImmediate(resolve));
    expect(on.rerun).toEqual(runsAgain ? [JOB] : []);
    expect((await on.attempts.latest(key()))?.late).toBe(runsAgain ? true : undefined);
  });

  it('that somebody else gave up, while this machine slept, runs the job again', async () => {
    const paid = generator({
      outcomes: [
        async (): Promise<SubmitOutcome> => {
          await made?.attempts.change(key(), 0, (now) => ({ ...now, state: 'ambiguous', reason: 'judged' }));
          return ACCEPTED;
        },
      ],
      poll: async () => done(),
    });
    const on = await make({ generators: [paid] });
    await submit(on, order());
    await until(() => on.rerun.length === 1);
    expect(await on.attempts.latest(key())).toMatchObject({ state: 'done', late: true });
  });
});

describe('with fallbacks', () => {
  const bought = async (on: Bench, state: 'open' | 'accepted' | 'done' | 'ambiguous' | 'not_billed'): Promise<void> => {
    const at = key(target('gemini'));
    const gives_up_at = new Date().toISOString();
    await on.attempts.open(at, 0, { job_id: JOB, item: 0, provider: 'gemini', gives_up_at });
    if (state !== 'open') await on.attempts.change(at, 0, (now) => ({ ...now, state }));
  };

  it.each(['open', 'accepted', 'done', 'ambiguous'] as const)('nothing is bought again that an earlier run may have bought there (%s)', async (state) => {
    const paid = generator();
    const on = await make({ generators: [paid] });
    await bought(on, state);
    const ended = await failure(submit(on, order({ fallbacks: [target('local'), target('gemini')] })));
    expect(ended).toMatchObject({ type: 'PROVIDER_UNAVAILABLE', nonRetryable: true });
    expect(ended.details?.[0]).toMatchObject({ billing: 'none' });
    expect(paid.sent).toEqual([]);
  });

  it('a fallback that was not paid either stops nothing', async () => {
    const paid = generator({ outcomes: [ACCEPTED] });
    const on = await make({ generators: [paid] });
    await bought(on, 'not_billed');
    expect(await submit(on, order({ fallbacks: [target('gemini')] }))).toMatchObject({ state: 'accepted' });
    expect(paid.sent).toHaveLength(1);
  });
});
