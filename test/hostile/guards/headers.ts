import type { Guard } from '../case.js';

const INSPECT = 'references/inspect.ts';
const PNG = 'references/headers/png.ts';
const JPEG = 'references/headers/jpeg.ts';
const WEBP = 'references/headers/webp.ts';
const GIF = 'references/headers/gif.ts';

/** Guards that read the header of a picture before anything is decoded. */
export const HEADER_GUARDS = [
  {
    id: 'known-format',
    what: 'a reference is one of four formats by its own bytes',
    off: [
      { file: INSPECT, find: 'if (!format) throw unsupported(', replace: "if (!format) return { mimeType: 'image/svg+xml' as never, width: 9, height: 9, frames: 1, lossless: true };\n  if (!format) throw unsupported(" },
      { file: 'references/normalise.ts', find: "if (!same) throw undecodable(new Error('two readings of one header'));", replace: '' },
    ],
  },
  { id: 'has-a-size', what: 'a picture has a width and a height', off: [{ file: INSPECT, find: 'if (width === 0 || height === 0) throw', replace: 'if (false) throw' }] },
  {
    id: 'pixel-limit',
    what: 'a picture has 50 megapixels over all its frames',
    off: [
      { file: INSPECT, find: 'if (pixels > limits.pixels) {', replace: 'if (false) {' },
      { file: 'references/normalise.ts', find: 'limitInputPixels: LIMITS.referencePixels', replace: 'limitInputPixels: false' },
    ],
  },
  { id: 'ends-where-it-says', what: 'a file that stops before its header ends is refused, not a fault', keepsFaults: true, off: [{ file: INSPECT, find: "if (BEHIND_THE_END.includes(errorCode(error) ?? '')) throw unsupported(", replace: 'if (false) throw unsupported(' }] },

  { id: 'png-begins', what: 'a PNG begins with its header', off: [{ file: PNG, find: "if (bytes.readUInt32BE(8) !== 13 || type(bytes, 8) !== 'IHDR') throw", replace: 'if (false) throw' }] },
  { id: 'png-colours', what: 'a PNG has a colour type that exists', off: [{ file: PNG, find: 'if (channels === undefined || !DEPTHS.includes(depth)) throw', replace: 'if (false) throw' }] },
  { id: 'png-whole', what: 'the chunks of a PNG are all there', off: [{ file: PNG, find: "if (end > bytes.length) throw new BrokenHeader('it is cut off');", replace: 'if (end > bytes.length) break;' }] },
  { id: 'png-data', what: 'a PNG has data', off: [{ file: PNG, find: "if (data === 0) throw new BrokenHeader('it has no picture data');", replace: 'if (data === 0) return { width, height, frames, lossless: true };' }] },
  { id: 'png-ratio', what: 'the data of a PNG can hold its pixels', off: [{ file: PNG, find: 'if (height * Math.ceil((width * channels * depth) / 8) > data * DEFLATE_RATIO) {', replace: 'if (false) {' }] },

  { id: 'jpeg-segments', what: 'the segments of a JPEG follow each other', off: [{ file: JPEG, find: "if (bytes.readUInt8(at) !== 0xff) throw new BrokenHeader('its segments do not follow each other');", replace: 'while (bytes.readUInt8(at) !== 0xff) at += 1;' }] },
  { id: 'jpeg-picture', what: 'a JPEG has a picture before its end', off: [{ file: JPEG, find: "throw new BrokenHeader('it ends before its picture');", replace: 'return { width: 1, height: 1, frames: 1, lossless: false };' }] },
  { id: 'jpeg-lengths', what: 'a segment of a JPEG has a length', off: [{ file: JPEG, find: "if (length < 2) throw new BrokenHeader('a segment has no length');", replace: '' }] },
  { id: 'jpeg-one-size', what: 'a JPEG states its size once', off: [{ file: JPEG, find: "if (size) throw new BrokenHeader('it states its size twice');", replace: '' }] },
  { id: 'jpeg-header-whole', what: 'the segments of a JPEG are all there', off: [{ file: JPEG, find: "if (at > bytes.length) throw new BrokenHeader('it is cut off');", replace: 'if (at > bytes.length) return { width: 1, height: 1, frames: 1, lossless: false };' }] },
  { id: 'jpeg-size', what: 'a JPEG states its size before its data', off: [{ file: JPEG, find: "if (!size) throw new BrokenHeader('it does not state its size');", replace: 'size ??= { width: 1, height: 1, huffman: true };' }] },
  { id: 'jpeg-whole', what: 'a JPEG has an end', off: [{ file: JPEG, find: "if (bytes.indexOf(END_OF_IMAGE, dataAt) === -1) throw new BrokenHeader('it is cut off');", replace: '' }] },
  { id: 'jpeg-ratio', what: 'the data of a JPEG can hold its pixels', off: [{ file: JPEG, find: 'if (size.huffman && blocks > (bytes.length - dataAt) * 8) {', replace: 'if (false) {' }] },
  { id: 'jpeg-scans', what: 'a JPEG has so many scans', off: [{ file: JPEG, find: 'const MAX_SCANS = 100;', replace: 'const MAX_SCANS = Infinity;' }] },

  { id: 'webp-whole', what: 'a WebP is all there', off: [{ file: WEBP, find: "if (end > bytes.length) throw new BrokenHeader('it is cut off');", replace: '' }] },
  { id: 'webp-chunks', what: 'the chunks of a WebP lie inside it', off: [{ file: WEBP, find: "if (data + length > end) throw new BrokenHeader('it is cut off');", replace: '' }] },
  { id: 'webp-canvas-first', what: 'an animated WebP has a canvas', off: [{ file: WEBP, find: "if (!canvas) throw new BrokenHeader('it has frames without a canvas');", replace: 'canvas ??= { width: 9, height: 9 };' }] },
  { id: 'webp-inside', what: 'a frame lies inside its canvas', off: [{ file: WEBP, find: 'if (reach.width > canvas.width || reach.height > canvas.height) {', replace: 'if (false) {' }] },
  { id: 'webp-picture', what: 'a WebP has a picture', off: [{ file: WEBP, find: "if (!still && animationFrames === 0) throw new BrokenHeader('it has no picture data');", replace: 'still ??= canvas ?? { width: 9, height: 9 };' }] },
  { id: 'webp-one-size', what: 'the picture of a WebP is as large as its canvas', off: [{ file: WEBP, find: 'if (still && canvas && (still.width !== canvas.width || still.height !== canvas.height)) {', replace: 'if (false) {' }] },
  { id: 'webp-key-frame', what: 'a lossy WebP begins with a key frame', off: [{ file: WEBP, find: 'if ((bytes.readUInt8(at) & 1) !== 0 || bytes.readUIntBE(at + 3, 3) !== 0x9d012a) {', replace: 'if (false) {' }] },
  { id: 'webp-signature', what: 'a lossless WebP begins with its signature', off: [{ file: WEBP, find: "if (bytes.readUInt8(at) !== 0x2f) throw new BrokenHeader('its picture does not begin with a signature');", replace: '' }] },

  { id: 'gif-inside', what: 'a frame lies inside its screen', off: [{ file: GIF, find: "throw new BrokenHeader('a frame is larger than its screen');", replace: '' }] },
  { id: 'gif-picture', what: 'a GIF has a picture', off: [{ file: GIF, find: "if (frames === 0) throw new BrokenHeader('it has no picture data');", replace: 'if (frames === 0) frames = 1;' }] },
  { id: 'gif-whole', what: 'the first frame of a GIF is all there', off: [{ file: GIF, find: "if (framesBefore === 0) throw new BrokenHeader('it is cut off');", replace: '' }] },
] as const satisfies readonly Guard[];
