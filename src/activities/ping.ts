import { hostname } from 'node:os';
import type { PingActivities } from '../contract/ping.js';
import { VERSION } from '../version.js';
import type { ActivityDependencies } from './dependencies.js';

/** The activity of `imagePing`: touches nothing, so that it says only that a worker takes work from this queue. */
export function pingActivities({ store, accounts, generators }: Pick<ActivityDependencies, 'store' | 'accounts' | 'generators'>): PingActivities {
  return {
    async ping() {
      const known = accounts.list().map(({ provider }) => provider);
      const providers = [...generators.keys()].filter((name) => known.includes(name));
      return { worker: `${process.pid}@${hostname()}`, version: VERSION, store_id: store.id, providers };
    },
  };
}
