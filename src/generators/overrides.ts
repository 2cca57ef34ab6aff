import { readFileSync, statSync, type Stats } from 'node:fs';
import * as z from 'zod';
import { failureOfProblems, JobFailure } from '../contract/errors.js';
import { JOB_KINDS, PROVIDER_NAMES, type ProviderName } from '../contract/names.js';
import type { Capabilities } from './generator.js';

/**
 * IMAGE_PROVIDERS_FILE: what a person knows better than this version, as JSON. By provider, and in `models` by model
 * (`*` at the end of a name stands for the rest):
 *
 *     {"fal": {"models": {"fal-ai/new-model": {"max_references": 6, "price": {"currency": "USD", "per_image": 0.04, "source": "fal.ai"}}}}}
 *
 * Made only for a file that is there: every process reads the settings, and few have one.
 */
function schemaOfFile() {
  const word = z.string().min(1).max(100);
  const price = z.strictObject({
    currency: z.string().regex(/^[A-Z]{3}$/, 'must be three capital letters, as in USD'),
    source: word,
    per_image: z.number().min(0).optional(),
    per_million: z.record(z.string(), z.number().min(0)).optional(),
  });
  const sizes = z.union([
    z.strictObject({ by: z.literal('any') }),
    z.strictObject({ by: z.literal('list'), sizes: z.array(word).min(1) }),
    z.strictObject({
      by: z.literal('pixels'),
      step: z.int().min(1),
      min_edge: z.int().min(1),
      max_edge: z.int().min(1),
      min_pixels: z.int().min(1).optional(),
      max_pixels: z.int().min(1),
      max_ratio: z.number().min(1).optional(),
    }),
    z.strictObject({
      by: z.literal('ratio'),
      ratios: z.array(word).min(1),
      resolutions: z.array(z.strictObject({ name: word, pixels: z.int().min(1) })).optional(),
    }),
  ]);
  const fields = {
    kinds: z.array(z.enum(JOB_KINDS)).optional(),
    max_references: z.int().min(0).optional(),
    max_reference_edge: z.int().min(64).optional(),
    mask: z.boolean().optional(),
    seed: z.boolean().optional(),
    quality: z.boolean().optional(),
    background: z.boolean().optional(),
    interactions: z.boolean().optional(),
    formats: z.array(word).min(1).optional(),
    sizes: sizes.optional(),
    default_model: word.optional(),
    result_life_seconds: z.number().positive().optional(),
    price: price.optional(),
  };
  const row = z.strictObject(fields);
  const providerRow = z.strictObject({ ...fields, models: z.record(z.string(), row).optional() });
  return z.partialRecord(z.enum(PROVIDER_NAMES), providerRow);
}

type Row = Omit<NonNullable<z.infer<ReturnType<typeof schemaOfFile>>[ProviderName]>, 'models'>;

export interface ProviderOverride {
  general: Partial<Capabilities>;
  models: readonly { match: string; special: Partial<Capabilities> }[];
}
export type Overrides = Partial<Record<ProviderName, ProviderOverride>>;

/** @throws JobFailure INVALID_ARGUMENT that names every problem of the file. */
export function readOverrides(path: string): Overrides {
  const parsed = schemaOfFile().safeParse(jsonOf(path));
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path: at, message }) => ({ field: ['IMAGE_PROVIDERS_FILE', ...at].join('.'), code: 'INVALID_ARGUMENT' as const, message }));
    throw failureOfProblems(problems, 'Correct the file, and start again; docs/providers.md describes it.');
  }
  const overrides: Overrides = {};
  for (const name of PROVIDER_NAMES) {
    const given = parsed.data[name];
    if (!given) continue;
    const { models = {}, ...general } = given;
    overrides[name] = { general: capabilitiesIn(general), models: Object.entries(models).map(([match, special]) => ({ match, special: capabilitiesIn(special) })) };
  }
  return overrides;
}

/** A device or a pipe has no end. */
const MOST_BYTES = 1024 * 1024;

function jsonOf(path: string): unknown {
  const refused = (why: string): JobFailure =>
    new JobFailure({
      code: 'INVALID_ARGUMENT',
      message: `IMAGE_PROVIDERS_FILE ${path} cannot be read${why}.`,
      nextStep: 'Correct the file or the setting, and start again.',
    });
  const file = lookedAt(path);
  if (!file) throw refused(': it is not there, or may not be read');
  if (!file.isFile()) throw refused(': it is no ordinary file');
  if (file.size > MOST_BYTES) throw refused(`: it has more than ${MOST_BYTES} bytes`);
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw refused(error instanceof SyntaxError ? ': it is not JSON' : '');
  }
}

function lookedAt(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

function capabilitiesIn(given: Row): Partial<Capabilities> {
  const all: Partial<Capabilities> = {
    kinds: given.kinds,
    maxReferences: given.max_references,
    maxReferenceEdge: given.max_reference_edge,
    mask: given.mask,
    seed: given.seed,
    quality: given.quality,
    background: given.background,
    interactions: given.interactions,
    formats: given.formats,
    sizes: given.sizes && sizeRule(given.sizes),
    defaultModel: given.default_model,
    resultLifeSeconds: given.result_life_seconds,
    price: given.price && { currency: given.price.currency, source: given.price.source, perImage: given.price.per_image, perMillion: given.price.per_million },
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

function sizeRule(given: NonNullable<Row['sizes']>): Capabilities['sizes'] {
  if (given.by !== 'pixels') return given;
  const { by, step, min_edge: minEdge, max_edge: maxEdge, min_pixels: minPixels, max_pixels: maxPixels, max_ratio: maxRatio } = given;
  return { by, step, minEdge, maxEdge, maxPixels, ...(minPixels === undefined ? {} : { minPixels }), ...(maxRatio === undefined ? {} : { maxRatio }) };
}
