import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { unlessAbsent } from '../../blobs/durable-folder.js';
import { databasePath } from '../../local/database.js';
import { shellWord } from '../../own-command.js';
import type { Check } from '../context.js';
import { warning } from '../finding.js';

/** Databases of the local stack that were damaged or of another server. Nothing reads them again. */
export const databases: Check = {
  id: 'databases',
  area: 'Local stack',
  async look({ settings: { dataDir, remote } }) {
    if (remote) return [];
    const begin = `${basename(databasePath(dataDir))}.set-aside-`;
    const names = ((await unlessAbsent(readdir(dataDir))) ?? []).filter((name) => name.startsWith(begin)).sort();
    const databasesOnly = names.filter((name) => !/-(wal|shm|journal)$/.test(name));
    if (databasesOnly.length === 0) return [];
    let bytes = 0;
    for (const name of names) bytes += (await unlessAbsent(stat(join(dataDir, name))))?.size ?? 0;
    const [count, one] = [databasesOnly.length, databasesOnly.length === 1];
    const what = `${count} ${one ? 'database' : 'databases'} of the local stack ${one ? 'was' : 'were'} set aside (${Math.ceil(bytes / 1e6)} MB); open jobs were started again.`;
    return [warning('databases', what, `Remove what you do not want to look into: rm ${names.map((name) => shellWord(join(dataDir, name))).join(' ')}`)];
  },
};
