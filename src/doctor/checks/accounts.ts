import type { AccountFields } from '../../accounts/account.js';
import { ACCOUNT_FAMILIES, makerOf, readAccounts } from '../../accounts/environment.js';
import type { Check, DoctorContext } from '../context.js';
import { ok, warning, type Finding } from '../finding.js';
import { knownAccounts } from '../known-accounts.js';
import { isThisMachine } from './shared-store.js';

/** Which providers have a key here, which only with others, and what of the environment does not count. Keys are never shown. */
export const accounts: Check = {
  id: 'accounts',
  area: 'Providers',
  async look(context) {
    const { env, settings } = context;
    const here = readAccounts(env);
    const families = [...withoutKey(env), ...overruled(env)];
    if (settings.remote) return [...families, ...ignored(here, env)];
    return [...here.map(shownAccount), ...families, ...inTheClear(here), ...(await elsewhere(context))];
  },
};

function shownAccount({ provider, baseUrl, key }: AccountFields): Finding {
  if (key === '') return ok('accounts', `${provider} is set up in this environment, without a key, at ${baseUrl}.`);
  return ok('accounts', `${provider} has a key in this environment, which is sent to ${baseUrl} and nowhere else.`);
}

function isSet(env: NodeJS.ProcessEnv, name: string): boolean {
  return (env[name] ?? '').trim() !== '';
}

/** A base URL or a model belongs to the key of its own family, and to no other. */
function withoutKey(env: NodeJS.ProcessEnv): Finding[] {
  return ACCOUNT_FAMILIES.filter((family) => !isSet(env, makerOf(family))).flatMap((family) => {
    const maker = makerOf(family);
    const lonely = [family.key, family.url, ...Object.values(family.models ?? {})].filter((name) => isSet(env, name));
    if (lonely.length === 0) return [];
    const what = `${lonely.join(' and ')} ${lonely.length === 1 ? 'counts' : 'count'} for nothing, because ${maker} is not set.`;
    return [warning('accounts', what, `Set ${maker} beside it, or use the variable that belongs to the key that is set.`)];
  });
}

/** Of the families of one provider the first with a key counts. */
function overruled(env: NodeJS.ProcessEnv): Finding[] {
  const taken = new Map<string, string>();
  return ACCOUNT_FAMILIES.filter((family) => isSet(env, family.key)).flatMap(({ key, providers }) => {
    const first = providers.map((name) => taken.get(name)).find((name) => name !== undefined);
    if (first !== undefined) return [warning('accounts', `${key} counts for nothing, because ${first} is set and comes first.`, 'Remove the one of the two that is not meant.')];
    for (const name of providers) taken.set(name, key);
    return [];
  });
}

function ignored(here: readonly AccountFields[], env: NodeJS.ProcessEnv): Finding[] {
  if (here.length === 0) return [];
  const keys = ACCOUNT_FAMILIES.filter((family) => isSet(env, makerOf(family))).map(makerOf);
  const what = `With a remote Temporal the keys live with the workers; those in this environment (${keys.join(', ')}) are ignored for jobs that are submitted here.`;
  return [warning('accounts', what, 'Set them where the workers run.')];
}

function inTheClear(here: readonly AccountFields[]): Finding[] {
  const withKey = here.filter(({ key }) => key !== '');
  const urls = new Set(withKey.map(({ baseUrl }) => baseUrl).filter((url) => url.startsWith('http:') && !isThisMachine(new URL(url).host)));
  return [...urls].map((url) => warning('accounts', `The key for ${url} travels unencrypted.`, 'Use the https:// URL of that provider, if it has one.'));
}

async function elsewhere(context: DoctorContext): Promise<Finding[]> {
  const { environment, file, clients } = await knownAccounts(context);
  if (environment.length + file.length > 0) return [];
  const others = [...new Set(clients.map(({ provider }) => provider))];
  const place = `the env block of the MCP client's configuration, or in ${context.settings.credentialsFile}`;
  if (others.length > 0) {
    const what = `No image model is configured here: only other clients of the stack have a key (${others.join(', ')}), so jobs from here are previews.`;
    return [warning('accounts', what, `Set the key here too, in ${place}.`)];
  }
  return [warning('accounts', 'No image model is configured: pictures are previews that `local` draws.', `Set a key such as OPENAI_API_KEY in ${place}.`)];
}
