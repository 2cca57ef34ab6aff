import { createHash } from 'node:crypto';
import type { ChildProcess } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import * as z from 'zod';
import type { BlobStore } from '../../../src/blobs/blob-store.js';
import { ask, compile, kill, start, temporaryFolder } from './support/children.js';
import { storePlace, type StorePlace } from './support/place.js';

/** What support/writer.ts writes. */
const whole = z.object({ body: z.string(), digest: z.string() });

let compiled: Awaited<ReturnType<typeof temporaryFolder>>;
let programs: string;
let place: StorePlace;
let store: BlobStore;
let children: ChildProcess[] = [];

beforeAll(async () => {
  compiled = await temporaryFolder();
  programs = await compile(compiled.path);
});
afterAll(() => compiled.remove());
beforeEach(async () => {
  place = await storePlace();
  store = await place.open();
});
afterEach(async () => {
  await Promise.all(children.map(kill));
  children = [];
  await place.remove();
});

async function child(program: string, name: string): Promise<ChildProcess> {
  const started = await start(join(programs, program), [place.url, name]);
  children.push(started);
  return started;
}

describe('two processes', () => {
  it('that create the same document: exactly one succeeds, and its bytes stand', async () => {
    const [a, b] = await Promise.all([child('racer.js', 'a'), child('racer.js', 'b')]);
    for (let round = 0; round < 300; round += 1) {
      const key = `race/${round}.json`;
      const [wonByA, wonByB] = await Promise.all([ask(a, { create: key }), ask(b, { create: key })]);
      expect([wonByA, wonByB].filter((won) => won === true)).toHaveLength(1);
      const document = await store.readDocument(key);
      expect(JSON.parse(document?.bytes.toString() ?? '')).toEqual({ by: wonByA === true ? 'a' : 'b' });
    }
  }, 60_000);

  it('that replace the same document: no version is written twice and none is lost', async () => {
    await store.createDocument('count.json', Buffer.from('0'));
    const task = { count: 'count.json', times: 300 };
    const racers = await Promise.all([child('racer.js', 'a'), child('racer.js', 'b'), child('racer.js', 'c')]);
    const won = (await Promise.all(racers.map((racer) => ask(racer, task)))).flat().map(Number);
    expect(won.sort((x, y) => x - y)).toEqual(Array.from({ length: 900 }, (_, index) => index + 1));
    expect((await store.readDocument('count.json'))?.bytes.toString()).toBe('900');
  }, 60_000);
});

describe('a process that is killed while it writes', () => {
  it('never leaves half a document or blob, and the store works on', async () => {
    let documents = 0;
    for (let run = 0; run < 15; run += 1) {
      const writer = await child('writer.js', `run-${run}`);
      // The moment of death is to be arbitrary.
      await delay(20 + Math.random() * 60);
      await kill(writer);

      for await (const key of store.listDocuments('documents/')) {
        const document = await store.readDocument(key);
        const { body, digest } = whole.parse(JSON.parse(document?.bytes.toString() ?? ''));
        expect(createHash('sha256').update(body).digest('hex')).toBe(digest);
        documents += 1;
      }
      for await (const blob of store.listBlobs()) expect(await store.getBlob(blob.sha256)).toHaveLength(200_000);

      const shared = await store.readDocument('documents/shared.json');
      if (shared) expect(await store.replaceDocument('documents/shared.json', shared.bytes, shared.version)).toBe(true);
    }
    expect(documents).toBeGreaterThan(15);
    expect(await readdir(place.root)).not.toContain('damaged');
  }, 60_000);
});
