import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { jobRecordSchema, type JobRecord } from '../../src/contract/record.js';
import { makeBox, type Box } from '../support/e2e.js';
import { startFakeProvider, type FakeProvider } from '../support/fakes/fake-provider.js';
import { sdcppFake } from '../support/fakes/sdcpp.js';

jest.setTimeout(120_000);

let box: Box;
let fake: FakeProvider;
beforeAll(async () => {
  fake = await startFakeProvider(sdcppFake);
  box = await makeBox({ SDCPP_BASE_URL: new URL(fake.url).origin });
});
afterAll(async () => {
  await box.close();
  await fake.close();
});
const made = async (...args: string[]): Promise<JobRecord> => {
  const { stdout, stderr } = await box.cli(['generate', ...args, '--json']);
  return jobRecordSchema.parse(JSON.parse(stdout === '' ? JSON.stringify({ stderr }) : stdout));
};

/** The account has no key: it goes from the client over the stack's socket to the worker all the same. */
describe('a provider on a machine of one’s own', () => {
  it('is the default of who has nothing else, and makes pictures that cost nothing', async () => {
    const record = await made('a red fox', '--size', '128x64', '--n', '3', '--seed', '5');
    expect(record).toMatchObject({ ok: true, status: 'completed', provider: 'sdcpp', cost: { amount: 0, currency: 'USD' } });
    expect(record.result?.saved).toHaveLength(3);
    for (const { path, width, height } of record.result?.saved ?? []) {
      expect((await readFile(path ?? '')).length).toBeGreaterThan(0);
      expect([width, height]).toEqual([128, 64]);
    }
    expect(fake.ledger()).toMatchObject({ total: 3, by_key: { '': 3 } });
    expect(fake.violations).toEqual([]);
  });

  it('ends in its own words', async () => {
    fake.fault({ kind: 'empty', match: 'nothing' });
    const { code, stderr } = await box.cli(['generate', 'nothing', '--size', '64x64']);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/NO_IMAGE.*returned no results/)]);
  });
});
