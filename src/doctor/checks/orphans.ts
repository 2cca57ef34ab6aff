import { realpath } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { unlessAbsent } from '../../blobs/durable-folder.js';
import { ControlConnection } from '../../local/control-client.js';
import { databasePath } from '../../local/database.js';
import { serversOfDatabase, stackProcessesOf } from '../../local/processes.js';
import { stackStatusSchema } from '../../local/protocol.js';
import type { Check } from '../context.js';
import { warning } from '../finding.js';

/** A process that has just been started, or is about to end, is not known to the supervisor for a moment. */
const LOOK_AGAIN_MS = 1_000;

/** Servers, workers and supervisors of the data folder that its supervisor does not know. */
export const orphans: Check = {
  id: 'orphans',
  area: 'Local stack',
  async look({ settings: { dataDir, remote } }) {
    if (remote || process.platform === 'win32') return [];
    const before = await strangers(dataDir);
    if (before.length === 0) return [];
    await delay(LOOK_AGAIN_MS);
    const now = await strangers(dataDir);
    const left = before.filter((pid) => now.includes(pid));
    if (left.length === 0) return [];
    const one = left.length === 1;
    const what = `${one ? 'A process' : `${left.length} processes`} of an earlier local stack (${left.join(', ')}) ${one ? 'runs' : 'run'}, and no supervisor answers for ${one ? 'it' : 'them'}.`;
    return [warning('orphans', what, `End ${one ? 'it' : 'them'}; requests in flight are finished first: kill ${left.join(' ')}`)];
  },
};

async function strangers(dataDir: string): Promise<number[]> {
  const real = await unlessAbsent(realpath(dataDir));
  if (real === undefined) return [];
  const found = [...(await serversOfDatabase(databasePath(real))), ...(await stackProcessesOf(dataDir))];
  if (real !== dataDir) found.push(...(await stackProcessesOf(real)));
  const known = await knownToSupervisor(real);
  return found.filter((pid) => !known.includes(pid));
}

async function knownToSupervisor(dataDir: string): Promise<number[]> {
  const connection = await ControlConnection.open(dataDir);
  if (!connection) return [];
  try {
    return Object.values(stackStatusSchema.parse(await connection.request({ method: 'status' })).pids);
  } finally {
    connection.close();
  }
}
