import { describe, expect, it } from '@jest/globals';
import { JobFailure } from '../../../src/contract/errors.js';
import { inspectImage, type InspectLimits } from '../../../src/references/inspect.js';
import { animatedWebp, canvas, gif, jpegClaiming, png, redBlue, riffChunk, webpOf, zipWithComment } from '../../support/hostile-images.js';

const jpeg = await redBlue(64, 48).jpeg().toBuffer();
const lossyWebp = await redBlue(64, 48).webp().toBuffer();
const losslessWebp = await redBlue(64, 48).webp({ lossless: true }).toBuffer();
const realGif = await redBlue(64, 48).gif().toBuffer();
const flood = png({ width: 60_000, height: 60_000, actual: { width: 1, height: 1 } });
const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="file:///etc/passwd"/></svg>';
const OFF: InspectLimits = { bytes: Infinity, pixels: Infinity };

/** Offsets of the IHDR fields in a PNG. */
function edited(bytes: Buffer, edit: (copy: Buffer) => void): Buffer {
  const copy = Buffer.from(bytes);
  edit(copy);
  return copy;
}

interface Row {
  what: string;
  bytes: Buffer;
  code: 'UNSUPPORTED_IMAGE' | 'LIMIT_EXCEEDED';
  says: RegExp;
  /** The same bytes without the one thing that is wrong, or the same bytes with the limits off: accepted. */
  honest?: Buffer;
  limitsOff?: true;
}

const whole = png({ width: 8, height: 8 });
const rows: Row[] = [
  { what: 'nothing', bytes: Buffer.alloc(0), code: 'UNSUPPORTED_IMAGE', says: /an empty file/ },
  { what: 'an SVG named .png', bytes: Buffer.from(svg), code: 'UNSUPPORTED_IMAGE', says: /an SVG/ },
  { what: 'an SVG behind a declaration', bytes: Buffer.from(`<?xml version="1.0"?>\n<!-- x -->${svg}`), code: 'UNSUPPORTED_IMAGE', says: /an SVG/ },
  { what: 'a row of comments', bytes: Buffer.from(`${'<!---->'.repeat(146)}x`), code: 'UNSUPPORTED_IMAGE', says: /something else/ },
  { what: 'an SVG behind a row of comments', bytes: Buffer.from('<!---->'.repeat(100) + svg), code: 'UNSUPPORTED_IMAGE', says: /an SVG/ },
  { what: 'HTML named .jpg', bytes: Buffer.from('<!doctype html><script>alert(1)</script>'), code: 'UNSUPPORTED_IMAGE', says: /an HTML page/ },
  { what: 'a PDF', bytes: Buffer.from('%PDF-1.7\n'), code: 'UNSUPPORTED_IMAGE', says: /a PDF/ },
  { what: 'a TIFF', bytes: Buffer.from('II*\0rest'), code: 'UNSUPPORTED_IMAGE', says: /a TIFF/ },
  { what: 'a HEIC', bytes: Buffer.from('\0\0\0\x18ftypheic'), code: 'UNSUPPORTED_IMAGE', says: /a HEIC/ },
  { what: 'a BMP', bytes: Buffer.from('BM000000'), code: 'UNSUPPORTED_IMAGE', says: /a BMP/ },
  { what: 'an ICO', bytes: Buffer.from('\0\0\x01\0\x01\0'), code: 'UNSUPPORTED_IMAGE', says: /ICO/ },
  { what: 'an icon file that image-size would loop on', bytes: Buffer.from('69636e73000000106973333200000000', 'hex'), code: 'UNSUPPORTED_IMAGE', says: /something else/ },
  { what: 'a JXL that image-size would loop on', bytes: Buffer.from('0000000c4a584c200d0a870a000000006a786c70', 'hex'), code: 'UNSUPPORTED_IMAGE', says: /something else/ },
  { what: 'a text file', bytes: Buffer.from('AWS_SECRET_ACCESS_KEY=x'), code: 'UNSUPPORTED_IMAGE', says: /something else/ },
  { what: 'RIFF that is a sound', bytes: Buffer.from('RIFF\x04\0\0\0WAVE', 'latin1'), code: 'UNSUPPORTED_IMAGE', says: /something else/ },

  { what: 'a PNG signature alone', bytes: whole.subarray(0, 8), code: 'UNSUPPORTED_IMAGE', says: /cut off/ },
  { what: 'a PNG cut off in its header', bytes: whole.subarray(0, 20), code: 'UNSUPPORTED_IMAGE', says: /cut off/ },
  { what: 'a PNG cut off in its data', bytes: whole.subarray(0, whole.length - 20), code: 'UNSUPPORTED_IMAGE', says: /cut off/, honest: whole },
  { what: 'a PNG without IEND', bytes: whole.subarray(0, whole.length - 12), code: 'UNSUPPORTED_IMAGE', says: /cut off/, honest: whole },
  { what: 'a PNG that begins with another chunk', bytes: edited(whole, (b) => b.write('tEXt', 12)), code: 'UNSUPPORTED_IMAGE', says: /IHDR/ },
  { what: 'a PNG of width 0', bytes: png({ width: 0, height: 8 }), code: 'UNSUPPORTED_IMAGE', says: /0x8/ },
  { what: 'a PNG of no colour type', bytes: edited(whole, (b) => b.writeUInt8(5, 25)), code: 'UNSUPPORTED_IMAGE', says: /colour type/, honest: whole },
  { what: 'a PNG whose chunk runs past 4 GiB', bytes: edited(whole, (b) => b.writeUInt32BE(0xffffffff, 33)), code: 'UNSUPPORTED_IMAGE', says: /cut off/ },
  { what: 'a pixel flood: a PNG that claims 60000x60000', bytes: flood, code: 'UNSUPPORTED_IMAGE', says: /cannot hold/ },
  { what: 'a PNG that claims 7000x7000 and has a byte', bytes: png({ width: 7000, height: 7000, actual: { width: 1, height: 1 } }), code: 'UNSUPPORTED_IMAGE', says: /cannot hold/, honest: png({ width: 1, height: 1 }) },
  { what: 'a well-compressed PNG of 64 megapixels', bytes: png({ width: 8000, height: 8000 }), code: 'LIMIT_EXCEEDED', says: /64000000 .*50000000/, limitsOff: true },
  { what: 'an APNG of 1,000 frames of a megapixel', bytes: png({ width: 1000, height: 1000, frames: 1000 }), code: 'LIMIT_EXCEEDED', says: /1000 frames/, limitsOff: true },

  { what: 'a JPEG signature alone', bytes: jpeg.subarray(0, 3), code: 'UNSUPPORTED_IMAGE', says: /cut off/ },
  { what: 'a JPEG cut off in its header', bytes: jpeg.subarray(0, 100), code: 'UNSUPPORTED_IMAGE', says: /cut off/, honest: jpeg },
  { what: 'a JPEG cut off in its data', bytes: jpeg.subarray(0, jpeg.length - 2), code: 'UNSUPPORTED_IMAGE', says: /cut off/, honest: jpeg },
  { what: 'a JPEG with a segment of length 0', bytes: edited(jpeg, (b) => b.writeUInt16BE(0, 4)), code: 'UNSUPPORTED_IMAGE', says: /no length/, honest: jpeg },
  { what: 'a JPEG of noise after its signature', bytes: Buffer.concat([jpeg.subarray(0, 2), Buffer.alloc(1000, 0xff), Buffer.alloc(1000, 7)]), code: 'UNSUPPORTED_IMAGE', says: /broken/ },
  { what: 'a JPEG that ends before its picture', bytes: Buffer.from('ffd8ffd9', 'hex'), code: 'UNSUPPORTED_IMAGE', says: /before its picture/ },
  { what: 'a JPEG of height 0', bytes: jpegClaiming(jpeg, 64, 0), code: 'UNSUPPORTED_IMAGE', says: /64x0/ },
  { what: 'a JPEG that claims 7000x7000', bytes: jpegClaiming(jpeg, 7000, 7000), code: 'UNSUPPORTED_IMAGE', says: /cannot hold/, honest: jpegClaiming(jpeg, 64, 48) },

  { what: 'a WebP cut off', bytes: lossyWebp.subarray(0, lossyWebp.length - 4), code: 'UNSUPPORTED_IMAGE', says: /cut off/, honest: lossyWebp },
  { what: 'a WebP without a picture', bytes: webpOf([riffChunk('EXIF', Buffer.alloc(4))]), code: 'UNSUPPORTED_IMAGE', says: /no picture/ },
  { what: 'a WebP whose chunk is larger than the file', bytes: edited(lossyWebp, (b) => b.writeUInt32LE(0xfffffff0, 16)), code: 'UNSUPPORTED_IMAGE', says: /cut off/, honest: lossyWebp },
  { what: 'a WebP without a key frame', bytes: edited(lossyWebp, (b) => b.writeUInt8(0, 23)), code: 'UNSUPPORTED_IMAGE', says: /key frame/, honest: lossyWebp },
  { what: 'a lossless WebP without its signature', bytes: edited(losslessWebp, (b) => b.writeUInt8(0, 20)), code: 'UNSUPPORTED_IMAGE', says: /signature/, honest: losslessWebp },
  { what: 'a WebP whose canvas is not its picture', bytes: webpOf([canvas(9000, 10), lossyWebp.subarray(12)]), code: 'UNSUPPORTED_IMAGE', says: /as large as its canvas/, honest: webpOf([canvas(64, 48), lossyWebp.subarray(12)]) },
  { what: 'a WebP of 100 frames of 1000x1000', bytes: animatedWebp(1000, 1000, 100), code: 'LIMIT_EXCEEDED', says: /100 frames/, limitsOff: true },
  { what: 'a WebP with a frame beyond its canvas', bytes: animatedWebp(10, 10, 1, 9000), code: 'UNSUPPORTED_IMAGE', says: /larger than its canvas/, honest: animatedWebp(10, 10, 1, 10) },

  { what: 'a GIF signature alone', bytes: realGif.subarray(0, 6), code: 'UNSUPPORTED_IMAGE', says: /cut off/ },
  { what: 'a GIF cut off in its first frame', bytes: realGif.subarray(0, realGif.length - 8), code: 'UNSUPPORTED_IMAGE', says: /cut off/, honest: realGif },
  { what: 'a GIF of no frame', bytes: gif(10, 10, 0), code: 'UNSUPPORTED_IMAGE', says: /no picture/, honest: gif(10, 10, 1) },
  { what: 'a GIF of 100,000 small frames on a large screen', bytes: gif(1000, 1000, 100_000), code: 'LIMIT_EXCEEDED', says: /100000 frames/, limitsOff: true },
  { what: 'a GIF with a frame beyond its screen', bytes: gif(10, 10, 1, 60_000), code: 'UNSUPPORTED_IMAGE', says: /larger than its screen/, honest: gif(10, 10, 1, 10) },
  { what: 'a GIF that claims 65535x65535', bytes: gif(65535, 65535, 1), code: 'LIMIT_EXCEEDED', says: /4294836225/, limitsOff: true },
  { what: '21 MB', bytes: Buffer.concat([whole, Buffer.alloc(21 * 1024 * 1024)]), code: 'LIMIT_EXCEEDED', says: /20971520/, limitsOff: true },
];

function refusal(bytes: Buffer, limits?: InspectLimits): JobFailure {
  try {
    inspectImage(bytes, limits);
  } catch (error) {
    if (error instanceof JobFailure) return error;
    throw error;
  }
  throw new Error('was accepted');
}

describe('hostile pictures', () => {
  it.each(rows)('$what: $code', ({ bytes, code, says, honest, limitsOff }) => {
    const failure = refusal(bytes);
    expect(failure.code).toBe(code);
    expect(failure.message).toMatch(says);
    if (honest) expect(inspectImage(honest).frames).toBeGreaterThan(0);
    if (limitsOff) expect(inspectImage(bytes, OFF).frames).toBeGreaterThan(0);
  });

  it.each([
    ['a PNG', whole, { mimeType: 'image/png', width: 8, height: 8, frames: 1, lossless: true }],
    ['a JPEG', jpeg, { mimeType: 'image/jpeg', width: 64, height: 48, frames: 1, lossless: false }],
    ['a lossy WebP', lossyWebp, { mimeType: 'image/webp', width: 64, height: 48, frames: 1, lossless: false }],
    ['a lossless WebP', losslessWebp, { mimeType: 'image/webp', width: 64, height: 48, frames: 1, lossless: true }],
    ['a GIF', realGif, { mimeType: 'image/gif', width: 64, height: 48, frames: 1, lossless: true }],
    ['a small animated GIF', gif(10, 12, 7), { mimeType: 'image/gif', width: 10, height: 12, frames: 7, lossless: true }],
    ['an animated WebP', animatedWebp(10, 12, 3), { mimeType: 'image/webp', width: 10, height: 12, frames: 3, lossless: false }],
    ['a PNG with an archive behind it', Buffer.concat([whole, zipWithComment('x')]), { mimeType: 'image/png', width: 8, height: 8, frames: 1, lossless: true }],
  ])('takes %s', (_, bytes, expected) => {
    expect(inspectImage(bytes)).toEqual(expected);
  });

  it('ends with an answer for every cut and every changed byte', () => {
    for (const original of [whole, jpeg, lossyWebp, losslessWebp, realGif, animatedWebp(10, 10, 2)]) {
      for (let at = 0; at < original.length; at++) {
        for (const bytes of [original.subarray(0, at), edited(original, (b) => b.writeUInt8(b.readUInt8(at) ^ 0xff, at))]) {
          try {
            inspectImage(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(JobFailure);
          }
        }
      }
    }
  });
});
