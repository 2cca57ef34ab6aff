import type { ErrorCode } from '../../../src/contract/errors.js';
import type { JobKind } from '../../../src/contract/names.js';
import type { HostileCase } from '../case.js';
import type { GuardId } from '../guards/index.js';

/** Arguments that are too many, too long or of another shape than they should be. */

interface Row {
  id: string;
  what: string;
  guard: GuardId;
  args: unknown;
  kind?: JobKind;
  code?: ErrorCode;
}

const ROWS: readonly Row[] = [
  { id: 'no-object', what: 'a text in place of arguments', guard: 'named-arguments', args: 'draw /etc/passwd' },
  { id: 'list', what: 'a list in place of arguments', guard: 'named-arguments', args: ['draw'] },
  { id: 'prototype', what: 'a prototype that brings the prompt', guard: 'own-fields', args: JSON.parse('{"prompt":"","__proto__":{"prompt":"from elsewhere"}}') },
  { id: 'key', what: 'a key', guard: 'no-keys', args: { api_key: 'sk-canary' } },
  { id: 'key-otherwise-spelt', what: 'a key under another name', guard: 'no-keys', args: { 'OPENAI-Api-Key': 'sk-canary' } },
  { id: 'blob-of-a-call', what: 'a blob by its digest, which only programs may name', guard: 'reference-is-text', kind: 'image_edit', args: { image_path: { sha256: '0'.repeat(64) } } },
  { id: 'long-url', what: 'a URL of 5,000 characters', guard: 'reference-length', kind: 'image_edit', args: { image_path: `https://example.com/${'x'.repeat(5000)}` } },
  { id: 'many-references', what: 'eleven references', guard: 'most-references', kind: 'image_multi_reference', args: { image_paths: Array.from({ length: 11 }, () => 'cat.png') }, code: 'LIMIT_EXCEEDED' },
  { id: 'reference-to-generate', what: 'a reference where none belongs', guard: 'fields-belong', args: { image_path: 'cat.png' } },
  { id: 'mask-to-generate', what: 'a mask where none belongs', guard: 'fields-belong', args: { mask_path: 'cat.png' } },
  { id: 'references-to-edit', what: 'a list of references where one belongs', guard: 'fields-belong', kind: 'image_edit', args: { image_path: 'cat.png', image_paths: ['cat.png'] } },
  { id: 'lonely-reference', what: 'one reference where two belong', guard: 'fields-belong', kind: 'image_multi_reference', args: { image_paths: ['cat.png'] } },
  { id: 'batch-times-ten', what: 'ten pictures of each input of a batch', guard: 'fields-belong', kind: 'image_batch_edit', args: { image_paths: ['cat.png'], n: 10 } },
  { id: 'two-shapes', what: 'a size that contradicts its ratio', guard: 'fields-belong', args: { size: '1024x1024', aspect_ratio: '16:9' } },
  { id: 'large-batch', what: 'a batch of eleven', guard: 'fields-belong', kind: 'image_batch_edit', args: { image_paths: Array.from({ length: 11 }, () => 'cat.png') } },
  { id: 'long-prompt', what: 'a prompt of 32,001 characters', guard: 'prompt-length', args: { prompt: 'x'.repeat(32_001) } },
  { id: 'vast-picture', what: 'a picture of 65535x65535', guard: 'picture-edges', args: { size: '65535x65535' } },
  { id: 'tiny-picture', what: 'a picture of 1x1', guard: 'picture-edges', args: { size: '1x1' } },
  { id: 'many-pictures', what: 'a million pictures', guard: 'picture-count', args: { n: 1_000_000 } },
  { id: 'lines-in-a-word', what: 'lines in the name of a model', guard: 'plain-words', args: { model: 'm\r\nauthorization: x' } },
  { id: 'many-tags', what: 'a thousand tags', guard: 'few-tags', args: { tags: Array.from({ length: 1000 }, (_, index) => `tag ${index}`) } },
  { id: 'long-key', what: 'an idempotency_key of 10,000 characters', guard: 'key-length', args: { idempotency_key: 'k'.repeat(10_000) } },
  { id: 'far-deadline', what: 'a deadline in a hundred years', guard: 'deadline-length', args: { deadline_seconds: 3_155_760_000 } },
];

export const ARGUMENT_CASES: readonly HostileCase<GuardId>[] = ROWS.map(({ id, what, guard, args, kind = 'image_generate', code = 'INVALID_ARGUMENT' }) => ({
  id: `arguments-${id}`,
  what,
  where: 'arguments',
  guard,
  make: () => ({ door: 'call', kind, args }),
  code,
}));
