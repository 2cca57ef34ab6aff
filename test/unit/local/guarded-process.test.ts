import { describe, expect, it } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { spawnGuarded } from '../../../src/local/guarded-process.js';
import { isAlive } from '../../../src/local/processes.js';

const env = { PATH: '/usr/bin:/bin' };

describe('spawnGuarded', () => {
  it('names the program itself, hands on its lines and its end', async () => {
    const lines: string[] = [];
    const run = await spawnGuarded('sh', ['-c', 'echo "$$"; echo two >&2; exit 3'], { env, output: (line) => void lines.push(line) });
    expect(await run.ended).toBe('exit code 3');
    while (lines.length < 2) await delay(10);
    expect(lines).toEqual([String(run.pid), 'two']);
  });

  it('tells a program that is not there', async () => {
    const run = await spawnGuarded('/nowhere/program', [], { env, output: () => undefined });
    expect(await run.ended).toBe('exit code 127');
  });

  it('tells a killed program, and stops one that runs', async () => {
    const killed = await spawnGuarded('sleep', ['100'], { env, output: () => undefined });
    process.kill(killed.pid, 'SIGKILL');
    expect(await killed.ended).toBe('signal 9');
    const stopped = await spawnGuarded('sleep', ['100'], { env, output: () => undefined });
    await stopped.stop();
    expect(await isAlive(stopped.pid)).toBe(false);
  });
});
