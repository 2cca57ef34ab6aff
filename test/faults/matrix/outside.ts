import type { ProviderName } from '../../../src/contract/names.js';
import { startFakeOpenAi, type FakeOpenAi } from '../../support/fake-openai.js';
import { bflFake } from '../../support/fakes/bfl.js';
import { startFakeProvider, type FakeSpec } from '../../support/fakes/fake-provider.js';
import { falFake } from '../../support/fakes/fal.js';
import { geminiFake } from '../../support/fakes/gemini.js';
import { openaiImagesFake } from '../../support/fakes/openai-images.js';
import { replicateFake } from '../../support/fakes/replicate.js';
import { sdcppFake } from '../../support/fakes/sdcpp.js';
import { xaiFake } from '../../support/fakes/xai.js';
import { startOneAddress } from './one-address.js';

/** In every key of every account. */
export const CANARY = 'canary-of-';

export type CutKind = 'drop' | 'reply_lost' | 'truncated_body' | 'unreadable' | 'hang';
export type CutOn = 'submit' | 'poll' | 'file';

/** One provider as the matrix needs it: what it has seen, and what it does to a request. */
export interface Outside {
  name: ProviderName;
  /** Of the environment of the product. */
  env: Record<string, string>;
  /** Answers a submit with the picture itself: then there is nothing to collect. */
  synchronous: boolean;
  /** Where the picture is fetched from an address of its own. */
  files: boolean;
  /** Can show a request whose reply was lost. */
  reconciles: boolean;
  fault: (kind: CutKind, on: CutOn, prompt: string) => void;
  release: () => void;
  clear: () => void;
  /** Requests that were accepted and billed for this prompt. */
  bought: (prompt: string) => number;
  /** Requests of this prompt of one kind; with the fault that they met. */
  seen: (prompt: string, on: CutOn) => { fault: string | undefined; accepted: boolean }[];
  total: () => number;
  violations: () => number;
  close: () => Promise<void>;
}

/** Both APIs of OpenAI: one key and one address, as it is. */
async function openaiBoth(): Promise<Outside[]> {
  const fake = await startFakeOpenAi();
  const images = await over(openaiImagesFake, { name: 'openai-images', ...atOnce }, () => ({}));
  const one = await startOneAddress(images.url, fake.url);
  return [{ ...openai(fake), env: { OPENAI_API_KEY: `${CANARY}openai`, OPENAI_BASE_URL: one.url }, close: () => Promise.all([one.close(), fake.close()]).then(() => undefined) }, images];
}

function openai(fake: FakeOpenAi): Omit<Outside, 'env' | 'close'> {
  const kindOf = (method: string, path: string): CutOn | 'other' =>
    method === 'POST' && path === '/v1/responses' ? 'submit' : method === 'GET' ? 'poll' : 'other';
  return {
    name: 'openai',
    synchronous: false,
    files: false,
    reconciles: false,
    fault: (kind, on, match) => fake.fault({ kind, match, ...(on === 'submit' ? {} : { on: 'poll' }) }),
    release: () => void fake.release(),
    clear: () => fake.clearFaults(),
    bought: (prompt) => fake.ledger().by_prompt[prompt] ?? 0,
    seen: (prompt, on) =>
      fake.requests
        .filter((entry) => entry.prompt === prompt && kindOf(entry.method, entry.path) === on)
        .map(({ faults, accepted }) => ({ fault: faults[0], accepted: accepted !== undefined })),
    total: () => fake.ledger().total,
    violations: () => fake.violations.length,
  };
}

type Facts = Pick<Outside, 'name' | 'synchronous' | 'files' | 'reconciles'>;

async function over(spec: FakeSpec, facts: Facts, env: (url: string) => Record<string, string>): Promise<Outside & { url: string }> {
  const fake = await startFakeProvider(spec);
  return {
    ...facts,
    url: fake.url,
    env: env(fake.url),
    fault: (kind, on, match) => fake.fault({ kind, on, match }),
    release: () => void fake.release(),
    clear: () => fake.clearFaults(),
    bought: (prompt) => fake.ledger().by_prompt[prompt] ?? 0,
    seen: (prompt, on) =>
      fake.requests.filter((entry) => entry.prompt === prompt && entry.on === on).map(({ fault, accepted }) => ({ fault, accepted: accepted !== undefined })),
    total: () => fake.ledger().total,
    violations: () => fake.violations.length,
    close: () => fake.close(),
  };
}

const queue = { synchronous: false, reconciles: false } as const;
const atOnce = { synchronous: true, files: false, reconciles: false } as const;

/** Every provider that can bill, at a fake of its own. */
export async function startOutside(): Promise<Outside[]> {
  const others = await Promise.all([
    over(xaiFake, { name: 'xai', ...atOnce }, (url) => ({ XAI_API_KEY: `${CANARY}xai`, XAI_BASE_URL: url })),
    over(geminiFake, { name: 'gemini', ...atOnce }, (url) => ({ GEMINI_API_KEY: `${CANARY}gemini`, GEMINI_BASE_URL: url })),
    over(bflFake, { name: 'bfl', ...queue, files: true }, (url) => ({ BFL_API_KEY: `${CANARY}bfl`, BFL_BASE_URL: url })),
    over(falFake, { name: 'fal', ...queue, files: true }, (url) => ({ FAL_KEY: `${CANARY}fal`, FAL_BASE_URL: url })),
    over(replicateFake, { name: 'replicate', ...queue, files: true, reconciles: true }, (url) => ({ REPLICATE_API_TOKEN: `${CANARY}replicate`, REPLICATE_BASE_URL: url })),
    over(sdcppFake, { name: 'sdcpp', ...queue, files: false }, (url) => ({ SDCPP_API_KEY: `${CANARY}sdcpp`, SDCPP_BASE_URL: url })),
  ]);
  return [...(await openaiBoth()), ...others];
}
