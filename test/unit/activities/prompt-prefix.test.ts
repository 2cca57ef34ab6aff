import { expect, it } from '@jest/globals';
import { pictureOf } from '../../../src/activities/plan-job.js';
import type { JobInput } from '../../../src/contract/input.js';

it.each([
  ['a kite', 'verbatim: a kite'],
  ['verbatim: a kite', 'verbatim: a kite'],
])('the prefix stands once before %p', (prompt, sent) => {
  const input: JobInput = { kind: 'image_generate', prompt, frozen: { store_id: 'store', prompt_prefix: 'verbatim: ' } };
  expect(pictureOf(input).prompt).toBe(sent);
});
