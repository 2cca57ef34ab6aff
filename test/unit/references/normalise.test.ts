import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { LIMITS } from '../../../src/contract/input.js';
import { createNormaliser } from '../../../src/references/normalise.js';
import { animatedWebp, fatAsPng, gif, jpegClaiming, leftMask, phoneJpeg, png, pngChunk, redBlue, zipWithComment } from '../../support/hostile-images.js';

const plainJpeg = await redBlue(64, 64).jpeg().toBuffer();
const plainPng = await redBlue(64, 64).png().toBuffer();
const { normaliseReference, normaliseMask } = createNormaliser({ concurrency: 2 });

/** [red, green, blue] of a pixel. */
async function pixel(bytes: Buffer, left: number, top: number): Promise<number[]> {
  const data = await sharp(bytes).extract({ left, top, width: 1, height: 1 }).removeAlpha().raw().toBuffer();
  return [...data];
}

const isRed = ([r = 0, g = 0, b = 0]: number[]): boolean => r > 200 && g < 60 && b < 60;
const isBlue = ([r = 0, g = 0, b = 0]: number[]): boolean => b > 200 && r < 60 && g < 60;

describe('a reference', () => {
  it('is turned upright and loses the place where it was taken', async () => {
    const phone = await phoneJpeg(60, 40);
    const before = await sharp(phone).metadata();
    expect(before.orientation).toBe(6);
    expect(phone.includes('PhoneMaker')).toBe(true);
    // Tag 0x8825 points to the GPS data.
    expect(before.exif?.includes(Buffer.from([0x25, 0x88])) || before.exif?.includes(Buffer.from([0x88, 0x25]))).toBe(true);

    const upright = await normaliseReference(phone, { maxEdge: 2048 });
    expect(upright).toMatchObject({ mimeType: 'image/jpeg', width: 40, height: 60, notes: [] });
    const after = await sharp(upright.bytes).metadata();
    expect([after.exif, after.icc, after.xmp, after.iptc, after.orientation]).toEqual([undefined, undefined, undefined, undefined, undefined]);
    expect(upright.bytes.includes('PhoneMaker')).toBe(false);
    // Left was red; turned by 90 degrees to the right, the left is on top.
    expect(isRed(await pixel(upright.bytes, 20, 5))).toBe(true);
    expect(isBlue(await pixel(upright.bytes, 20, 55))).toBe(true);
  });

  it('loses what is hidden behind its end and in its comments', async () => {
    const comment = pngChunk('tEXt', Buffer.from('Comment\0<script>HIDDEN</script>'));
    const polyglot = Buffer.concat([png({ width: 8, height: 8, extra: [comment] }), zipWithComment('HIDDEN-ARCHIVE')]);
    const { bytes, mimeType } = await normaliseReference(polyglot, { maxEdge: 2048 });
    expect(mimeType).toBe('image/png');
    expect(bytes.includes('HIDDEN')).toBe(false);
    expect(bytes.includes('PK\x05\x06')).toBe(false);
    expect(bytes.subarray(-8, -4).toString('latin1')).toBe('IEND');
  });

  it('is converted to sRGB, not only stripped of its profile', async () => {
    const wide = await sharp({ create: { width: 16, height: 16, channels: 3, background: { r: 30, g: 200, b: 60 } } })
      .png()
      .withIccProfile('p3')
      .toBuffer();
    const { bytes } = await normaliseReference(wide, { maxEdge: 2048 });
    expect((await sharp(bytes).metadata()).icc).toBeUndefined();
    const [r = 0, g = 0, b = 0] = await pixel(bytes, 8, 8);
    expect(Math.max(Math.abs(r - 30), Math.abs(g - 200), Math.abs(b - 60))).toBeLessThanOrEqual(3);
  });

  it('is scaled to the longest edge that the provider takes, never up', async () => {
    const large = await redBlue(400, 200).png().toBuffer();
    await expect(normaliseReference(large, { maxEdge: 100 })).resolves.toMatchObject({ width: 100, height: 50, notes: ['scaled from 400x200 to 100x50'] });
    await expect(normaliseReference(large, { maxEdge: 1000 })).resolves.toMatchObject({ width: 400, height: 200, notes: [] });
  });

  it.each([
    ['JPEG', () => redBlue(32, 32).jpeg().toBuffer(), 'image/jpeg'],
    ['lossy WebP', () => redBlue(32, 32).webp().toBuffer(), 'image/jpeg'],
    ['lossy WebP with alpha', () => redBlue(32, 32).ensureAlpha(0.5).webp().toBuffer(), 'image/png'],
    ['lossless WebP', () => redBlue(32, 32).webp({ lossless: true }).toBuffer(), 'image/png'],
    ['PNG', () => redBlue(32, 32).png().toBuffer(), 'image/png'],
    ['16-bit PNG', () => redBlue(32, 32).toColourspace('rgb16').png().toBuffer(), 'image/png'],
    ['GIF', () => redBlue(32, 32).gif().toBuffer(), 'image/png'],
    ['CMYK JPEG', () => redBlue(32, 32).toColourspace('cmyk').jpeg().toBuffer(), 'image/jpeg'],
  ])('that is a %s keeps its kind of compression and its colours', async (_, make, mimeType) => {
    const result = await normaliseReference(await make(), { maxEdge: 2048 });
    expect(result.mimeType).toBe(mimeType);
    const header = await sharp(result.bytes).metadata();
    expect({ space: header.space, depth: header.depth }).toEqual({ space: 'srgb', depth: 'uchar' });
    const [r = 0, , b = 0] = await pixel(result.bytes, 4, 16);
    expect(r).toBeGreaterThan(b + 100);
  });

  it('keeps its transparency', async () => {
    const half = await redBlue(8, 8).ensureAlpha(0.2).png().toBuffer();
    const { bytes } = await normaliseReference(half, { maxEdge: 2048 });
    const data = await sharp(bytes).raw().toBuffer();
    expect(data[3]).toBe(51);
  });

  it.each([
    ['GIF', gif(10, 10, 5)],
    ['WebP', animatedWebp(10, 10, 5)],
  ])('with many frames (%s) gives the first, and says so', async (_, bytes) => {
    await expect(normaliseReference(bytes, { maxEdge: 2048 })).resolves.toMatchObject({
      mimeType: 'image/png',
      width: 10,
      height: 10,
      notes: ['of 5 frames the first is used'],
    });
  });

  it('gives equal bytes for equal bytes', async () => {
    const phone = await phoneJpeg(300, 200);
    const [one, two] = await Promise.all([normaliseReference(phone, { maxEdge: 100 }), normaliseReference(phone, { maxEdge: 100 })]);
    expect(one.bytes.equals(two.bytes)).toBe(true);
  });

  it('that is opaque and too large as PNG becomes a JPEG', async () => {
    const source = await fatAsPng();
    expect(source.length).toBeLessThan(LIMITS.referenceBytes);
    const result = await normaliseReference(source, { maxEdge: 4096 });
    expect(result.mimeType).toBe('image/jpeg');
    expect(result.bytes.length).toBeLessThan(LIMITS.referenceBytes);
  });

  it.each([
    ['a PNG whose pixels are fewer than its header says', png({ width: 64, height: 64, actual: { width: 8, height: 8 } })],
    ['a JPEG whose pixels are fewer than its header says', jpegClaiming(plainJpeg, 64, 640)],
    ['a PNG whose data is noise', damaged(plainPng)],
    ['an SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')],
  ])('that is %s is refused', async (_, bytes) => {
    await expect(normaliseReference(bytes, { maxEdge: 2048 })).rejects.toMatchObject({ code: 'UNSUPPORTED_IMAGE' });
  });

  it('of more pixels than allowed is refused before it is decoded', async () => {
    await expect(normaliseReference(png({ width: 8000, height: 8000 }), { maxEdge: 2048 })).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });
});

function damaged(bytes: Buffer): Buffer {
  const data = bytes.indexOf('IDAT') + 6;
  return Buffer.concat([bytes.subarray(0, data), Buffer.alloc(30, 0xa5), bytes.subarray(data + 30)]);
}

describe('a mask', () => {
  it('gets the size of the picture, with hard edges', async () => {
    const result = await normaliseMask(await leftMask(10, 8), { width: 100, height: 80 });
    expect(result).toMatchObject({ mimeType: 'image/png', width: 100, height: 80 });
    const data = await sharp(result.bytes).extractChannel('alpha').raw().toBuffer();
    expect(new Set(data)).toEqual(new Set([0, 255]));
    expect([data[49], data[50]]).toEqual([0, 255]);
  });

  it('may be off by the rounding of a scaled picture', async () => {
    await expect(normaliseMask(await leftMask(4000, 3000), { width: 1023, height: 768 })).resolves.toMatchObject({ width: 1023, height: 768 });
  });

  it.each([
    ['of another shape', () => leftMask(80, 100), 'INVALID_ARGUMENT', /80x100/],
    ['without alpha', () => redBlue(100, 80).png().toBuffer(), 'UNSUPPORTED_IMAGE', /no alpha channel.*alpha 0/],
    ['that is a JPEG', () => redBlue(100, 80).jpeg().toBuffer(), 'UNSUPPORTED_IMAGE', /no alpha channel.*alpha 0/],
    ['that is opaque everywhere', () => redBlue(100, 80).ensureAlpha().png().toBuffer(), 'UNSUPPORTED_IMAGE', /opaque everywhere/],
    ['that is no picture', () => Promise.resolve(Buffer.from('mask')), 'UNSUPPORTED_IMAGE', /not a PNG/],
  ])('%s is refused', async (_, make, code, says) => {
    await expect(normaliseMask(await make(), { width: 100, height: 80 })).rejects.toMatchObject({ code, message: expect.stringMatching(says) });
  });

  it('that takes too long is given up', async () => {
    // 256 megapixels of output: many times the second that is allowed.
    const noise = await sharp({ create: { width: 500, height: 500, channels: 4, background: '#fff', noise: { type: 'gaussian', mean: 128, sigma: 50 } } }).png().toBuffer();
    const hurried = createNormaliser({ concurrency: 1, timeoutSeconds: 1 });
    await expect(hurried.normaliseMask(noise, { width: 16_000, height: 16_000 })).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
      message: expect.stringContaining('1 seconds'),
    });
  });
});
