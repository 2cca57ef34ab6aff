import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import * as z from 'zod';

/**
 * OpenAI's official OpenAPI description (openai/openai-openapi, openapi.json, MIT). It is three megabytes of somebody
 * else's, so it is not in this repository: OPENAI_OPENAPI_FILE names it, else it lies in the folder `shared` beside it.
 * An extract with the same layout will do.
 */
const PLACES = [process.env['OPENAI_OPENAPI_FILE'], fileURLToPath(new URL('../../../shared/openapi/openai.json', import.meta.url))];

export function officialDescription(): Description | undefined {
  const path = PLACES.find((place) => place !== undefined && place !== '' && existsSync(place));
  return path === undefined ? undefined : descriptionSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
}

const objectSchema = z.record(z.string(), z.unknown());
const descriptionSchema = z.looseObject({ components: z.looseObject({ schemas: z.record(z.string(), objectSchema) }) });
export type Description = z.infer<typeof descriptionSchema>;

export type Check = (value: unknown) => string[];

/**
 * A check of one schema and all that it refers to; [] is "valid". `closed`: schemas that may have no field beside those
 * that they name. The description leaves that open, and a field that is one letter off would pass.
 */
export function checkOf(description: Description, name: string, closed: readonly string[] = [name]): Check {
  const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
  const validate = ajv.compile({ $ref: `#/$defs/${name}`, $defs: definitions(description, name, closed) });
  return (value) => (validate(value) ? [] : (validate.errors ?? []).map(told));
}

function told({ instancePath, message, params }: ErrorObject): string {
  const { unevaluatedProperty } = z.looseObject({ unevaluatedProperty: z.string().optional() }).parse(params);
  return `${instancePath} ${message}${unevaluatedProperty === undefined ? '' : `: ${unevaluatedProperty}`}`;
}

const REFERENCE = '#/components/schemas/';

function definitions(description: Description, name: string, closed: readonly string[]): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  const open = [name];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (next in found) continue;
    const schema = description.components.schemas[next];
    if (schema === undefined) throw new Error(`the description has no schema ${next}`);
    const normal = objectSchema.parse(normalised(schema, (reference) => open.push(reference)));
    found[next] = closed.includes(next) ? { ...normal, unevaluatedProperties: false } : normal;
  }
  return found;
}

/**
 * References into $defs, and what does not work in the description: `nullable`, which OpenAPI 3.1 does not have, becomes a
 * type of its own; a `oneOf` whose alternatives overlap (a message of a user is two of them) an `anyOf`; the recursion of
 * filters for file search, which we never send, is left open.
 */
function normalised(node: unknown, seen: (name: string) => void): unknown {
  if (Array.isArray(node)) return node.map((item) => normalised(item, seen));
  const read = objectSchema.safeParse(node);
  if (!read.success) return node;
  const { nullable, $recursiveAnchor: _anchor, $recursiveRef: _reference, ...rest } = read.data;
  const entries = Object.entries(rest).map(([key, value]): [string, unknown] => {
    if (key === 'oneOf') return ['anyOf', normalised(value, seen)];
    if (key !== '$ref' || typeof value !== 'string') return [key, normalised(value, seen)];
    if (!value.startsWith(REFERENCE)) throw new Error(`a reference to elsewhere: ${value}`);
    seen(value.slice(REFERENCE.length));
    return [key, `#/$defs/${value.slice(REFERENCE.length)}`];
  });
  const schema = Object.fromEntries(entries);
  return nullable === true ? { anyOf: [schema, { type: 'null' }] } : schema;
}
