import { JobFailure } from '../contract/errors.js';
import { LIMITS } from '../contract/input.js';
import { shown } from './shown.js';
import { REFERENCE_MIME_TYPES } from './inspect.js';

const NEXT_STEP = 'Write data:image/png;base64,… or save the picture to a file and give its path.';

/**
 * The bytes of a `data:` URL (RFC 2397): base64 only, declared as one of the four picture types, at most `maxBytes` decoded.
 * What the bytes really are, inspectImage says.
 * @throws JobFailure INVALID_ARGUMENT (not such a URL), UNSUPPORTED_IMAGE (another type), LIMIT_EXCEEDED.
 */
export function readDataUrl(url: string, maxBytes: number = LIMITS.dataUrlBytes): Buffer {
  const comma = url.slice(0, 200).indexOf(',');
  if (!/^data:/i.test(url) || comma === -1) throw invalid('This data: URL has no comma before its data.');
  const [mimeType = '', ...parameters] = url
    .slice('data:'.length, comma)
    .split(';')
    .map((part) => part.trim().toLowerCase());
  if (!isPicture(mimeType)) {
    throw new JobFailure({
      code: 'UNSUPPORTED_IMAGE',
      message: `This data: URL declares ${mimeType === '' ? 'no type' : shown(mimeType, 50)}; references are PNG, JPEG, WebP or GIF.`,
      nextStep: NEXT_STEP,
    });
  }
  if (parameters.at(-1) !== 'base64') throw invalid('This data: URL is not base64.');
  // Refused by its length before anything is copied; the slack is for line breaks that models put in.
  refuseOver(((url.length - comma) * 3) / 4, maxBytes * 1.1);
  const encoded = url.slice(comma + 1).replace(/\s+/g, '');
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) throw invalid('The data of this data: URL is not base64.');
  const bytes = Buffer.from(encoded, 'base64');
  refuseOver(bytes.length, maxBytes);
  return bytes;

  function refuseOver(size: number, limit: number): void {
    if (size <= limit) return;
    throw new JobFailure({
      code: 'LIMIT_EXCEEDED',
      message: `This data: URL holds about ${Math.floor(size)} bytes, more than the ${maxBytes} that one may hold.`,
      nextStep: 'Save the picture to a file and give its path.',
    });
  }
}

function isPicture(mimeType: string): boolean {
  return mimeType === 'image/jpg' || REFERENCE_MIME_TYPES.some((known) => known === mimeType);
}

function invalid(message: string): JobFailure {
  return new JobFailure({ code: 'INVALID_ARGUMENT', message, nextStep: NEXT_STEP });
}
