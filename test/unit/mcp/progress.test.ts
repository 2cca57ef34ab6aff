import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { PROGRESS_SECONDS, startProgress } from '../../../src/mcp/progress.js';

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

describe('progress', () => {
  it('comes at once, then more than every ten seconds with the latest message, and always grows', () => {
    const sent: [number, string][] = [];
    const progress = startProgress((seconds, message) => sent.push([seconds, message]));
    progress.report('first');
    expect(sent).toEqual([[0, 'first']]);
    progress.report('second');
    progress.report('third');
    jest.advanceTimersByTime(PROGRESS_SECONDS * 1000 - 1);
    expect(sent).toHaveLength(1);
    jest.advanceTimersByTime(PROGRESS_SECONDS * 2000 + 1);
    expect(sent.slice(1)).toEqual([
      [8, 'third'],
      [16, 'third'],
      [24, 'third'],
    ]);
    progress.stop();
    jest.advanceTimersByTime(PROGRESS_SECONDS * 5000);
    expect(sent).toHaveLength(4);
  });

  it('says nothing for a call that reports nothing', () => {
    const sent: number[] = [];
    const progress = startProgress((seconds) => sent.push(seconds));
    jest.advanceTimersByTime(60_000);
    progress.stop();
    expect(sent).toEqual([]);
  });
});
