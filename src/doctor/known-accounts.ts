import type { AccountFields } from '../accounts/account.js';
import { readCredentialsFile } from '../accounts/credentials-file.js';
import { readAccounts } from '../accounts/environment.js';
import { JobFailure } from '../contract/errors.js';
import type { ProviderName } from '../contract/names.js';
import type { DoctorContext } from './context.js';

/** An account without its key. */
export interface KnownAccount {
  provider: ProviderName;
  baseUrl: string;
}

/** The accounts, by who has them. What cannot be read is told by the checks of it. */
export interface KnownAccounts {
  environment: KnownAccount[];
  file: KnownAccount[];
  /** Those that clients have handed to the running stack, this one's too. */
  clients: KnownAccount[];
}

export async function knownAccounts({ env, settings, stack }: Pick<DoctorContext, 'env' | 'settings' | 'stack'>): Promise<KnownAccounts> {
  const file = async (): Promise<AccountFields[]> => readAccounts((await readCredentialsFile(settings.credentialsFile)) ?? {});
  const fromClients = (stack?.accounts ?? []).filter(({ source }) => source === 'client');
  return {
    environment: (await readable(async () => readAccounts(env))).map(withoutKey),
    file: (await readable(file)).map(withoutKey),
    clients: fromClients.map(({ provider, base_url: baseUrl }) => ({ provider, baseUrl })),
  };
}

async function readable(read: () => Promise<AccountFields[]>): Promise<AccountFields[]> {
  try {
    return await read();
  } catch (thrown) {
    if (thrown instanceof JobFailure) return [];
    throw thrown;
  }
}

function withoutKey({ provider, baseUrl }: KnownAccount): KnownAccount {
  return { provider, baseUrl };
}
