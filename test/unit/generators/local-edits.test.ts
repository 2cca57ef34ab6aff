import { beforeAll, describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import type { Picture } from '../../../src/contract/plan.js';
import type { ReferenceImage } from '../../../src/generators/generator.js';
import { draw, meanColour, outcomeOf, photograph, PHOTOGRAPHS, pixels, referenceOf, type Pixels } from './local-support.js';

const edit = (prompt: string, more: Partial<Picture> = {}): Picture => ({ kind: 'image_edit', prompt, ...more });

let coffee: ReferenceImage;
let original: Pixels;
/** Left red, right blue, the top half lighter. */
let quarters: ReferenceImage;

const RED = [200, 30, 30];
const BLUE = [30, 30, 200];
const PINK = [250, 120, 120];
const SKY = [120, 120, 250];

beforeAll(async () => {
  coffee = (await photograph('coffee.png')).reference;
  original = await pixels(coffee.bytes);
  const [width, height] = [120, 80];
  const data = Buffer.alloc(width * height * 3);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const colour = y < height / 2 ? (x < width / 2 ? PINK : SKY) : x < width / 2 ? RED : BLUE;
      data.set(colour, (y * width + x) * 3);
    }
  }
  quarters = await referenceOf(await sharp(data, { raw: { width, height, channels: 3 } }).png().toBuffer());
});

const edited = async (prompt: string, reference = quarters, more: Partial<Picture> = {}): Promise<Pixels & { notes: string }> => {
  const done = await draw(edit(prompt, more), [reference]);
  return { ...(await pixels(done.image)), notes: (done.notes ?? []).join('\n') };
};
const rgb = ({ at }: Pixels, x: number, y: number): number[] => at(x, y).slice(0, 3);
const size = ({ width, height }: Pixels): string => `${width}x${height}`;

describe('operations that move pixels', () => {
  it.each([
    ['crop to 60x40', '60x40'],
    ['please crop the image to 60 by 40 pixels', '60x40'],
    ['crop it to a square', '80x80'],
    ['square crop', '80x80'],
    ['crop to 1:2', '40x80'],
    ['crop the center', '60x40'],
    ['crop to the middle 25%', '30x20'],
    ['crop to the left half', '60x80'],
    ['resize to 64x48', '64x48'],
    ['scale to 50%', '60x40'],
    ['resize to 240 pixels wide', '240x160'],
    ['make it half the size', '60x40'],
    ['scale it up to 200%', '240x160'],
    ['rotate 90', '80x120'],
    ['rotate by 90 degrees clockwise', '80x120'],
    ['rotate left', '80x120'],
    ['turn it 180°', '120x80'],
    ['white border of 10 px', '140x100'],
    ['add a 5px black frame', '130x90'],
  ])('"%s" gives %s', async (prompt, expected) => {
    const result = await edited(prompt);
    expect(size(result)).toBe(expected);
    expect(result.notes).not.toContain('not understood');
    expect(result.notes).toContain('applied');
  });

  it.each([
    ['rotate 90', PINK, [60, 10]],
    ['rotate 90 counterclockwise', BLUE, [60, 10]],
    ['rotate 180', BLUE, [10, 10]],
    ['flip horizontally', SKY, [10, 10]],
    ['mirror the picture', SKY, [10, 10]],
    ['flip it vertically', RED, [10, 10]],
    ['turn it upside down', BLUE, [10, 10]],
    ['crop to the right half', SKY, [10, 10]],
    ['crop the bottom half', RED, [10, 10]],
  ])('"%s" brings %j to %j', async (prompt, colour, [x, y]) => {
    const result = await edited(prompt);
    // The corner at the right angle turns: pink, top left, comes to the top right.
    expect(rgb(result, x ?? 0, y ?? 0)).toEqual(colour);
  });

  it('turns by any angle, with transparent corners, white in a JPEG', async () => {
    const png = await edited('rotate 45 degrees counterclockwise');
    expect(png.at(0, 0)[3]).toBe(0);
    expect(png.at(png.width >> 1, png.height >> 1)[3]).toBe(255);
    // Counterclockwise: the right-hand colours rise to the top.
    const [r, , b] = png.at(png.width >> 1, 20);
    expect(b).toBeGreaterThan(r);
    expect(Math.min(...rgb(await edited('rotate 45', quarters, { output_format: 'jpeg' }), 1, 1))).toBeGreaterThan(245);
  });

  it('draws a border of the named colour', async () => {
    const result = await edited('border 8 px #12ab34');
    expect([rgb(result, 0, 0), rgb(result, 7, 50), rgb(result, 8, 50)]).toEqual([[0x12, 0xab, 0x34], [0x12, 0xab, 0x34], RED]);
  });

  it('says why it leaves out what is beyond the limits', async () => {
    const result = await edited('resize to 90000x90000');
    expect(size(result)).toBe('120x80');
    expect(result.notes).toContain('beyond 8192');
  });
});

describe('operations that change colours', () => {
  const means = async (prompt: string): Promise<{ before: number[]; after: number[] }> => {
    const done = await draw(edit(prompt), [coffee]);
    return { before: await meanColour(coffee.bytes), after: await meanColour(done.image) };
  };
  const spread = (colour: readonly number[]): number => Math.max(...colour) - Math.min(...colour);
  const sum = (colour: readonly number[]): number => colour.reduce((a, b) => a + b, 0);

  it.each(['grayscale', 'make it black and white', 'greyscale', 'b&w', 'desaturate it'])('"%s" leaves only grey', async (prompt) => {
    const { data } = await edited(prompt, coffee);
    for (let at = 0; at < data.length; at += 4 * 97) {
      expect(Math.abs((data[at] ?? 0) - (data[at + 1] ?? 0))).toBeLessThanOrEqual(1);
      expect(Math.abs((data[at] ?? 0) - (data[at + 2] ?? 0))).toBeLessThanOrEqual(1);
    }
  });

  it('sepia is warm: red over green over blue', async () => {
    const [r, g, b] = rgb(await edited('sepia tone'), 90, 60);
    expect(r).toBeGreaterThan(g ?? 255);
    expect(g).toBeGreaterThan(b ?? 255);
  });

  it('invert turns every channel round', async () => {
    const result = await edited('invert the colours');
    expect([rgb(result, 10, 10), rgb(result, 100, 70)]).toEqual([PINK.map((v) => 255 - v), BLUE.map((v) => 255 - v)]);
  });

  it.each([
    ['brighter', 1],
    ['brighten by 20%', 1],
    ['increase the brightness by 20%', 1],
    ['make it slightly lighter', 1],
    ['darker', -1],
    ['make it much darker', -1],
    ['brightness -30%', -1],
  ])('"%s" changes the brightness', async (prompt, sign) => {
    const { before, after } = await means(prompt);
    expect(Math.sign(sum(after) - sum(before))).toBe(sign);
  });

  it('takes the amount that is written: 20% brighter is a fifth', async () => {
    expect(rgb(await edited('brighten by 20%'), 10, 70)).toEqual([240, 36, 36]);
    expect(rgb(await edited('darken by 50 percent'), 10, 70)).toEqual([100, 15, 15]);
  });

  it.each([
    ['more contrast', 1],
    ['increase contrast by 40%', 1],
    ['lower the contrast', -1],
  ])('"%s" changes the contrast', async (prompt, sign) => {
    const stdev = async (bytes: Buffer): Promise<number> => (await sharp(bytes).grayscale().stats()).channels[0]?.stdev ?? 0;
    const done = await draw(edit(prompt), [coffee]);
    expect(Math.sign((await stdev(done.image)) - (await stdev(coffee.bytes)))).toBe(sign);
  });

  it.each([
    ['more saturated', 1],
    ['increase saturation by 50%', 1],
    ['desaturate by 50%', -1],
    ['less saturated', -1],
  ])('"%s" changes the saturation', async (prompt, sign) => {
    const { before, after } = await means(prompt);
    expect(Math.sign(spread(after) - spread(before))).toBe(sign);
  });

  it('blurs and sharpens', async () => {
    const roughness = async (prompt: string): Promise<number> => {
      const { data, width } = await edited(prompt, coffee);
      let total = 0;
      for (let at = 4; at < data.length; at += 4) if ((at / 4) % width !== 0) total += Math.abs((data[at] ?? 0) - (data[at - 4] ?? 0));
      return total;
    };
    const [slight, usual, strong, sharper, plain] = await Promise.all(
      ['slightly blur', 'blur it', 'blur by 20 px', 'sharpen', 'rotate 180, rotate 180'].map(roughness),
    );
    expect([strong, usual, slight, plain, sharper]).toEqual([strong, usual, slight, plain, sharper].toSorted((a = 0, b = 0) => a - b));
  });

  it.each(['tint it blue', 'blue tint', 'make it blue', 'colorize in light blue'])('"%s" makes a warm picture blue', async (prompt) => {
    const { before, after } = await means(prompt);
    expect(before[2]).toBeLessThan(before[0] ?? 0);
    expect(after[2]).toBeGreaterThan((after[0] ?? 0) + 20);
  });

  it.each(['caption "Hello"', 'add the text “Hello”', "add a caption 'Hello'", 'caption: Hello', 'with the text "Hello"'])('writes the words of %s', async (prompt) => {
    const result = await edited(prompt, coffee);
    expect(result.notes).toContain('caption "Hello"');
    expect(result.notes).not.toContain('not understood');
    const changed = changedBox(original, result);
    expect(changed.top).toBeGreaterThan(original.height / 2);
    expect(changed.count).toBeGreaterThan(200);
  });
});

describe('the reading of an edit', () => {
  it('applies the operations in their order', async () => {
    const border = await edited('add a white border of 20 px, then invert');
    const inverted = await edited('invert, then add a white border of 20 px');
    expect(rgb(border, 2, 2)).toEqual([0, 0, 0]);
    expect(rgb(inverted, 2, 2)).toEqual([255, 255, 255]);
    expect(border.notes).toContain('white border of 20 pixels, invert');
  });

  it('names what it did not understand, and only that', async () => {
    const { notes } = await edited('make it grayscale, put sunglasses on the cat and rotate 90');
    expect(notes).toContain('applied by the local preview: grayscale, rotate 90 degrees clockwise');
    expect(notes).toContain('not understood by the local preview: "put sunglasses on the cat"');
  });

  it('changes nothing when it understood nothing, and says so', async () => {
    const { data, notes } = await edited('turn the coffee into tea', coffee);
    expect(data.equals(original.data)).toBe(true);
    expect(notes).toContain('changed nothing');
    expect(notes).toContain('turn the coffee into tea');
  });

  it('does not read the text of a caption as operations', async () => {
    const { notes } = await edited('caption "rotate 90 and blur"', coffee);
    expect(notes.split('\n')).toEqual(['applied by the local preview: caption "rotate 90 and blur"']);
  });

  it('stops after twenty operations', async () => {
    const { notes } = await edited('rotate 90. '.repeat(24));
    expect(notes).toContain('4 further operations');
  });

  it('asks for a reference', async () => {
    expect(await outcomeOf(edit('blur'))).toMatchObject({ type: 'ended', billing: 'none', failure: { code: 'INVALID_ARGUMENT' } });
  });
});

describe('the size of an edit', () => {
  it('is the reference’s own without a size, and for auto', async () => {
    expect([size(await edited('sepia', coffee)), size(await edited('sepia', coffee, { size: 'auto' }))]).toEqual(['600x400', '600x400']);
  });

  it.each(PHOTOGRAPHS)('shows %s whole inside the asked size', async (name) => {
    const { reference } = await photograph(name);
    const result = await edited('sharpen', reference, { size: '512x512' });
    expect(size(result)).toBe('512x512');
    // A red frame around the reference is whole in the result: nothing was cut off.
    const framed = await edited('add a red border of 12 px', reference, { size: '512x512' });
    const height = Math.round((512 * (reference.height + 24)) / (reference.width + 24));
    const top = Math.floor((512 - height) / 2);
    for (const [x, y] of [[3, 256], [508, 256], [256, top + 3], [256, top + height - 4]] as const) {
      const [r, g] = framed.at(x, y);
      expect(r).toBeGreaterThan(200);
      expect(g).toBeLessThan(80);
    }
  });

  it('is the same for the same request, for a batch too', async () => {
    const request = { ...edit('sepia, caption "x"', { size: '300x300' }), kind: 'image_batch_edit' as const };
    const [one, other] = [await draw(request, [coffee]), await draw(request, [coffee])];
    expect(one.image.equals(other.image)).toBe(true);
  });
});

describe('a mask', () => {
  let mask: ReferenceImage;
  let editable: (x: number, y: number) => boolean;

  beforeAll(async () => {
    const { width, height } = original;
    // A disc of alpha 0 with a soft edge: only alpha 0 is editable.
    const data = Buffer.alloc(width * height * 4, 255);
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1) {
        const distance = Math.hypot(x - 300, y - 200);
        data[(y * width + x) * 4 + 3] = Math.min(255, Math.max(0, Math.round((distance - 120) * 20)));
      }
    }
    editable = (x, y) => data[(y * width + x) * 4 + 3] === 0;
    mask = await referenceOf(await sharp(data, { raw: { width, height, channels: 4 } }).png().toBuffer());
  });

  const masked = async (prompt: string, more: Partial<Picture> = {}): Promise<Pixels & { notes: string; mimeType: string }> => {
    const done = await draw(edit(prompt, more), [coffee], { mask });
    return { ...(await pixels(done.image)), notes: (done.notes ?? []).join('\n'), mimeType: done.mimeType };
  };

  it.each([
    ['invert', undefined],
    ['blur by 8, caption "inside only"', undefined],
    ['tint it green', 'webp'],
  ])('confines "%s" to alpha 0 and keeps every other pixel (%s)', async (prompt, output_format) => {
    const result = await masked(prompt, { output_format });
    expect(result.mimeType).toBe(`image/${output_format ?? 'png'}`);
    const whole = await edited(prompt, coffee);
    let [outside, inside] = [0, 0];
    for (let y = 0; y < original.height; y += 1) {
      for (let x = 0; x < original.width; x += 1) {
        const at = (y * original.width + x) * 4;
        const expected = (editable(x, y) ? whole : original).data.readUInt32BE(at);
        if (result.data.readUInt32BE(at) === expected) continue;
        if (editable(x, y)) inside += 1;
        else outside += 1;
      }
    }
    expect({ outside, inside }).toEqual({ outside: 0, inside: 0 });
    expect(result.data.equals(original.data)).toBe(false);
  });

  it('ignores what would move pixels, and another size, with a warning', async () => {
    const result = await masked('rotate 90, invert, add a border', { size: '512x512' });
    expect(size(result)).toBe('600x400');
    expect(result.notes).toMatch(/rotate 90 degrees clockwise was ignored/);
    expect(result.notes).toMatch(/border was ignored/);
    expect(result.notes).toMatch(/512x512 was ignored/);
    expect(rgb(result, 5, 5)).toEqual(rgb(original, 5, 5));
  });

  it('warns that a JPEG is not identical', async () => {
    expect((await masked('invert', { output_format: 'jpeg' })).notes).toContain('lossy');
  });

  it('must be as large as the picture', async () => {
    expect(await outcomeOf(edit('invert'), [quarters], { mask })).toMatchObject({ type: 'ended', billing: 'none', failure: { code: 'INVALID_ARGUMENT' } });
  });

  it('without alpha leaves nothing to edit, and says so', async () => {
    const done = await draw(edit('invert'), [coffee], { mask: coffee });
    expect((await pixels(done.image)).data.equals(original.data)).toBe(true);
    expect(done.notes?.join()).toContain('no pixel with alpha 0');
  });
});

function changedBox(before: Pixels, after: Pixels): { top: number; count: number } {
  let [top, count] = [before.height, 0];
  for (let at = 0; at < before.data.length; at += 4) {
    if (before.data.readUInt32BE(at) === after.data.readUInt32BE(at)) continue;
    top = Math.min(top, Math.floor(at / 4 / before.width));
    count += 1;
  }
  return { top, count };
}
