import { validateHeaderValue } from 'node:http';
import type { Account } from '../../accounts/account.js';
import { JobFailure } from '../../contract/errors.js';
import { outageFailure, replyName } from '../failures.js';
import type { Capabilities, Generator, PollOutcome, PreparedSubmit, SubmitOutcome } from '../generator.js';
import { ask, lookUp, sendOnce, type HttpOutcome } from '../transport.js';
import { encodeBody } from './body.js';
import { Endpoint, ForeignAddress } from './endpoint.js';
import { fetchPictures, readKeptDownload, keepDownload } from './download.js';
import { cancelledWithoutWord, expiredFailure, isPassing, MISSING_PATIENCE_SECONDS, MissingRequests, oversized, unanswerable } from './poll-failures.js';
import type { Answer, Further, Protocol, Question } from './protocol.js';
import { cleanText, redact } from '../clean-text.js';
import { answerOf } from './reading.js';
import { submitOutcome } from './submit-outcome.js';

export interface HttpTimes {
  /** After which a request that starts a generation may be judged. */
  submitTimeoutSeconds: number;
  /** The same where the answer carries the picture. */
  syncSubmitTimeoutSeconds: number;
  connectTimeoutSeconds: number;
  /** How long an accepted request must be missing until that is believed; believing too early throws a paid picture away. */
  missingPatienceSeconds?: number;
}

interface Found<T> {
  answer: Answer;
  host: string;
  outcome: T | undefined;
}

/** One look at a request takes no more questions than this. */
const MAX_QUESTIONS = 50;

/**
 * A generator over HTTP from what is special about its provider. One record, one request: `send` goes through sendOnce
 * (no retry, no redirect), everything else is free questions. Nothing here knows Temporal or the store.
 */
export function createHttpGenerator(
  protocol: Protocol,
  times: HttpTimes,
  capabilities: (model: string | undefined) => Capabilities,
): Generator {
  const { connectTimeoutSeconds } = times;
  const missing = new MissingRequests(times.missingPatienceSeconds ?? MISSING_PATIENCE_SECONDS, (_handle, reply) =>
    expiredFailure(protocol.title, replyName(reply)),
  );

  const endpointOf = (given: Account | undefined): Endpoint => new Endpoint(protocol, required(protocol, given));

  const shown = (handle: string, { secrets }: Endpoint): string => cleanText(protocol.shown?.(handle) ?? handle, secrets, 120);

  const put = async (endpoint: Endpoint, question: Question): Promise<{ reply: HttpOutcome; host: string }> => {
    const { url, headers } = endpoint.locate(question.at);
    const body = question.json === undefined ? undefined : Buffer.from(JSON.stringify(question.json));
    const reply = await ask({
      method: question.method,
      url,
      headers: { ...headers, accept: 'application/json', ...(body ? { 'content-type': 'application/json' } : {}) },
      ...(body ? { body } : {}),
      connectTimeoutSeconds,
      timeoutSeconds: times.submitTimeoutSeconds,
    });
    return { reply, host: url.host };
  };

  /** Puts one question after another, until an answer says something. Undefined: an answer is too large to be read. */
  const inquire = async <T>(endpoint: Endpoint, first: Further<T>, name: string): Promise<Found<T> | undefined> => {
    let next = first;
    for (let left = MAX_QUESTIONS; ; left -= 1) {
      const { reply, host } = await put(endpoint, next.question);
      if (reply.type === 'lost' && reply.tooLarge) return undefined;
      if (reply.type !== 'reply') throw outageFailure(reply, host, name);
      const answer = answerOf(reply, endpoint.secrets);
      const outcome = next.read(answer);
      if (!isFurther(outcome)) return { answer, host, outcome };
      if (left <= 1) return { answer, host, outcome: undefined };
      next = outcome;
    }
  };

  const generator: Generator = {
    name: protocol.name,
    free: false,
    capabilities,

    async prepare(request, given, attempt, form): Promise<PreparedSubmit> {
      const account = required(protocol, given);
      const endpoint = new Endpoint(protocol, account);
      // The account's own image model before the provider's default: what it can do counts.
      const model = request.model ?? account.models.image;
      const encoded = await protocol.encode({
        request: model === undefined ? request : { ...request, model },
        capabilities: capabilities(model),
        account,
        attempt,
        form,
      });
      const givesUpAfterSeconds = encoded.synchronous ? times.syncSubmitTimeoutSeconds : times.submitTimeoutSeconds;
      const { url, headers: authorised } = endpoint.locate(encoded.path);
      const { body, contentType } = encodeBody(encoded.body);
      const headers = { ...authorised, accept: 'application/json', ...encoded.headers, 'content-type': contentType };
      refuseUnsendable(protocol, headers);
      const addresses = await lookUp(url, connectTimeoutSeconds);

      const post = async (listenSeconds: number): Promise<SubmitOutcome> => {
        try {
          const timeoutSeconds = givesUpAfterSeconds + listenSeconds;
          const outcome = await sendOnce({ method: 'POST', url, headers, body, connectTimeoutSeconds, timeoutSeconds }, addresses);
          const read = submitOutcome(protocol, outcome, { host: url.host, secrets: endpoint.secrets, form: encoded.form });
          const settled: SubmitOutcome =
            read.type === 'download' ? { type: 'accepted', handle: keepDownload(read), ...(read.cost ? { cost: read.cost } : {}) } : read;
          // A handle is written down everywhere; one that repeats the key is not taken.
          if (settled.type === 'accepted' && redact(settled.handle, endpoint.secrets) !== settled.handle) {
            return { type: 'ambiguous', reason: `${url.host} took the request and repeats the key in the name that it gives it` };
          }
          return settled;
        } catch {
          // The record stands and bytes may have left: a fault of our own must not read as "not sent".
          return { type: 'ambiguous', reason: `the reply of ${url.host} could not be understood` };
        }
      };
      let sending: Promise<SubmitOutcome> | undefined;
      return {
        ...(encoded.form === undefined ? {} : { form: encoded.form }),
        givesUpAfterSeconds,
        // A second call is answered by the first request: one record, one request.
        send: (listenSeconds) => (sending ??= post(listenSeconds)),
      };
    },

    poll: (handle, given) => look(handle, endpointOf(given)).catch(endOfForeign),
  };

  /** One look at an accepted request, or at the pictures that it named. */
  const look = async (handle: string, endpoint: Endpoint): Promise<PollOutcome> => {
    const kept = readKeptDownload(handle);
    if (kept) return fetchPictures(kept, endpoint, times, handle);
    const { poll } = protocol;
    if (!poll) throw new Error(`${protocol.name} has no questions to ask for ${handle}`);
    const name = shown(handle, endpoint);
    const question = poll.ask(handle, endpoint.account);
    const found = await inquire(endpoint, { type: 'further', question, read: (said) => poll.read(said, handle) }, name);
    if (!found) throw oversized(protocol.title, name);
    const { answer, host, outcome } = found;
    const { status } = answer.reply;
    if (outcome === 'missing' || (outcome === undefined && (status === 404 || status === 410))) return missing.look(handle, answer.reply);
    if (outcome) missing.seen(handle);
    if (outcome?.type === 'download') return fetchPictures(outcome, endpoint, times, name);
    if (outcome) return outcome;
    if (isPassing(status)) throw outageFailure(answer.reply, host, name);
    throw unanswerable(answer, name);
  };

  const { cancel, reconcile } = protocol;
  if (cancel) {
    generator.cancel = async (handle, given) => {
      if (readKeptDownload(handle)) return { billing: 'billed', message: 'The picture was finished before the cancellation, so it is billed.' };
      const endpoint = endpointOf(given);
      const question = cancel.ask(handle, endpoint.account);
      const found = await inquire(endpoint, { type: 'further', question, read: (said) => cancel.read(said) }, shown(handle, endpoint));
      if (!found) throw oversized(protocol.title, shown(handle, endpoint));
      const { answer, host, outcome } = found;
      if (outcome) return outcome;
      const { status } = answer.reply;
      if (status >= 300 && isPassing(status)) throw outageFailure(answer.reply, host, shown(handle, endpoint));
      return cancelledWithoutWord(answer.reply);
    };
  }
  if (reconcile) {
    generator.reconcile = async (attempt, given) => {
      const endpoint = endpointOf(given);
      const question = reconcile.ask(attempt, endpoint.account);
      const found = await inquire(endpoint, { type: 'further', question, read: (said) => reconcile.read(said, attempt) }, attempt.nonce);
      // What cannot be read proves nothing.
      if (!found) return undefined;
      const { answer, host, outcome } = found;
      const { status } = answer.reply;
      if (status < 200 || (status >= 300 && isPassing(status))) throw outageFailure(answer.reply, host, attempt.nonce);
      return status < 300 ? outcome : undefined;
    };
  }
  return generator;
}

/** Where nobody is asked there is no picture to come: a person can have it bought again. */
function endOfForeign(error: unknown): PollOutcome {
  if (!(error instanceof ForeignAddress)) throw error;
  return { type: 'ended', failure: error, billing: error.billing ?? 'maybe' };
}

function isFurther<T>(outcome: T | Further<T>): outcome is Further<T> {
  return typeof outcome === 'object' && outcome !== null && 'type' in outcome && outcome.type === 'further';
}

function required({ title, keyVariable, accountVariable = keyVariable }: Protocol, account: Account | undefined): Account {
  if (account) return account;
  throw new JobFailure({
    code: 'PROVIDER_NOT_CONFIGURED',
    message: `There is no account for ${title}.`,
    nextStep: `Set ${accountVariable} in the environment of the client.`,
    billing: 'none',
  });
}

function refuseUnsendable({ title, keyVariable }: Protocol, headers: Record<string, string>): void {
  try {
    for (const [name, value] of Object.entries(headers)) validateHeaderValue(name, value);
  } catch {
    throw new JobFailure({
      code: 'PROVIDER_AUTH',
      message: `The key of ${title} holds characters that cannot be sent.`,
      nextStep: `Correct ${keyVariable} in the environment of the client; it is one line without spaces.`,
      billing: 'none',
    });
  }
}

