import * as z from 'zod';
import { createHash } from 'node:crypto';
import sharp from 'sharp';
import { WireError, type RawRequest, type Reply } from './fake-provider.js';

/** What all fakes check alike. */

export function jsonOf(request: RawRequest, bad: (message: string) => Reply): unknown {
  if (request.headers['content-type']?.split(';')[0] !== 'application/json') throw wrong(bad, 'the content type must be application/json');
  try {
    return JSON.parse(request.body.toString('utf8'));
  } catch {
    throw wrong(bad, 'the body is not JSON');
  }
}

/** Strict parse; the first problem is the message. */
export function checked<T>(schema: z.ZodType<T>, value: unknown, bad: (message: string) => Reply): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw wrong(bad, `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}${issue?.code === 'unrecognized_keys' ? ` ${issue.keys.join(', ')}` : ''}`);
}

export function wrong(bad: (message: string) => Reply, message: string): WireError {
  return new WireError(bad(message), message);
}

export interface SeenImage {
  sha256: string;
  width: number;
  height: number;
  format: string;
  channels: number;
}

/** A picture in raw base64 or as a data: URL, decoded: bytes that are none are refused. */
export async function imageOf(text: string, form: 'raw' | 'data', bad: (message: string) => Reply): Promise<SeenImage & { bytes: Buffer }> {
  const match = form === 'data' ? /^data:(image\/[a-z]+);base64,([A-Za-z0-9+/=]+)$/.exec(text) : /^()([A-Za-z0-9+/=]+)$/.exec(text);
  if (!match) throw wrong(bad, form === 'data' ? 'must be a data: URL of a picture' : 'must be base64 without a data: prefix');
  return pictureOf(Buffer.from(match[2] ?? '', 'base64'), bad);
}

/** Bytes that are no picture are refused. */
export async function pictureOf(bytes: Buffer, bad: (message: string) => Reply): Promise<SeenImage & { bytes: Buffer }> {
  try {
    const { width, height, format, channels } = await sharp(bytes).metadata();
    return { bytes, sha256: createHash('sha256').update(bytes).digest('hex'), width, height, format, channels };
  } catch {
    throw wrong(bad, 'cannot be decoded as a picture');
  }
}

export interface SentFile {
  name: string;
  filename: string;
  mimeType: string;
  bytes: Buffer;
}

/** A multipart body; a text that comes twice is refused. */
export async function formOf(request: RawRequest, bad: (message: string) => Reply): Promise<{ texts: Record<string, string>; files: SentFile[] }> {
  const contentType = request.headers['content-type'] ?? '';
  if (contentType.split(';')[0] !== 'multipart/form-data') throw wrong(bad, 'the content type must be multipart/form-data');
  const form = await new Response(request.body, { headers: { 'content-type': contentType } }).formData().catch(() => {
    throw wrong(bad, 'the body is not multipart/form-data');
  });
  const texts: Record<string, string> = {};
  const files: SentFile[] = [];
  for (const [name, value] of form.entries()) {
    if (typeof value !== 'string') files.push({ name, filename: value.name, mimeType: value.type, bytes: Buffer.from(await value.arrayBuffer()) });
    else if (name in texts) throw wrong(bad, `${name}: given twice`);
    else texts[name] = value;
  }
  return { texts, files };
}

/** The body with long texts shortened to their digest, for the journal. */
export function shortened(body: Record<string, unknown>): Record<string, unknown> {
  const whole: unknown = JSON.parse(JSON.stringify(body), (_name, value: unknown) =>
    typeof value === 'string' && value.length > 2000 ? `sha256:${createHash('sha256').update(value).digest('hex')}` : value,
  );
  return z.record(z.string(), z.unknown()).parse(whole);
}
