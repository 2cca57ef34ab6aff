import { lutimes, readdir, symlink, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Locks } from '../../../src/blobs/lock.js';
import { thisProcess } from '../../../src/blobs/process-identity.js';
import { ask, compile, kill, start, temporaryFolder } from './support/children.js';

let compiled: Awaited<ReturnType<typeof temporaryFolder>>;
let programs: string;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;

beforeAll(async () => {
  compiled = await temporaryFolder();
  programs = await compile(compiled.path);
});
afterAll(() => compiled.remove());
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => folder.remove());

/** Whether the work is still waiting after this process has taken and left another lock many times. */
async function stillWaits(held: { done: boolean }): Promise<boolean> {
  const other = new Locks(folder.path);
  for (let round = 0; round < 100; round += 1) await other.hold('other', () => Promise.resolve());
  return !held.done;
}

function hold(name: string): { done: boolean; end: Promise<void> } {
  const state = { done: false, end: Promise.resolve() };
  state.end = new Locks(folder.path).hold(name, () => {
    state.done = true;
    return Promise.resolve();
  });
  return state;
}

async function plant(name: string, owner: { pid?: number; host?: string; start?: string; token?: string }): Promise<void> {
  const full = { ...(await thisProcess()), token: crypto.randomUUID(), ...owner };
  await symlink(JSON.stringify(full), join(folder.path, name));
}

describe('a lock', () => {
  it('is held by one at a time and gone afterwards', async () => {
    let inside = 0;
    const work = async (): Promise<void> => {
      inside += 1;
      expect(inside).toBe(1);
      await readdir(folder.path);
      inside -= 1;
    };
    const shared = new Locks(folder.path);
    await Promise.all(Array.from({ length: 40 }, (_, index) => (index % 2 ? shared : new Locks(folder.path)).hold('a', work)));
    expect(await readdir(folder.path)).toEqual([]);
  });

  it('is given back when the work fails', async () => {
    const locks = new Locks(folder.path);
    await expect(locks.hold('a', () => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
    expect(await locks.hold('a', () => Promise.resolve('next'))).toBe('next');
  });

  it('of a living process is waited for; of a killed one it is taken over', async () => {
    const holder = await start(join(programs, 'holder.js'), [folder.path, 'a']);
    expect(await ask(holder, 'take')).toBe('held');
    const waiting = hold('a');
    expect(await stillWaits(waiting)).toBe(true);
    await kill(holder);
    await waiting.end;
    expect(await readdir(folder.path)).toEqual([]);
  });

  it('is taken over from an earlier process with the same pid', async () => {
    await plant('a', { start: '0' });
    await hold('a').end;
  });

  it('is taken over when the one who took it over was killed as well', async () => {
    await plant('a', { start: '0', token: 'first' });
    await plant('over-first', { start: '0', token: 'second' });
    await plant('over-second', { start: '0', token: 'third' });
    await hold('a').end;
    expect(await readdir(folder.path)).toEqual([]);
  });

  it('of another host is believed for a minute', async () => {
    await plant('a', { host: 'elsewhere' });
    const waiting = hold('a');
    expect(await stillWaits(waiting)).toBe(true);
    await unlink(join(folder.path, 'a'));
    await waiting.end;

    await plant('b', { host: 'elsewhere' });
    const before = new Date(Date.now() - 61_000);
    await lutimes(join(folder.path, 'b'), before, before);
    await hold('b').end;
  });

  it('refuses a write that was held up so long that another host may have taken it over', async () => {
    const now = Date.now;
    const work = new Locks(folder.path).hold('a', (lock) => {
      lock.check();
      Date.now = () => now() + 31_000;
      lock.check();
      return Promise.resolve();
    });
    await expect(work.finally(() => (Date.now = now))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true });
    // The name may be another's by now, so it is not touched.
    expect(await readdir(folder.path)).toEqual(['a']);
  });

  it('that many find abandoned at once still has one holder at a time', async () => {
    let inside = 0;
    let most = 0;
    for (let round = 0; round < 40; round += 1) {
      await plant('a', { start: '0' });
      await Promise.all(
        Array.from({ length: 12 }, () =>
          new Locks(folder.path).hold('a', async () => {
            inside += 1;
            most = Math.max(most, inside);
            await readdir(folder.path);
            await readdir(folder.path);
            inside -= 1;
          }),
        ),
      );
    }
    expect(most).toBe(1);
    expect(await readdir(folder.path)).toEqual([]);
  });
});
