import sharp from 'sharp';
import { JobFailure } from '../contract/errors.js';
import type { ReferenceImage } from './generator.js';

/**
 * Our masks are OpenAI's: pixels with alpha 0 are edited. Black Forest Labs, fal's fill models, Replicate's and
 * stable-diffusion.cpp want a picture without alpha in which white is edited; half-transparent becomes grey.
 */
export async function whiteWhereEdited(mask: ReferenceImage): Promise<Buffer> {
  return sharp(mask.bytes).ensureAlpha().extractChannel('alpha').negate().toColourspace('b-w').png({ compressionLevel: 6 }).toBuffer();
}

/** For a gateway to OpenAI's models that does not say which of the two it reads: white and transparent where edited, black and opaque elsewhere. */
export async function markedBothWays(mask: ReferenceImage): Promise<Buffer> {
  const white = await whiteWhereEdited(mask);
  const alpha = await sharp(white).extractChannel(0).negate().toColourspace('b-w').raw().toBuffer({ resolveWithObject: true });
  const { width, height, channels } = alpha.info;
  return sharp(white).toColourspace('srgb').joinChannel(alpha.data, { raw: { width, height, channels } }).png({ compressionLevel: 6 }).toBuffer();
}

export function maskWithoutReference(): JobFailure {
  return new JobFailure({
    code: 'INVALID_ARGUMENT',
    message: 'A mask needs a reference that it belongs to.',
    nextStep: 'Give image_path together with mask_path.',
    billing: 'none',
  });
}
