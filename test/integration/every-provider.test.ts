import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Account } from '../../src/accounts/account.js';
import { readAccounts } from '../../src/accounts/environment.js';
import { readSalt } from '../../src/accounts/salt.js';
import { newJobId } from '../../src/contract/ids.js';
import { startOutside, type Outside } from '../faults/matrix/outside.js';
import { startEngine, until, type Engine } from '../support/engine.js';

/** Whole jobs at the providers beside `openai`, whose own files have them; with the accounts of one environment. */
jest.setTimeout(60_000);

let engine: Engine;
let outsides: Outside[];
beforeAll(async () => {
  outsides = await startOutside();
  engine = await startEngine();
  const env = Object.fromEntries(outsides.flatMap((outside) => Object.entries(outside.env)));
  const salt = await readSalt(engine.settings.dataDir);
  for (const fields of readAccounts(env)) engine.accounts.add(new Account(fields, salt), 'client');
  engine.startWorker();
});
afterAll(async () => {
  await engine.close();
  await Promise.all(outsides.map((outside) => outside.close()));
});

/** As a program starts it: the only account of that provider runs. */
async function start({ name }: Outside, input: Record<string, unknown>): Promise<string> {
  const jobId = newJobId();
  await engine.start(jobId, { kind: 'image_generate', provider: name, ...input });
  return jobId;
}

const EVERY = ['openai-images', 'gemini', 'xai', 'bfl', 'fal', 'replicate', 'sdcpp'];
const of = (name: string): Outside => {
  const outside = outsides.find((one) => one.name === name);
  if (!outside) throw new Error(`there is no ${name}`);
  return outside;
};

describe.each(EVERY)('%s', (name) => {
  it('three pictures are three requests, each paid once', async () => {
    const prompt = `three at ${name}`;
    const record = await engine.ended(await start(of(name), { prompt, n: 3 }));
    expect(record).toMatchObject({ status: 'completed', provider: name, billing: 'billed' });
    expect(record.result?.saved).toHaveLength(3);
    expect(of(name).bought(prompt)).toBe(3);
    expect(of(name).violations()).toBe(0);
  });

  it('a cancelled job never sends again, and says what may be billed', async () => {
    const outside = of(name);
    const prompt = `cancelled at ${name}`;
    outside.fault('hang', outside.synchronous ? 'submit' : 'poll', prompt);
    const jobId = await start(outside, { prompt });
    await until(() => outside.seen(prompt, outside.synchronous ? 'submit' : 'poll').length > 0, 'the request');
    await engine.client.workflow.getHandle(jobId).cancel();
    outside.release();
    await engine.ended(jobId);
    const manifest = await engine.manifests.read(jobId);
    expect(manifest?.record).toMatchObject({ status: 'cancelled' });
    // A machine of one's own charges nothing.
    if (name !== 'sdcpp') expect(manifest?.record?.billing).toMatch(/maybe|billed/);
    expect(outside.bought(prompt)).toBe(1);
  });
});
