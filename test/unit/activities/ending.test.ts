import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { AttemptRecord } from '../../../src/blobs/attempts.js';
import { JobFailure } from '../../../src/contract/errors.js';
import type { Cancelled, StoredImage, StoreOrder } from '../../../src/contract/plan.js';
import type { JobRecord } from '../../../src/contract/record.js';
import { bench, changedStore, done, failure, generator, JOB, key, order, storeAway, type Bench, type BenchOptions } from './support.js';

let made: Bench | undefined;
async function make(options: BenchOptions): Promise<Bench> {
  made = await bench(options);
  return made;
}
afterEach(async () => {
  await made?.remove();
  made = undefined;
});

async function bytes(): Promise<Buffer> {
  const [image] = (await done()).images;
  if (!image) throw new Error('no picture');
  return image.bytes;
}

const outage = new JobFailure({ code: 'PROVIDER_UNAVAILABLE', message: 'Away.', nextStep: 'Wait.', retryable: true, billing: 'maybe' });

describe('what a cancellation tells', () => {
  const cancelGeneration = (on: Bench): Promise<Cancelled> => on.run((activities) => activities.cancelGeneration(order()));
  const leave = async (on: Bench, change?: Partial<AttemptRecord>): Promise<void> => {
    const gives_up_at = new Date(Date.now() + 60_000).toISOString();
    await on.attempts.open(key(), 0, { job_id: JOB, item: 0, provider: 'openai', account: on.account.id, gives_up_at });
    if (change) await on.attempts.change(key(), 0, (now) => ({ ...now, ...change }));
  };

  it('nothing was sent: nothing was billed', async () => {
    const on = await make({ generators: [generator()] });
    expect(await cancelGeneration(on)).toEqual({ billing: 'none' });
  });

  const known: [string, Partial<AttemptRecord> | undefined, string][] = [
    ['open', undefined, 'maybe'],
    ['ambiguous', { state: 'ambiguous', reason: 'lost' }, 'maybe'],
    ['not_billed', { state: 'not_billed' }, 'none'],
    ['done', { state: 'done', outputs: [] }, 'billed'],
    ['accepted and ended', { state: 'accepted', error: outage.toJobError(), billing: 'maybe' }, 'maybe'],
  ];
  it.each(known)('%s: by the record, without asking the provider', async (_name, change, billing) => {
    const on = await make({ generators: [generator()] });
    await leave(on, change);
    expect((await cancelGeneration(on)).billing).toBe(billing);
  });

  it('accepted: the provider is asked, with the account that bought it', async () => {
    const asked: unknown[] = [];
    const cancel = async (handle: string, account: { id: string } | undefined): Promise<Cancelled & { message: string }> => {
      asked.push([handle, account?.id]);
      return { billing: 'billed', message: 'It was finished.' };
    };
    const on = await make({ generators: [generator({ cancel })] });
    await leave(on, { state: 'accepted', handle: 'resp_1' });
    expect(await cancelGeneration(on)).toEqual({ billing: 'billed', message: 'It was finished.' });
    expect(asked).toEqual([['resp_1', on.account.id]]);
  });

  it('accepted by a provider that cannot stop', async () => {
    const on = await make({ generators: [generator()] });
    await leave(on, { state: 'accepted', handle: 'resp_1' });
    expect(await cancelGeneration(on)).toMatchObject({ billing: 'maybe' });
  });
});

describe('storing', () => {
  async function stored(on: Bench, picture: Buffer): Promise<StoredImage> {
    const { sha256, sizeBytes } = await on.deps.store.putBlob(picture);
    return { sha256, size_bytes: sizeBytes, mime_type: 'image/png', width: 32, height: 32 };
  }
  async function orderOf(on: Bench, ...pictures: Buffer[]): Promise<StoreOrder> {
    await on.deps.manifests.create({
      job_id: JOB,
      state: 'accepted',
      created_at: new Date().toISOString(),
      created_by: 'worker',
      namespace: 'default',
      input: { kind: 'image_generate', prompt: 'a lamp' },
    });
    const record: JobRecord = { ok: true, job_id: JOB, kind: 'image_generate', status: 'completed', done: true, message: '', billing: 'billed' };
    const outputs = await Promise.all(pictures.map((picture) => stored(on, picture)));
    return { record, outcomes: outputs.map((output, item) => ({ item, provider: 'openai', billing: 'billed', generated: { state: 'done', outputs: [output], generative: true } })) };
  }
  const storeOutputs = (on: Bench, given: StoreOrder): Promise<JobRecord> => on.run((activities) => activities.storeOutputs(given));

  it('gives the same record again after a crash, and one file', async () => {
    const on = await make({});
    const given = await orderOf(on, await bytes());
    const first = await storeOutputs(on, given);
    const again = await storeOutputs(on, given);
    expect({ ...again, updated_at: '' }).toEqual({ ...first, updated_at: '' });
    expect(await readFile(first.result?.saved[0]?.path ?? '')).toEqual(await bytes());
    const manifest = await on.deps.manifests.read(JOB);
    expect(manifest).toMatchObject({ state: 'ended', record: { status: 'completed' } });
    expect(manifest?.output_pins).toEqual([...new Set(manifest?.output_pins)]);
    expect(manifest?.output_pins).toContain(first.result?.saved[0]?.sha256);
  });

  it('a picture that cannot be decoded is handed over as it is', async () => {
    const on = await make({});
    const broken = (await bytes()).subarray(0, 60);
    const record = await storeOutputs(on, await orderOf(on, broken, await bytes()));
    expect(record).toMatchObject({ status: 'completed', message: '2 images ready.' });
    expect(record.warnings).toEqual(['Image 1 cannot be decoded here; it is kept as the provider sent it, without a thumbnail.']);
    expect(await readFile(record.result?.saved[0]?.path ?? '')).toEqual(broken);
    expect(Object.keys((await on.deps.manifests.read(JOB))?.derived ?? {})).toEqual([record.result?.saved[1]?.sha256]);
  });

  it('a folder that cannot be written holds nothing up', async () => {
    const on = await make({});
    await mkdir(on.folder, { recursive: true });
    await writeFile(join(on.folder, 'pictures'), 'a file where the folder should be');
    const record = await storeOutputs(on, await orderOf(on, await bytes()));
    expect(record).toMatchObject({ status: 'completed', message: '1 image ready.' });
    expect(record.result?.saved[0]?.path).toBeUndefined();
    expect(record.warnings).toHaveLength(1);
    expect((await on.deps.manifests.read(JOB))?.state).toBe('ended');
  });

  it('a picture that is gone from the store is RESULT_EXPIRED, and was billed', async () => {
    const on = await make({});
    const given = await orderOf(on, await bytes());
    await on.deps.store.deleteBlob(given.outcomes[0]?.generated?.outputs[0]?.sha256 ?? '');
    const ended = await failure(storeOutputs(on, given));
    expect(ended).toMatchObject({ type: 'RESULT_EXPIRED', nonRetryable: true });
    expect(ended.details?.[0]).toMatchObject({ billing: 'billed' });
  });
});

describe('how an activity fails', () => {
  const submit = (on: Bench, info = {}): Promise<unknown> => on.run((activities) => activities.submitGeneration(order()), info);
  const long = { attempt: 7, scheduledTimestampMs: Date.now() - 25 * 3600 * 1000 };
  const refused = generator({
    outcomes: [{ type: 'not_billed', failure: new JobFailure({ code: 'PROVIDER_RATE_LIMITED', message: 'Later.', nextStep: 'Wait.', retryable: true, retryAfterSeconds: 7 }) }],
  });

  it('a delay of the provider is kept, and the failure is no alarm', async () => {
    const on = await make({ generators: [refused] });
    const ended = await failure(submit(on));
    expect(ended).toMatchObject({ type: 'PROVIDER_RATE_LIMITED', nonRetryable: false, nextRetryDelay: 7000, category: 'BENIGN' });
    expect(ended.details?.[0]).toMatchObject({ billing: 'none', error: { code: 'PROVIDER_RATE_LIMITED', retryable: true } });
    // The next attempt comes before the delay is over, say by hand: it waits for the rest and sends nothing.
    const early = await failure(submit(on));
    expect(early).toMatchObject({ type: 'PROVIDER_RATE_LIMITED', nonRetryable: false });
    expect(early.nextRetryDelay).toBeGreaterThan(5000);
  });

  it('what can get better is final after a day', async () => {
    const away = changedStoreAway();
    const on = await make({ generators: [generator()], store: away });
    expect(await failure(submit(on))).toMatchObject({ type: 'STORE_UNAVAILABLE', nonRetryable: false });
    expect(await failure(submit(on, long))).toMatchObject({ type: 'STORE_UNAVAILABLE', nonRetryable: true });
  });

  it('a missing key is waited for without an end', async () => {
    const on = await make({ generators: [generator()] });
    const missing = { ...order(), target: { ...order().target, account: '01234567' } };
    const ended = await failure(on.run((activities) => activities.submitGeneration(missing), long));
    expect(ended).toMatchObject({ type: 'WAITING_FOR_KEY', nonRetryable: false, category: 'BENIGN' });
    expect(await on.attempts.latest(key())).toBeUndefined();
  });

  it('a fault of ours is tried a few times and says that money may be spent', async () => {
    const on = await make({ generators: [generator({ prepare: () => { throw new TypeError('x is not a function'); } })] });
    expect(await failure(submit(on))).toMatchObject({ type: 'INTERNAL', nonRetryable: false });
    const last = await failure(submit(on, { attempt: 5 }));
    expect(last).toMatchObject({ type: 'INTERNAL', nonRetryable: true });
    expect(last.details?.[0]).toMatchObject({ billing: 'maybe' });
  });

  it('a provider that this worker does not have is no reason to pay another', async () => {
    const on = await make({});
    expect(await failure(submit(on))).toMatchObject({ type: 'PROVIDER_NOT_CONFIGURED' });
  });
});

function changedStoreAway(): BenchOptions['store'] {
  return (store) =>
    changedStore(store, {
      async *listDocuments(): AsyncIterable<string> {
        yield await Promise.reject(storeAway());
      },
    });
}
