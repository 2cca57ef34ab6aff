import { realpath, stat } from 'node:fs/promises';
import { unlessAbsent } from '../../blobs/durable-folder.js';
import { networkFileSystemOf } from '../../local/data-folder.js';
import { shellWord } from '../../own-command.js';
import type { Check } from '../context.js';
import { error, ok, warning, type Finding } from '../finding.js';
import { lookAtFolder } from '../writable-folder.js';

const ANOTHER = 'Name another folder in IMAGE_DATA_DIR or with --data-dir';

export const dataFolder: Check = {
  id: 'data-folder',
  area: 'Settings and folders',
  look: async ({ settings }) => await lookAtDataFolder(settings.dataDir, { localStack: !settings.remote }),
};

export interface DataFolderUse {
  /** The database of the local stack lies there. */
  localStack: boolean;
  networkFileSystem?: typeof networkFileSystemOf;
}

export async function lookAtDataFolder(folder: string, { localStack, networkFileSystem = networkFileSystemOf }: DataFolderUse): Promise<Finding[]> {
  const { exists, problem } = await lookAtFolder(folder);
  if (problem !== undefined) {
    const what = `The data folder ${folder} cannot be ${exists ? 'written' : 'made'}${problem}.`;
    return [error('data-folder', what, `${ANOTHER}, or make this one writable for the user of this process.`)];
  }
  if (!exists) return [ok('data-folder', `The data folder ${folder} is not there yet and can be made.`)];
  const type = localStack ? await networkFileSystem(await realpath(folder)) : undefined;
  if (type !== undefined) {
    const what = `The data folder ${folder} lies on a network file system (${type}), where the local stack's database would be damaged.`;
    return [error('data-folder', what, `${ANOTHER}, on a disk of this machine, or set TEMPORAL_ADDRESS to a Temporal server.`)];
  }
  const reservations = await lookAtOwner(folder);
  return reservations.length > 0 ? reservations : [ok('data-folder', `The data folder is ${folder}.`)];
}

/** Keys, pictures and the place of the control socket are in it: others could read or replace them. */
async function lookAtOwner(folder: string): Promise<Finding[]> {
  const stats = await unlessAbsent(stat(folder));
  const uid = process.getuid?.();
  if (!stats || uid === undefined) return [];
  if (stats.uid !== uid) {
    return [warning('data-folder', `The data folder ${folder} belongs to another user (${stats.uid}; this process runs as ${uid}).`, `${ANOTHER}, one of your own.`)];
  }
  if ((stats.mode & 0o077) === 0) return [];
  const can = (stats.mode & 0o022) === 0 ? 'look into' : 'change';
  return [warning('data-folder', `Other users can ${can} the data folder ${folder}.`, `Close it to them: chmod 700 ${shellWord(folder)}`)];
}
