import { distance } from 'fastest-levenshtein';
import * as z from 'zod';
import type { Problem } from './errors.js';

/**
 * Reading arguments that a model wrote. The schema says what is right; this file forgives what is merely sloppy:
 * null and "" mean absent, numbers, booleans and lists may come as text, one text may stand for a list of one.
 */

export interface Read<T> {
  /** There when nothing is wrong. */
  arguments?: T;
  /** One sentence each: what was ignored. */
  warnings: string[];
  problems: Problem[];
}

/** A raw argument object after the forgiving step and before the schema. */
export interface Forgiven {
  values: Record<string, unknown>;
  /** Names that the schema does not know, each with the nearest that it does. */
  unknown: { name: string; nearest: string | undefined }[];
  problems: Problem[];
}

const MOST_WARNINGS = 10;

export type ObjectSchema = z.ZodObject<z.core.$ZodShape>;

export const NOT_AN_OBJECT: Problem = {
  field: 'arguments',
  code: 'INVALID_ARGUMENT',
  message: 'must be an object of named arguments',
};

/** Reads raw arguments against an object schema: every problem together, unknown arguments as warnings. */
export function readArguments<S extends ObjectSchema>(schema: S, raw: unknown): Read<z.output<S>> {
  const forgiven = forgive(schema, raw);
  if (forgiven === undefined) return { warnings: [], problems: [NOT_AN_OBJECT] };
  const { values, unknown, problems } = forgiven;
  const parsed = schema.safeParse(values);
  if (!parsed.success) problems.push(...problemsOf(parsed.error, values));
  const warnings = unknownWarnings(unknown);
  if (problems.length > 0 || !parsed.success) return { warnings, problems: withHints(problems, values, unknown) };
  return { arguments: parsed.data, warnings, problems };
}

/** Turns what the caller sent into what the schema's fields expect, where the meaning is plain; undefined when it is no object. */
export function forgive(schema: ObjectSchema, raw: unknown): Forgiven | undefined {
  const given = argumentObject(raw);
  if (given === undefined) return undefined;
  const forgiven: Forgiven = { values: {}, unknown: [], problems: [] };
  const known = Object.keys(schema.shape);
  for (const [name, value] of Object.entries(given)) {
    if (isAbsent(value)) continue;
    const field = Object.hasOwn(schema.shape, name) ? schema.shape[name] : undefined;
    if (field !== undefined) {
      const read = coerce(field, value, VERBATIM.has(name));
      if (!isAbsent(read)) forgiven.values[name] = read;
    } else if (plain(name).endsWith('apikey')) {
      forgiven.problems.push({
        field: name.slice(0, 60),
        code: 'INVALID_ARGUMENT',
        message:
          "keys are never arguments: set the provider's variable (such as OPENAI_API_KEY) in the env settings of the MCP client, or put it into the credentials file",
      });
    } else {
      forgiven.unknown.push({ name: name.slice(0, 60), nearest: nearest(name, known) });
    }
  }
  return forgiven;
}

/** The candidate that is nearest in spelling, ignoring case and separators. */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  return nearestFew(name, candidates, 1)[0];
}

/** The few candidates that are nearest in spelling, best first. */
export function nearestFew(name: string, candidates: readonly string[], most: number): string[] {
  const wanted = plain(name.slice(0, 200));
  return candidates
    .map((candidate) => ({ candidate, far: distance(wanted, plain(candidate)) }))
    .sort((a, b) => a.far - b.far)
    .slice(0, most)
    .map(({ candidate }) => candidate);
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
}

/** One warning an unknown argument. */
export function unknownWarnings(unknown: Forgiven['unknown']): string[] {
  const warnings = unknown
    .slice(0, MOST_WARNINGS)
    .map(({ name, nearest: known }) =>
      known === undefined
        ? `unknown argument ${JSON.stringify(name)} was ignored; this tool takes none`
        : `unknown argument ${JSON.stringify(name)} was ignored; the nearest known one is ${known}`,
    );
  if (unknown.length > MOST_WARNINGS) warnings.push(`${unknown.length - MOST_WARNINGS} more unknown arguments were ignored`);
  return warnings;
}

/** A missing argument that came under a wrong name says so. */
export function withHints(problems: Problem[], values: Record<string, unknown>, unknown: Forgiven['unknown']): Problem[] {
  return problems.map((problem) => {
    const typo = unknown.find(({ nearest: known }) => known === problem.field);
    if (typo === undefined || values[problem.field] !== undefined) return problem;
    return { ...problem, message: `${problem.message} (${JSON.stringify(typo.name)} is not an argument)` };
  });
}

/** The issues of a schema as problems: the first of each field, in plain words. */
export function problemsOf(error: z.ZodError, values: Record<string, unknown>): Problem[] {
  const problems = new Map<string, Problem>();
  for (const issue of error.issues) {
    const field = fieldName(issue.path);
    if (problems.has(field)) continue;
    problems.set(field, { field, code: 'INVALID_ARGUMENT', message: inWords(issue, at(values, issue.path)) });
  }
  return [...problems.values()];
}

function fieldName(path: readonly PropertyKey[]): string {
  const [first, ...rest] = path;
  return String(first ?? 'arguments') + rest.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
}

function at(values: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, key) => (isObject(value) || Array.isArray(value) ? Reflect.get(value, key) : undefined), values);
}

const TYPE_WORDS: Record<string, string> = {
  int: 'a whole number',
  number: 'a number',
  string: 'a text',
  boolean: 'true or false',
  array: 'a list',
};

/** Zod's own sentences speak of types; those that a schema wrote itself are kept. */
function inWords(issue: z.core.$ZodIssue, value: unknown): string {
  if (!/^(Too (big|small)|Invalid (input|option))/.test(issue.message)) return issue.message;
  const sent = typeof value === 'number' ? `, not ${value}` : '';
  switch (issue.code) {
    case 'invalid_type':
      return value === undefined ? 'is required' : `must be ${TYPE_WORDS[issue.expected] ?? issue.expected}${sent}`;
    case 'too_big':
      return `must be at most ${issue.maximum}${unit(issue.origin)}${sent}`;
    case 'too_small':
      return `must be ${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}${unit(issue.origin)}${sent}`;
    case 'invalid_value':
      return `must be ${issue.values.map(String).join(' or ')}`;
    default:
      return issue.message;
  }
}

function unit(origin: string): string {
  if (origin === 'string') return ' characters';
  return origin === 'array' ? ' entries' : '';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The arguments as an object; undefined when they are none. */
export function argumentObject(raw: unknown): Record<string, unknown> | undefined {
  if (isAbsent(raw)) return {};
  if (isObject(raw)) return raw;
  const parsed = typeof raw === 'string' ? jsonOf(raw) : undefined;
  return isObject(parsed) ? parsed : undefined;
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null || (typeof value === 'string' && value.trim() === '');
}

function jsonOf(text: string): unknown {
  try {
    const parsed: unknown = JSON.parse(text);
    return parsed;
  } catch {
    return undefined;
  }
}

const NUMBER = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i;
const BOOLEANS = new Map([
  ['true', true],
  ['1', true],
  ['yes', true],
  ['false', false],
  ['0', false],
  ['no', false],
]);

/** A program may have chosen an ID that begins or ends with a space: what is trimmed there names another job. */
const VERBATIM: ReadonlySet<string> = new Set(['job_id', 'job_ids']);

/** The value in the type of the field where that is plain; else as it came, for the schema to refuse. */
function coerce(field: z.core.$ZodType, value: unknown, verbatim: boolean): unknown {
  if (field instanceof z.ZodOptional || field instanceof z.ZodNullable || field instanceof z.ZodDefault) {
    return coerce(field.unwrap(), value, verbatim);
  }
  if (field instanceof z.ZodArray) return coerceList(field.element, value, verbatim);
  const single: unknown = Array.isArray(value) && value.length === 1 ? value[0] : value;
  if (field instanceof z.ZodNumber) {
    return typeof single === 'string' && NUMBER.test(single.trim()) ? Number(single) : single;
  }
  if (field instanceof z.ZodBoolean) return BOOLEANS.get(String(single).trim().toLowerCase()) ?? single;
  if (typeof single === 'number' || typeof single === 'boolean') return String(single);
  return typeof single === 'string' && !verbatim ? single.trim() : single;
}

function coerceList(element: z.core.$ZodType, value: unknown, verbatim: boolean): unknown {
  const parsed = typeof value === 'string' && value.trim().startsWith('[') ? jsonOf(value) : value;
  const list: unknown[] = Array.isArray(parsed) ? parsed : [value];
  const kept = list.filter((entry) => !isAbsent(entry)).map((entry) => coerce(element, entry, verbatim));
  return kept.length === 0 ? undefined : kept;
}
