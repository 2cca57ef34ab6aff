import type { JobError } from '../contract/errors.js';
import type { ToolAnswer } from './tool.js';
import { bytes, cut } from './present.js';

/** What goes over the wire for one tool call (the shape of MCP's CallToolResult). */
export interface WireAnswer {
  [key: string]: unknown;
  content: { type: 'text'; text: string }[];
  structuredContent?: Record<string, unknown>;
  isError?: true;
}

/** Hosts cut or refuse answers above this. */
export const MAX_ANSWER_BYTES = 1024 * 1024;

/** Claude Code cuts the text of an error near 11,000 characters. */
const MAX_REFUSAL_BYTES = 8 * 1024;

/**
 * A report is the record twice: structured, and as one line of JSON. A refusal is one line of JSON and nothing structured,
 * because clients drop the one or the other; its message begins with the code.
 */
export function wireAnswer(answer: ToolAnswer): WireAnswer {
  if ('record' in answer) {
    let result = report(answer.record);
    for (const limit of SHRINKING) {
      if (bytes(result) <= MAX_ANSWER_BYTES) return result;
      result = report(shrink(answer.record, limit));
    }
    return bytes(result) <= MAX_ANSWER_BYTES ? result : report(identity(answer.record));
  }
  const { refusal, status } = answer;
  return { content: [{ type: 'text', text: JSON.stringify({ ok: false, ...(status && { status }), error: withCode(refusal) }) }], isError: true };
}

function report(record: Record<string, unknown>): WireAnswer {
  return { content: [{ type: 'text', text: JSON.stringify(record) }], structuredContent: record };
}

function withCode(error: JobError): JobError {
  const message = error.message.startsWith(error.code) ? error.message : `${error.code}: ${error.message}`;
  const named = { ...error, message };
  if (bytes(named) <= MAX_REFUSAL_BYTES) return named;
  const problems = error.problems?.slice(0, 10).map((problem) => ({ ...problem, message: cut(problem.message, 200) }));
  return { ...named, message: cut(message, 2000), next_step: cut(error.next_step, 1000), ...(problems && { problems }) };
}

interface Limit {
  characters: number;
  entries: number;
}

const SHRINKING: readonly Limit[] = [
  { characters: 4096, entries: 100 },
  { characters: 500, entries: 20 },
];

/** Names a thing: half of it would name another. */
const NEVER_CUT = new Set(['job_id', 'path', 'uri', 'sha256']);

function shrink(value: Record<string, unknown>, limit: Limit): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, limit.entries)
      .map(([name, field]) => [name, NEVER_CUT.has(name) ? field : shrunk(field, limit)]),
  );
}

function shrunk(value: unknown, limit: Limit): unknown {
  if (typeof value === 'string') return cut(value, limit.characters);
  if (Array.isArray(value)) return value.slice(0, limit.entries).map((entry) => shrunk(entry, limit));
  return typeof value === 'object' && value !== null ? shrink({ ...value }, limit) : value;
}

function identity(record: Record<string, unknown>): Record<string, unknown> {
  const kept = ['ok', 'job_id', 'kind', 'status', 'stage', 'done', 'provider'].filter((name) => name in record);
  return { ...Object.fromEntries(kept.map((name) => [name, record[name]])), message: 'The answer was too large and was left out.' };
}
