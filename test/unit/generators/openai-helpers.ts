import { expect } from '@jest/globals';
import sharp from 'sharp';
import { Account, type AccountModels } from '../../../src/accounts/account.js';
import type { AttemptIdentity, GenerationRequest, Generator, ReferenceImage, SubmitOutcome } from '../../../src/generators/generator.js';
import { failuresWithout, told } from './told.js';

export { told };

export const KEY = 'sk-test-0123456789-abcdefghij';
export const SETTINGS = { submitTimeoutSeconds: 10, syncSubmitTimeoutSeconds: 20, connectTimeoutSeconds: 3, missingPatienceSeconds: 0 };
export const ATTEMPT: AttemptIdentity = { nonce: 'nonce-1', jobId: 'img-0123', item: 2 };

export function account(baseUrl: string, models: AccountModels = {}, key = KEY): Account {
  return new Account({ provider: 'openai', baseUrl, key, models }, Buffer.from('salt'));
}

export function order(picture: Partial<GenerationRequest['picture']> = {}, rest: Partial<GenerationRequest> = {}): GenerationRequest {
  return { picture: { kind: 'image_generate', prompt: 'a red fox', size: '64x48', ...picture }, references: [], ...rest };
}

export async function reference(width: number, height: number, alpha = 1): Promise<ReferenceImage> {
  const bytes = await sharp({ create: { width, height, channels: 4, background: { r: 9, g: 9, b: 200, alpha } } }).png().toBuffer();
  return { bytes, mimeType: 'image/png', width, height };
}

/** Prepares and sends; what comes back never holds the key. */
export async function submit(
  generator: Generator,
  to: Account,
  request: GenerationRequest = order(),
  form?: string,
): Promise<SubmitOutcome> {
  const prepared = await generator.prepare(request, to, ATTEMPT, form);
  const outcome = await prepared.send(0);
  expect(told(outcome)).not.toContain(to.key);
  return outcome;
}

export const failureOf = failuresWithout(KEY);
