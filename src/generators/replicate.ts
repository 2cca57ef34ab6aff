import * as z from 'zod';
import { refusedFailure } from './failures.js';
import { endedWith, expiredFailure } from './http/poll-failures.js';
import type { Answer, Asking, Encoded, PollReading, Protocol, ProviderError } from './http/protocol.js';
import { usableHandle } from './http/reading.js';
import { inputOf } from './replicate-models.js';
import { firstPage, search, seedOf } from './replicate-reconcile.js';
import { mapSize } from './sizes.js';
import { modelPath } from './spelling.js';
import { retryAfterSeconds } from './transport.js';

/**
 * Replicate: a prediction is created, asked for and cancelled by its id; an hour later its input and output are removed. Sources:
 * Replicate's OpenAPI (copy: tryAGI/Replicate, src/libs/Replicate/openapi.yaml), replicate.com/docs topics/predictions (lifecycle,
 * rate-limits, data-retention) and reference/error-codes; recorded bodies: 429 nodetool-ai/nodetool#5196, 402 and E005 as
 * many clients quote them.
 */
const DEFAULT_MODEL = 'black-forest-labs/flux-2-pro';
const FILL_MODEL = 'black-forest-labs/flux-fill-pro';
/** What has not started by then never does and costs nothing; after that its output would be removed unseen. */
const DEADLINE = '1h';

const text = z.string().nullish().catch(undefined);
const prediction = z.looseObject({
  id: z.string(),
  status: z.string(),
  output: z.unknown().optional(),
  error: z.unknown().optional(),
  completed_at: text,
  deadline: text,
  data_removed: z.boolean().nullish().catch(undefined),
  metrics: z.record(z.string(), z.unknown()).nullish().catch(undefined),
});
const errorSchema = z.looseObject({ detail: z.string(), title: text, retry_after: z.number().nullish().catch(undefined) });

export const replicate: Protocol = {
  name: 'replicate',
  title: 'Replicate',
  keyVariable: 'REPLICATE_API_TOKEN',
  authorise: (key) => ({ authorization: `Bearer ${key}` }),
  // Output files are served to the bearer of the token.
  trusted: ['replicate.com', 'replicate.delivery'],

  encode,

  readSubmit({ json }) {
    const handle = usableHandle(prediction.safeParse(json).data?.id);
    return handle === undefined ? undefined : { type: 'accepted', handle };
  },

  readError({ reply, json, clean }): ProviderError | undefined {
    const error = errorSchema.safeParse(json).data;
    if (!error) return undefined;
    const { detail, retry_after: told } = error;
    const reason = clean(detail);
    if (reply.status === 429) return { means: 'rate', reason, retryAfterSeconds: longest(retryAfterSeconds(reply.headers), told, delayIn(detail)) };
    if (reply.status === 402) return { means: 'quota', reason };
    if (reply.status === 403) return { means: 'auth', reason };
    return { means: isRefusal(detail) ? 'refused' : 'rejected', reason };
  },

  poll: {
    ask: (handle) => ({ method: 'GET', at: `/predictions/${encodeURIComponent(handle)}` }),
    read(answer) {
      if (answer.reply.status === 404) return 'missing';
      const read = prediction.safeParse(answer.json);
      return read.success && answer.reply.status === 200 ? stateOf(read.data, answer) : undefined;
    },
  },

  cancel: {
    ask: (handle) => ({ method: 'POST', at: `/predictions/${encodeURIComponent(handle)}/cancel` }),
    read({ json }) {
      switch (prediction.safeParse(json).data?.status) {
        case 'aborted':
          return { billing: 'none', message: 'The prediction was stopped before it started; it costs nothing.' };
        case 'canceled':
          return { billing: 'maybe', message: 'The prediction was cancelled; the time that it ran is billed.' };
        case 'succeeded':
          return { billing: 'billed', message: 'The picture was finished before the cancellation, so it is billed.' };
        default:
          return undefined;
      }
    },
  },

  reconcile: { ask: firstPage, read: (answer, attempt) => search(answer, attempt, []) },
};

async function encode({ request, capabilities, attempt }: Asking): Promise<Encoded> {
  const { picture, mask } = request;
  const model = request.model ?? (mask ? FILL_MODEL : (capabilities.defaultModel ?? DEFAULT_MODEL));
  const input = await inputOf(model, request, mapSize({ size: picture.size, aspect_ratio: picture.aspect_ratio }, capabilities.sizes), seedOf(attempt.nonce));
  const [name = '', version] = model.split(':');
  const official = { path: `/models/${modelPath(name)}/predictions`, body: { json: { input } } };
  const pinned = { path: '/predictions', body: { json: { version, input } } };
  return { ...(version === undefined ? official : pinned), headers: { 'cancel-after': DEADLINE }, synchronous: false };
}

function stateOf({ status, output, error, data_removed: removed, metrics, deadline, completed_at: ended }: z.infer<typeof prediction>, { clean, reply }: Answer): PollReading {
  const reason = clean(typeof error === 'string' ? error : error && JSON.stringify(error));
  const why = reason === undefined ? '' : `: "${reason}"`;
  switch (status?.trim().toLowerCase()) {
    case 'succeeded': {
      const urls = urlsIn(output);
      if (urls.length > 0) return { type: 'download', urls, ...(metrics ? { usage: metrics } : {}) };
      if (removed) return { type: 'ended', failure: expiredFailure('Replicate', 'the output was removed'), billing: 'billed' };
      return endedWith('NO_IMAGE', 'The prediction succeeded without a picture.', 'maybe', reply.status);
    }
    case 'failed':
      if (isRefusal(reason ?? '')) return { type: 'ended', failure: refusedFailure(reason), billing: 'maybe' };
      return endedWith('PROVIDER_UNAVAILABLE', `The prediction failed${why}.`, 'maybe');
    case 'aborted':
      return endedWith('PROVIDER_TIMEOUT', `The prediction did not start within ${DEADLINE}.`, 'none');
    case 'canceled':
      if (deadline && ended && ended >= deadline) return endedWith('PROVIDER_TIMEOUT', `The prediction was not finished within ${DEADLINE}.`, 'maybe');
      return endedWith('CANCELLED', 'The prediction was cancelled at Replicate.', 'maybe');
    default:
      return { type: 'running', message: clean(status) ?? 'running' };
  }
}

/** Text, a list, or an object with addresses in it. */
function urlsIn(output: unknown): string[] {
  if (typeof output === 'string') return /^(https?:|data:image\/)/.test(output) ? [output] : [];
  return typeof output === 'object' && output !== null ? Object.values(output).flatMap(urlsIn) : [];
}

/** E005 is the code of official models; the others word it themselves. */
function isRefusal(reason: string): boolean {
  return /\bE005\b|\bnsfw\b|flagged as|sensitive content|safety (filter|system|checker)|content (policy|moderation)|moderated|prohibited/i.test(reason);
}

/** "resets in ~30s", "Expected available in 1 second." */
function delayIn(detail: string): number | undefined {
  const seconds = /\bin ~?(\d{1,5}(?:\.\d+)?) ?s(?:ec|\b)/i.exec(detail)?.[1];
  return seconds === undefined ? undefined : Number(seconds);
}

function longest(...delays: (number | null | undefined)[]): number | undefined {
  const known = delays.filter((delay) => typeof delay === 'number');
  return known.length === 0 ? undefined : Math.max(...known);
}
