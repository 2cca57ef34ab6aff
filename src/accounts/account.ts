import { createHmac } from 'node:crypto';
import type { ProviderName } from '../contract/names.js';

/**
 * A provider's base URL and key are one unit. It lives in memory only: never written, logged or sent anywhere
 * but to its own base URL. `toJSON` keeps the key out of anything that is serialised by mistake.
 */
export class Account {
  readonly provider: ProviderName;
  /** 8 hex characters; safe to show and to store. */
  readonly id: string;
  readonly baseUrl: string;
  /** Default models of the environment that the account came from. */
  readonly models: AccountModels;
  readonly #key: string;

  constructor(fields: AccountFields, salt: Buffer) {
    this.provider = fields.provider;
    this.baseUrl = fields.baseUrl.replace(/\/+$/, '');
    this.models = fields.models ?? {};
    this.#key = fields.key;
    this.id = accountId(salt, this.provider, this.baseUrl, fields.key);
  }

  /** The secret itself, for the one header that carries it; '' where the provider needs none. */
  get key(): string {
    return this.#key;
  }

  /** For the owner-only control socket, and nothing else. */
  reveal(): AccountFields {
    return { provider: this.provider, baseUrl: this.baseUrl, key: this.#key, models: this.models };
  }

  toJSON(): { provider: string; id: string; base_url: string } {
    return { provider: this.provider, id: this.id, base_url: this.baseUrl };
  }
}

export interface AccountModels {
  /** The image model, where the provider has two. */
  image?: string;
  /** The model that calls the image tool (OpenAI Responses). */
  responses?: string;
}

export interface AccountFields {
  provider: ProviderName;
  baseUrl: string;
  key: string;
  models?: AccountModels;
}

/** HMAC-SHA256 with the data folder's salt over provider, URL and key, NUL between them; the first 8 hex characters. */
function accountId(salt: Buffer, provider: string, baseUrl: string, key: string): string {
  return createHmac('sha256', salt).update([provider, baseUrl, key].join('\0')).digest('hex').slice(0, 8);
}
