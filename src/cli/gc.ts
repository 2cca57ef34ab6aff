import { collectGarbage, collectionReport } from '../blobs/garbage-collection.js';
import { Manifests } from '../blobs/manifests.js';
import { openBlobStore } from '../blobs/open-store.js';
import { jobRuns } from '../client/job-runs.js';
import { localTemporal, remoteTemporal, type Connected, type Temporal } from '../client/temporal.js';
import { readSettings, type Settings } from '../config.js';
import type { CollectionProgress, CollectionReport } from '../contract/collection.js';
import { LocalStack } from '../local/stack-client.js';
import { NAMESPACE } from '../local/temporal-server.js';
import { createLogger } from '../log.js';
import { readTemporalConfig } from '../temporal-config.js';
import { VERSION } from '../version.js';
import { EXIT, print, printJson, tell } from './output.js';

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
 * Collects the store in this process, also beside running workers and while the stack is down; starts nothing. Exit code 1
 * when a document cannot be read, for then no blob could be removed.
 */
export async function gc(env: NodeJS.ProcessEnv, { json, dryRun }: GcOptions): Promise<number> {
  const settings = readSettings(env);
  const temporal = temporalOf(settings, env);
  const progress = progressLine();
  try {
    const store = await openBlobStore(settings.blobStore);
    const manifests = new Manifests(store);
    const connected = await temporal.connectIfRunning().catch(() => undefined);
    // While Temporal runs and does not answer us, nobody here can see which jobs run again.
    const mayExpire = connected !== undefined || (await temporal.stackState())?.state === 'stopped';
    const runs = connected && jobRuns(connected.client, manifests, connected.address);
    const going: Going = { blobs: [], jobs: [] };
    const collected = await collectGarbage({
      store,
      manifests,
      retention: {
        namespace: namespaceOf(settings, env, connected),
        days: mayExpire ? settings.IMAGE_RETENTION_DAYS : undefined,
        runs,
      },
      dryRun,
      onProgress: (now) => progress.show(now),
      onExpired: (jobId) => going.jobs.length < NAMED && going.jobs.push(jobId),
      onRemoved: ({ sha256, sizeBytes }) => going.blobs.length < NAMED && going.blobs.push({ sha256, size_bytes: sizeBytes }),
    });
    progress.end();
    const report = collectionReport(collected);
    const ok = report.unreadable === 0;
    if (json) printJson({ ok, dry_run: dryRun, store: settings.blobStore, ...report, ...(dryRun ? { would_remove: going } : {}) });
    else printReport(report, dryRun, going);
    if (!mayExpire && settings.IMAGE_RETENTION_DAYS !== undefined) tell('Temporal does not answer, so no job expired.');
    if (!connected && report.workflows_left > 0) tell('Temporal does not answer; a later collection deletes these workflows there.');
    if (!ok) tell('What the unreadable documents need is unknown, so no blob was removed. Restore them from a backup, then run gc again.');
    return ok ? EXIT.done : EXIT.failed;
  } finally {
    progress.end();
    await temporal.close();
  }
}

function temporalOf(settings: Settings, env: NodeJS.ProcessEnv): Temporal {
  if (settings.remote) return remoteTemporal(settings, env);
  return localTemporal(new LocalStack({ settings, env, version: VERSION, logger: createLogger(settings.IMAGE_LOG_LEVEL, 'gc') }));
}

/** Of the jobs that may expire, also when Temporal is away. */
function namespaceOf(settings: Settings, env: NodeJS.ProcessEnv, connected: Connected | undefined): string {
  if (connected) return connected.namespace;
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
  for (const jobId of going.jobs) print(`job         ${JSON.stringify(jobId)}`);
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

function inBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

const PHASES: Readonly<Record<CollectionProgress['phase'], string>> = {
  jobs: 'looking at jobs',
  blobs: 'looking at blobs',
  pins: 'looking at what jobs need',
  removing: 'removing',
};

const SHOW_MS = 200;

/** On a terminal one line that changes; a log gets the result alone. */
function progressLine(): { show(progress: CollectionProgress): void; end(): void } {
  let shownAt = 0;
  return {
    show({ phase, done, total }) {
      if (!process.stderr.isTTY || Date.now() - shownAt < SHOW_MS) return;
      shownAt = Date.now();
      process.stderr.write(`\r\u001b[K${PHASES[phase]}: ${done}${total === undefined ? '' : ` of ${total}`}`);
    },
    end() {
      if (shownAt > 0) process.stderr.write('\r\u001b[K');
      shownAt = 0;
    },
  };
}
