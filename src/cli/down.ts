import { setTimeout as delay } from 'node:timers/promises';
import { thisProcess } from '../blobs/process-identity.js';
import { readSettings } from '../config.js';
import { JobFailure } from '../contract/errors.js';
import { readClaim } from '../local/claim.js';
import { ControlConnection, isStackAlive, stackFileOf } from '../local/control-client.js';
import { isAlive } from '../local/processes.js';
import { EXIT, print, printJson, tell } from './output.js';

/** When a drain takes longer than this, a person should know what it waits for. */
const EXPLAIN_MS = 3_000;

/** Ends the local stack and returns when its processes are gone; what is not running is down already. */
export async function down(env: NodeJS.ProcessEnv, json: boolean): Promise<number> {
  const wasRunning = await endStack(readSettings(env).dataDir);
  if (json) printJson({ ok: true, state: 'stopped', was_running: wasRunning });
  else print(wasRunning ? 'The local stack is down.' : 'The local stack was not running.');
  return EXIT.done;
}

/** Ends the stack of a data folder, of whatever version; false when none was running. TEMPORAL_UNAVAILABLE when its supervisor hangs. */
export async function endStack(dataDir: string): Promise<boolean> {
  const connection = await ControlConnection.open(dataDir);
  if (!connection) {
    await refuseHanging(dataDir);
    return false;
  }
  const { pid } = connection.identity;
  await connection.request({ method: 'down', reason: 'down' });
  await gone([pid]);
  return true;
}

/** Returns when the processes are gone, and tells what it waits for when that takes long. */
export async function gone(pids: readonly number[]): Promise<void> {
  const timer = setTimeout(() => tell('Waiting for requests in flight, which are paid for.'), EXPLAIN_MS);
  for (const pid of pids) while (await isAlive(pid)) await delay(50);
  clearTimeout(timer);
}

async function refuseHanging(dataDir: string): Promise<void> {
  const file = await readClaim(stackFileOf(dataDir));
  if (!file || (await isStackAlive(file, (await thisProcess()).host)) !== 'hangs') return;
  throw new JobFailure({
    code: 'TEMPORAL_UNAVAILABLE',
    message: `The supervisor of the local stack (process ${file.pid}) does not answer.`,
    nextStep: `End it; its processes end with it: kill -9 ${file.pid}`,
  });
}
