import { expect } from '@jest/globals';
import sharp from 'sharp';
import { Account } from '../../../src/accounts/account.js';
import type { ProviderName } from '../../../src/contract/names.js';
import { capabilitiesOf } from '../../../src/generators/capabilities.js';
import type { AttemptIdentity, GenerationRequest, Generator, PollOutcome, ReferenceImage, SubmitOutcome } from '../../../src/generators/generator.js';
import { createHttpGenerator, type HttpTimes } from '../../../src/generators/http/http-generator.js';
import type { Protocol } from '../../../src/generators/http/protocol.js';
import type { FakeProvider } from '../../support/fakes/fake-provider.js';
import { failuresWithout, told } from './told.js';

export { told };

export const KEY = 'canary-0123456789-abcdefghij';
export const ATTEMPT: AttemptIdentity = { nonce: '0b53a9b0-5c1c-4a5e-9d3c-7a6f0a1b2c3d', jobId: 'img-0123', item: 2 };
const TIMES = { submitTimeoutSeconds: 10, syncSubmitTimeoutSeconds: 20, connectTimeoutSeconds: 3, missingPatienceSeconds: 0 };

export function generatorOf(protocol: Protocol, times: Partial<HttpTimes> = {}): Generator {
  return createHttpGenerator(protocol, { ...TIMES, ...times }, (model) => capabilitiesOf(protocol.name, model));
}

export function accountOf(provider: ProviderName, baseUrl: string, key = KEY): Account {
  return new Account({ provider, baseUrl, key }, Buffer.from('salt'));
}

export function order(picture: Partial<GenerationRequest['picture']> = {}, rest: Partial<GenerationRequest> = {}): GenerationRequest {
  return { picture: { kind: 'image_generate', prompt: 'a red fox', size: '64x64', ...picture }, references: [], ...rest };
}

/** `clear`: where the alpha is 0, as [left, top, width, height]. */
export async function reference(width: number, height: number, clear?: [number, number, number, number]): Promise<ReferenceImage> {
  const base = sharp({ create: { width, height, channels: 4, background: { r: 9, g: 9, b: 200, alpha: 1 } } });
  if (clear) {
    const [left, top, w, h] = clear;
    const hole = await sharp({ create: { width: w, height: h, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 1 } } }).png().toBuffer();
    base.composite([{ input: hole, left, top, blend: 'dest-out' }]);
  }
  return { bytes: await base.png().toBuffer(), mimeType: 'image/png', width, height };
}

/** Prepares and sends; what comes back never holds the key. */
export async function submit(generator: Generator, to: Account, request = order(), form?: string): Promise<SubmitOutcome> {
  const prepared = await generator.prepare(request, to, ATTEMPT, form);
  const outcome = await prepared.send(0);
  if (to.key !== '') expect(told(outcome)).not.toContain(to.key);
  return outcome;
}

export async function accepted(generator: Generator, to: Account, request = order()): Promise<string> {
  const outcome = await submit(generator, to, request);
  if (outcome.type !== 'accepted') throw new Error(`not accepted: ${told(outcome)}`);
  return outcome.handle;
}

/** Polls to the end, at most ten times. */
export async function finished(generator: Generator, to: Account, handle: string): Promise<PollOutcome> {
  for (let polls = 0; polls < 10; polls += 1) {
    const outcome = await generator.poll?.(handle, to);
    if (!outcome) throw new Error('it cannot be polled');
    if (to.key !== '') expect(told(outcome)).not.toContain(to.key);
    if (outcome.type !== 'running') return outcome;
  }
  throw new Error('it still runs');
}

export const notBilled = (code: string, retryable: boolean, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  type: 'not_billed',
  failure: expect.objectContaining({ code, retryable, ...more }),
});

export const ended = (code: string, billing: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  type: 'ended',
  billing,
  failure: expect.objectContaining({ code, ...more }),
});

export const failureOf = failuresWithout(KEY);

/** The body of the last submit, as the fake read it. */
export function lastBody(fake: FakeProvider): Record<string, unknown> {
  return fake.requests.findLast(({ on }) => on === 'submit')?.body ?? {};
}
