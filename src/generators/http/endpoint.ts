import type { Account } from '../../accounts/account.js';
import { JobFailure } from '../../contract/errors.js';
import { cleanText } from '../clean-text.js';
import type { Protocol } from './protocol.js';

/** An answer named an address that is not the provider's. */
export class ForeignAddress extends JobFailure {}

/** The addresses of one account: its own base URL, and what the provider returned, as far as that is the provider's. */
export class Endpoint {
  readonly secrets: readonly string[];
  readonly #base: URL;

  constructor(
    readonly protocol: Protocol,
    readonly account: Account,
  ) {
    this.#base = baseOf(protocol, account);
    this.secrets = [account.key];
  }

  /**
   * A path below the base URL (its query, an API version, stays) or a whole URL of the provider, with the headers that
   * may go there. The key goes to the account's own host and to those the provider is known to read it at.
   * @throws JobFailure PROVIDER_REJECTED for an address that is not the provider's.
   */
  locate(at: string): { url: URL; headers: Record<string, string> } {
    const url = at.startsWith('/') ? this.#below(at) : this.#returned(at);
    const { trusted: known = [] } = this.protocol;
    // A gateway's key is the gateway's: it goes to no host of the provider itself.
    const trusted = url.host === this.#base.host || (isOneOf(this.#base.hostname, known) && isOneOf(url.hostname, known));
    const { key } = this.account;
    return { url, headers: { 'user-agent': 'durable-image-mcp', ...(trusted && key !== '' ? this.protocol.authorise(key) : {}) } };
  }

  #below(path: string): URL {
    const url = new URL(this.#base);
    const [pathname = '', query = ''] = path.split('?');
    if (pathname.split('/').some((part) => part === '.' || part === '..')) throw new Error('a path below the base URL leads out of it');
    url.pathname = `${url.pathname.replace(/\/+$/, '')}${pathname}`;
    for (const [name, value] of new URLSearchParams(query)) url.searchParams.set(name, value);
    return url;
  }

  #returned(at: string): URL {
    const url = URL.canParse(at) ? new URL(at) : undefined;
    const { resultHosts = [], trusted = [] } = this.protocol;
    const own = url?.host === this.#base.host && url.protocol === this.#base.protocol;
    const known = url?.protocol === 'https:' && url.port === '' && isOneOf(url.hostname, [...resultHosts, ...trusted]);
    if (url && (own || known) && url.username === '' && url.password === '') return url;
    throw new ForeignAddress({
      code: 'PROVIDER_REJECTED',
      message: `${this.protocol.title} named an address that is not its own${url && url.host !== '' ? ` (${cleanText(url.host, [this.account.key, this.account.key.toLowerCase()], 100)})` : ''}; it is not asked, and no key goes there.`,
      nextStep: 'The picture may have been paid; look at it in the account of the provider, and ask the user before it is bought again.',
      billing: 'maybe',
    });
  }
}

function isOneOf(hostname: string, hosts: readonly string[]): boolean {
  return hosts.some((host) => hostname === host || hostname.endsWith(`.${host}`));
}

function baseOf({ title }: Protocol, { baseUrl }: Account): URL {
  const base = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined;
  if (base && (base.protocol === 'http:' || base.protocol === 'https:')) return base;
  throw new JobFailure({
    code: 'PROVIDER_NOT_CONFIGURED',
    message: `The base URL of ${title} is not an http or https URL.`,
    nextStep: 'Correct the base URL in the environment.',
    billing: 'none',
  });
}
