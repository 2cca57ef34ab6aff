import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { BlobStore } from '../../../src/blobs/blob-store.js';
import { openBlobStore } from '../../../src/blobs/open-store.js';
import { readSettings } from '../../../src/config.js';
import { AdjustableSlots } from '../../../src/shaping/adjustable-slots.js';
import { changeLimits, forgetLimits, limitsOf, readLimits } from '../../../src/shaping/limits.js';
import { takeTurn } from '../../../src/shaping/pace.js';
import { pause, pausedUntil } from '../../../src/shaping/pauses.js';

let folder: string;
let store: BlobStore;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shaping-'));
  store = await openBlobStore(`file:${join(folder, 'store')}`);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const settings = (env: NodeJS.ProcessEnv = {}): ReturnType<typeof readSettings> => readSettings({ IMAGE_DATA_DIR: folder, ...env });

describe('the limits of a provider', () => {
  it('are the settings, by provider or for all', () => {
    const given = settings({ IMAGE_SUBMIT_CONCURRENCY: '7', IMAGE_CONCURRENCY_BY_PROVIDER: 'fal=2, gpt=9', IMAGE_REQUESTS_PER_MINUTE: 'openai=60' });
    expect(limitsOf('bfl', given, undefined)).toEqual({ concurrency: 7 });
    expect(limitsOf('fal', given, undefined)).toEqual({ concurrency: 2 });
    expect(limitsOf('openai', given, undefined)).toEqual({ concurrency: 9, requestsPerMinute: 60 });
  });

  it.each(['fal', 'fal=0', 'fal=x', 'nobody=3', '=3'])('a setting that cannot be read is refused with its name: %s', (value) => {
    expect(() => settings({ IMAGE_REQUESTS_PER_MINUTE: value })).toThrow(/IMAGE_REQUESTS_PER_MINUTE/);
  });

  it('are changed part by part, and forgotten', async () => {
    const given = settings({ IMAGE_REQUESTS_PER_MINUTE: 'fal=30' });
    await changeLimits(store, 'fal', { concurrency: 3 });
    expect(limitsOf('fal', given, await readLimits(store, 'fal'))).toEqual({ concurrency: 3, requestsPerMinute: 30 });
    await changeLimits(store, 'fal', { requests_per_minute: null });
    expect(limitsOf('fal', given, await readLimits(store, 'fal'))).toEqual({ concurrency: 3 });
    await forgetLimits(store, 'fal');
    expect(limitsOf('fal', given, await readLimits(store, 'fal'))).toEqual({ concurrency: 20, requestsPerMinute: 30 });
  });

  it('survive changes at the same time', async () => {
    await Promise.all([
      ...Array.from({ length: 5 }, (_, at) => changeLimits(store, 'fal', { concurrency: at + 1 })),
      changeLimits(store, 'fal', { requests_per_minute: 12 }),
    ]);
    expect(await readLimits(store, 'fal')).toMatchObject({ requests_per_minute: 12, concurrency: expect.any(Number) });
  });
});

describe('a pause', () => {
  it('holds for one account of one provider, until its time', async () => {
    const until = new Date(Date.now() + 60_000);
    await pause(store, 'fal', '0123abcd', until);
    expect(await pausedUntil(store, 'fal', '0123abcd')).toEqual(until);
    expect(await pausedUntil(store, 'fal', 'ffffffff')).toBeUndefined();
    expect(await pausedUntil(store, 'bfl', '0123abcd')).toBeUndefined();
    // Nobody has to take it back: whoever wrote it may have died.
    expect(await pausedUntil(store, 'fal', '0123abcd', until.getTime())).toBeUndefined();
  });

  it('is never shortened', async () => {
    const far = new Date(Date.now() + 60_000);
    await pause(store, 'fal', undefined, far);
    await pause(store, 'fal', undefined, new Date(Date.now() + 1000));
    expect(await pausedUntil(store, 'fal', undefined)).toEqual(far);
  });
});

describe('the strict rate', () => {
  it('gives every request a moment of its own, also to many at once', async () => {
    const clock = jest.spyOn(Date, 'now').mockReturnValue(Date.now());
    try {
      const turns = await Promise.all(Array.from({ length: 8 }, async () => await takeTurn(store, 'fal', 600, 60_000)));
      expect(turns.every(({ mine }) => mine)).toBe(true);
      // 600 a minute are 100 ms apart.
      expect(turns.map(({ waitMs }) => waitMs).sort((a, b) => a - b)).toEqual([0, 100, 200, 300, 400, 500, 600, 700]);
    } finally {
      clock.mockRestore();
    }
  });

  it('takes no moment that is too far away', async () => {
    await takeTurn(store, 'fal', 1, 1000);
    expect(await takeTurn(store, 'fal', 1, 1000)).toMatchObject({ mine: false });
    const { waitMs } = await takeTurn(store, 'fal', 1, 1000);
    expect(waitMs).toBeLessThanOrEqual(60_000);
  });
});

describe('slots whose number changes', () => {
  const context = { slotType: 'activity', taskQueue: 'q', workerIdentity: '', workerBuildId: '', isSticky: false } as const;
  const soon = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  it('hands out as many as there are, then as they come back', async () => {
    const slots = new AdjustableSlots(2);
    const never = new AbortController().signal;
    await slots.reserveSlot(context, never);
    await slots.reserveSlot(context, never);
    expect(slots.tryReserveSlot()).toBeNull();
    let third = false;
    void slots.reserveSlot(context, never).then(() => (third = true));
    await soon();
    expect(third).toBe(false);
    slots.releaseSlot();
    await soon();
    expect(third).toBe(true);
    expect(slots.tryReserveSlot()).toBeNull();
  });

  it('grows at once, and shrinks as work ends', async () => {
    const slots = new AdjustableSlots(1);
    expect(slots.tryReserveSlot()).not.toBeNull();
    slots.resize(3);
    expect([slots.tryReserveSlot(), slots.tryReserveSlot(), slots.tryReserveSlot()].filter((permit) => permit !== null)).toHaveLength(2);
    slots.resize(1);
    slots.releaseSlot();
    slots.releaseSlot();
    expect(slots.tryReserveSlot()).toBeNull();
    slots.releaseSlot();
    expect(slots.tryReserveSlot()).not.toBeNull();
  });

  it('whoever gave up waiting takes none', async () => {
    const slots = new AdjustableSlots(1);
    slots.tryReserveSlot();
    const gone = new AbortController();
    const waiting = slots.reserveSlot(context, gone.signal);
    gone.abort();
    await expect(waiting).rejects.toThrow();
    slots.releaseSlot();
    expect(slots.tryReserveSlot()).not.toBeNull();
  });
});
