import { describe, expect, it } from '@jest/globals';
import { Turns } from '../../../src/client/turns.js';

const LONG_MS = 60_000;

describe('starts of jobs', () => {
  it('take turns in the order in which they came, and each gets its own outcome', async () => {
    const turns = new Turns(2);
    const begun: number[] = [];
    let most = 0;
    let now = 0;
    const start = async (index: number): Promise<number> =>
      await turns.take(LONG_MS, async () => {
        begun.push(index);
        most = Math.max(most, (now += 1));
        await new Promise((resolve) => setImmediate(resolve));
        now -= 1;
        if (index === 3) throw new Error('its own failure');
        return index;
      });
    const outcomes = await Promise.allSettled([0, 1, 2, 3, 4, 5].map(start));
    expect(outcomes.map((one) => (one.status === 'fulfilled' ? one.value : 'failed'))).toEqual([0, 1, 2, 'failed', 4, 5]);
    expect(begun).toEqual([0, 1, 2, 3, 4, 5]);
    expect(most).toBe(2);
  });

  it('are refused when their turn does not come in time, and are never begun then', async () => {
    const turns = new Turns(1);
    let release = (): void => undefined;
    const first = turns.take(LONG_MS, async () => await new Promise<void>((resolve) => (release = resolve)));
    const begun: string[] = [];
    await expect(turns.take(1, async () => void begun.push('late'))).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', retryable: true });
    release();
    await first;
    await turns.take(LONG_MS, async () => void begun.push('next'));
    expect(begun).toEqual(['next']);
  });
});
