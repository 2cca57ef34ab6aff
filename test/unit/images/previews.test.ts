import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { makePreviews } from '../../../src/images/previews.js';

/** Pixels that compress badly, so that the limits in bytes are reached. */
async function noise(width: number, height: number, format: 'png' | 'jpeg', quality = 100): Promise<Buffer> {
  const image = sharp({ create: { width, height, channels: 3, background: '#888888', noise: { type: 'gaussian', mean: 128, sigma: 90 } } });
  return format === 'png' ? image.png().toBuffer() : image.jpeg({ quality }).toBuffer();
}

describe('previews', () => {
  it.each([
    [2000, 1500],
    [1500, 2000],
    [512, 512],
  ])('of %i x %i noise stay within 256 px and 48 KB, 1024 px and 700 KB', async (width, height) => {
    const bytes = await noise(width, height, 'png');
    const { thumbnail, preview } = await makePreviews(bytes, { mimeType: 'image/png', width, height });
    expect(thumbnail.length).toBeLessThanOrEqual(48 * 1024);
    expect(preview?.length).toBeLessThanOrEqual(700 * 1024);
    const [small, large] = await Promise.all([sharp(thumbnail).metadata(), sharp(preview).metadata()]);
    expect(Math.max(small.width, small.height)).toBeLessThanOrEqual(256);
    expect(Math.max(large.width, large.height)).toBeLessThanOrEqual(1024);
    expect(large.format).toBe('jpeg');
  });

  it('makes no second copy of a small JPEG', async () => {
    const bytes = await noise(512, 512, 'jpeg', 60);
    const { thumbnail, preview } = await makePreviews(bytes, { mimeType: 'image/jpeg', width: 512, height: 512 });
    expect(preview).toBeUndefined();
    expect(thumbnail.length).toBeLessThanOrEqual(48 * 1024);
  });

  it('makes one of a small JPEG that is too heavy', async () => {
    const bytes = await noise(1024, 1024, 'jpeg');
    expect(bytes.length).toBeGreaterThan(700 * 1024);
    const { preview } = await makePreviews(bytes, { mimeType: 'image/jpeg', width: 1024, height: 1024 });
    expect(preview?.length).toBeLessThanOrEqual(700 * 1024);
  });
});
