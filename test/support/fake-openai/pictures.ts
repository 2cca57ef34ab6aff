import { createHash } from 'node:crypto';
import sharp from 'sharp';

/** Ready pictures, so that a load test does not measure sharp. */
const made = new Map<string, Promise<Buffer>>();
const MOST_KEPT = 64;

/** A valid picture of the asked size whose colours are those of `seed`: another seed, another picture. */
export function picture(seed: string, size: string | undefined, format: string | undefined): Promise<Buffer> {
  const match = /^(\d+)x(\d+)$/.exec(size ?? '');
  const [width, height] = match ? [Number(match[1]), Number(match[2])] : [1024, 1024];
  const name = JSON.stringify([seed, width, height, format ?? 'png']);
  const ready = made.get(name);
  if (ready) return ready;
  const making = paint(seed, width, height, format ?? 'png');
  made.set(name, making);
  const [oldest] = made.keys();
  if (made.size > MOST_KEPT && oldest !== undefined) made.delete(oldest);
  return making;
}

async function paint(seed: string, width: number, height: number, format: string): Promise<Buffer> {
  const digest = createHash('sha256').update(seed).digest();
  const colour = (at: number): { r: number; g: number; b: number } => ({
    r: digest[at] ?? 0,
    g: digest[at + 1] ?? 0,
    b: digest[at + 2] ?? 0,
  });
  const half = sharp({ create: { width, height: Math.max(1, height >> 1), channels: 3, background: colour(3) } });
  const canvas = sharp({ create: { width, height, channels: 3, background: colour(0) } });
  const painted = canvas.composite([{ input: await half.png({ compressionLevel: 1 }).toBuffer(), left: 0, top: 0 }]);
  if (format === 'jpeg') return painted.jpeg({ quality: 90 }).toBuffer();
  if (format === 'webp') return painted.webp({ quality: 90 }).toBuffer();
  return painted.png({ compressionLevel: 1 }).toBuffer();
}

/** A PNG of about `bytes` bytes: noise, stored without compression. */
export async function largePicture(bytes: number): Promise<Buffer> {
  const edge = Math.ceil(Math.sqrt(bytes / 3));
  const noise = Buffer.alloc(edge * edge * 3);
  let state = 0x9e3779b9;
  for (let at = 0; at + 4 <= noise.length; at += 4) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + at;
    noise.writeInt32LE(state | 0, at);
  }
  return sharp(noise, { raw: { width: edge, height: edge, channels: 3 } }).png({ compressionLevel: 0 }).toBuffer();
}
