import { stat } from 'node:fs/promises';
import { Account, type AccountFields } from '../accounts/account.js';
import { readCredentialsFile } from '../accounts/credentials-file.js';
import { readAccounts } from '../accounts/environment.js';
import { AccountRegistry } from '../accounts/registry.js';
import { unlessAbsent } from '../blobs/durable-folder.js';
import type { Settings } from '../config.js';
import type { WireAccount } from './protocol.js';

/** The accounts that the stack knows: those of its clients, and those of the credentials file, which is read again when it changes. */
export class StackAccounts {
  readonly registry = new AccountRegistry();
  readonly #settings: Settings;
  readonly #salt: Buffer;
  readonly #onMessage: (message: string) => void;
  #fileVersion = 'not read';

  constructor(settings: Settings, salt: Buffer, onMessage: (message: string) => void) {
    this.#settings = settings;
    this.#salt = salt;
    this.#onMessage = onMessage;
  }

  announce(accounts: readonly WireAccount[]): void {
    for (const { provider, baseUrl, key, models } of accounts) {
      const fields: AccountFields = { provider, baseUrl, key, models: withoutUndefined(models) };
      this.registry.add(new Account(fields, this.#salt), 'client');
    }
  }

  /** Cheap: looks at the file's date first. A file that is refused is a message, and the stack goes on without it. */
  async readFile(): Promise<void> {
    const path = this.#settings.credentialsFile;
    try {
      const stats = await unlessAbsent(stat(path));
      const version = stats ? `${stats.ino} ${stats.mtimeMs} ${stats.ctimeMs} ${stats.size}` : 'absent';
      if (version === this.#fileVersion) return;
      this.#fileVersion = version;
      const values = await readCredentialsFile(path);
      if (values) for (const fields of readAccounts(values)) this.registry.add(new Account(fields, this.#salt), 'credentials');
      else if (this.#settings.IMAGE_CREDENTIALS_FILE !== undefined) this.#onMessage(`The credentials file ${path} is not there.`);
    } catch (error) {
      this.#onMessage(error instanceof Error ? error.message : String(error));
    }
  }
}

function withoutUndefined(models: WireAccount['models']): NonNullable<AccountFields['models']> {
  return {
    ...(models?.image === undefined ? {} : { image: models.image }),
    ...(models?.responses === undefined ? {} : { responses: models.responses }),
  };
}
