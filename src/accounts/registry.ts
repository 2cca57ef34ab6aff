import type { ProviderName } from '../contract/names.js';
import type { Account } from './account.js';

/** Who gave an account: a client over the control socket, the credentials file, or the worker's own environment. */
export type AccountSource = 'client' | 'credentials' | 'environment';

export interface ListedAccount {
  provider: ProviderName;
  id: string;
  base_url: string;
  source: AccountSource;
}

/** The accounts that a process knows, in memory only. */
export class AccountRegistry {
  readonly #accounts = new Map<string, { account: Account; source: AccountSource }>();
  readonly #credentials = new Map<ProviderName, Account>();
  readonly #listeners = new Set<() => void>();

  /**
   * Adds an account; one that is known already stays, and the credentials file's word is never weakened.
   * A later account of the credentials file is that file's account from then on.
   */
  add(account: Account, source: AccountSource): void {
    const key = keyOf(account.provider, account.id);
    const known = this.#accounts.get(key);
    if (source === 'credentials') this.#credentials.set(account.provider, account);
    if (known && (known.source === source || known.source === 'credentials')) return;
    this.#accounts.set(key, { account, source });
    for (const listener of this.#listeners) listener();
  }

  get(provider: ProviderName, id: string): Account | undefined {
    return this.#accounts.get(keyOf(provider, id))?.account;
  }

  /** For a job that names no account: the credentials file's, else the only one of that provider, else none. */
  defaultFor(provider: ProviderName): Account | undefined {
    const fromFile = this.#credentials.get(provider);
    if (fromFile) return fromFile;
    const all = [...this.#accounts.values()].filter(({ account }) => account.provider === provider);
    return all.length === 1 ? all[0]?.account : undefined;
  }

  /** What may be shown of them: no key. */
  list(): ListedAccount[] {
    return [...this.#accounts.values()].map(({ account, source }) => ({
      provider: account.provider,
      id: account.id,
      base_url: account.baseUrl,
      source,
    }));
  }

  /** The accounts themselves, for the worker's private channel and nothing else. */
  entries(): { account: Account; source: AccountSource }[] {
    return [...this.#accounts.values()];
  }

  /** Calls back after each new account; returns how to stop that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

function keyOf(provider: ProviderName, id: string): string {
  return `${provider} ${id}`;
}
