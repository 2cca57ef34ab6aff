import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import type { Picture } from '../../../src/contract/plan.js';
import { createLocalGenerator } from '../../../src/generators/local/index.js';
import { draw, meanColour, outcomeOf, photograph, PHOTOGRAPHS, pixels, solid } from './local-support.js';

const generate = (prompt: string, more: Partial<Picture> = {}): Picture => ({ kind: 'image_generate', prompt, size: '256x256', ...more });

describe('the local generator', () => {
  it('says what it is', () => {
    const generator = createLocalGenerator();
    expect(generator.name).toBe('local');
    expect(generator.free).toBe(true);
    expect(generator.capabilities(undefined)).toMatchObject({ generative: false, queue: false, cancel: false, mask: true, seed: true });
    expect(generator.capabilities(undefined).maxReferences).toBeGreaterThanOrEqual(10);
  });

  it('costs nothing and notes that it is a preview', async () => {
    const done = await draw(generate('a red kite over a hill'));
    expect(done.cost).toEqual({ amount: 0, currency: 'USD', source: 'local' });
    expect(done.notes?.join()).toContain('local preview');
    expect(done.notes?.join()).toContain('"kite"');
  });
});

describe('a generated picture', () => {
  it.each(['png', 'jpeg', 'webp'])('has the same bytes for the same request (%s)', async (output_format) => {
    const request = generate('stars over a mountain lake', { seed: 7, output_format });
    const [one, other] = [await draw(request), await draw(request)];
    expect(one.image.equals(other.image)).toBe(true);
  });

  it.each(['seed', 'prompt', 'item'])('differs with another %s', async (what) => {
    const one = await draw(generate('waves', { seed: 1 }));
    const other = await draw(
      generate(what === 'prompt' ? 'wavess' : 'waves', { seed: what === 'seed' ? 2 : 1 }),
      [],
      { item: what === 'item' ? 1 : 0 },
    );
    expect((await pixels(one.image)).data.equals((await pixels(other.image)).data)).toBe(false);
  });

  it('takes its palette from the colour words', async () => {
    const means = await Promise.all(['red', 'green', 'blue'].map(async (prompt) => meanColour((await draw(generate(prompt))).image)));
    const [red, green, blue] = means.map(([r, g, b]) => ({ r: r - (g + b) / 2, g: g - (r + b) / 2, b: b - (r + g) / 2 }));
    expect(red?.r).toBeGreaterThan(Math.max(green?.r ?? 0, blue?.r ?? 0, 40));
    expect(green?.g).toBeGreaterThan(Math.max(red?.g ?? 0, blue?.g ?? 0, 20));
    expect(blue?.b).toBeGreaterThan(Math.max(red?.b ?? 0, green?.b ?? 0, 40));
  });

  it('draws night darker than day', async () => {
    const [day, night] = await Promise.all(['a hill at noon', 'a hill at night'].map(async (p) => meanColour((await draw(generate(p))).image)));
    expect(Math.max(...(night ?? [255]))).toBeLessThan(Math.min(...(day ?? [0])));
  });

  it.each([
    'circle', 'square', 'triangle', 'star', 'hexagon', 'diamond', 'heart', 'kite', 'balloon', 'bird', 'rocket', 'house', 'tree', 'flower',
    'boat', 'fish', 'cat', 'cup', 'robot', 'lighthouse', 'sun', 'moon', 'stars', 'clouds', 'rain', 'snow', 'mountains', 'hills', 'desert',
    'sea', 'beach', 'forest', 'city', 'space', 'stripes', 'dots', 'grid', 'waves', 'gradient', 'checkers', 'rays', 'rings', 'confetti',
    'sunset', 'dawn', 'night', 'storm', 'winter', 'autumn',
  ])('draws something for "%s"', async (word) => {
    const done = await draw(generate(word));
    expect(done.notes?.[0]).toContain(`"${word}"`);
    const { channels } = await sharp(done.image).stats();
    expect(Math.max(...channels.map(({ stdev }) => stdev))).toBeGreaterThan(8);
  });

  it('gives a thing the colour before it, and the ground the colour of "on a … background"', async () => {
    const { image } = await draw(generate('a blue circle on a white background', { size: '400x400' }));
    const { at } = await pixels(image);
    const [r, g, b] = at(200, 200);
    expect(b).toBeGreaterThan(r + 100);
    expect(b).toBeGreaterThan(g + 80);
    expect(Math.min(...at(6, 200).slice(0, 3))).toBeGreaterThan(235);
  });

  it('carries the prompt as a caption that is legible on any palette', async () => {
    for (const prompt of ['white white white', 'black black black', 'yellow dots', 'red stripes']) {
      // oxlint-disable-next-line no-await-in-loop
      const { at } = await pixels((await draw(generate(prompt, { size: '512x512' }))).image);
      const strip: number[] = [];
      for (let y = 455; y < 495; y += 1) for (let x = 40; x < 90; x += 1) strip.push(luminance(at(x, y)));
      const [darkest, lightest] = [Math.min(...strip), Math.max(...strip)];
      // WCAG asks 4.5 for text.
      expect((lightest + 0.05) / (darkest + 0.05)).toBeGreaterThan(4.5);
    }
  });

  it.each(['64x64', '8192x64', '64x8192', '333x777', '1536x1024'])('has exactly the asked size %s', async (size) => {
    const { width, height } = await sharp((await draw(generate('mountains and a tree', { size }))).image).metadata();
    expect(`${width}x${height}`).toBe(size);
  });

  it('draws the largest size', async () => {
    const { image } = await draw(generate('sunset over the sea', { size: '8192x8192', output_format: 'jpeg' }));
    expect(await sharp(image).metadata()).toMatchObject({ width: 8192, height: 8192 });
  }, 60_000);

  it.each([
    [{ size: undefined, aspect_ratio: '16:9' }, 16 / 9],
    [{ size: undefined, aspect_ratio: '1:1' }, 1],
    [{ size: 'auto', aspect_ratio: '2:3' }, 2 / 3],
  ])('makes about a megapixel of an aspect ratio (%j)', async (more, ratio) => {
    const { width, height } = await sharp((await draw(generate('hills', more))).image).metadata();
    expect(width / height).toBeCloseTo(ratio, 1);
    expect(Math.abs((width * height) / 1024 ** 2 - 1)).toBeLessThan(0.02);
  });

  it.each(['auto', '2K'])("draws 1024x1024 for a provider's word (%s), and says so of a foreign one", async (size) => {
    const done = await draw(generate('hills', { size }));
    expect(await sharp(done.image).metadata()).toMatchObject({ width: 1024, height: 1024 });
    expect(done.notes?.some((note) => note.includes("provider's word"))).toBe(size !== 'auto');
  });

  it.each([
    [undefined, 'png'],
    ['jpeg', 'jpeg'],
    ['jpg', 'jpeg'],
    ['webp', 'webp'],
  ])('is written as output_format %s asks, and marked as not generative', async (output_format, expected) => {
    const done = await draw(generate('a tree', { output_format }));
    const { format, exif } = await sharp(done.image).metadata();
    expect([format, done.mimeType]).toEqual([expected, `image/${expected}`]);
    expect(exif?.toString('latin1')).toContain('generative: false');
  });

  it('writes a PNG for an unknown format and says so', async () => {
    const done = await draw(generate('a tree', { output_format: 'gif' }));
    expect(done.mimeType).toBe('image/png');
    expect(done.notes?.join()).toContain('gif');
  });
});

describe('a hostile prompt', () => {
  const plain = async (prompt: string): Promise<Buffer> => (await pixels((await draw(generate(prompt))).image)).data;

  it.each([
    ['SVG', '</text></svg><image href="file:///etc/passwd" width="900" height="900"/><script>alert(1)</script>'],
    ['Pango', '<span size="999999" foreground="red">&#x41;&amp;</span><b>'],
    ['XML entities', '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>&e;'],
    ['32,000 characters', 'mountain '.repeat(3600).slice(0, 32_000)],
    ['one word of 32,000 characters', 'x'.repeat(32_000)],
    ['32,000 quotes', '"'.repeat(32_000)],
    ['emoji', '😀👩‍👩‍👧‍👦🏳️‍🌈🇩🇪'],
    ['right to left', 'שלום עולם مرحبا بالعالم'],
    ['format characters', '\u202Egnp.exe\u202C \u200B\u2066x\u2069'],
    ['control characters', 'a\0b\u0007c\u001b[31md\r\ne'],
    ['lone surrogates', 'a\uD800b\uDC00'],
    ['names of Object', 'constructor __proto__ toString hasOwnProperty'],
  ])('of %s draws a picture', async (_name, prompt) => {
    const done = await draw(generate(prompt));
    expect(await sharp(done.image).metadata()).toMatchObject({ width: 256, height: 256 });
    expect(JSON.stringify(done.notes)).not.toMatch(/root:|\\u0000/);
    expect(done.image.includes('root:')).toBe(false);
  });

  it('draws markup as characters: nothing of it is obeyed', async () => {
    // Both have the same words for the scene; were the rectangle obeyed, the middle would be pure magenta.
    const { at } = await pixels((await draw(generate('</g></svg><rect width="9999" height="9999" fill="#ff00ff"/>'))).image);
    expect([...at(128, 100)].slice(0, 3)).not.toEqual([255, 0, 255]);
  });

  it('never lets control characters into the drawing', async () => {
    // The seed is the raw prompt's, so compare the caption only: edits have no other use of the prompt.
    const { reference } = await photograph('chelsea.png');
    const clean = await draw({ kind: 'image_edit', prompt: 'caption "ab"' }, [reference]);
    const dirty = await draw({ kind: 'image_edit', prompt: 'caption "a\0\u202E\u0007b"' }, [reference]);
    expect(dirty.image.equals(clean.image)).toBe(true);
  });

  it('is not slow to read when it is long', async () => {
    await expect(plain('crop to rotate by add a caption make it a bit more '.repeat(600).slice(0, 32_000))).resolves.toBeDefined();
  });
});

describe('a sheet of references', () => {
  const sheet = (prompt: string, more: Partial<Picture> = {}): Picture => ({ kind: 'image_multi_reference', prompt, ...more });

  it.each([2, 3, 5, 10])('shows each of %i references whole, in order', async (count) => {
    const references = await Promise.all(Array.from({ length: count }, (_, index) => solid(index, count)));
    const { image } = await draw(sheet('all of them', { size: '1024x1024' }), references.map(({ reference }) => reference));
    const { data, info } = await sharp(image).raw().toBuffer({ resolveWithObject: true });
    const boxes = references.map(({ colour }) => boxOf(data, info, colour));
    for (const [index, box] of boxes.entries()) {
      const { width, height } = references[index]?.reference ?? { width: 1, height: 1 };
      expect(box.count).toBeGreaterThan(2000);
      // Nothing cut off: the box has the reference's ratio.
      expect(box.width / box.height / (width / height)).toBeCloseTo(1, 1);
    }
    for (const [index, box] of boxes.slice(1).entries()) {
      const before = boxes[index] ?? box;
      const right = box.left >= before.left + before.width;
      const below = box.top >= before.top + before.height;
      expect(right || below).toBe(true);
    }
  });

  it.each(['64x64', '512x512', '1536x640', '640x2000'])('has exactly the size %s with the example photographs', async (size) => {
    const photos = await Promise.all(PHOTOGRAPHS.map(photograph));
    const { image } = await draw(sheet('a cat, a coffee and a rocket', { size }), photos.map(({ reference }) => reference));
    const { width, height } = await sharp(image).metadata();
    expect(`${width}x${height}`).toBe(size);
  });

  it('is 1024x1024 by default, the same for the same request, another for another seed', async () => {
    const photos = (await Promise.all(PHOTOGRAPHS.map(photograph))).map(({ reference }) => reference);
    const one = await draw(sheet('three', { seed: 1 }), photos);
    const same = await draw(sheet('three', { seed: 1 }), photos);
    const other = await draw(sheet('three', { seed: 2 }), photos);
    expect(await sharp(one.image).metadata()).toMatchObject({ width: 1024, height: 1024 });
    expect(same.image.equals(one.image)).toBe(true);
    expect(other.image.equals(one.image)).toBe(false);
  });

  it('ends, and does not reject, for a reference that is no picture', async () => {
    const broken = { bytes: Buffer.from('no picture'), mimeType: 'image/png', width: 10, height: 10 };
    const outcome = await outcomeOf(sheet('x'), [broken, broken]);
    expect(outcome).toMatchObject({ type: 'ended', billing: 'none', failure: { code: 'UNSUPPORTED_IMAGE', retryable: false } });
  });
});

describe('the bundled font', () => {
  it('comes with its licence', () => {
    expect(readFileSync('assets/fonts/DejaVuSans-LICENSE.txt', 'utf8')).toContain('Bitstream Vera');
  });
});

function luminance([r, g, b]: readonly number[]): number {
  const linear = [r, g, b].map((value = 0) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * (linear[0] ?? 0) + 0.7152 * (linear[1] ?? 0) + 0.0722 * (linear[2] ?? 0);
}

interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
  count: number;
}

/** The box around all pixels of (almost) one colour. */
function boxOf(data: Buffer, info: { width: number; height: number; channels: number }, colour: readonly number[]): Box {
  const [r = 0, g = 0, b = 0] = colour;
  let [left, top, right, bottom, count] = [info.width, info.height, -1, -1, 0];
  for (let y = 0; y < info.height; y += 1) {
    for (let x = 0; x < info.width; x += 1) {
      const at = (y * info.width + x) * info.channels;
      const [dr, dg, db] = [(data[at] ?? 0) - r, (data[at + 1] ?? 0) - g, (data[at + 2] ?? 0) - b];
      if (dr * dr + dg * dg + db * db > 16) continue;
      [left, top, right, bottom] = [Math.min(left, x), Math.min(top, y), Math.max(right, x), Math.max(bottom, y)];
      count += 1;
    }
  }
  return { left, top, width: right - left + 1, height: bottom - top + 1, count };
}
