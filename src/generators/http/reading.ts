import { cleanText } from '../clean-text.js';
import type { GeneratedImage } from '../generator.js';
import { decodePicture } from '../picture.js';
import type { HttpReply } from '../transport.js';
import type { Answer } from './protocol.js';

export function answerOf(reply: HttpReply, secrets: readonly string[], form?: string): Answer {
  return {
    reply,
    json: readJson(reply.body),
    form,
    clean: (text) => (typeof text === 'string' ? cleanText(text, secrets) || undefined : undefined),
  };
}

export function readJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

/** An id that can stand in a path and in a record; anything else is no handle. */
export function usableHandle(id: unknown): string | undefined {
  return typeof id === 'string' && /^[\x21-\x7e]{1,256}$/.test(id) && /[A-Za-z0-9]/.test(id) ? id : undefined;
}

/** The pictures among base64 texts (also as data URLs); what is none is left out. */
export function decodePictures(texts: readonly string[]): GeneratedImage[] {
  return texts.flatMap((text) => decodePicture(text) ?? []);
}

/** The numbers of a usage object, two levels deep; texts of a provider have no place in it. */
export function numbersOf(value: unknown, depth = 2): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return {};
  const entries = Object.entries(value).slice(0, 20).flatMap(([name, entry]): [string, unknown][] => {
    if (!/^\w{1,40}$/.test(name)) return [];
    if (typeof entry === 'number' && Number.isFinite(entry)) return [[name, entry]];
    const inner = depth > 1 ? numbersOf(entry, depth - 1) : {};
    return Object.keys(inner).length > 0 ? [[name, inner]] : [];
  });
  return Object.fromEntries(entries);
}
