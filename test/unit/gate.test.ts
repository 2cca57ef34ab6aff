import { expect, it } from '@jest/globals';
import { createGate } from '../../src/gate.js';

it('lets as many tasks run as it has places, in order, and frees the place of a failed one', async () => {
  const gate = createGate(2);
  const started: number[] = [];
  const finish: (() => void)[] = [];
  const tasks = [0, 1, 2, 3].map((i) =>
    gate(
      () =>
        new Promise<void>((resolve, reject) => {
          started.push(i);
          finish[i] = i === 0 ? () => reject(new Error('failed')) : resolve;
        }),
    ),
  );
  const first = expect(tasks[0]).rejects.toThrow('failed');
  expect(started).toEqual([0, 1]);
  finish[0]?.();
  await first;
  expect(started).toEqual([0, 1, 2]);
  finish[1]?.();
  await tasks[1];
  expect(started).toEqual([0, 1, 2, 3]);
  finish[2]?.();
  finish[3]?.();
  await Promise.all(tasks.slice(1));
});

it('lets a task have several places, at most all, and nobody pass it', async () => {
  const gate = createGate(2);
  const started: number[] = [];
  const finish: (() => void)[] = [];
  const tasks = [1, 5, 1].map((wanted, i) =>
    gate(
      () =>
        new Promise<void>((resolve) => {
          started.push(i);
          finish[i] = resolve;
        }),
      wanted,
    ),
  );
  expect(started).toEqual([0]);
  finish[0]?.();
  await tasks[0];
  expect(started).toEqual([0, 1]);
  finish[1]?.();
  await tasks[1];
  expect(started).toEqual([0, 1, 2]);
  finish[2]?.();
  await tasks[2];
});
