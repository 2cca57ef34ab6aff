import { openBlobStore } from '../blobs/open-store.js';
import { CALL_PATIENCE } from '../blobs/patience.js';
import { readSettings, type Settings } from '../config.js';
import { failureOfProblems, type Problem } from '../contract/errors.js';
import { PROVIDER_NAMES, type ProviderName } from '../contract/names.js';
import { resolveProvider } from '../contract/provider-names.js';
import { reachTemporal } from '../doctor/reach-temporal.js';
import { changeLimits, forgetLimits, limitsOf, readLimits, type LimitsChange, type LimitsDocument } from '../shaping/limits.js';
import { liftPauses, pausesOf } from '../shaping/pauses.js';
import { backlogOf, setQueueRate } from '../shaping/queue-rate.js';
import { stackOf } from './jobs/open.js';
import { EXIT, print, printJson, tell } from './output.js';
import { tableLines, type Column } from './table.js';

/** As they were typed. */
export interface LimitsOptions {
  concurrency?: string;
  requestsPerMinute?: string;
  reset?: boolean;
}

interface Line {
  provider: ProviderName;
  concurrency: number;
  requests_per_minute?: number | undefined;
  /** Whether the command set them; else they are the settings'. */
  set: boolean;
  /** Jobs that wait for their turn; absent while Temporal is away. */
  waiting?: number | undefined;
  /** The provider asked to wait until then. */
  paused_until?: string | undefined;
}

/**
 * Shows the limits of every provider, or changes those of one for all workers at once, without a restart. They stand in
 * the store and, the rate, in Temporal; while the local stack is down the worker takes them over at its start.
 */
export async function limits(env: NodeJS.ProcessEnv, name: string | undefined, options: LimitsOptions, json: boolean): Promise<number> {
  const settings = readSettings(env);
  const { provider, change } = readChange(name, options);
  const store = await openBlobStore(settings.blobStore, CALL_PATIENCE);
  const stack = settings.remote ? undefined : await stackOf(settings, env).state();
  const { seen, close } = await reachTemporal(settings, env, stack);
  try {
    const client = seen.state === 'answers' ? seen.client : undefined;
    if (provider !== undefined && (change || options.reset)) {
      if (options.reset) await Promise.all([forgetLimits(store, provider), liftPauses(store, provider)]);
      else if (change) await changeLimits(store, provider, change);
      const { requestsPerMinute } = limitsOf(provider, settings, await readLimits(store, provider));
      if (client && !(await setQueueRate(client, provider, requestsPerMinute))) {
        tell('This Temporal cannot limit the rate of a queue: the workers keep it only with IMAGE_STRICT_RATE=1.');
      }
    }
    const lines = await Promise.all(
      (provider === undefined ? PROVIDER_NAMES : [provider]).map(async (one): Promise<Line> => {
        const [document, waiting, paused] = await Promise.all([readLimits(store, one), client ? backlogOf(client, one) : undefined, pausesOf(store, one)]);
        return { ...lineOf(one, settings, document, waiting), ...(paused ? { paused_until: paused.toISOString() } : {}) };
      }),
    );
    if (json) printJson({ ok: true, limits: lines });
    else for (const line of tableLines(COLUMNS, lines, undefined)) print(line);
    if (seen.state !== 'answers') tell('Temporal does not answer now; the workers take the limits over when they run.');
    return EXIT.done;
  } finally {
    await close();
  }
}

function lineOf(provider: ProviderName, settings: Settings, document: LimitsDocument | undefined, waiting: number | undefined): Line {
  const { concurrency, requestsPerMinute } = limitsOf(provider, settings, document);
  return { provider, concurrency, requests_per_minute: requestsPerMinute, set: document !== undefined, waiting };
}

/** Every problem together. */
function readChange(name: string | undefined, options: LimitsOptions): { provider?: ProviderName; change?: LimitsChange } {
  const problems: Problem[] = [];
  const wrong = (field: string, message: string): void => void problems.push({ field, code: 'INVALID_ARGUMENT', message });
  const change: LimitsChange = {};
  const read = name === undefined ? undefined : resolveProvider(name, undefined, 'provider');
  if (read?.problem) problems.push(read.problem);
  const { concurrency, requestsPerMinute: rate, reset } = options;
  if (concurrency !== undefined) {
    const number = Number(concurrency);
    if (!Number.isInteger(number) || number < 1 || number > 10_000) wrong('concurrency', 'must be a whole number from 1 to 10000');
    else change.concurrency = number;
  }
  if (rate !== undefined) {
    const number = rate === 'none' ? null : Number(rate);
    if (number !== null && !(number > 0 && number <= 1e6)) wrong('requests-per-minute', 'must be a number above 0, or none');
    else change.requests_per_minute = number;
  }
  const changes = concurrency !== undefined || rate !== undefined;
  if (reset && changes) wrong('reset', 'goes back to the settings; give it alone');
  if (name === undefined && (changes || reset)) wrong('provider', 'is required to change a limit');
  if (problems.length > 0) throw failureOfProblems(problems, 'Correct the options and call it again.');
  return { ...(read?.provider === undefined ? {} : { provider: read.provider }), ...(changes ? { change } : {}) };
}

const COLUMNS: readonly Column<Line>[] = [
  { name: 'PROVIDER', text: ({ provider }) => provider },
  { name: 'CONCURRENCY', text: ({ concurrency }) => `${concurrency} a worker` },
  { name: 'RATE', text: ({ requests_per_minute: rate }) => (rate === undefined ? 'no limit' : `${rate} a minute`) },
  { name: 'FROM', text: ({ set }) => (set ? 'limits' : 'settings') },
  { name: 'WAITING', text: ({ waiting }) => (waiting === undefined ? '' : String(waiting)) },
  { name: 'PAUSED UNTIL', text: ({ paused_until: until }) => until ?? '' },
];
