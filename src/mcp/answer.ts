import type { JobError } from '../contract/errors.js';
import type { Attachment, ToolAnswer } from './tool.js';
import { bytes, cut } from './present.js';

/** What goes over the wire for one tool call (the shape of MCP's CallToolResult): one text block, then pictures and links. */
export interface WireAnswer {
  [key: string]: unknown;
  content: ContentBlock[];
  structuredContent?: Record<string, unknown>;
  isError?: true;
}

export type ContentBlock =
  | { type: 'text'; text: string }
  | { type: 'image'; data: string; mimeType: string; annotations: { audience: ('user' | 'assistant')[] } }
  | { type: 'resource_link'; uri: string; name: string; mimeType: string; size: number };

/** Hosts cut or refuse messages above 1 MiB; the envelope of the message is not counted here. */
export const MAX_ANSWER_BYTES = 1024 * 1024 - 1024;

/** Claude Code cuts the text of an error near 11,000 characters. */
const MAX_REFUSAL_BYTES = 8 * 1024;

/**
 * A report is the record twice: structured, and as one line of JSON. A refusal is one line of JSON and nothing structured,
 * because clients drop the one or the other; its message begins with the code.
 */
export function wireAnswer(answer: ToolAnswer): WireAnswer {
  if ('record' in answer) return attach(wireReport(answer.record), answer.attachments ?? []);
  const { refusal, status } = answer;
  const text = JSON.stringify({ ok: false, ...(status && { status }), error: withCode(refusal) });
  return { content: [{ type: 'text', text }], isError: true };
}

function wireReport(record: Record<string, unknown>): WireAnswer {
  let result = report(record);
  for (const limit of SHRINKING) {
    if (bytes(result) <= MAX_ANSWER_BYTES) return result;
    result = report(shrink(record, limit));
  }
  return bytes(result) <= MAX_ANSWER_BYTES ? result : report(identity(record));
}

/** A picture or a link for which no room is left is left out: the record names what it shows. */
function attach(result: WireAnswer, attachments: readonly Attachment[]): WireAnswer {
  let left = MAX_ANSWER_BYTES - bytes(result);
  for (const attachment of attachments) {
    const block = contentBlock(attachment);
    const size = bytes(block) + 1;
    if (size > left) continue;
    left -= size;
    result.content.push(block);
  }
  return result;
}

function contentBlock(attachment: Attachment): ContentBlock {
  if (attachment.kind === 'link') {
    const { uri, name, mimeType, sizeBytes } = attachment;
    return { type: 'resource_link', uri, name, mimeType, size: sizeBytes };
  }
  const { bytes: picture, mimeType } = attachment;
  return { type: 'image', data: picture.toString('base64'), mimeType, annotations: { audience: ['user', 'assistant'] } };
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
