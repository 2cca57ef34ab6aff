import type { Sharp } from 'sharp';

export const FORMATS = ['png', 'jpeg', 'webp'] as const;
export type Format = (typeof FORMATS)[number];

/** The format that an output_format names; undefined for one that the local preview does not write. */
export function formatOf(name: string | undefined): Format | undefined {
  const asked = (name ?? 'png').toLowerCase().replace(/^image\//, '');
  return FORMATS.find((format) => format === (asked === 'jpg' ? 'jpeg' : asked));
}

/**
 * Encodes, with an EXIF block that says what the picture is. The same pixels give the same bytes.
 * `exact` keeps every pixel as it is where the format can (PNG always, WebP lossless).
 */
export async function encode(image: Sharp, format: Format, exact = false): Promise<{ bytes: Buffer; mimeType: string }> {
  const marked = image.withExif({
    IFD0: { Software: 'durable-image-mcp local preview', ImageDescription: 'generative: false (drawn by rules, no image model)' },
  });
  switch (format) {
    case 'png':
      return { bytes: await marked.png({ compressionLevel: 3 }).toBuffer(), mimeType: 'image/png' };
    case 'jpeg':
      return {
        bytes: await marked.flatten({ background: '#ffffff' }).jpeg({ quality: 90, chromaSubsampling: '4:4:4' }).toBuffer(),
        mimeType: 'image/jpeg',
      };
    default:
      return {
        bytes: await marked.webp(exact ? { lossless: true, exact: true, effort: 2 } : { quality: 90, effort: 2 }).toBuffer(),
        mimeType: 'image/webp',
      };
  }
}
