import sharp from 'sharp';

/** Limits of the public interface: a thumbnail rides in an answer, a preview on request. */
const THUMBNAIL = { edge: 256, maxBytes: 48 * 1024 };
const PREVIEW = { edge: 1024, maxBytes: 700 * 1024 };
const QUALITIES = [80, 65, 50, 35, 20];

/** A thumbnail (at most 256 px and 48 KB) and a preview (at most 1024 px and 700 KB), both JPEG. Worker only: it decodes. */
export async function makePreviews(bytes: Buffer): Promise<{ thumbnail: Buffer; preview: Buffer }> {
  const preview = await smallJpeg(bytes, PREVIEW);
  return { preview, thumbnail: await smallJpeg(preview, THUMBNAIL) };
}

async function smallJpeg(bytes: Buffer, limit: { edge: number; maxBytes: number }): Promise<Buffer> {
  const pixels = await sharp(bytes, { limitInputPixels: 100_000_000 })
    .rotate()
    .resize({ width: limit.edge, height: limit.edge, fit: 'inside', withoutEnlargement: true })
    .flatten({ background: '#ffffff' })
    .removeAlpha()
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  const { width, height, channels } = pixels.info;
  let smallest: Buffer | undefined;
  for (const quality of QUALITIES) {
    smallest = await sharp(pixels.data, { raw: { width, height, channels } }).jpeg({ quality }).toBuffer();
    if (smallest.length <= limit.maxBytes) return smallest;
  }
  return smallest ?? Buffer.alloc(0);
}
