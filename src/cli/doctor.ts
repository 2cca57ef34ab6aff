import type { BlobStore } from '../blobs/blob-store.js';
import { findBlobStore } from '../blobs/open-store.js';
import { CALL_PATIENCE } from '../blobs/patience.js';
import { isNotFound } from '../client/describe-job.js';
import { isTransportError } from '../client/job-reader.js';
import { readSettings, type Settings } from '../config.js';
import { JobFailure } from '../contract/errors.js';
import { ALL_CHECKS, BEFORE_THE_STACK, MACHINE_CHECKS } from '../doctor/checks/index.js';
import { unreadableSettings } from '../doctor/checks/settings.js';
import type { DoctorContext, Machine, TemporalSeen, WorkersSeen } from '../doctor/context.js';
import { error, ok, type Finding } from '../doctor/finding.js';
import { knownAccounts } from '../doctor/known-accounts.js';
import { pingWorkers } from '../doctor/ping.js';
import { reachTemporal } from '../doctor/reach-temporal.js';
import { runChecks, type AreaFindings } from '../doctor/run-checks.js';
import { LocalStack, type StackStatus } from '../local/stack-client.js';
import { createLogger } from '../log.js';
import { commandFor } from '../own-command.js';
import { VERSION } from '../version.js';
import { report } from './doctor-report.js';
import { EXIT } from './output.js';
import { whileStarting } from './preparation.js';
import { withWorker } from './up.js';

export interface DoctorOptions {
  json: boolean;
  /** Start the local stack when it is not running. */
  start: boolean;
}

/** A supervisor that hangs is told within it. */
const START_MS = 6_000;
/** The ping and a connection to a provider that does not answer take ten seconds; a slow disk with many jobs takes longer. */
const LIMIT_MS = 60_000;

/** Looks at every part of the installation. Exit code 1 when there is an error among the findings. */
export async function doctor(env: NodeJS.ProcessEnv, { json, start }: DoctorOptions): Promise<number> {
  const machine: Machine = { env, platform: process.platform, nodeVersion: process.versions.node };
  const settings = settingsOf(env);
  const areas = settings instanceof JobFailure ? await lookWithout(settings, machine) : await lookAtAll(settings, machine, start);
  report(areas, json);
  return areas.some(({ findings }) => findings.some(({ level }) => level === 'error')) ? EXIT.failed : EXIT.done;
}

function settingsOf(env: NodeJS.ProcessEnv): Settings | JobFailure {
  try {
    return readSettings(env);
  } catch (thrown) {
    if (thrown instanceof JobFailure) return thrown;
    throw thrown;
  }
}

async function lookWithout(failure: JobFailure, machine: Machine): Promise<AreaFindings[]> {
  const areas = await runChecks(MACHINE_CHECKS, machine, LIMIT_MS);
  return [...areas, { area: 'Settings and folders', findings: [unreadableSettings(failure)] }];
}

async function lookAtAll(settings: Settings, machine: Machine, start: boolean): Promise<AreaFindings[]> {
  const logger = createLogger(settings.IMAGE_LOG_LEVEL, 'doctor');
  const stack = settings.remote ? undefined : new LocalStack({ settings, env: machine.env, version: VERSION, logger });
  try {
    const started = stack && start ? await startStack(stack, settings, machine) : undefined;
    const status = await stack?.state();
    const { seen, close } = await reachTemporal(settings, machine.env, status);
    try {
      const areas = await runChecks(ALL_CHECKS, await contextOf(settings, machine, status, seen), LIMIT_MS);
      return areas.map((one) => (started && one.area === 'Local stack' ? { ...one, findings: withStart(started, one.findings) } : one));
    } finally {
      await close();
    }
  } finally {
    await stack?.close();
  }
}

/** What came of it; undefined where nothing had to be started, or nothing can be. Hands over no key: a job that waits for one is not started by a look. */
async function startStack(stack: LocalStack, settings: Settings, machine: Machine): Promise<Finding | undefined> {
  const now = await stack.state();
  const { state } = now;
  if (state === 'ready') return undefined;
  // One that has failed before may get ready this time; one that hangs will not.
  const context = await contextOf(settings, machine, state === 'stopped' ? now : undefined, { state: 'down' });
  const before = await runChecks(BEFORE_THE_STACK, context, LIMIT_MS);
  if (before.some(({ findings }) => findings.some(({ level }) => level === 'error'))) return undefined;
  try {
    await whileStarting(() => stack.ensure(START_MS), stack);
    await withWorker(stack);
    const how = state === 'stopped' ? 'was not running; it was started for this look' : 'was being prepared; this look waited for it';
    return ok('local-stack', `The local stack ${how}. It ends by itself when nothing needs it, or with: ${commandFor(settings, ['down'])}`);
  } catch (thrown) {
    if (thrown instanceof JobFailure) return error('local-stack', thrown.message, thrown.nextStep);
    throw thrown;
  }
}

/** Why it could not be started is mostly found by looking at it, too. */
function withStart(started: Finding, looked: readonly Finding[]): Finding[] {
  const told = started.level === 'error' && looked.some(({ level }) => level === 'error');
  return told ? [...looked] : [started, ...looked];
}

async function contextOf(settings: Settings, machine: Machine, stack: StackStatus | undefined, temporal: TemporalSeen): Promise<DoctorContext> {
  let seen: Promise<WorkersSeen> | undefined;
  const context = { ...machine, settings, cwd: process.cwd(), clientRoots: [], store: await storeOf(settings.blobStore), stack, temporal };
  return { ...context, workers: () => (seen ??= ping(context)) };
}

/** Opening an absent or empty one would make it, which is not for a look to do. */
async function storeOf(url: string): Promise<BlobStore | JobFailure | undefined> {
  try {
    return await findBlobStore(url, CALL_PATIENCE);
  } catch (thrown) {
    if (thrown instanceof JobFailure) return thrown;
    throw thrown;
  }
}

async function ping(context: Omit<DoctorContext, 'workers'>): Promise<WorkersSeen> {
  const { temporal } = context;
  if (temporal.state !== 'answers') return { by: 'nothing' };
  const { environment, file, clients } = await knownAccounts(context);
  const providers = new Set(['local', ...[...environment, ...file, ...clients].map(({ provider }) => provider)]);
  try {
    return { by: 'ping', pinged: await pingWorkers(temporal.client, [...providers]) };
  } catch (thrown) {
    if (!isTransportError(thrown)) throw thrown;
    // A namespace that is not there is told by the look at it.
    return isNotFound(thrown) ? { by: 'nothing' } : { by: 'nothing', why: thrown instanceof Error ? thrown.message : String(thrown) };
  }
}
