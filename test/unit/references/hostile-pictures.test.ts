import { describe, expect, it } from '@jest/globals';
import { JobFailure } from '../../../src/contract/errors.js';
import { pixelsOfPng } from '../../../src/references/headers/png.js';
import { inspectImage } from '../../../src/references/inspect.js';
import { animatedWebp, canvas, edited, gif, jpegClaiming, png, redBlue, webpOf, zipWithComment } from '../../support/hostile-images.js';

const jpeg = await redBlue(64, 48).jpeg().toBuffer();
const lossyWebp = await redBlue(64, 48).webp().toBuffer();
const losslessWebp = await redBlue(64, 48).webp({ lossless: true }).toBuffer();
const progressive = await redBlue(64, 48).jpeg({ progressive: true }).toBuffer();
const realGif = await redBlue(64, 48).gif().toBuffer();
const whole = png({ width: 8, height: 8 });

/** What is refused stands in test/hostile; here is what comes close to it and is a picture. */
describe('a header', () => {
  it.each([
    ['a PNG', whole, { mimeType: 'image/png', width: 8, height: 8, frames: 1, lossless: true }],
    ['a JPEG', jpeg, { mimeType: 'image/jpeg', width: 64, height: 48, frames: 1, lossless: false }],
    ['a lossy WebP', lossyWebp, { mimeType: 'image/webp', width: 64, height: 48, frames: 1, lossless: false }],
    ['a lossless WebP', losslessWebp, { mimeType: 'image/webp', width: 64, height: 48, frames: 1, lossless: true }],
    ['a GIF', realGif, { mimeType: 'image/gif', width: 64, height: 48, frames: 1, lossless: true }],
    ['a small animated GIF', gif(10, 12, 7), { mimeType: 'image/gif', width: 10, height: 12, frames: 7, lossless: true }],
    ['an animated WebP', animatedWebp(10, 12, 3), { mimeType: 'image/webp', width: 10, height: 12, frames: 3, lossless: false }],
    ['a JPEG whose size is written anew', jpegClaiming(jpeg, 64, 48), { mimeType: 'image/jpeg', width: 64, height: 48, frames: 1, lossless: false }],
    ['a WebP whose canvas is its picture', webpOf([canvas(64, 48), lossyWebp.subarray(12)]), { mimeType: 'image/webp', width: 64, height: 48, frames: 1, lossless: false }],
    ['a WebP with a frame as wide as its canvas', animatedWebp(10, 10, 1, 10), { mimeType: 'image/webp', width: 10, height: 10, frames: 1, lossless: false }],
    ['a GIF with a frame as wide as its screen', gif(10, 10, 1, 10), { mimeType: 'image/gif', width: 10, height: 10, frames: 1, lossless: true }],
    ['a PNG of the most pixels', png({ width: 7070, height: 7070 }), { mimeType: 'image/png', width: 7070, height: 7070, frames: 1, lossless: true }],
    ['a progressive JPEG', progressive, { mimeType: 'image/jpeg', width: 64, height: 48, frames: 1, lossless: false }],
    ['a PNG with an archive behind it', Buffer.concat([whole, zipWithComment('x')]), { mimeType: 'image/png', width: 8, height: 8, frames: 1, lossless: true }],
  ])('takes %s', (_, bytes, expected) => {
    expect(inspectImage(bytes)).toEqual(expected);
  });

  it('ends with an answer for every cut and every changed byte', () => {
    for (const original of [whole, jpeg, progressive, lossyWebp, losslessWebp, realGif, animatedWebp(10, 10, 2)]) {
      for (let at = 0; at < original.length; at++) {
        for (const bytes of [original.subarray(0, at), edited(original, (b) => b.writeUInt8(b.readUInt8(at) ^ 0xff, at))]) {
          try {
            if (inspectImage(bytes).mimeType === 'image/png') pixelsOfPng(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(JobFailure);
          }
        }
      }
    }
  });
});
