import sharp from 'sharp';

/** Limits of the public interface: a thumbnail rides in an answer, a preview on request. */
const THUMBNAIL = { edge: 256, maxBytes: 48 * 1024 };
const PREVIEW = { edge: 1024, maxBytes: 700 * 1024 };
const QUALITIES = [80, 65, 50, 35, 20];

interface Limit {
  edge: number;
  maxBytes: number;
}

/**
 * A thumbnail (at most 256 px and 48 KB) and a preview (at most 1024 px and 700 KB), both JPEG. A picture that is within
 * the preview's limits already is its own preview: undefined then. Worker only: it decodes.
 */
export async function makePreviews(
  bytes: Buffer,
  seen: { mimeType: string; width: number; height: number },
): Promise<{ thumbnail: Buffer; preview: Buffer | undefined }> {
  const small = seen.mimeType === 'image/jpeg' && Math.max(seen.width, seen.height) <= PREVIEW.edge && bytes.length <= PREVIEW.maxBytes;
  const preview = small ? undefined : await smallJpeg(bytes, PREVIEW);
  return { preview, thumbnail: await smallJpeg(preview ?? bytes, THUMBNAIL) };
}

/** The first quality usually fits; only a noisy picture is encoded again. */
async function smallJpeg(bytes: Buffer, limit: Limit): Promise<Buffer> {
  const pipeline = sharp(bytes, { limitInputPixels: 100_000_000, sequentialRead: true })
    .autoOrient()
    .resize({ width: limit.edge, height: limit.edge, fit: 'inside', withoutEnlargement: true })
    .flatten({ background: '#ffffff' })
    .toColourspace('srgb');
  let smallest = Buffer.alloc(0);
  for (const quality of QUALITIES) {
    smallest = await pipeline.clone().jpeg({ quality }).toBuffer();
    if (smallest.length <= limit.maxBytes) break;
  }
  return smallest;
}
