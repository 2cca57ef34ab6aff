import * as z from 'zod';
import type { Problem } from './errors.js';
import { DEFAULT_SIZE, LIMITS, crossFieldProblems, jobFields, pictureFields } from './input.js';
import { NOT_AN_OBJECT, forgive, problemsOf, unknownWarnings, withHints, type Read } from './lenient.js';
import type { JobKind, ProviderName } from './names.js';
import { resolveProvider } from './provider-names.js';

export { resolveProvider };

/** The one validation of the job tools' arguments, for every door: MCP, command line and programs of this package. */

/** Base64 of the largest `data:` URL, and its head. */
const DATA_URL_CHARACTERS = Math.ceil(LIMITS.dataUrlBytes / 3) * 4 + 200;

const reference = z
  .string()
  .min(1)
  .refine((value) => value.startsWith('data:') || value.length <= 4096, { message: 'must be at most 4096 characters' });

const schema = z.object({
  ...pictureFields,
  image_path: reference.optional(),
  image_paths: z.array(reference).min(1).max(100).optional(),
  mask_path: reference.optional(),
  ...jobFields,
});

/** Made once: a schema costs more than what it parses. */
const someFields = schema.partial();

/** Arguments of a job tool as checked, before defaults and settings; references as they were written. */
export interface JobArguments extends Omit<z.infer<typeof schema>, 'provider' | 'fallback'> {
  kind: JobKind;
  provider?: ProviderName;
  fallback?: ProviderName[];
}

/**
 * Reads the raw arguments of a job tool. Reports every problem together; unknown arguments are warnings.
 * Applies no default (see `sizeOf`), so that the request digest does not change with one.
 */
export function readJobArguments(kind: JobKind, raw: unknown): Read<JobArguments> {
  const forgiven = forgive(schema, raw);
  if (forgiven === undefined) return { warnings: [], problems: [NOT_AN_OBJECT] };
  const { values, unknown, problems } = forgiven;
  const parsed = schema.safeParse(values);
  if (!parsed.success) problems.push(...problemsOf(parsed.error, values));

  // The rules between fields look at those that are right by themselves, so that all problems come at once.
  const wrong = new Set(problems.map((problem) => problem.field.replace(/\[.*$/, '')));
  const sound = someFields.parse(Object.fromEntries(Object.entries(values).filter(([name]) => !wrong.has(name))));
  for (const { field, message } of crossFieldProblems({ kind, ...sound })) {
    if (!wrong.has(field)) problems.push({ field, code: 'INVALID_ARGUMENT', message });
  }
  problems.push(...dataUrlProblems(sound));

  const main = resolveProvider(sound.provider, sound.model);
  const others = (sound.fallback ?? []).map((name, index) => resolveProvider(name, undefined, `fallback[${index}]`));
  problems.push(...[main, ...others].flatMap(({ problem }) => problem ?? []));

  const warnings = unknownWarnings(unknown);
  if (problems.length > 0 || !parsed.success) return { warnings, problems: withHints(problems, values, unknown) };
  const { provider: _named, fallback: _names, ...rest } = parsed.data;
  const fallback = [...new Set(others.flatMap(({ provider }) => provider ?? []))];
  const read: JobArguments = { kind, ...rest };
  if (main.provider !== undefined) read.provider = main.provider;
  if (fallback.length > 0) read.fallback = fallback;
  return { arguments: read, warnings, problems };
}

/** The size to ask for: the default only when neither a size nor an aspect ratio was given. */
export function sizeOf(given: { size?: string | undefined; aspect_ratio?: string | undefined }): string | undefined {
  return given.size ?? (given.aspect_ratio === undefined ? DEFAULT_SIZE : undefined);
}

function dataUrlProblems(given: Partial<z.infer<typeof schema>>): Problem[] {
  const references: [string, string | undefined][] = [
    ['image_path', given.image_path],
    ...(given.image_paths ?? []).map((path, index): [string, string] => [`image_paths[${index}]`, path]),
    ['mask_path', given.mask_path],
  ];
  return references
    .filter(([, path]) => path?.startsWith('data:') && path.length > DATA_URL_CHARACTERS)
    .map(([field]) => ({
      field,
      code: 'LIMIT_EXCEEDED',
      message: 'a data: URL holds at most 1 MiB; give a file path or an https:// URL instead',
    }));
}
