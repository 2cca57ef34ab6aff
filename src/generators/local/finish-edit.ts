import { openBitmap, rendered, type Bitmap } from './edit-operations.js';

/** What happens to an edited picture before it is encoded. */

/**
 * OpenAI's sense of a mask: where its alpha is 0 the edited pixel shows, everywhere else the original, byte for byte.
 * All three are of one size. A mask without alpha leaves nothing to edit.
 */
export function confineToMask(original: Bitmap, edited: Bitmap, mask: Bitmap): { bitmap: Bitmap; editable: number } {
  const data = Buffer.from(original.data);
  const { channels } = original;
  let editable = 0;
  if (mask.channels === 4) {
    for (let pixel = 0; pixel < original.width * original.height; pixel += 1) {
      if (mask.data[pixel * 4 + 3] !== 0) continue;
      for (let channel = 0; channel < channels; channel += 1) {
        data[pixel * channels + channel] = edited.data[pixel * edited.channels + channel] ?? 255;
      }
      editable += 1;
    }
  }
  return { bitmap: { ...original, data }, editable };
}

/**
 * The whole picture inside exactly `width` x `height` (nothing is cut off and nothing distorted);
 * what it leaves free shows a soft, darker copy of itself.
 */
export async function fitInto(bitmap: Bitmap, width: number, height: number): Promise<Bitmap> {
  if (bitmap.width === width && bitmap.height === height) return bitmap;
  const scale = Math.min(width / bitmap.width, height / bitmap.height);
  const innerWidth = Math.max(1, Math.round(bitmap.width * scale));
  const innerHeight = Math.max(1, Math.round(bitmap.height * scale));
  // A pixel or two of rounding, or a ratio as good as equal, is no reason for bars.
  if (Math.abs(innerWidth / width - 1) < 0.01 && Math.abs(innerHeight / height - 1) < 0.01) {
    return rendered(openBitmap(bitmap).resize(width, height, { fit: 'fill' }));
  }
  const [picture, backdrop] = await Promise.all([
    rendered(openBitmap(bitmap).resize(innerWidth, innerHeight, { fit: 'fill' })),
    softCopy(bitmap, width, height),
  ]);
  paste(picture, backdrop, Math.floor((width - innerWidth) / 2), Math.floor((height - innerHeight) / 2));
  return backdrop;
}

const SOFT_EDGE = 48;

async function softCopy(bitmap: Bitmap, width: number, height: number): Promise<Bitmap> {
  const small = await rendered(openBitmap(bitmap).resize(SOFT_EDGE, SOFT_EDGE, { fit: 'cover' }).blur(3));
  const dark = await rendered(openBitmap(small).linear([0.6, 0.6, 0.6], [0, 0, 0]));
  return rendered(openBitmap(dark).resize(width, height, { fit: 'fill', kernel: 'cubic' }));
}

/** Copies rows; both have the same channels. */
function paste(picture: Bitmap, onto: Bitmap, left: number, top: number): void {
  const { channels } = onto;
  for (let row = 0; row < picture.height; row += 1) {
    const from = row * picture.width * channels;
    picture.data.copy(onto.data, ((top + row) * onto.width + left) * channels, from, from + picture.width * channels);
  }
}

/** A picture that is opaque everywhere needs no alpha channel in its file. */
export function isOpaque({ data, channels }: Bitmap): boolean {
  if (channels === 3) return true;
  for (let offset = 3; offset < data.length; offset += 4) {
    if (data[offset] !== 255) return false;
  }
  return true;
}
