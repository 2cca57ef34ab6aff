import { join } from 'node:path';
import { isRunning, thisProcess } from '../../blobs/process-identity.js';
import { readClaim } from '../../local/claim.js';
import { compareVersions } from '../../local/compare-versions.js';
import { isStackAlive, stackFileOf } from '../../local/control-client.js';
import type { StackFile, StackStatus } from '../../local/protocol.js';
import { commandFor } from '../../own-command.js';
import { VERSION } from '../../version.js';
import type { Check, DoctorContext } from '../context.js';
import { error, ok, warning, type Finding } from '../finding.js';

type Owner = 'answers' | 'hangs' | 'dead';

/** State, versions and history of the local stack, also of one that died or hangs. */
export const localStack: Check = {
  id: 'local-stack',
  area: 'Local stack',
  look: async (context) => await lookAtStack(context, async (file) => await isStackAlive(file, (await thisProcess()).host)),
};

/** The same in milliseconds: one that did not answer is not asked again. */
export const localStackAtAGlance: Check = {
  id: 'local-stack',
  area: 'Local stack',
  look: async (context) =>
    await lookAtStack(context, async (file) => (file.host === (await thisProcess()).host && (await isRunning(file)) ? 'hangs' : 'dead')),
};

async function lookAtStack({ stack, settings }: DoctorContext, ownerOf: (file: StackFile) => Promise<Owner>): Promise<Finding[]> {
  if (!stack) return [];
  const up = commandFor(settings, ['up']);
  switch (stack.state) {
    case 'failed':
      return [error('local-stack', stack.error?.message ?? 'The local stack could not be prepared.', stack.error?.next_step ?? `Try again: ${up}`)];
    case 'stopped': {
      const file = await readClaim(stackFileOf(settings.dataDir));
      const owner = file && (await ownerOf(file));
      if (!file || owner === 'answers') return [ok('local-stack', 'The local stack is not running; the first job starts it.')];
      if (owner === 'dead') {
        const what = `The supervisor of the local stack (process ${file.pid}) is gone without having ended in order; the next job starts another.`;
        return [warning('local-stack', what, `Start it now: ${up}`)];
      }
      return [error('local-stack', `The supervisor of the local stack (process ${file.pid}) does not answer.`, `End it; its processes end with it: kill -9 ${file.pid}`)];
    }
    case 'preparing':
    case 'stopping': {
      const how = stack.preparation ? ` (${stack.preparation.step}, ${Math.floor(stack.preparation.percent)} %)` : '';
      return [ok('local-stack', `The local stack is ${stack.state}${how}.`)];
    }
    case 'ready':
      return [...versionFindings(stack, up), ...childFindings(stack), ...stack.messages.map((text) => ok('local-stack', `It noted: ${text}`))];
  }
}

function versionFindings({ versions, address, namespace, pids }: StackStatus, up: string): Finding[] {
  const newer = compareVersions(versions.package, VERSION);
  const server = `Temporal ${versions.temporal_server ?? 'of an unknown version'}`;
  const runs = ok('local-stack', `The local stack runs ${server} at ${address}, namespace ${namespace} (supervisor: process ${pids.supervisor}).`);
  if (newer > 0) {
    const what = `The local stack runs durable-image-mcp ${versions.package}, and this process is the older ${VERSION}, whose jobs it refuses.`;
    return [runs, error('local-stack', what, `Restart this MCP client, so that it uses version ${versions.package}.`)];
  }
  if (newer < 0) {
    const what = `The local stack runs the older durable-image-mcp ${versions.package}; the next job of this version, ${VERSION}, replaces it.`;
    return [runs, warning('local-stack', what, `Replace it now; requests in flight are finished first: ${up}`)];
  }
  return [runs];
}

function childFindings({ server, worker, data_dir: dataDir }: StackStatus): Finding[] {
  return ([['server', 'temporal', server], ['worker', 'worker', worker]] as const).flatMap(([name, log, child]) => {
    const look = `Look into ${join(dataDir, 'logs', `${log}.log`)}.`;
    const times = `${child.restarts} ${child.restarts === 1 ? 'time' : 'times'}`;
    if (child.state !== 'running') {
      const why = child.problem === undefined ? '' : `: ${child.problem}`;
      const what = `The ${name} of the local stack is ${child.state}${child.restarts > 0 ? ` (restarted ${times})` : ''}${why}.`;
      return [child.restarts > 0 ? error('local-stack', what, look) : warning('local-stack', what, `Look again in a moment. ${look}`)];
    }
    return child.restarts === 0 ? [] : [warning('local-stack', `The ${name} of the local stack was restarted ${times}.`, look)];
  });
}
