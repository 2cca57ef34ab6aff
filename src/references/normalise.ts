import sharp, { type Sharp } from 'sharp';
import { JobFailure } from '../contract/errors.js';
import { LIMITS } from '../contract/input.js';
import type { ReferenceImage } from '../generators/generator.js';
import { createGate } from '../gate.js';
import { pixelsOfPng } from './headers/png.js';
import { inspectImage, type InspectedImage } from './inspect.js';

/**
 * The worker's decoder. Only pixels survive it: no EXIF, GPS, profile, comment, second frame or trailing bytes.
 *
 * Memory of one decode at 50 megapixels, measured: 50 to 200 MB where the picture can be streamed, at most about 450 MB where it
 * cannot (turned by 90 degrees, progressive JPEG, lossless WebP), 1 GB for a turned and interlaced PNG of 16 bits. So a place of the gate
 * is for 25 megapixels, and a larger picture takes two. libvips keeps no cache between pictures and uses one thread a picture: the gate,
 * not the library, decides how much runs at once.
 */

export interface NormalisedReference extends ReferenceImage {
  /** What was changed, in words for the job's warnings. */
  notes: string[];
}

export interface Normaliser {
  /**
   * Turned upright, in sRGB, at most maxEdge long, first frame only. JPEG (quality 92, full colour resolution) where the source
   * was lossy and opaque, else PNG; equal input gives equal bytes with the same version of sharp.
   * @throws JobFailure UNSUPPORTED_IMAGE, LIMIT_EXCEEDED (bytes, pixels, seconds of decoding).
   */
  normaliseReference: (bytes: Buffer, options: { maxEdge: number }) => Promise<NormalisedReference>;
  /**
   * A PNG with alpha, exactly as large as `forSize` (the first reference as the provider gets it).
   * @throws JobFailure as above; UNSUPPORTED_IMAGE without any transparency; INVALID_ARGUMENT when the ratio differs.
   */
  normaliseMask: (bytes: Buffer, forSize: { width: number; height: number }) => Promise<NormalisedReference>;
}

export interface NormaliserOptions {
  /** IMAGE_DECODE_CONCURRENCY. */
  concurrency: number;
  /** Of decoding and encoding one picture; whole seconds. The largest allowed ones took three. */
  timeoutSeconds?: number;
}

/** Optimised codes would keep all coefficients in memory, 300 MB at 50 megapixels, for a tenth fewer bytes. */
const JPEG = { quality: 92, chromaSubsampling: '4:4:4', optimiseCoding: false } as const;
const PNG = { compressionLevel: 6 } as const;

const PIXELS_A_PLACE = LIMITS.referencePixels / 2;

const MASK_IS = 'A mask is a PNG whose transparent pixels (alpha 0) are to be edited and whose opaque pixels stay.';

export function createNormaliser({ concurrency, timeoutSeconds = 60 }: NormaliserOptions): Normaliser {
  sharp.cache(false);
  sharp.concurrency(1);
  const gate = createGate(concurrency);

  return {
    async normaliseReference(bytes, { maxEdge }) {
      const image = inspectImage(bytes);
      return gate(async () => {
        const source = sourceOf(bytes, image);
        const { hasAlpha } = await trustedHeader(source, image);
        const upright = pipeline(source, timeoutSeconds).resize({
          width: maxEdge,
          height: maxEdge,
          fit: 'inside',
          withoutEnlargement: true,
        });
        const asJpeg = !image.lossless && !hasAlpha;
        let result = await encode(upright, asJpeg, timeoutSeconds);
        if (!asJpeg && !hasAlpha && result.bytes.length > LIMITS.referenceBytes) {
          result = await encode(upright.clone(), true, timeoutSeconds);
        }
        return { ...result, notes: notesOn(image, result) };
      }, placesFor(image));
    },

    async normaliseMask(bytes, forSize) {
      const image = inspectImage(bytes);
      return gate(async () => {
        const source = sourceOf(bytes, image);
        const { hasAlpha, upright } = await trustedHeader(source, image);
        if (!hasAlpha) throw notAMask('has no alpha channel');
        refuseOtherRatio(upright, forSize);
        const fitted = pipeline(source, timeoutSeconds).resize({ ...forSize, fit: 'fill', kernel: 'nearest' });
        const result = await encode(fitted, false, timeoutSeconds);
        // Nothing would be edited, and that would be paid for.
        if ((await decoding(sharp(result.bytes).stats())).isOpaque) throw notAMask('is opaque everywhere');
        return { ...result, notes: [] };
      }, Math.max(placesFor(image), placesFor(forSize)));
    },
  };
}

function placesFor({ width, height }: { width: number; height: number }): number {
  return Math.ceil((width * height) / PIXELS_A_PLACE);
}

/** What the decoder gets to see. */
function sourceOf(bytes: Buffer, { mimeType }: InspectedImage): Buffer {
  return mimeType === 'image/png' ? pixelsOfPng(bytes) : bytes;
}

function pipeline(bytes: Buffer, timeoutSeconds: number): Sharp {
  return open(bytes).autoOrient().toColourspace('srgb').timeout({ seconds: timeoutSeconds });
}

function open(bytes: Buffer): Sharp {
  return sharp(bytes, { limitInputPixels: LIMITS.referencePixels, failOn: 'error', sequentialRead: true, pages: 1 });
}

/** What the decoder reads from the header must be what we read: a file that two parsers see differently is a trick. */
async function trustedHeader(
  bytes: Buffer,
  image: InspectedImage,
): Promise<{ hasAlpha: boolean; upright: { width: number; height: number } }> {
  const header = await decoding(open(bytes).metadata());
  const same = `image/${header.format}` === image.mimeType && header.width === image.width && header.height === image.height;
  if (!same) throw undecodable(new Error('two readings of one header'));
  return { hasAlpha: header.hasAlpha, upright: header.autoOrient };
}

async function encode(image: Sharp, asJpeg: boolean, timeoutSeconds: number): Promise<ReferenceImage> {
  const { data, info } = await decoding(
    (asJpeg ? image.jpeg(JPEG) : image.png(PNG)).toBuffer({ resolveWithObject: true }),
    timeoutSeconds,
  );
  return { bytes: data, mimeType: asJpeg ? 'image/jpeg' : 'image/png', width: info.width, height: info.height };
}

async function decoding<T>(work: Promise<T>, timeoutSeconds?: number): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    if (/\btimeout: \d+% complete/.test(String(cause))) {
      throw new JobFailure({
        code: 'LIMIT_EXCEEDED',
        message: `Decoding the picture took longer than ${timeoutSeconds} seconds.`,
        nextStep: 'Scale the picture down or save it again as a plain JPEG or PNG.',
        cause,
      });
    }
    throw undecodable(cause);
  }
}

/** The decoder's own text stays in the cause: it can quote the file. */
function undecodable(cause: unknown): JobFailure {
  return new JobFailure({
    code: 'UNSUPPORTED_IMAGE',
    message: 'The picture cannot be decoded: its data is damaged, cut off, or not what its header claims.',
    nextStep: 'Open it in a picture editor, save it again as PNG or JPEG, and try again.',
    cause,
  });
}

function notAMask(why: string): JobFailure {
  return new JobFailure({
    code: 'UNSUPPORTED_IMAGE',
    message: `The mask ${why}. ${MASK_IS}`,
    nextStep: 'Save the mask as a PNG with transparency and try again.',
  });
}

/** One percent, or one pixel in small ones: scaling to whole pixels rounds. */
function refuseOtherRatio(mask: { width: number; height: number }, forSize: { width: number; height: number }): void {
  const expectedHeight = (mask.width * forSize.height) / forSize.width;
  if (Math.abs(mask.height - expectedHeight) <= Math.max(1, expectedHeight / 100)) return;
  throw new JobFailure({
    code: 'INVALID_ARGUMENT',
    message: `The mask is ${mask.width}x${mask.height}, which is not the shape of the first picture (${forSize.width}x${forSize.height}).`,
    nextStep: 'Make the mask exactly as large as the first picture.',
  });
}

function notesOn(image: InspectedImage, result: ReferenceImage): string[] {
  const notes: string[] = [];
  if (image.frames > 1) notes.push(`of ${image.frames} frames the first is used`);
  if (Math.max(image.width, image.height) > Math.max(result.width, result.height)) {
    notes.push(`scaled from ${image.width}x${image.height} to ${result.width}x${result.height}`);
  }
  return notes;
}
