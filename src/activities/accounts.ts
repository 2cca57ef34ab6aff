import type { Account } from '../accounts/account.js';
import { makerFor } from '../accounts/environment.js';
import { WAITING } from '../contract/names.js';
import type { Target } from '../contract/plan.js';
import type { ActivityDependencies } from './dependencies.js';
import { Waiting } from './boundary.js';

/**
 * The account that a job runs with. The one it was submitted with, or none: accounts never mix. A job that carries
 * none (a program's, or any with a remote Temporal) runs with this worker's default. A missing one makes the job wait.
 */
export function accountFor(deps: ActivityDependencies, target: Target, recordedAccount?: string): Account | undefined {
  const generator = deps.generators.get(target.provider);
  if (generator?.free) return undefined;
  const id = recordedAccount ?? target.account;
  const account = id === undefined ? deps.accounts.defaultFor(target.provider) : deps.accounts.get(target.provider, id);
  if (account) return account;
  const { provider } = target;
  const message =
    id === undefined
      ? `No account of ${provider} is known here. Set ${makerFor(provider)} where the worker runs, or start a client that has it.`
      : deps.local
        ? `Waiting for the key of account ${id} of ${provider}. Start the client that submitted this job: its key is in that client's environment.`
        : `Waiting for the key of account ${id} of ${provider}, which no worker here has any more. Start a worker with the key that was used when this was sent.`;
  throw new Waiting(WAITING.key, message, deps.settings.IMAGE_WAITING_POLL_SECONDS);
}
