import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import * as z from 'zod';
import { ROOT, startScript, stop } from './processes.js';

const MAIN = fileURLToPath(new URL('../test/support/fake-openai-main.js', import.meta.url));
const startedSchema = z.object({ url: z.string(), control: z.string() });
const ledgerSchema = z.object({ total: z.number(), by_attempt: z.record(z.string(), z.number()) });

/** The fake of OpenAI's Responses API as a process of its own, so that its work is not the bench's. */
export interface Provider {
  readonly url: string;
  /** See test/support/fake-openai/generations.ts. */
  settings: (values: Record<string, unknown>) => Promise<void>;
  /** The next so many accepted requests get the picture instead of one that is painted for them. */
  picture: (base64: string, times: number) => Promise<void>;
  /** Requests that were paid, in all and by attempt record. */
  ledger: () => Promise<z.infer<typeof ledgerSchema>>;
  reset: () => Promise<void>;
}

export async function withProvider<T>(work: (provider: Provider) => Promise<T>): Promise<T> {
  const { child, line } = await startScript(MAIN, [], {});
  try {
    const { url, control } = startedSchema.parse(JSON.parse(line));
    const request = async (method: string, name: string, body?: unknown): Promise<unknown> => {
      const answer = await fetch(`${control}/${name}`, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
      if (!answer.ok) throw new Error(`the fake provider refused ${name}: ${await answer.text()}`);
      return answer.json();
    };
    return await work({
      url,
      settings: async (values) => void (await request('POST', 'settings', values)),
      picture: async (base64, times) => void (await request('POST', 'faults', { kind: 'image', image_base64: base64, times })),
      ledger: async () => ledgerSchema.parse(await request('GET', 'ledger')),
      reset: async () => void (await request('POST', 'reset')),
    });
  } finally {
    await stop(child);
  }
}

/** A photograph as JPEG of 512x512, base64. */
export async function readyPicture(): Promise<string> {
  const photo = join(ROOT, 'examples/references/chelsea.png');
  return (await sharp(photo).resize(512, 512, { fit: 'cover' }).jpeg({ quality: 85 }).toBuffer()).toString('base64');
}
