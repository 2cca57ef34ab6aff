import { describe, expect, it, jest } from '@jest/globals';
import { Account } from '../../src/accounts/account.js';
import { readSalt } from '../../src/accounts/salt.js';
import { newJobId } from '../../src/contract/ids.js';
import type { ProviderName } from '../../src/contract/names.js';
import { DYNAMIC_CONFIG } from '../../src/local/temporal-server.js';
import { startEngine, type Engine } from '../support/engine.js';
import { bflFake } from '../support/fakes/bfl.js';
import { startFakeProvider, type FakeProvider, type FakeSettings } from '../support/fakes/fake-provider.js';
import { openaiImagesFake } from '../support/fakes/openai-images.js';

/** Many jobs at limited, dead and slow providers, with real servers and two real workers. */
jest.setTimeout(600_000);

async function withEngine(settings: Record<string, string>, given: Partial<FakeSettings>, work: (engine: Engine, fake: FakeProvider) => Promise<void>): Promise<void> {
  const engine = await startEngine({ IMAGE_SUBMIT_TIMEOUT_SECONDS: '30', IMAGE_RETRY_MAX_SECONDS: '5', ...settings }, DYNAMIC_CONFIG);
  const fake = await startFakeProvider(bflFake, given);
  try {
    await addAccount(engine, 'bfl', fake.url);
    engine.startWorker();
    engine.startWorker();
    await work(engine, fake);
  } finally {
    await engine.close();
    await fake.close();
  }
}

async function addAccount(engine: Engine, provider: ProviderName, baseUrl: string): Promise<void> {
  engine.accounts.add(new Account({ provider, baseUrl, key: `canary-of-${provider}` }, await readSalt(engine.settings.dataDir)), 'credentials');
}

function submitMany(engine: Engine, count: number, provider: ProviderName): Promise<string[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, at) => {
      const jobId = newJobId();
      await engine.start(jobId, { kind: 'image_generate', prompt: `${provider} ${at}`, provider, size: '1024x1024' });
      return jobId;
    }),
  );
}

async function allCompleted(engine: Engine, jobIds: string[]): Promise<void> {
  const records = await Promise.all(jobIds.map((jobId) => engine.ended(jobId)));
  expect(records.filter(({ status }) => status !== 'completed')).toEqual([]);
}

/** The most requests in any minute. */
function mostInAMinute(times: readonly number[]): number {
  return Math.max(...times.map((from) => times.filter((at) => at >= from && at < from + 60_000).length));
}

describe('the rate of a provider', () => {
  const LIMIT = 180;

  it.each<[string, Record<string, string>, number]>([
    ["by Temporal's own limit", {}, 4],
    ['strictly', { IMAGE_STRICT_RATE: '1' }, 1],
  ])('100 jobs at a provider that refuses every second request, %s: all complete, none earlier than told, and no minute has more than its limit and a few', (_name, settings, more) =>
    withEngine(
      { IMAGE_REQUESTS_PER_MINUTE: `bfl=${LIMIT}`, ...settings },
      { limit_every: { nth: 2, retry_after: 1 }, complete_after_polls: 1 },
      async (engine, fake) => {
        const jobIds = await submitMany(engine, 100, 'bfl');
        await allCompleted(engine, jobIds);

        expect(fake.ledger().total).toBe(100);
        const sent = fake.requests.filter(({ on }) => on === 'submit');
        expect(sent.length).toBeGreaterThanOrEqual(199);
        expect(mostInAMinute(sent.map(({ at }) => at))).toBeLessThanOrEqual(LIMIT + more);
        for (const { prompt } of sent) {
          const own = sent.filter((one) => one.prompt === prompt);
          for (const [index, { at, fault }] of own.entries()) {
            const next = own[index + 1];
            if (fault === 'rate_limited' && next) expect(next.at - at).toBeGreaterThanOrEqual(1000);
          }
        }
      },
    ),
  );
});

describe('providers beside each other', () => {
  it('50 jobs at a dead provider do not hold up 50 at a healthy one of 2 s with 5 slots', async () => {
    const engine = await startEngine({ IMAGE_SYNC_SUBMIT_TIMEOUT_SECONDS: '30', IMAGE_CONCURRENCY_BY_PROVIDER: 'openai-images=5,bfl=5' }, DYNAMIC_CONFIG);
    // The picture is the answer, so a slot is taken for the two seconds.
    const healthy = await startFakeProvider(openaiImagesFake, { complete_after_ms: 2000 });
    try {
      await addAccount(engine, 'openai-images', healthy.url);
      await addAccount(engine, 'bfl', 'http://127.0.0.1:1/v1');
      engine.startWorker();
      const took = async (): Promise<number> => {
        const start = Date.now();
        await allCompleted(engine, await submitMany(engine, 50, 'openai-images'));
        return Date.now() - start;
      };
      const alone = await took();
      const dead = await submitMany(engine, 50, 'bfl');
      expect(await took()).toBeLessThanOrEqual(alone * 1.2);
      expect(healthy.ledger().total).toBe(100);
      await Promise.all(dead.map((jobId) => engine.client.workflow.getHandle(jobId).cancel()));
    } finally {
      await engine.close();
      await healthy.close();
    }
  });

  it('1,000 results that live a minute are all collected', () =>
    withEngine({ IMAGE_POLL_SECONDS: '2', IMAGE_SUBMIT_CONCURRENCY: '20' }, { complete_after_ms: 10_000, result_life_ms: 60_000 }, async (engine, fake) => {
      await allCompleted(engine, await submitMany(engine, 1000, 'bfl'));
      expect(fake.ledger().total).toBe(1000);
    }));
});
