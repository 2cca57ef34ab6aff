import * as z from 'zod';
import { commonFields } from '../mcp/fields.js';
import type { ToolAnnotations, ToolDefinition } from '../mcp/tool.js';
import { TOOLS } from '../mcp/tools/index.js';
import { table } from './table.js';

/** One line a tool. */
export function toolsTable(): string {
  return table(['Tool', 'What it does'], TOOLS.map(({ name, title }) => [`[\`${name}\`](docs/tools.md#${name})`, title]));
}

/** A section a tool: title, description as a model reads it, annotations and the arguments that are not common ones. */
export function toolSections(): string {
  return TOOLS.map(section).join('\n\n');
}

/** The arguments that all tools that start jobs have. */
export function commonArguments(): string {
  return argumentsTable(fieldsOf(z.object(commonFields)));
}

function section(tool: ToolDefinition): string {
  const fields = fieldsOf(tool.inputSchema);
  const common = Object.keys(commonFields);
  // A tool that starts nothing may have one of the same name for itself, such as the provider of a list.
  const hasCommon = common.every((name) => fields.some((field) => field.name === name));
  const own = hasCommon ? fields.filter(({ name }) => !common.includes(name)) : fields;
  const parts = [`## ${tool.name}`, `**${tool.title}.** ${tool.description}`, inWords(tool.annotations)];
  if (own.length > 0) parts.push(argumentsTable(own));
  if (hasCommon) parts.push('And the [common arguments](#common-arguments).');
  if (fields.length === 0) parts.push('No arguments.');
  return parts.join('\n\n');
}

interface Field {
  name: string;
  type: string;
  required: boolean;
  description: string;
}

/** JSON Schema as far as the tools use it. */
const propertySchema = z.object({
  type: z.string().optional(),
  enum: z.array(z.string()).optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  minItems: z.number().optional(),
  maxItems: z.number().optional(),
  items: z.object({ type: z.string() }).optional(),
  description: z.string().optional(),
});
type Property = z.infer<typeof propertySchema>;
const objectSchema = z.object({ properties: z.record(z.string(), propertySchema).optional(), required: z.array(z.string()).optional() });

function fieldsOf(schema: z.ZodObject): Field[] {
  const { properties = {}, required = [] } = objectSchema.parse(z.toJSONSchema(schema, { io: 'input' }));
  return Object.entries(properties).map(([name, property]) => ({
    name,
    type: typeOf(property),
    required: required.includes(name),
    description: property.description ?? '',
  }));
}

function typeOf(property: Property): string {
  if (property.enum) return property.enum.map((value) => `\`${value}\``).join(' or ');
  if (property.type === 'array') {
    const { items, minItems, maxItems } = property;
    return `list of ${items?.type ?? 'any'}s${range(minItems, maxItems)}`;
  }
  return `${property.type ?? 'any'}${range(property.minimum, property.maximum)}`;
}

function range(least: number | undefined, most: number | undefined): string {
  if (most === undefined || most >= Number.MAX_SAFE_INTEGER) return least === undefined || least < -1 ? '' : `, ${least} or more`;
  return `, ${least ?? 'up'} to ${most}`;
}

function argumentsTable(fields: readonly Field[]): string {
  return table(
    ['Argument', 'Type', 'Meaning'],
    fields.map(({ name, type, required, description }) => [`\`${name}\``, type, required ? `**required**${description && `; ${description}`}` : description]),
  );
}

function inWords({ readOnlyHint, destructiveHint, idempotentHint, openWorldHint }: ToolAnnotations): string {
  const words = [
    readOnlyHint ? 'changes nothing' : destructiveHint ? 'takes something away' : 'adds or starts something',
    ...(readOnlyHint ? [] : [idempotentHint ? 'a second call changes nothing more' : 'a second call does it again']),
    openWorldHint ? 'reaches a provider' : 'stays on your machine and your Temporal',
  ];
  return `*${words.join(' · ')}*`;
}
