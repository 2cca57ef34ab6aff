import { collectGarbage, collectionReport } from '../blobs/garbage-collection.js';
import { Manifests } from '../blobs/manifests.js';
import { openBlobStore } from '../blobs/open-store.js';
import { jobRuns } from '../client/job-runs.js';
import { readSettings, type Settings } from '../config.js';
import type { CollectionProgress, CollectionReport } from '../contract/collection.js';
import { reachTemporal } from '../doctor/reach-temporal.js';
import { LocalStack, type StackStatus } from '../local/stack-client.js';
import { NAMESPACE } from '../local/temporal-server.js';
import { createLogger } from '../log.js';
import { commandFor } from '../own-command.js';
import { readTemporalConfig } from '../temporal-config.js';
import { VERSION } from '../version.js';
import { ChangingLine } from './line.js';
import { EXIT, print, printJson, tell } from './output.js';
import { plain } from './plain.js';
import { inBytes } from './units.js';

export interface GcOptions {
  json: boolean;
  /** Tells what would go and changes nothing. */
  dryRun: boolean;
}

/** Of a store that is nearly all garbage nobody reads more. */
const NAMED = 1000;

interface Going {
  blobs: { sha256: string; size_bytes: number }[];
  jobs: string[];
}

/**
 * Collects the store in this process, also beside running workers and while the stack is down; starts nothing, and keeps
 * nothing from ending. Exit code 1 when a document cannot be read, for then no blob could be removed.
 */
export async function gc(env: NodeJS.ProcessEnv, { json, dryRun }: GcOptions): Promise<number> {
  const settings = readSettings(env);
  const { IMAGE_RETENTION_DAYS: days } = settings;
  const stack = await stackOf(settings, env);
  const { seen, close } = await reachTemporal(settings, env, stack);
  const line = new CollectionLine();
  try {
    const store = await openBlobStore(settings.blobStore);
    const manifests = new Manifests(store);
    // While Temporal runs and does not answer us, nobody here can see which jobs run again.
    const mayExpire = seen.state === 'answers' || stack?.state === 'stopped';
    const namespace = seen.state === 'answers' ? seen.namespace : namespaceOf(settings, env);
    const runs = seen.state === 'answers' ? jobRuns(seen.client, manifests, seen.address) : undefined;
    const going: Going = { blobs: [], jobs: [] };
    const collected = await collectGarbage({
      store,
      manifests,
      retention: { namespace, days: mayExpire ? days : undefined, runs },
      dryRun,
      onProgress: (progress) => line.show(progress),
      onExpired: (jobId) => going.jobs.length < NAMED && going.jobs.push(jobId),
      onRemoved: ({ sha256, sizeBytes }) => going.blobs.length < NAMED && going.blobs.push({ sha256, size_bytes: sizeBytes }),
    });
    line.end();
    const report = collectionReport(collected);
    const ok = report.unreadable === 0;
    if (json) printJson({ ok, dry_run: dryRun, store: settings.blobStore, ...report, ...(dryRun ? { would_remove: going } : {}) });
    else printReport(report, dryRun, going);
    if (!mayExpire && days !== undefined) tell('Temporal does not answer, so no job expired.');
    if (!runs && report.workflows_left > 0) tell('Temporal does not answer; a later collection deletes these workflows there.');
    if (!ok) tell(`What unreadable documents need is unknown, so no blob was removed. Restore them from a backup, then: ${commandFor(settings, ['gc'])}`);
    return ok ? EXIT.done : EXIT.failed;
  } finally {
    line.end();
    await close();
  }
}

/** As it stands; a look, not a connection, which would keep it up and start it again. */
async function stackOf(settings: Settings, env: NodeJS.ProcessEnv): Promise<StackStatus | undefined> {
  if (settings.remote) return undefined;
  const logger = createLogger(settings.IMAGE_LOG_LEVEL, 'gc');
  return await new LocalStack({ settings, env, version: VERSION, logger }).state();
}

/** Of the jobs whose workflows are to go, while Temporal is away. */
function namespaceOf(settings: Settings, env: NodeJS.ProcessEnv): string {
  return settings.remote ? readTemporalConfig(settings, env).namespace : NAMESPACE;
}

function printReport(report: CollectionReport, dryRun: boolean, going: Going): void {
  const would = dryRun ? 'would be ' : '';
  const lines: [string, string | undefined][] = [
    ['examined', blobs(report.examined)],
    ['blobs', `${report.removed} ${would}removed, ${inBytes(report.freed_bytes)}`],
    ['jobs', report.expired_jobs > 0 ? `${report.expired_jobs} ${would}expired by IMAGE_RETENTION_DAYS` : undefined],
    ['ends', report.ended_jobs > 0 ? `${report.ended_jobs} written down that nobody had read` : undefined],
    ['temporary', report.temporary_files_removed > 0 ? `${report.temporary_files_removed} files of killed processes removed` : undefined],
    ['workflows', workflows(report)],
    ['unreadable', report.unreadable > 0 ? report.unreadable_documents.join(', ') : undefined],
  ];
  for (const [name, text] of lines) if (text !== undefined) print(`${name.padEnd(12)}${text}`);
  if (!dryRun) return;
  for (const jobId of going.jobs) print(`job         ${plain(JSON.stringify(jobId))}`);
  for (const { sha256, size_bytes: size } of going.blobs) print(`blob        ${sha256} ${inBytes(size)}`);
  if (report.removed > going.blobs.length || report.expired_jobs > going.jobs.length) print('… and more');
}

function workflows({ workflows_deleted: deleted, workflows_left: left }: CollectionReport): string | undefined {
  if (deleted + left === 0) return undefined;
  return `${deleted} of deleted jobs removed from Temporal${left > 0 ? `, ${left} left` : ''}`;
}

function blobs(count: number): string {
  return `${count} ${count === 1 ? 'blob' : 'blobs'}`;
}

const PHASES: Readonly<Record<CollectionProgress['phase'], string>> = {
  jobs: 'looking at jobs',
  blobs: 'looking at blobs',
  pins: 'looking at what jobs need',
  removing: 'removing',
};

const SHOW_MS = 200;

/** On a terminal one line that changes; a log gets the result alone. */
class CollectionLine {
  readonly #line = new ChangingLine();
  #shownAt = 0;

  show({ phase, done, total }: CollectionProgress): void {
    if (!process.stderr.isTTY || Date.now() - this.#shownAt < SHOW_MS) return;
    this.#shownAt = Date.now();
    this.#line.show(`${PHASES[phase]}: ${done}${total === undefined ? '' : ` of ${total}`}`);
  }

  end(): void {
    this.#line.end();
  }
}
