import { realpath } from 'node:fs/promises';
import { hostname, networkInterfaces } from 'node:os';
import { unlessAbsent } from '../../blobs/durable-folder.js';
import { storeFolder } from '../../blobs/open-store.js';
import { JobFailure } from '../../contract/errors.js';
import { networkFileSystemOf } from '../../local/data-folder.js';
import { readTemporalConfig } from '../../temporal-config.js';
import type { Check, DoctorContext } from '../context.js';
import { error, ok, type Finding } from '../finding.js';

/** With a Temporal on another machine workers may be anywhere, and each of them must see the store. */
export const sharedStore: Check = {
  id: 'shared-store',
  area: 'Settings and folders',
  look: async (context) => await lookAtSharedStore(context),
};

export async function lookAtSharedStore(
  { settings, env, temporal }: Pick<DoctorContext, 'settings' | 'env' | 'temporal'>,
  networkFileSystem = networkFileSystemOf,
): Promise<Finding[]> {
  if (!settings.remote || !/^file:/i.test(settings.blobStore)) return [];
  const address = temporal.state === 'answers' ? temporal.address : addressOf(() => readTemporalConfig(settings, env).address);
  if (address === undefined || isThisMachine(address)) return [];
  const folder = storeFolder(settings.blobStore);
  const type = await networkFileSystem((await unlessAbsent(realpath(folder))) ?? folder);
  if (type !== undefined) return [ok('shared-store', `The store lies on a network file system (${type}), which other machines can have, too.`)];
  const what = `The store ${settings.blobStore} is a folder of this machine, and Temporal is on another (${address}): a worker elsewhere cannot see it.`;
  return [error('shared-store', what, 'Keep it in S3 (IMAGE_BLOB_STORE=s3://bucket/prefix), or in a folder that all clients and workers share, as a network mount, and name it in IMAGE_BLOB_STORE of each of them.')];
}

/** Settings that cannot be used are told by the check of Temporal. */
function addressOf(read: () => string): string | undefined {
  try {
    return read();
  } catch (thrown) {
    if (thrown instanceof JobFailure) return undefined;
    throw thrown;
  }
}

/** Whether host:port is on this machine, without asking any name server: a name that is not this machine's own counts as another. */
export function isThisMachine(address: string): boolean {
  const host = address.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1').toLowerCase();
  if (host === 'localhost' || host.endsWith('.localhost') || host === hostname().toLowerCase()) return true;
  if (/^127(\.\d{1,3}){3}$/.test(host) || host === '0.0.0.0') return true;
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return host === '::1' || own.some(({ address: known }) => known.toLowerCase() === host);
}
