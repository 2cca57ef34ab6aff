import type { BlobStore } from '../blobs/blob-store.js';
import type { Connected } from '../client/temporal.js';
import type { Settings } from '../config.js';
import type { StackStatus } from '../local/protocol.js';
import { commandFor } from '../own-command.js';
import { CLIENT_CHECKS } from './checks/index.js';
import type { DoctorContext, TemporalSeen, WorkersSeen } from './context.js';
import { error, worstFirst, type Finding } from './finding.js';
import { runChecks } from './run-checks.js';

export interface ClientView {
  settings: Settings;
  env: NodeJS.ProcessEnv;
  store: BlobStore;
  clientRoots: readonly string[];
  /** As the client has found them just now. */
  stack: StackStatus | undefined;
  connected: Connected | undefined;
}

/** All checks run at once, and each is milliseconds; a disk or a server that hangs must not hold the answer. */
const LIMIT_MS = 700;
/** Of the findings as JSON: an answer of server_info stays small. */
const MOST_BYTES = 2_400;
const MOST_CHARACTERS = 400;

/** Warnings and errors as seen from inside a client's process, the worst first; `leftOut`: how many more there are. Starts nothing. */
export async function clientFindings(view: ClientView): Promise<{ findings: Finding[]; leftOut: number }> {
  const areas = await runChecks(CLIENT_CHECKS, contextOf(view), LIMIT_MS);
  const found = worstFirst(areas.flatMap(({ findings }) => findings).filter(({ level }) => level !== 'ok'));
  const findings: Finding[] = [];
  let bytes = 0;
  for (const finding of found.map(shortened)) {
    bytes += Buffer.byteLength(JSON.stringify(finding)) + 1;
    if (bytes > MOST_BYTES) break;
    findings.push(finding);
  }
  return { findings, leftOut: found.length - findings.length };
}

/** A remedy may be a command, which is of use only as a whole. */
function shortened(finding: Finding): Finding {
  const { message } = finding;
  return message.length <= MOST_CHARACTERS ? finding : { ...finding, message: `${message.slice(0, MOST_CHARACTERS - 1)}…` };
}

function contextOf({ settings, env, store, clientRoots, stack, connected }: ClientView): DoctorContext {
  let seen: Promise<WorkersSeen> | undefined;
  return {
    env,
    platform: process.platform,
    nodeVersion: process.versions.node,
    settings,
    cwd: process.cwd(),
    clientRoots,
    store,
    stack,
    temporal: temporalOf(settings, connected),
    workers: () => (seen ??= workersOf(connected)),
  };
}

function temporalOf(settings: Settings, connected: Connected | undefined): TemporalSeen {
  if (connected) return { state: 'answers', client: connected.client, address: connected.address, namespace: connected.namespace };
  if (!settings.remote) return { state: 'down' };
  const where = settings.TEMPORAL_ADDRESS ?? `the profile ${settings.TEMPORAL_PROFILE ?? ''}`;
  return { state: 'away', finding: error('temporal', `Temporal at ${where} does not answer.`, `See why: ${commandFor(settings, ['doctor'])}`) };
}

async function workersOf(connected: Connected | undefined): Promise<WorkersSeen> {
  if (!connected) return { by: 'nothing' };
  const { state, message } = await connected.worker();
  return { by: 'polls', alive: state !== 'none', ...(message === undefined ? {} : { message }) };
}
