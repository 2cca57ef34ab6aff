import { describe, expect, it } from '@jest/globals';
import * as z from 'zod';
import { readJobArguments, resolveProvider, sizeOf } from '../../../src/contract/arguments.js';
import { readArguments } from '../../../src/contract/lenient.js';
import { JOB_KINDS, PROVIDER_NAMES } from '../../../src/contract/names.js';

const fieldsOf = (read: { problems: { field: string }[] }): string[] => read.problems.map(({ field }) => field);

it.each(['../../steal', 'owner/..', 'owner//name', '.', '/name'])('a model that would be another path is refused: %s', (model) => {
  const { problems } = readJobArguments('image_generate', { prompt: 'a cat', model });
  expect(problems).toEqual([expect.objectContaining({ field: 'model', code: 'INVALID_ARGUMENT' })]);
});

describe('readJobArguments forgives what is merely sloppy', () => {
  it('takes null and empty text as absent', () => {
    const read = readJobArguments('image_generate', { prompt: 'a cat', size: null, model: '', seed: '  ', tags: [], api_key: '', mask_path: null });
    expect(read).toEqual({ arguments: { kind: 'image_generate', prompt: 'a cat' }, warnings: [], problems: [] });
  });

  it('reads numbers and lists that came as text', () => {
    const read = readJobArguments('image_multi_reference', {
      prompt: ' join them ',
      image_paths: '["/a.png", "/b.png", ""]',
      seed: '7',
      n: '2',
      priority: ' 1 ',
      deadline_seconds: '90.5',
      tags: 'cats',
      idempotency_key: 42,
    });
    expect(read.problems).toEqual([]);
    expect(read.arguments).toEqual({
      kind: 'image_multi_reference',
      prompt: 'join them',
      image_paths: ['/a.png', '/b.png'],
      seed: 7,
      n: 2,
      priority: 1,
      deadline_seconds: 90.5,
      tags: ['cats'],
      idempotency_key: '42',
    });
  });

  it('takes a single path as a list of one and a list of one as a single path', () => {
    expect(readJobArguments('image_batch_edit', { prompt: 'p', image_paths: '/a [1].png' }).arguments?.image_paths).toEqual(['/a [1].png']);
    expect(readJobArguments('image_edit', { prompt: 'p', image_path: ['/a.png'] }).arguments?.image_path).toBe('/a.png');
  });

  it('reads a whole argument object that came as JSON text', () => {
    expect(readJobArguments('image_generate', '{"prompt":"a cat"}').arguments).toEqual({ kind: 'image_generate', prompt: 'a cat' });
  });

  it('accepts both edges of every range', () => {
    for (const edge of [{ n: 1 }, { n: 10 }, { seed: 0 }, { seed: 4_294_967_295 }, { priority: 5 }, { size: '64x64' }, { size: '8192x8192' }]) {
      expect(readJobArguments('image_generate', { prompt: 'p', ...edge }).problems).toEqual([]);
    }
  });
});

describe('readJobArguments reports', () => {
  it('an unknown argument as a warning that names the nearest known one', () => {
    const read = readJobArguments('image_generate', { prompt: 'p', aspectRatio: '1:1', promt: 'q' });
    expect(read.arguments).toEqual({ kind: 'image_generate', prompt: 'p' });
    expect(read.warnings).toEqual([
      'unknown argument "aspectRatio" was ignored; the nearest known one is aspect_ratio',
      'unknown argument "promt" was ignored; the nearest known one is prompt',
    ]);
  });

  it('fields that only programs may set as unknown', () => {
    const read = readJobArguments('image_generate', { prompt: 'p', tenant: 'x', frozen: { store_id: 's' }, kind: 'image_edit' });
    expect(read.arguments).toEqual({ kind: 'image_generate', prompt: 'p' });
    expect(read.warnings).toHaveLength(3);
  });

  it('every problem together, each with its field, code and sentence', () => {
    const read = readJobArguments('image_edit', {
      n: 11,
      size: '10x10',
      seed: 1.5,
      basename: '../up',
      provider: 'midjourney',
      fallback: ['xai', 'nope'],
      image_paths: ['/a.png'],
    });
    expect(read.arguments).toBeUndefined();
    expect(fieldsOf(read).sort()).toEqual(
      ['basename', 'fallback[1]', 'image_path', 'image_paths', 'n', 'prompt', 'provider', 'seed', 'size'].sort(),
    );
    expect(read.problems).toContainEqual({ field: 'n', code: 'INVALID_ARGUMENT', message: 'must be at most 10, not 11' });
    expect(read.problems).toContainEqual({ field: 'prompt', code: 'INVALID_ARGUMENT', message: 'is required' });
    expect(read.problems).toContainEqual({ field: 'seed', code: 'INVALID_ARGUMENT', message: 'must be a whole number, not 1.5' });
  });

  it('one problem a field: a wrong list is not also a short one', () => {
    expect(fieldsOf(readJobArguments('image_multi_reference', { prompt: 'p', image_paths: [{}] }))).toEqual(['image_paths[0]']);
  });

  it('the wrong name under which a missing argument came', () => {
    const read = readJobArguments('image_edit', { prompt: 'p', imagePath: '/a.png' });
    expect(read.problems).toEqual([
      { field: 'image_path', code: 'INVALID_ARGUMENT', message: 'is required ("imagePath" is not an argument)' },
    ]);
  });

  it('arguments that are no object', () => {
    for (const raw of [['prompt'], 'a cat', 7, '[1]']) expect(fieldsOf(readJobArguments('image_generate', raw))).toEqual(['arguments']);
  });

  it.each(['api_key', 'apiKey', 'openai_api_key'])('a key in %s, saying where keys go and never repeating it', (name) => {
    const read = readJobArguments('image_generate', { prompt: 'p', [name]: 'sk-secret' });
    expect(fieldsOf(read)).toEqual([name]);
    expect(read.problems[0]?.message).toMatch(/env settings of the MCP client.*credentials file/);
    expect(JSON.stringify(read)).not.toContain('sk-secret');
  });

  it('a size that contradicts the aspect ratio', () => {
    expect(fieldsOf(readJobArguments('image_generate', { prompt: 'p', size: '1024x1024', aspect_ratio: '16:9' }))).toEqual(['aspect_ratio']);
    expect(readJobArguments('image_generate', { prompt: 'p', size: '1024x1024', aspect_ratio: '1:1' }).problems).toEqual([]);
  });

  it('a data: URL above 1 MiB, by its own code', () => {
    const url = (bytes: number): string => `data:image/png;base64,${Buffer.alloc(bytes).toString('base64')}`;
    expect(readJobArguments('image_edit', { prompt: 'p', image_path: url(1024 * 1024) }).problems).toEqual([]);
    expect(readJobArguments('image_edit', { prompt: 'p', image_path: url(1024 * 1024 + 1000) }).problems).toMatchObject([
      { field: 'image_path', code: 'LIMIT_EXCEEDED' },
    ]);
    expect(fieldsOf(readJobArguments('image_edit', { prompt: 'p', image_path: `/${'a'.repeat(5000)}` }))).toEqual(['image_path']);
  });

  it('too few references of each kind', () => {
    expect(fieldsOf(readJobArguments('image_multi_reference', { prompt: 'p', image_paths: ['/a.png'] }))).toEqual(['image_paths']);
    expect(fieldsOf(readJobArguments('image_batch_edit', { prompt: 'p' }))).toEqual(['image_paths']);
  });
});

describe('providers', () => {
  it('come by name, alias or model', () => {
    for (const name of PROVIDER_NAMES) expect(resolveProvider(name, undefined)).toEqual({ provider: name });
    expect(resolveProvider('GPT', undefined)).toEqual({ provider: 'openai' });
    expect(resolveProvider('grok', undefined)).toEqual({ provider: 'xai' });
    expect(resolveProvider('banana', undefined)).toEqual({ provider: 'gemini' });
    expect(resolveProvider(undefined, 'grok-2-image')).toEqual({ provider: 'xai' });
    expect(resolveProvider(undefined, 'nano-banana-pro')).toEqual({ provider: 'gemini' });
    expect(resolveProvider(undefined, 'gemini-3-pro-image')).toEqual({ provider: 'gemini' });
    expect(resolveProvider(undefined, 'gpt-image-1')).toEqual({ provider: 'openai' });
  });

  it('are the default of the caller when nothing says otherwise, and a name wins over a model', () => {
    expect(resolveProvider(undefined, undefined)).toEqual({});
    expect(resolveProvider(undefined, 'flux-2')).toEqual({});
    expect(resolveProvider('openai-images', 'gpt-image-1')).toEqual({ provider: 'openai-images' });
  });

  it('that do not exist list those that do', () => {
    for (const name of ['midjourney', 'constructor']) {
      const { problem } = resolveProvider(name, undefined);
      for (const known of [...PROVIDER_NAMES, 'gpt', 'grok', 'banana']) expect(problem?.message).toContain(known);
    }
  });

  it('reach the arguments resolved', () => {
    expect(readJobArguments('image_generate', { prompt: 'p', provider: 'gpt', fallback: ['grok', 'xai'] }).arguments).toEqual({
      kind: 'image_generate',
      prompt: 'p',
      provider: 'openai',
      fallback: ['xai'],
    });
  });
});

describe('sizeOf', () => {
  it('is the default only without an aspect ratio, for every kind', () => {
    const references = { image_generate: {}, image_edit: { image_path: '/a' }, image_batch_edit: { image_paths: ['/a'] }, image_multi_reference: { image_paths: ['/a', '/b'] } };
    for (const kind of JOB_KINDS) {
      const read = readJobArguments(kind, { prompt: 'p', size: null, ...references[kind] });
      expect(read.arguments).toBeDefined();
      expect(read.arguments).not.toHaveProperty('size');
      expect(sizeOf(read.arguments ?? {})).toBe('1024x1024');
    }
    expect(sizeOf({ aspect_ratio: '16:9' })).toBeUndefined();
    expect(sizeOf({ size: 'auto' })).toBe('auto');
  });
});

describe('readArguments', () => {
  const schema = z.object({ job_id: z.string(), until: z.enum(['all', 'any']).default('all'), sure: z.boolean().optional(), limit: z.number().max(9).optional() });

  it('leaves the job_id of a program as it is', () => {
    const ids = z.object({ job_id: z.string().optional(), job_ids: z.array(z.string()).optional() });
    expect(readArguments(ids, { job_id: ' my job ', job_ids: [' a', 'b '] }).arguments).toEqual({ job_id: ' my job ', job_ids: [' a', 'b '] });
    expect(readArguments(ids, { job_id: 7, job_ids: '[" a"]' }).arguments).toEqual({ job_id: '7', job_ids: [' a'] });
  });

  it('reads booleans and numbers as text and fills defaults', () => {
    expect(readArguments(schema, { job_id: 'x', sure: 'True', limit: '3' })).toEqual({
      arguments: { job_id: 'x', until: 'all', sure: true, limit: 3 },
      warnings: [],
      problems: [],
    });
  });

  it('reports all problems in plain words', () => {
    expect(readArguments(schema, { jobId: 'x', until: 'some', sure: 'perhaps', limit: 'many' }).problems.map((p) => `${p.field} ${p.message}`)).toEqual([
      'job_id is required ("jobId" is not an argument)',
      'until must be all or any',
      'sure must be true or false',
      'limit must be a number',
    ]);
  });
});
