import type { JobRecord, JobResult, SavedImage } from '../contract/record.js';

/**
 * The record as a model reads it. Every byte is paid for with each call, so what says nothing is left out and free text
 * gives way when an answer grows beyond its budget; image_job_status and the resource have the whole of it.
 */

export interface Presentation {
  /** brief: start, wait, cancel. full: image_job_status. whole: the resource, without a budget. */
  view: 'brief' | 'full' | 'whole';
  /** image_job_status and image_job_wait: a job that still runs is not `ok`, as pollers expect. */
  polled: boolean;
  /** The pictures also at top level, where callers of the tools that wait look for them: `saved` (`n_references`), for a batch `results`. */
  atTopLevel?: boolean;
  /** What the tool adds to the record. */
  extra?: Record<string, unknown>;
  warnings?: readonly string[];
}

/** Bytes of the text block, with job IDs and folders of our own making. */
export const BUDGET = {
  brief: { running: 400, completed: 1000 },
  full: { running: 800, completed: 1400 },
  /** What each image after the first may add; in a batch its entry, and for the tools that wait that at top level too. */
  furtherImage: 420,
  furtherEntry: 200,
  /** What each input of a batch that has an error instead may add to a list. */
  failedEntry: 400,
} as const;

const SHORTEST_MESSAGE = 24;
/** "tell the user to do what image_job_status says" is never cut. */
const SHORTEST_NEXT_STEP = 48;
/** "PREVIEW, no image model is configured" is never cut. */
const SHORTEST_PREVIEW = 40;

/** Whether an answer about this job is `ok`: see the contract. */
export function isOk(record: Pick<JobRecord, 'status'>, polled: boolean): boolean {
  return record.status === 'completed' || (record.status === 'running' && !polled);
}

export function presentJob(record: JobRecord, presentation: Presentation): Record<string, unknown> {
  const { view, polled, extra, warnings = [], atTopLevel = false } = presentation;
  const running = record.status === 'running';
  const full = view !== 'brief';
  const draft: Record<string, unknown> = {
    ok: isOk(record, polled),
    job_id: record.job_id,
    kind: record.kind,
    status: record.status,
    stage: running ? record.stage : undefined,
    done: record.done,
    provider: record.provider,
    age_seconds: record.age_seconds === undefined ? undefined : Math.round(record.age_seconds * 10) / 10,
    message: record.message,
    next_step: nextStep(record),
    poll_after_seconds: pollAfter(record),
    progress: running && (record.progress?.total ?? 0) > 1 ? record.progress : undefined,
    attempt: (record.attempt ?? 1) > 1 ? record.attempt : undefined,
    warnings: [...(record.warnings ?? []), ...warnings],
    deduplicated: record.deduplicated === true ? true : undefined,
    // "none" says something only where a bill could be feared.
    billing: record.billing === 'none' && (running || record.status === 'completed') ? undefined : record.billing,
    cost: record.cost,
    result: record.result && presentResult(record.result, full),
    error: record.error,
    ...(full && {
      created_at: record.created_at,
      updated_at: record.updated_at,
      tags: record.tags,
      model: record.model,
      temporal: record.temporal,
    }),
    ...(atTopLevel && record.result && topLevel(record.result)),
    ...extra,
  };
  const said = withoutEmpty(draft);
  return view === 'whole' ? said : fit(said, budgetOf(record, view, atTopLevel));
}

/** Fields that are null, empty or absent are left out, at every depth. */
export function withoutEmpty(record: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(record)
      .map(([name, value]): [string, unknown] => [name, isPlainObject(value) ? withoutEmpty(value) : value])
      .filter(([, value]) => !isEmpty(value)),
  );
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  if (Array.isArray(value)) return value.length === 0;
  return isPlainObject(value) && Object.keys(value).length === 0;
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function presentResult(result: JobResult, full: boolean): Record<string, unknown> {
  return {
    saved: result.saved,
    generative: result.generative === false ? false : undefined,
    n_references: result.n_references,
    results: full ? result.results : result.results?.map((entry) => namedOnly(entry, NAMES)),
    notes: result.notes,
    usage: full ? result.usage : undefined,
  };
}

/** A job in a progress message. */
export function inOneLine(record: JobRecord): string {
  const progress = (record.progress?.total ?? 0) > 1 ? `, ${record.progress?.completed} of ${record.progress?.total}` : '';
  return `${record.job_id}: ${record.stage ?? record.status}${progress}`;
}

/** The pictures in as many words as those callers read. */
function topLevel({ saved, results, n_references }: JobResult): Record<string, unknown> {
  if (results === undefined) return { saved: saved.map(inShort), n_references };
  return { results: results.map((item) => withoutEmpty({ ...item, saved: item.saved?.map(inShort) })) };
}

function inShort({ path, size_bytes, actual_size, actual_megapixels }: SavedImage): Record<string, unknown> {
  return withoutEmpty({ path, size_bytes, actual_size, actual_megapixels });
}

function nextStep(record: JobRecord): string | undefined {
  if (record.next_step !== undefined || record.status !== 'running') return record.next_step;
  const waits = record.stage === 'waiting_for_worker' || record.stage === 'waiting_for_key';
  return waits ? 'call image_job_wait, never resubmit' : 'call image_job_wait with this job_id, never resubmit';
}

/** Short at first, when most jobs end; a job that waits for a person or a worker is not worth asking often. */
function pollAfter(record: JobRecord): number | undefined {
  if (record.poll_after_seconds !== undefined || record.status !== 'running') return record.poll_after_seconds;
  if (record.stage === 'waiting_for_worker' || record.stage === 'waiting_for_key') return 15;
  return (record.age_seconds ?? 0) < 60 ? 5 : 10;
}

function budgetOf(record: JobRecord, view: 'brief' | 'full', atTopLevel: boolean): number {
  if (record.status === 'running') return BUDGET[view].running;
  if (record.status !== 'completed') return Number.POSITIVE_INFINITY;
  const { saved = [], results = [] } = record.result ?? {};
  const lists = (results.length > 0 ? 1 : 0) + (atTopLevel ? 1 : 0);
  const further = BUDGET.furtherImage + lists * BUDGET.furtherEntry;
  const failed = results.filter((item) => item.error !== undefined).length * BUDGET.failedEntry * lists;
  return BUDGET[view].completed + Math.max(0, saved.length - 1) * further + failed;
}

/** What gives way, in this order: the provider's notes, its usage numbers, warnings, the message, two numbers of little use, the end of what to do next. */
function fit(record: Record<string, unknown>, budget: number): Record<string, unknown> {
  let fitted = record;
  const excess = (): number => bytes(fitted) - budget;
  for (const field of ['notes', 'usage']) {
    if (excess() > 0 && isPlainObject(fitted['result'])) {
      fitted = { ...fitted, result: without(fitted['result'], field) };
    }
  }
  const result: unknown = fitted['result'];
  for (const names of [NAMES, ['uri']]) {
    if (excess() > 0 && isPlainObject(result) && Array.isArray(result['results'])) {
      fitted = { ...fitted, result: { ...result, results: result['results'].map((entry) => namedOnly(entry, names)) } };
    }
  }
  const warnings: unknown = fitted['warnings'];
  if (excess() > 0 && Array.isArray(warnings)) {
    fitted = { ...fitted, warnings: warnings.map((warning) => cut(String(warning), 120)) };
  }
  const message: unknown = fitted['message'];
  if (excess() > 0 && typeof message === 'string') {
    const least = message.startsWith('PREVIEW') ? SHORTEST_PREVIEW : SHORTEST_MESSAGE;
    const most = Math.max(least, message.length - excess() - 3);
    fitted = { ...fitted, message: cut(message, most) };
  }
  for (let kept: unknown = fitted['warnings']; excess() > 0 && Array.isArray(kept) && kept.length > 1; kept = fitted['warnings']) {
    fitted = { ...fitted, warnings: kept.slice(0, -1) };
  }
  for (const field of ['attempt', 'age_seconds']) {
    if (excess() > 0) fitted = without(fitted, field);
  }
  const next: unknown = fitted['next_step'];
  if (excess() > 0 && typeof next === 'string') {
    fitted = { ...fitted, next_step: cut(next, Math.max(SHORTEST_NEXT_STEP, next.length - excess() - 3)) };
  }
  return fitted;
}

const NAMES = ['path', 'uri'];

/** A picture of a batch stands whole under `saved`; its entry names it. */
function namedOnly(entry: unknown, names: readonly string[]): unknown {
  if (!isPlainObject(entry) || !Array.isArray(entry['saved'])) return entry;
  const named = (saved: unknown): unknown =>
    isPlainObject(saved) ? Object.fromEntries(names.flatMap((name) => (name in saved ? [[name, saved[name]]] : []))) : saved;
  return { ...entry, saved: entry['saved'].map(named) };
}

function without(record: Record<string, unknown>, field: string): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).filter(([name]) => name !== field));
}

/** At most so many characters, never half of a surrogate pair. */
export function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}

export function bytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}
