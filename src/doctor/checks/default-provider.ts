import { makerFor } from '../../accounts/environment.js';
import { resolveProvider } from '../../contract/provider-names.js';
import type { Check } from '../context.js';
import { error, ok } from '../finding.js';
import { knownAccounts } from '../known-accounts.js';

/** What calls that name no provider get. */
export const defaultProvider: Check = {
  id: 'default-provider',
  area: 'Providers',
  async look(context) {
    const { IMAGE_PROVIDER: named, remote, credentialsFile } = context.settings;
    const { provider, problem } = resolveProvider(named, undefined);
    if (problem) return [error('default-provider', `IMAGE_PROVIDER: ${problem.message}.`, 'Correct this setting, or remove it.')];
    if (remote) return [ok('default-provider', `Calls that name no provider use ${provider ?? 'the default of the workers'}.`)];
    const { environment, file } = await knownAccounts(context);
    const known = [...file, ...environment].map((account) => account.provider);
    if (provider === undefined || provider === 'local' || known.includes(provider)) {
      return [ok('default-provider', `Calls that name no provider use ${provider ?? known[0] ?? 'local'}.`)];
    }
    const what = `IMAGE_PROVIDER names ${provider}, which has no account here, so calls that name no provider are refused.`;
    return [error('default-provider', what, `Set ${makerFor(provider)} in the environment or in ${credentialsFile}, or name another provider.`)];
  },
};
