import type { ListedJob, ListOptions } from '../../client/job-api.js';
import { resolveProvider } from '../../contract/arguments.js';
import { failureOfProblems, type Problem } from '../../contract/errors.js';
import { JOB_KINDS } from '../../contract/names.js';
import { JOB_STATUSES } from '../../contract/record.js';
import { commandFor } from '../../own-command.js';
import { EXIT, print, printJson, tell } from '../output.js';
import { plain } from '../plain.js';
import { tableLines, type Column } from '../table.js';
import { age } from '../units.js';
import { withJobs } from './open.js';
import { readSince } from './since.js';

/** As they were typed. */
export interface ListFilters {
  status?: string;
  kind?: string;
  provider?: string;
  tag?: string;
  since?: string;
  limit?: string;
  cursor?: string;
}

const DEFAULT_LIMIT = 20;
const MOST = 100;

/** One page of jobs, newest first. Starts nothing. */
export async function list(env: NodeJS.ProcessEnv, filters: ListFilters, json: boolean): Promise<number> {
  const options = readFilters(filters);
  return await withJobs(env, async (jobs, settings) => {
    const { jobs: listed, nextCursor, warnings } = await jobs.list(options);
    if (json) {
      printJson({ ok: true, jobs: listed, ...(nextCursor === undefined ? {} : { next_cursor: nextCursor }), ...(warnings ? { warnings } : {}) });
      return EXIT.done;
    }
    const width = process.stdout.isTTY ? process.stdout.columns : undefined;
    for (const warning of warnings ?? []) tell(warning);
    if (listed.length === 0) tell('No jobs.');
    else for (const line of tableLines(COLUMNS, listed, width)) print(line);
    if (nextCursor !== undefined) {
      const words = Object.entries({ ...filters, cursor: nextCursor }).flatMap(([name, value]) =>
        value === undefined ? [] : [`--${name}`, value],
      );
      tell(`There are more: ${commandFor(settings, ['jobs', 'list', ...words])}`);
    }
    return EXIT.done;
  });
}

const COLUMNS: readonly Column<ListedJob>[] = [
  { name: 'JOB', text: ({ job_id }) => plain(job_id) },
  { name: 'STATUS', text: ({ status, stage }) => (status === 'running' ? (stage ?? status) : status), dropAt: 1 },
  { name: 'AGE', text: ({ age_seconds }) => age(age_seconds), dropAt: 2 },
  { name: 'KIND', text: ({ kind }) => kind?.replace(/^image_/, '') ?? '', dropAt: 5 },
  { name: 'PROVIDER', text: ({ provider }) => plain(provider ?? ''), dropAt: 4 },
  { name: 'TITLE', text: ({ title }) => plain(title ?? ''), dropAt: 3, least: 16 },
];

/** Every problem together, by the options' names. */
export function readFilters({ status, kind, provider, tag, since, limit, cursor }: ListFilters): ListOptions {
  const problems: Problem[] = [];
  const wrong = (field: string, message: string): void => void problems.push({ field, code: 'INVALID_ARGUMENT', message });
  const options: ListOptions = { limit: DEFAULT_LIMIT };
  if (status !== undefined) {
    const known = JOB_STATUSES.find((name) => name === status);
    if (known === undefined) wrong('status', `must be one of ${JOB_STATUSES.join(', ')}`);
    else options.status = known;
  }
  if (kind !== undefined) {
    const known = JOB_KINDS.find((name) => name === kind || name === `image_${kind}`);
    if (known === undefined) wrong('kind', `must be one of ${JOB_KINDS.join(', ')}`);
    else options.kind = known;
  }
  if (provider !== undefined) {
    const { provider: name, problem } = resolveProvider(provider, undefined);
    if (problem) problems.push(problem);
    if (name !== undefined) options.provider = name;
  }
  if (since !== undefined) {
    const read = readSince(since);
    if (read instanceof Date) options.since = read;
    else problems.push(read);
  }
  if (limit !== undefined) {
    const number = /^\d{1,4}$/.test(limit.trim()) ? Number(limit) : 0;
    if (number < 1 || number > MOST) wrong('limit', `must be a whole number from 1 to ${MOST}`);
    else options.limit = number;
  }
  if (tag !== undefined) options.tag = tag;
  if (cursor !== undefined) options.cursor = cursor;
  if (problems.length > 0) throw failureOfProblems(problems, 'Correct the options and call it again.');
  return options;
}
