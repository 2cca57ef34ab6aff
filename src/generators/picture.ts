import type { GeneratedImage } from './generator.js';

/** The `result` of an image_generation_call: base64, sometimes as a data URL. Undefined when it is not a picture that we know. */
export function decodePicture(result: string): GeneratedImage | undefined {
  const base64 = result.replace(/^data:[^,]{0,100};base64,/, '').replace(/\s+/g, '');
  const bytes = Buffer.from(base64, 'base64');
  // Node skips what is not base64 without a word; then bytes are missing.
  const padding = base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0;
  if (bytes.length !== Math.floor(((base64.length - padding) * 3) / 4)) return undefined;
  const mimeType = imageMimeType(bytes);
  return mimeType === undefined ? undefined : { bytes, mimeType };
}

/** By magic bytes, never by what the provider says. */
export function imageMimeType(bytes: Buffer): string | undefined {
  const starts = (hex: string, at = 0): boolean => bytes.subarray(at, at + hex.length / 2).toString('hex') === hex;
  if (starts('89504e470d0a1a0a')) return 'image/png';
  if (starts('ffd8ff')) return 'image/jpeg';
  if (starts('52494646') && starts('57454250', 8)) return 'image/webp';
  if (starts('474946383761') || starts('474946383961')) return 'image/gif';
  return undefined;
}
