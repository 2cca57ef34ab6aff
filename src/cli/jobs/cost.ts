import type { JobApi, ListedJob } from '../../client/job-api.js';
import { failureOfProblems } from '../../contract/errors.js';
import { EXIT, print, printJson, tell } from '../output.js';
import { plain } from '../plain.js';
import { tableLines, type Column } from '../table.js';
import { amountOf } from '../units.js';
import { withJobs } from './open.js';
import { readSince } from './since.js';

const PAGE = 100;

export interface CostLine {
  currency: string;
  provider: string;
  amount: number;
  jobs: number;
}

export interface Costs {
  /** By currency, then by provider. */
  costs: CostLine[];
  totals: Omit<CostLine, 'provider'>[];
  /** All that were looked at. */
  jobs: number;
  /** Of those: nobody knows what they cost. */
  unknown: number;
}

/** Adds up what jobs cost, as far as that is known. */
export async function cost(env: NodeJS.ProcessEnv, since: string | undefined, json: boolean): Promise<number> {
  const from = since === undefined ? undefined : readSince(since);
  if (from !== undefined && !(from instanceof Date)) throw failureOfProblems([from], 'Correct it, or leave it out for all jobs.');
  return await withJobs(env, async (jobs) => {
    const sums = sumOf(await everyJob(jobs, from));
    if (json) {
      printJson({
        ok: true,
        ...(from === undefined ? {} : { since: from.toISOString() }),
        jobs: sums.jobs,
        costs: sums.costs,
        totals: sums.totals,
        jobs_without_known_cost: sums.unknown,
      });
      return EXIT.done;
    }
    if (sums.costs.length > 0) for (const line of tableLines(COLUMNS, rowsOf(sums), undefined)) print(line);
    const of = `${sums.jobs} ${sums.jobs === 1 ? 'job' : 'jobs'}`;
    if (sums.jobs === 0) tell('No jobs.');
    else if (sums.unknown > 0) tell(`Of ${of}, ${sums.unknown} ${sums.unknown === 1 ? 'has' : 'have'} no known cost: not ended, failed, or of a provider whose prices are not known.`);
    else tell(`The cost of all ${of} is known.`);
    return EXIT.done;
  });
}

async function everyJob(jobs: JobApi, since: Date | undefined): Promise<ListedJob[]> {
  const all: ListedJob[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await jobs.list({ limit: PAGE, ...(since ? { since } : {}), ...(cursor === undefined ? {} : { cursor }) });
    all.push(...page.jobs);
    if (page.nextCursor === undefined) return all;
    cursor = page.nextCursor;
  }
}

export function sumOf(jobs: readonly ListedJob[]): Costs {
  const lines = new Map<string, CostLine>();
  const totals = new Map<string, Omit<CostLine, 'provider'>>();
  let unknown = 0;
  for (const job of jobs) {
    if (!job.cost) {
      unknown += 1;
      continue;
    }
    const { amount, currency } = job.cost;
    const provider = job.provider ?? 'unknown';
    const key = JSON.stringify([currency, provider]);
    const line = lines.get(key) ?? { currency, provider, amount: 0, jobs: 0 };
    const total = totals.get(currency) ?? { currency, amount: 0, jobs: 0 };
    lines.set(key, { ...line, amount: exact(line.amount + amount), jobs: line.jobs + 1 });
    totals.set(currency, { ...total, amount: exact(total.amount + amount), jobs: total.jobs + 1 });
  }
  const costs = [...lines.values()].toSorted((a, b) => compare(a.currency, b.currency) || compare(a.provider, b.provider));
  return { costs, totals: [...totals.values()].toSorted((a, b) => compare(a.currency, b.currency)), jobs: jobs.length, unknown };
}

/** Tenths of cents add up to binary fractions; below a millionth there is no price. */
function exact(amount: number): number {
  return Math.round(amount * 1e6) / 1e6;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function rowsOf({ costs, totals }: Costs): CostLine[] {
  return totals.flatMap((total) => {
    const own = costs.filter(({ currency }) => currency === total.currency);
    return own.length > 1 ? [...own, { ...total, provider: 'together' }] : own;
  });
}

const COLUMNS: readonly Column<CostLine>[] = [
  { name: 'PROVIDER', text: ({ provider }) => plain(provider) },
  { name: 'COST', text: ({ amount, currency }) => plain(`${amountOf(amount)} ${currency}`) },
  { name: 'JOBS', text: ({ jobs }) => String(jobs) },
];
