import * as z from 'zod';
import type { FakeProvider } from '../../support/fakes/fake-provider.js';

export interface Answered {
  status: number;
  headers: Headers;
  json: Record<string, unknown>;
  text: string;
}

/** Sends as any client might: JSON, or a form. */
export async function post(fake: FakeProvider, path: string, body: object | FormData, key = 'key-1', headers: Record<string, string> = {}): Promise<Answered> {
  const form = body instanceof FormData;
  const reply = await fetch(`${fake.url}${path}`, {
    method: 'POST',
    headers: { ...(key === '' ? {} : { authorization: `Bearer ${key}` }), ...(form ? {} : { 'content-type': 'application/json' }), ...headers },
    body: form ? body : JSON.stringify(body),
  });
  const text = await reply.text();
  return { status: reply.status, headers: reply.headers, text, json: parsed(text) };
}

function parsed(text: string): Record<string, unknown> {
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(text));
  } catch {
    return {};
  }
}

export function formOf(texts: Record<string, string>, files: readonly { name: string; bytes: Buffer; type?: string }[]): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(texts)) form.append(name, value);
  for (const { name, bytes, type = 'image/png' } of files) form.append(name, new Blob([bytes], { type }), `${name}.png`);
  return form;
}
