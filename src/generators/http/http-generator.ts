import { validateHeaderValue } from 'node:http';
import type { Account } from '../../accounts/account.js';
import { JobFailure } from '../../contract/errors.js';
import { outageFailure } from '../failures.js';
import type { Capabilities, Generator, PollOutcome, PreparedSubmit, SubmitOutcome } from '../generator.js';
import { ask, lookUp, sendOnce, type HttpRequest } from '../transport.js';
import { encodeBody } from './body.js';
import { Endpoint } from './endpoint.js';
import { fetchPictures, readKeptDownload, keepDownload } from './download.js';
import { cancelledWithoutWord, MissingRequests, unanswerable } from './poll-failures.js';
import type { Answer, Protocol, Question } from './protocol.js';
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
  const missing = new MissingRequests(protocol.title, times.missingPatienceSeconds ?? 20);

  const endpointOf = (given: Account | undefined): Endpoint => new Endpoint(protocol, required(protocol, given));

  const put = async (endpoint: Endpoint, question: Question, handle: string): Promise<{ answer: Answer; request: HttpRequest }> => {
    const { url, headers } = endpoint.locate(question.at);
    const body = question.json === undefined ? undefined : Buffer.from(JSON.stringify(question.json));
    const request: HttpRequest = {
      method: question.method,
      url,
      headers: { ...headers, accept: 'application/json', ...(body ? { 'content-type': 'application/json' } : {}) },
      ...(body ? { body } : {}),
      connectTimeoutSeconds,
      timeoutSeconds: times.submitTimeoutSeconds,
    };
    const reply = await ask(request);
    if (reply.type !== 'reply') throw outageFailure(reply, url.host, handle);
    return { answer: answerOf(reply, endpoint.secrets), request };
  };

  const generator: Generator = {
    name: protocol.name,
    free: false,
    capabilities,

    async prepare(request, given, attempt, form): Promise<PreparedSubmit> {
      const account = required(protocol, given);
      const endpoint = new Endpoint(protocol, account);
      const encoded = await protocol.encode({ request, capabilities: capabilities(request.model), account, attempt, form, patienceSeconds: times.submitTimeoutSeconds });
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
          const read = submitOutcome(protocol, outcome, { host: url.host, secrets: endpoint.secrets, model: request.model });
          return read.type === 'download' ? { type: 'accepted', handle: keepDownload(read), ...(read.cost ? { cost: read.cost } : {}) } : read;
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

    async poll(handle, given): Promise<PollOutcome> {
      const endpoint = endpointOf(given);
      const kept = readKeptDownload(handle);
      if (kept) return fetchPictures(kept, endpoint, times, handle);
      if (!protocol.poll) throw new Error(`${protocol.name} has no questions to ask for ${handle}`);
      const { answer, request } = await put(endpoint, protocol.poll.ask(handle, endpoint.account), handle);
      const outcome = protocol.poll.read(answer, handle);
      const { status } = answer.reply;
      if (outcome === 'missing' || (outcome === undefined && (status === 404 || status === 410))) return missing.look(handle, answer.reply);
      if (outcome) missing.seen(handle);
      if (outcome?.type === 'download') return fetchPictures(outcome, endpoint, times, handle);
      if (outcome) return outcome;
      if (isPassing(status)) throw outageFailure(answer.reply, request.url.host, handle);
      throw unanswerable(answer, handle);
    },
  };

  const { cancel, reconcile } = protocol;
  if (cancel) {
    generator.cancel = async (handle, given) => {
      if (readKeptDownload(handle)) return { billing: 'billed', message: 'The picture was finished before the cancellation, so it is billed.' };
      const endpoint = endpointOf(given);
      const { answer, request } = await put(endpoint, cancel.ask(handle, endpoint.account), handle);
      const said = cancel.read(answer);
      if (said) return said;
      const { status } = answer.reply;
      if (status >= 300 && isPassing(status)) throw outageFailure(answer.reply, request.url.host, handle);
      return cancelledWithoutWord(answer.reply);
    };
  }
  if (reconcile) {
    generator.reconcile = async (attempt, given) => {
      const endpoint = endpointOf(given);
      const { answer, request } = await put(endpoint, reconcile.ask(attempt, endpoint.account), attempt.nonce);
      const { status } = answer.reply;
      if (status >= 200 && status < 300) return reconcile.read(answer, attempt);
      if (isPassing(status)) throw outageFailure(answer.reply, request.url.host, attempt.nonce);
      return undefined;
    };
  }
  return generator;
}

/** An answer to a free question that is worth asking again: an outage, or something between that answered instead. */
function isPassing(status: number): boolean {
  return status < 400 || status >= 500 || status === 408 || status === 409 || status === 425 || status === 429;
}

function required({ title, keyVariable }: Protocol, account: Account | undefined): Account {
  if (account) return account;
  throw new JobFailure({
    code: 'PROVIDER_NOT_CONFIGURED',
    message: `There is no account for ${title}.`,
    nextStep: `Set ${keyVariable} in the environment of the client.`,
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

