import { JobFailure } from '../contract/errors.js';
import type { ProviderName } from '../contract/names.js';
import type { AccountFields, AccountModels } from './account.js';

/** The variables of one account: key and URL are always taken from the same row, so a key never meets another's URL. */
export interface Family {
  key: string;
  url: string;
  /** None: the provider is a server of one's own, so its URL makes the account, and a key is only for what guards it. */
  defaultUrl?: string;
  providers: readonly ProviderName[];
  models?: Partial<Record<keyof AccountModels, string>>;
}

const OPENAI = ['openai', 'openai-images'] as const;
const GATEWAY_URL = 'https://e-flowcode.cc/v1';

/** In EFLOWCODE's order of precedence; of these only the first with a key counts. */
const OPENAI_FAMILIES: readonly Family[] = [
  {
    key: 'EFLOWCODE_API_KEY',
    url: 'EFLOWCODE_BASE_URL',
    defaultUrl: GATEWAY_URL,
    providers: OPENAI,
    models: { responses: 'EFLOWCODE_MODEL' },
  },
  { key: 'EF_API_KEY', url: 'EF_BASE_URL', defaultUrl: GATEWAY_URL, providers: OPENAI, models: { responses: 'EF_MODEL' } },
  {
    key: 'OPENAI_API_KEY',
    url: 'OPENAI_BASE_URL',
    defaultUrl: 'https://api.openai.com/v1',
    providers: OPENAI,
    models: { image: 'OPENAI_IMAGE_MODEL' },
  },
];

/** Base URLs as each provider documents them; fal's is its queue. */
const OTHER_FAMILIES: readonly Family[] = [
  {
    key: 'GEMINI_API_KEY',
    url: 'GEMINI_BASE_URL',
    defaultUrl: 'https://generativelanguage.googleapis.com',
    providers: ['gemini'],
  },
  { key: 'XAI_API_KEY', url: 'XAI_BASE_URL', defaultUrl: 'https://api.x.ai/v1', providers: ['xai'] },
  { key: 'BFL_API_KEY', url: 'BFL_BASE_URL', defaultUrl: 'https://api.bfl.ai/v1', providers: ['bfl'] },
  { key: 'FAL_KEY', url: 'FAL_BASE_URL', defaultUrl: 'https://queue.fal.run', providers: ['fal'] },
  {
    key: 'REPLICATE_API_TOKEN',
    url: 'REPLICATE_BASE_URL',
    defaultUrl: 'https://api.replicate.com/v1',
    providers: ['replicate'],
  },
  { key: 'SDCPP_API_KEY', url: 'SDCPP_BASE_URL', providers: ['sdcpp'] },
];

/** Every variable of every account, for the documents. */
export const ACCOUNT_FAMILIES: readonly Readonly<Family>[] = [...OPENAI_FAMILIES, ...OTHER_FAMILIES];

/** The variable that makes an account of the family: with it, there is one. */
export function makerOf({ key, url, defaultUrl }: Readonly<Family>): string {
  return defaultUrl === undefined ? url : key;
}

/** What to set for an account of a provider; the last of several is the provider's own. */
export function makerFor(provider: ProviderName): string | undefined {
  return ACCOUNT_FAMILIES.filter(({ providers }) => providers.includes(provider)).map(makerOf).at(-1);
}

/** The name of every variable that holds a key. */
export const KEY_VARIABLES: readonly string[] = ACCOUNT_FAMILIES.map((family) => family.key);

/**
 * The accounts of an environment (or of a credentials file's values), by the contract's table. A URL without its key
 * is no account, except of a provider that needs none: there the key is ''. Throws INVALID_ARGUMENT that names the
 * variable, never its value.
 */
export function readAccounts(env: Readonly<Record<string, string | undefined>>): AccountFields[] {
  const openai = OPENAI_FAMILIES.find((family) => valueOf(env, family.key) !== undefined);
  return [...(openai ? [openai] : []), ...OTHER_FAMILIES].flatMap((family) => accountsOf(env, family));
}

function accountsOf(env: Readonly<Record<string, string | undefined>>, family: Family): AccountFields[] {
  const url = valueOf(env, family.url) ?? family.defaultUrl;
  if (valueOf(env, makerOf(family)) === undefined || url === undefined) return [];
  const key = valueOf(env, family.key) ?? '';
  if (!/^[\x21-\x7e]*$/.test(key)) throw unusable(family.key, 'holds characters that no key has');
  const baseUrl = checkedUrl(family.url, url);
  const models: AccountModels = {};
  for (const use of ['image', 'responses'] as const) {
    const name = family.models?.[use];
    const model = name === undefined ? undefined : valueOf(env, name);
    if (model !== undefined) models[use] = model;
  }
  return family.providers.map((provider) => ({ provider, baseUrl, key, models }));
}

function valueOf(env: Readonly<Record<string, string | undefined>>, name: string): string | undefined {
  const value = env[name]?.trim();
  return value === '' ? undefined : value;
}

function checkedUrl(name: string, value: string): string {
  let url: URL;
  try {
    url = new URL(value);
  } catch {
    throw unusable(name, 'is not a URL');
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw unusable(name, 'is not an http or https URL');
  if (url.username !== '' || url.password !== '') throw unusable(name, 'holds a user or password; the key has its own variable');
  return value.replace(/\/+$/, '');
}

function unusable(name: string, why: string): JobFailure {
  return new JobFailure({
    code: 'INVALID_ARGUMENT',
    message: `${name} ${why}.`,
    nextStep: `Correct ${name} where this program is started, and start it again.`,
  });
}
