import sharp from 'sharp';
import type { ReferenceImage } from './generator.js';

/**
 * Our masks are OpenAI's: pixels with alpha 0 are edited. Black Forest Labs, fal's fill models, Replicate's and
 * stable-diffusion.cpp want a picture without alpha in which white is edited; half-transparent becomes grey.
 */
export async function whiteWhereEdited(mask: ReferenceImage): Promise<Buffer> {
  return sharp(mask.bytes).ensureAlpha().extractChannel('alpha').negate().toColourspace('b-w').png({ compressionLevel: 6 }).toBuffer();
}
