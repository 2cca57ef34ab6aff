import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import type { Picture } from '../../../src/contract/plan.js';
import type { ReferenceImage, SubmitOutcome } from '../../../src/generators/generator.js';
import { createLocalGenerator } from '../../../src/generators/local/index.js';

/** Helpers of the tests of the local generator. */

export const PHOTOGRAPHS = ['chelsea.png', 'coffee.png', 'rocket.jpg'] as const;

export interface Drawn {
  image: Buffer;
  mimeType: string;
  notes: string[] | undefined;
  cost: unknown;
}

interface Options {
  mask?: ReferenceImage;
  item?: number;
}

export async function outcomeOf(picture: Picture, references: ReferenceImage[] = [], options: Options = {}): Promise<SubmitOutcome> {
  const prepared = await createLocalGenerator().prepare(
    { picture, references, ...(options.mask ? { mask: options.mask } : {}) },
    undefined,
    { nonce: 'n', jobId: 'img-1', item: options.item ?? 0 },
    undefined,
  );
  return prepared.send(60);
}

export async function draw(picture: Picture, references: ReferenceImage[] = [], options: Options = {}): Promise<Drawn> {
  const outcome = await outcomeOf(picture, references, options);
  const [image] = outcome.type === 'done' ? outcome.images : [];
  if (outcome.type !== 'done' || !image) throw new Error(`not done: ${JSON.stringify(outcome)}`);
  return { image: image.bytes, mimeType: image.mimeType, notes: outcome.notes, cost: outcome.cost };
}

export async function referenceOf(bytes: Buffer): Promise<ReferenceImage> {
  const { width, height, format } = await sharp(bytes).metadata();
  return { bytes, width, height, mimeType: `image/${format}` };
}

export async function photograph(name: string): Promise<{ reference: ReferenceImage }> {
  return { reference: await referenceOf(await readFile(`examples/references/${name}`)) };
}

/** A picture of one colour of its own, in one of a few shapes. */
export async function solid(index: number, count: number): Promise<{ reference: ReferenceImage; colour: number[] }> {
  const colour = [255, Math.round((index / count) * 200), 255 - Math.round((index / count) * 200)];
  const [width, height] = [[300, 200], [200, 300], [250, 250]][index % 3] ?? [100, 100];
  const [r, g, b] = colour;
  const bytes = await sharp({ create: { width: width ?? 1, height: height ?? 1, channels: 3, background: { r: r ?? 0, g: g ?? 0, b: b ?? 0 } } })
    .png()
    .toBuffer();
  return { reference: await referenceOf(bytes), colour };
}

export interface Pixels {
  data: Buffer;
  width: number;
  height: number;
  /** Red, green, blue, alpha. */
  at: (x: number, y: number) => [number, number, number, number];
}

export async function pixels(bytes: Buffer): Promise<Pixels> {
  const { data, info } = await sharp(bytes).toColourspace('srgb').ensureAlpha().raw().toBuffer({ resolveWithObject: true });
  return {
    data,
    width: info.width,
    height: info.height,
    at: (x, y) => {
      const [r = 0, g = 0, b = 0, a = 0] = data.subarray((y * info.width + x) * 4, (y * info.width + x) * 4 + 4);
      return [r, g, b, a];
    },
  };
}

export async function meanColour(bytes: Buffer): Promise<[number, number, number]> {
  const { channels } = await sharp(bytes).stats();
  return [channels[0]?.mean ?? 0, channels[1]?.mean ?? 0, channels[2]?.mean ?? 0];
}
