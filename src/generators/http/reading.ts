import { cleanText } from '../clean-text.js';
import type { GeneratedImage } from '../generator.js';
import { decodePicture } from '../picture.js';
import type { HttpReply } from '../transport.js';
import type { Answer } from './protocol.js';

export function answerOf(reply: HttpReply, secrets: readonly string[], model?: string): Answer {
  return {
    reply,
    json: readJson(reply.body),
    model,
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
