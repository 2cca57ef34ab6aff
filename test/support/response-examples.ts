import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const DOC = fileURLToPath(new URL('../../docs/responses.md', import.meta.url));

/** The examples of docs/responses.md, by their headings. */
export function responseExamples(): Map<string, unknown> {
  const sections = readFileSync(DOC, 'utf8').split(/^### /m).slice(1);
  return new Map(
    sections.map((section) => {
      const [, json] = /```json\n(.*?)```/s.exec(section) ?? [];
      if (json === undefined) throw new Error(`no example under ${section.slice(0, 40)}`);
      const example: unknown = JSON.parse(json);
      return [section.slice(0, section.indexOf('\n')), example];
    }),
  );
}

/** Names and types without values; a list is the shapes of its entries, each once. */
export function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return [...new Set(value.map((entry) => JSON.stringify(shapeOf(entry))))].sort();
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : typeof value;
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(fields.map(([name, field]) => [name, shapeOf(field)]));
}
