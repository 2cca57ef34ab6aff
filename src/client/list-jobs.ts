import { join } from 'node:path';
import * as z from 'zod';
import type { Manifest, Manifests } from '../blobs/manifests.js';
import { resolveProvider } from '../contract/arguments.js';
import { failureOfProblems, JobFailure } from '../contract/errors.js';
import { exportName } from '../images/export-image.js';
import { exportFolder, type FolderContext } from './export-folder.js';
import { promptOf } from './job-facts.js';
import type { ListedJob, ListOptions, ListResult } from './job-api.js';
import { ageOf, type Seen } from './job-reader.js';
import { Witness, type Asked } from './list-witness.js';
import { titleOf } from './start-workflow.js';

export interface ListContext {
  manifests: Manifests;
  folders: FolderContext;
  temporal: Asked;
}

interface Place {
  jobId: string;
  createdAt: string;
}

/** A job of which it is not yet known whether it belongs to the page. */
interface Candidate extends Place {
  /** Absent for one that a program has just started: its first activity writes it. */
  manifest?: Manifest;
  /** What one look told, where one was needed. */
  seen?: Seen;
}

/** Clocks of a store and of its clients may differ by this much. */
const CLOCK_DIFFERENCE_MS = 60_000;

/**
 * The manifests are the list, the latest first; Temporal tells which of their jobs run, and adds those that programs started
 * and no worker has seen yet. Reads as few manifests as the page needs. Deleted jobs are listed only when they are asked for.
 */
export async function listJobs(asked: ListOptions, context: ListContext): Promise<ListResult> {
  const options = checked(asked);
  const { limit } = options;
  const after = options.cursor === undefined ? undefined : readCursor(options.cursor);
  const witness = await Witness.ask(context.temporal);
  const index = await context.manifests.index();
  const page: Candidate[] = [];
  const offer = async (candidate: Candidate): Promise<void> => {
    if (after !== undefined && !isOlder(candidate, after)) return;
    const last = page[limit];
    if (last !== undefined && !isOlder(last, candidate)) return;
    const taken = await matching(candidate, options, witness);
    if (taken === undefined) return;
    page.push(taken);
    page.sort((a, b) => (isOlder(a, b) ? 1 : -1));
    page.length = Math.min(page.length, limit + 1);
  };

  for (const [jobId, createdAt] of witness.running) if (!index.has(jobId)) await offer({ jobId, createdAt });
  for await (const { manifest, changedAt } of index.newestFirst()) {
    const last = page[limit];
    // Whatever comes now was last changed, so also created, before the last one of this page.
    if (last !== undefined && changedAt.getTime() + CLOCK_DIFFERENCE_MS < Date.parse(last.createdAt)) break;
    await offer({ jobId: manifest.job_id, createdAt: manifest.created_at, manifest });
  }

  const shown = page.slice(0, limit);
  const jobs = await inTurns(shown, (candidate) => rowOf(candidate, witness, context.folders));
  const last = shown.at(-1);
  const { warnings } = witness;
  return {
    jobs,
    ...(page.length > limit && last ? { nextCursor: cursorOf(last) } : {}),
    ...(warnings.length > 0 ? { warnings } : {}),
  };
}

/** A provider may be named by its alias. */
function checked(options: ListOptions): ListOptions {
  const { provider, problem } = resolveProvider(options.provider, undefined);
  if (problem) throw failureOfProblems([problem], 'Name a provider that exists, or leave it out.');
  return { ...options, ...(provider ? { provider } : {}) };
}

/** By their start, and where that is the same by their ID. */
function isOlder(a: Place, b: Place): boolean {
  const [x, y] = [Date.parse(a.createdAt), Date.parse(b.createdAt)];
  return x === y ? a.jobId < b.jobId : x < y;
}

const cursorSchema = z.tuple([z.iso.datetime(), z.string()]);

function cursorOf({ createdAt, jobId }: Place): string {
  return Buffer.from(JSON.stringify([createdAt, jobId])).toString('base64url');
}

function readCursor(cursor: string): Place {
  try {
    const [createdAt, jobId] = cursorSchema.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')));
    return { createdAt, jobId };
  } catch {
    const problem = { field: 'cursor', code: 'INVALID_ARGUMENT' as const, message: 'is none that a list has answered' };
    throw failureOfProblems([problem], 'Give the next_cursor of the page before, unchanged, or leave it out.');
  }
}

/** The candidate, with what was learned of it, when every filter lets it through. */
async function matching(
  candidate: Candidate,
  { since, status, kind, provider, tag }: ListOptions,
  witness: Witness,
): Promise<Candidate | undefined> {
  const { jobId, createdAt, manifest } = candidate;
  if (since !== undefined && Date.parse(createdAt) < since.getTime()) return undefined;
  if (manifest?.state === 'deleted' && (status !== 'expired' || kind !== undefined || provider !== undefined || tag !== undefined)) return undefined;
  if (manifest && kind !== undefined && manifest.input.kind !== kind) return undefined;
  if (manifest && tag !== undefined && !manifest.input.tags?.includes(tag)) return undefined;

  const seen = needsLook(manifest, witness.running.has(jobId)) ? await witness.look(jobId) : undefined;
  const known = seen?.record ?? manifest?.record;
  if (known?.status === 'unknown') return undefined;
  if (kind !== undefined && !manifest && known?.kind !== kind) return undefined;
  if (tag !== undefined && !manifest && !known?.tags?.includes(tag)) return undefined;
  if (provider !== undefined && (known?.provider ?? manifest?.input.provider) !== provider) return undefined;
  if (status !== undefined && statusOf({ ...candidate, seen }) !== status) return undefined;
  return seen ? { ...candidate, seen } : candidate;
}

/** Where manifest and Temporal agree nothing needs to be asked. */
function needsLook(manifest: Manifest | undefined, runs: boolean): boolean {
  if (manifest === undefined) return true;
  return manifest.state === 'accepted' ? !runs : manifest.state === 'ended' && runs;
}

function statusOf({ manifest, seen }: { manifest?: Manifest; seen: Seen | undefined }): ListedJob['status'] {
  if (seen) return seen.record.status;
  if (manifest?.state === 'deleted') return 'expired';
  return (manifest?.state === 'ended' && manifest.record?.status) || 'running';
}

async function rowOf(candidate: Candidate, witness: Witness, folders: FolderContext): Promise<ListedJob> {
  const { jobId, createdAt, manifest } = candidate;
  // The stage of a running job is nowhere but in Temporal.
  const seen = candidate.seen ?? (manifest?.state === 'accepted' ? await witness.look(jobId) : undefined);
  const record = seen?.record ?? (manifest?.state === 'ended' ? manifest.record : undefined);
  const prompt = manifest?.state === 'deleted' ? undefined : (manifest?.input.prompt ?? promptOf(seen?.input));
  const kind = record?.kind ?? (manifest?.state === 'deleted' ? undefined : manifest?.input.kind);
  const provider = record?.provider ?? manifest?.input.provider;
  const path = record && (await pathOf(record, manifest, folders));
  return {
    job_id: jobId,
    ...(prompt === undefined ? {} : { title: titleOf({ prompt }) }),
    ...(kind === undefined ? {} : { kind }),
    ...(provider === undefined ? {} : { provider }),
    status: statusOf({ ...candidate, seen }),
    ...(record?.stage === undefined ? {} : { stage: record.stage }),
    created_at: createdAt,
    age_seconds: ageOf({ created_at: createdAt }),
    ...(path === undefined ? {} : { path }),
    ...(record?.cost === undefined ? {} : { cost: record.cost }),
  };
}

/** Where the first picture lies by the job's own input; a list touches no file. */
async function pathOf({ result, job_id: jobId }: Seen['record'], manifest: Manifest | undefined, folders: FolderContext): Promise<string | undefined> {
  const first = result?.saved[0];
  if (!first || !manifest) return undefined;
  try {
    return join(await exportFolder(jobId, manifest.input, folders), exportName(jobId, manifest.input.basename, first));
  } catch (error) {
    // A program named a folder that is not allowed here: its pictures have no path.
    if (error instanceof JobFailure) return undefined;
    throw error;
  }
}

const AT_ONCE = 10;

async function inTurns<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let start = 0; start < items.length; start += AT_ONCE) {
    results.push(...(await Promise.all(items.slice(start, start + AT_ONCE).map(work))));
  }
  return results;
}
