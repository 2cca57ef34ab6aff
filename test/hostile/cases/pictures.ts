import type { ErrorCode } from '../../../src/contract/errors.js';
import { sha256 } from '../../../src/contract/canonical.js';
import { animatedWebp, canvas, edited, gif, jpegClaiming, png, redBlue, riffChunk, webpOf } from '../../support/hostile-images.js';
import type { HostileCase } from '../case.js';
import type { GuardId } from '../guards/index.js';
import { CAT } from '../run/place.js';
import { naming } from './paths.js';

/** Pictures whose header is enough to refuse them: the call does, before a job is started. */

interface Row {
  id: string;
  what: string;
  guard: GuardId;
  bytes: () => Buffer | Promise<Buffer>;
  code?: ErrorCode;
  says?: RegExp;
}

const SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="file:///etc/passwd"/></svg>';
const jpeg = (): Promise<Buffer> => redBlue(64, 48).jpeg().toBuffer();
const lossyWebp = (): Promise<Buffer> => redBlue(64, 48).webp().toBuffer();
const losslessWebp = (): Promise<Buffer> => redBlue(64, 48).webp({ lossless: true }).toBuffer();
const hex = (text: string): Buffer => Buffer.from(text, 'hex');
const latin = (text: string): Buffer => Buffer.from(text, 'latin1');
const WHOLE = png({ width: 8, height: 8 });

const FORMATS: readonly Row[] = [
  { id: 'empty', what: 'nothing', guard: 'known-format', bytes: () => Buffer.alloc(0), says: /an empty file/ },
  { id: 'one-byte', what: 'one byte', guard: 'known-format', bytes: () => hex('89') },
  { id: 'svg', what: 'an SVG that names a file', guard: 'known-format', bytes: () => latin(SVG), says: /an SVG/ },
  { id: 'svg-declared', what: 'an SVG behind a declaration', guard: 'known-format', bytes: () => latin(`<?xml version="1.0"?>\n<!-- x -->${SVG}`), says: /an SVG/ },
  { id: 'svg-behind-comments', what: 'an SVG behind a thousand comments', guard: 'known-format', bytes: () => latin('<!---->'.repeat(1000) + SVG) },
  { id: 'html', what: 'a page', guard: 'known-format', bytes: () => latin('<!doctype html><script>alert(1)</script>'), says: /an HTML page/ },
  { id: 'pdf', what: 'a PDF', guard: 'known-format', bytes: () => latin('%PDF-1.7\n'), says: /a PDF/ },
  { id: 'pdf-with-picture', what: 'a PDF that holds a PNG', guard: 'known-format', bytes: () => Buffer.concat([latin('%PDF-1.7\n'), WHOLE]) },
  { id: 'zip-before-picture', what: 'an archive before a PNG', guard: 'known-format', bytes: () => Buffer.concat([latin('PK\x05\x06'), Buffer.alloc(18), WHOLE]) },
  { id: 'tiff', what: 'a TIFF', guard: 'known-format', bytes: () => redBlue(8, 8).tiff().toBuffer(), says: /a TIFF/ },
  { id: 'heic', what: 'a HEIC', guard: 'known-format', bytes: () => latin('\0\0\0\x18ftypheic'), says: /a HEIC/ },
  { id: 'avif', what: 'an AVIF', guard: 'known-format', bytes: () => redBlue(8, 8).avif().toBuffer(), says: /AVIF/ },
  { id: 'bmp', what: 'a BMP', guard: 'known-format', bytes: () => latin('BM000000'), says: /a BMP/ },
  { id: 'ico', what: 'an icon', guard: 'known-format', bytes: () => hex('000001000100'), says: /ICO/ },
  { id: 'sound', what: 'a RIFF that is a sound', guard: 'known-format', bytes: () => latin('RIFF\x04\0\0\0WAVE') },
  { id: 'icns-loop', what: 'an icon file of a part without length', guard: 'known-format', bytes: () => hex('69636e73000000106973333200000000') },
  { id: 'jxl-loop', what: 'a JPEG XL of a part without length', guard: 'known-format', bytes: () => hex('0000000c4a584c200d0a870a000000006a786c70') },
  { id: 'secrets', what: 'a file of secrets', guard: 'known-format', bytes: () => latin('AWS_SECRET_ACCESS_KEY=x') },
];

const PNGS: readonly Row[] = [
  { id: 'png-signature', what: 'a PNG signature alone', guard: 'ends-where-it-says', bytes: () => WHOLE.subarray(0, 8) },
  { id: 'png-half-header', what: 'a PNG cut off in its header', guard: 'ends-where-it-says', bytes: () => WHOLE.subarray(0, 20) },
  { id: 'png-cut', what: 'a PNG cut off in its data', guard: 'png-whole', bytes: () => WHOLE.subarray(0, WHOLE.length - 20), says: /cut off/ },
  { id: 'png-without-end', what: 'a PNG without its end', guard: 'ends-where-it-says', bytes: () => WHOLE.subarray(0, WHOLE.length - 12) },
  { id: 'png-other-beginning', what: 'a PNG that begins with a text', guard: 'png-begins', bytes: () => edited(WHOLE, (b) => b.write('tEXt', 12)) },
  { id: 'png-no-width', what: 'a PNG of width 0', guard: 'has-a-size', bytes: () => png({ width: 0, height: 8 }) },
  { id: 'png-no-colours', what: 'a PNG of a colour type that does not exist', guard: 'png-colours', bytes: () => edited(WHOLE, (b) => b.writeUInt8(5, 25)) },
  { id: 'png-three-bits', what: 'a PNG of three bits', guard: 'png-colours', bytes: () => edited(WHOLE, (b) => b.writeUInt8(3, 24)) },
  { id: 'png-vast-chunk', what: 'a PNG whose chunk has four gigabytes', guard: 'png-whole', bytes: () => edited(WHOLE, (b) => b.writeUInt32BE(0xffffffff, WHOLE.length - 12)) },
  { id: 'png-no-data', what: 'a PNG without data', guard: 'png-data', bytes: () => edited(WHOLE, (b) => b.write('teXt', 37)) },
  { id: 'png-flood', what: 'a pixel flood: a PNG that says 60000x60000', guard: 'png-ratio', bytes: () => png({ width: 60_000, height: 60_000, actual: { width: 1, height: 1 } }), says: /cannot hold/ },
  { id: 'png-lying', what: 'a PNG that says 7000x7000 and has a byte', guard: 'png-ratio', bytes: () => png({ width: 7000, height: 7000, actual: { width: 1, height: 1 } }) },
  { id: 'png-honest-flood', what: 'a PNG of 64 megapixels in 62 kB', guard: 'pixel-limit', bytes: () => png({ width: 8000, height: 8000 }), code: 'LIMIT_EXCEEDED' },
  { id: 'apng-frames', what: 'an animated PNG of a thousand frames of a megapixel', guard: 'pixel-limit', bytes: () => png({ width: 1000, height: 1000, frames: 1000 }), code: 'LIMIT_EXCEEDED' },
];

const JPEGS: readonly Row[] = [
  { id: 'jpeg-signature', what: 'a JPEG signature alone', guard: 'ends-where-it-says', bytes: () => hex('ffd8ff') },
  { id: 'jpeg-half-header', what: 'a JPEG cut off in its header', guard: 'jpeg-header-whole', bytes: async () => (await jpeg()).subarray(0, 60) },
  { id: 'jpeg-cut', what: 'a JPEG without its end', guard: 'jpeg-whole', bytes: async () => (await jpeg()).subarray(0, -2) },
  { id: 'jpeg-no-length', what: 'a JPEG with a segment without length', guard: 'jpeg-lengths', bytes: async () => edited(await jpeg(), (b) => b.writeUInt16BE(0, 4)), says: /no length/ },
  { id: 'jpeg-noise', what: 'a JPEG with noise between its segments', guard: 'jpeg-segments', bytes: async () => Buffer.concat([hex('ffd8ffe00004000007070707'), (await jpeg()).subarray(2)]) },
  { id: 'jpeg-no-picture', what: 'a JPEG that ends before its picture', guard: 'jpeg-picture', bytes: () => Buffer.concat([hex('ffd8ffd9'), Buffer.alloc(64)]) },
  { id: 'jpeg-no-height', what: 'a JPEG of height 0', guard: 'has-a-size', bytes: async () => jpegClaiming(await jpeg(), 64, 0) },
  { id: 'jpeg-two-sizes', what: 'a JPEG that states two sizes', guard: 'jpeg-one-size', bytes: async () => Buffer.concat([hex('ffd8ffc0000b080001000101011100'), (await jpeg()).subarray(2)]) },
  { id: 'jpeg-no-size', what: 'a JPEG that states no size', guard: 'jpeg-size', bytes: () => hex('ffd8ffda0008010100003f0011ffd9') },
  { id: 'jpeg-lying', what: 'a JPEG that says 7000x7000', guard: 'jpeg-ratio', bytes: async () => jpegClaiming(await jpeg(), 7000, 7000), says: /cannot hold/ },
  { id: 'jpeg-scans', what: 'a JPEG of 20,000 scans, minutes of work in 2 MB', guard: 'jpeg-scans', bytes: () => manyScans(20_000), says: /more than 100 scans/ },
  {
    id: 'jpeg-hidden-scans',
    what: 'the same behind a comment that looks like an end',
    guard: 'jpeg-scans',
    bytes: async () => {
      const bytes = await manyScans(20_000);
      const data = bytes.indexOf(hex('ffda'));
      const next = bytes.indexOf(hex('ffda'), data + 2);
      return Buffer.concat([bytes.subarray(0, next), hex('fffe0004ffd9'), bytes.subarray(next)]);
    },
  },
];

/** A progressive JPEG whose last scan, a few bytes that change nothing, comes again and again. */
async function manyScans(count: number): Promise<Buffer> {
  const bytes = await redBlue(512, 512).toColourspace('b-w').jpeg({ progressive: true }).toBuffer();
  const last = bytes.subarray(bytes.lastIndexOf(hex('ffda')), -2);
  return Buffer.concat([bytes.subarray(0, -2), ...Array.from({ length: count }, () => last), hex('ffd9')]);
}

const OTHERS: readonly Row[] = [
  { id: 'webp-cut', what: 'a WebP cut off', guard: 'webp-whole', bytes: () => webpOf([riffChunk('VP8L', hex('2f0000000010'))], 4), says: /cut off/ },
  { id: 'webp-vast-chunk', what: 'a WebP whose chunk is larger than the file', guard: 'webp-chunks', bytes: async () => edited(await lossyWebp(), (b) => b.writeUInt32LE(0xfffffff0, 16)) },
  { id: 'webp-no-picture', what: 'a WebP without a picture', guard: 'webp-picture', bytes: () => webpOf([riffChunk('EXIF', Buffer.alloc(4))]) },
  { id: 'webp-no-key-frame', what: 'a WebP without a key frame', guard: 'webp-key-frame', bytes: async () => edited(await lossyWebp(), (b) => b.writeUInt8(0, 23)) },
  { id: 'webp-no-signature', what: 'a lossless WebP without its signature', guard: 'webp-signature', bytes: async () => edited(await losslessWebp(), (b) => b.writeUInt8(0, 20)) },
  { id: 'webp-lying', what: 'a WebP whose canvas is not its picture', guard: 'webp-one-size', bytes: async () => webpOf([canvas(4000, 10), (await lossyWebp()).subarray(12)]) },
  { id: 'webp-frames', what: 'a WebP of a hundred frames of a megapixel', guard: 'pixel-limit', bytes: () => animatedWebp(1000, 1000, 100), code: 'LIMIT_EXCEEDED' },
  { id: 'webp-frame-outside', what: 'a WebP with a frame beyond its canvas', guard: 'webp-inside', bytes: () => animatedWebp(10, 10, 1, 9000) },
  { id: 'webp-no-canvas', what: 'a WebP with a frame and no canvas', guard: 'webp-canvas-first', bytes: () => webpOf([riffChunk('ANMF', Buffer.alloc(24))]) },
  { id: 'webp-canvas-flood', what: 'a WebP that says 16 million by 16 million', guard: 'pixel-limit', bytes: () => animatedWebp(2 ** 24, 2 ** 24, 1), code: 'LIMIT_EXCEEDED' },
  { id: 'gif-signature', what: 'a GIF signature alone', guard: 'ends-where-it-says', bytes: () => latin('GIF89a') },
  { id: 'gif-cut', what: 'a GIF cut off in its first frame', guard: 'gif-whole', bytes: async () => (await redBlue(64, 48).gif().toBuffer()).subarray(0, -8) },
  { id: 'gif-no-picture', what: 'a GIF without a frame', guard: 'gif-picture', bytes: () => gif(10, 10, 0) },
  { id: 'gif-frames', what: 'a GIF of 100,000 frames', guard: 'pixel-limit', bytes: () => gif(1000, 1000, 100_000), code: 'LIMIT_EXCEEDED' },
  { id: 'gif-frame-outside', what: 'a GIF with a frame beyond its screen', guard: 'gif-inside', bytes: () => gif(10, 10, 1, 60_000) },
  { id: 'gif-flood', what: 'a GIF that says 65535x65535', guard: 'pixel-limit', bytes: () => gif(65_535, 65_535, 1), code: 'LIMIT_EXCEEDED' },
];

const FIELDS = ['image_path', 'image_paths', 'mask_path'] as const;

export const PICTURE_CASES: readonly HostileCase<GuardId>[] = [...FORMATS, ...PNGS, ...JPEGS, ...OTHERS].map(
  ({ id, what, guard, bytes, code = 'UNSUPPORTED_IMAGE', says }, index) => {
    const field = FIELDS[index % FIELDS.length] ?? 'image_path';
    return {
      id,
      what: `${what}, named .png`,
      where: field,
      guard,
      async make(place) {
        const content = await bytes();
        return naming(place.write(`root/${sha256(Buffer.concat([CAT, content])).slice(0, 16)}.png`, content), field);
      },
      code,
      ...(says ? { says } : {}),
    };
  },
);
