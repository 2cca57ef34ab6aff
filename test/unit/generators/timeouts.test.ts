import { pbkdf2 } from 'node:crypto';
import net from 'node:net';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from '@jest/globals';
import { bfl } from '../../../src/generators/bfl.js';
import { capabilitiesOf } from '../../../src/generators/capabilities.js';
import type { Generator } from '../../../src/generators/generator.js';
import { createHttpGenerator } from '../../../src/generators/http/http-generator.js';
import { createOpenAiGenerator } from '../../../src/generators/openai/index.js';
import { ask, lookUp, sendOnce, type HttpRequest } from '../../../src/generators/transport.js';
import { accountOf, ATTEMPT, failureOf, notBilled, order, submit } from './provider-helpers.js';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** Accepts connections, takes what comes and never says a word. */
async function silent(): Promise<number> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).resume();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

const SHORT = { submitTimeoutSeconds: 0.3, syncSubmitTimeoutSeconds: 0.3, connectTimeoutSeconds: 0.3 };
const GENERATORS: [string, Generator][] = [
  ['openai', createOpenAiGenerator(SHORT)],
  ['bfl', createHttpGenerator(bfl, SHORT, (model) => capabilitiesOf('bfl', model))],
];

describe('no answer in time', () => {
  it.each(GENERATORS)('before anything was sent to %s is PROVIDER_TIMEOUT, free and tried again', async (name, generator) => {
    const account = accountOf(generator.name, `https://127.0.0.1:${await silent()}/v1`);
    expect({ name, outcome: await submit(generator, account) }).toEqual({ name, outcome: notBilled('PROVIDER_TIMEOUT', true, { billing: 'none' }) });
  });

  it.each(GENERATORS)('to the question for a picture of %s is PROVIDER_TIMEOUT, asked again', async (_name, generator) => {
    const account = accountOf(generator.name, `http://127.0.0.1:${await silent()}/v1`);
    expect(await failureOf(generator.poll?.('resp_1', account))).toMatchObject({ code: 'PROVIDER_TIMEOUT', retryable: true, billing: 'maybe' });
  });

  it.each(GENERATORS)('after the request to %s has left is no time-out: it may be billed', async (_name, generator) => {
    const account = accountOf(generator.name, `http://127.0.0.1:${await silent()}/v1`);
    expect(await submit(generator, account)).toMatchObject({ type: 'ambiguous', reason: expect.stringContaining('no complete reply') });
  });

  it('to the look-up of a name is PROVIDER_TIMEOUT, before a record exists', async () => {
    // Names are looked up by the threads that do this.
    const busy = Array.from({ length: 8 }, () => promisify(pbkdf2)('x', 'y', 400_000, 64, 'sha512'));
    const failure = await failureOf(lookUp(new URL('https://nothing.invalid/v1'), 0.01));
    await Promise.all(busy);
    expect(failure).toMatchObject({ code: 'PROVIDER_TIMEOUT', retryable: true, billing: 'none' });
    expect(await failureOf(lookUp(new URL('https://nothing.invalid/v1'), 5))).toMatchObject({ code: 'PROVIDER_UNAVAILABLE' });
    const [, generator] = GENERATORS[0] ?? [];
    expect(await failureOf(generator?.prepare(order(), accountOf('openai', 'https://nothing.invalid/v1'), ATTEMPT, undefined))).toMatchObject({ retryable: true });
  });

  it('is told apart from what refuses or breaks', async () => {
    const port = await silent();
    const request = (scheme: string, at: number): HttpRequest => ({
      method: 'GET',
      url: new URL(`${scheme}://127.0.0.1:${at}/`),
      headers: {},
      connectTimeoutSeconds: 0.3,
      timeoutSeconds: 0.6,
    });
    const addresses = [{ address: '127.0.0.1', family: 4 }];
    expect(await sendOnce(request('https', port), addresses)).toMatchObject({ type: 'not_sent', phase: 'tls', timedOut: true });
    expect(await sendOnce(request('http', port), addresses)).toMatchObject({ type: 'lost', timedOut: true });
    expect(await ask(request('https', port))).toMatchObject({ type: 'lost', timedOut: true });
    for (const outcome of [await sendOnce(request('http', 1), addresses), await ask(request('http', 1))]) expect(outcome).not.toHaveProperty('timedOut');
  });
});
