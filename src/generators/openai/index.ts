import { validateHeaderValue } from 'node:http';
import type { Account } from '../../accounts/account.js';
import { JobFailure } from '../../contract/errors.js';
import { capabilitiesOf } from '../capabilities.js';
import { cleanText } from '../clean-text.js';
import { outageFailure, quoted, replyName } from '../failures.js';
import type { Generator, PollOutcome, PreparedSubmit, SubmitOutcome } from '../generator.js';
import { encodeRequest } from './request.js';
import { isPassing, MISSING_PATIENCE_SECONDS, MissingRequests } from '../http/poll-failures.js';
import { usableHandle } from '../http/reading.js';
import { readResponse, stateOf } from './response.js';
import { submitOutcome, type OpenAiForm } from './submit-outcome.js';
import { ask, lookUp, sendOnce, type HttpReply, type HttpRequest } from '../transport.js';

export interface OpenAiSettings {
  /** After which a background submit without a reply may be judged. */
  submitTimeoutSeconds: number;
  /** The same where the reply carries the picture. */
  syncSubmitTimeoutSeconds: number;
  connectTimeoutSeconds: number;
  /**
   * How long a 404 for an accepted request must last until it is believed. A response has been seen unreadable for up to
   * half a minute after it was created or completed, and believing too early throws a paid picture away. Default 20.
   */
  missingPatienceSeconds?: number;
}

/**
 * OpenAI's Responses API with the image_generation tool, and gateways that speak it. Background form: POST answers with
 * an id at once, the picture is polled. Synchronous form, for gateways without background mode: the reply carries it.
 * There is no way to find a lost reply again (no list endpoint), so there is no `reconcile`.
 */
export function createOpenAiGenerator(settings: OpenAiSettings): Generator {
  const { submitTimeoutSeconds, syncSubmitTimeoutSeconds, connectTimeoutSeconds, missingPatienceSeconds = MISSING_PATIENCE_SECONDS } = settings;
  /** Accounts whose gateway has refused background mode; learned again after a restart. */
  const synchronousAccounts = new Set<string>();

  const question = (account: Account, method: 'GET' | 'POST', handle: string, suffix = ''): HttpRequest => ({
    method,
    url: endpoint(account, `/responses/${encodeURIComponent(handle)}${suffix}`),
    headers: authorised(account),
    connectTimeoutSeconds,
    timeoutSeconds: submitTimeoutSeconds,
  });

  const missing = new MissingRequests(missingPatienceSeconds, (handle, reply) => {
    return new JobFailure({
      code: 'RESULT_EXPIRED',
      message: `The provider no longer has the accepted request ${handle} (${replyName(reply)}); its picture may have been paid and is lost.`,
      nextStep: 'Ask the user whether to buy it again, then call image_job_retry with acknowledge_possible_double_charge.',
      providerStatus: reply.status,
    });
  });

  return {
    name: 'openai',
    free: false,
    capabilities: (model) => capabilitiesOf('openai', model),

    async prepare(request, given, attempt, askedForm): Promise<PreparedSubmit> {
      const account = required(given);
      const form = formOf(askedForm) ?? (synchronousAccounts.has(account.id) ? 'synchronous' : 'background');
      const givesUpAfterSeconds = form === 'background' ? submitTimeoutSeconds : syncSubmitTimeoutSeconds;
      const url = endpoint(account, '/responses');
      const headers = { ...authorised(account), 'content-type': 'application/json' };
      const body = encodeRequest(request, account, attempt, form);
      const addresses = await lookUp(url, connectTimeoutSeconds);
      const sent = {
        form,
        host: url.host,
        secrets: [account.key],
        toolBackground: request.picture.background !== undefined,
      };

      const post = async (listenSeconds: number): Promise<SubmitOutcome> => {
        const timeoutSeconds = givesUpAfterSeconds + listenSeconds;
        try {
          const reply = await sendOnce({ method: 'POST', url, headers, body, connectTimeoutSeconds, timeoutSeconds }, addresses);
          const outcome = submitOutcome(reply, sent);
          if (outcome.type === 'not_billed' && outcome.nextForm !== undefined) synchronousAccounts.add(account.id);
          return outcome;
        } catch {
          // The record stands and bytes may have left: a fault of our own must not read as "not sent".
          return { type: 'ambiguous', reason: `the reply of ${url.host} could not be understood` };
        }
      };
      let sending: Promise<SubmitOutcome> | undefined;
      // A second call is answered by the first request: one record, one request.
      return { form, givesUpAfterSeconds, send: (listenSeconds) => (sending ??= post(listenSeconds)) };
    },

    async poll(handle, given): Promise<PollOutcome> {
      const account = required(given);
      const request = question(account, 'GET', known(handle));
      const reply = await ask(request);
      if (reply.type !== 'reply') throw outageFailure(reply, request.url.host, handle);
      if (reply.status === 404 || reply.status === 410) return missing.look(handle, reply);
      missing.seen(handle);
      const body = acceptable(reply, request, account, handle);
      return stateOf(body, [account.key]);
    },

    async cancel(handle, given) {
      const account = required(given);
      const request = question(account, 'POST', known(handle), '/cancel');
      const reply = await ask(request);
      if (reply.type !== 'reply') throw outageFailure(reply, request.url.host, handle);
      if (reply.status === 400 || reply.status === 404 || reply.status === 410) {
        return { billing: 'maybe', message: `The provider could not cancel the request (${replyName(reply)}); it may still bill.` };
      }
      const { status } = acceptable(reply, request, account, handle);
      return status === 'completed'
        ? { billing: 'billed', message: 'The picture was finished before the cancellation reached the provider, so it is billed.' }
        : { billing: 'maybe', message: 'The provider was told to stop; it may still bill what it had done.' };
    },
  };
}

/** The body of a 200. Throws what a free question can meet: outages (asked again), a key or a form that does not work. */
function acceptable(reply: HttpReply, request: HttpRequest, account: Account, handle: string): NonNullable<ReturnType<typeof readResponse>> {
  const { status } = reply;
  const body = status >= 200 && status < 300 ? readResponse(reply.body) : undefined;
  if (body) return body;
  if (isPassing(status)) throw outageFailure(reply, request.url.host, handle);
  const auth = status === 401 || status === 403;
  throw new JobFailure({
    code: auth ? 'PROVIDER_AUTH' : 'PROVIDER_REJECTED',
    message: `The provider does not answer for the accepted request ${handle} (${replyName(reply)})${quoted(
      cleanText(reply.body.subarray(0, 65_536).toString('utf8'), [account.key], 120),
    )}.`,
    nextStep: 'Correct the key or the base URL, then call image_job_retry: it asks for the same request and buys nothing new.',
    providerStatus: status,
    billing: 'maybe',
  });
}

function required(account: Account | undefined): Account {
  if (account) return account;
  throw new JobFailure({
    code: 'PROVIDER_NOT_CONFIGURED',
    message: 'There is no account for OpenAI.',
    nextStep: 'Set OPENAI_API_KEY (or EFLOWCODE_API_KEY with EFLOWCODE_BASE_URL) in the environment of the client.',
    billing: 'none',
  });
}

function formOf(form: string | undefined): OpenAiForm | undefined {
  if (form === undefined || form === 'background' || form === 'synchronous') return form;
  throw new Error(`openai has no request form ${form}`);
}

function known(handle: string): string {
  const usable = usableHandle(handle);
  if (usable === undefined) throw new Error('this is no handle of openai');
  return usable;
}

/** A path below the account's base URL; a query of it (an API version) stays. The host is always the account's. */
function endpoint(account: Account, path: string): URL {
  const base = URL.canParse(account.baseUrl) ? new URL(account.baseUrl) : undefined;
  if (!base || (base.protocol !== 'http:' && base.protocol !== 'https:')) {
    throw new JobFailure({
      code: 'PROVIDER_NOT_CONFIGURED',
      message: 'The base URL of OpenAI is not an http or https URL.',
      nextStep: 'Correct the base URL in the environment, for instance https://api.openai.com/v1.',
      billing: 'none',
    });
  }
  base.pathname = `${base.pathname.replace(/\/+$/, '')}${path}`;
  return base;
}

function authorised(account: Account): Record<string, string> {
  const authorization = `Bearer ${account.key}`;
  try {
    validateHeaderValue('authorization', authorization);
  } catch {
    throw new JobFailure({
      code: 'PROVIDER_AUTH',
      message: 'The key of OpenAI holds characters that cannot be sent.',
      nextStep: 'Correct the key in the environment of the client; it is one line without spaces.',
      billing: 'none',
    });
  }
  return { authorization, accept: 'application/json', 'user-agent': 'durable-image-mcp' };
}
