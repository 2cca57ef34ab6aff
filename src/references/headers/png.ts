import { BrokenHeader, type Header } from './header.js';

/** Bits a pixel by colour type, times the bit depth: greyscale, RGB, palette, greyscale + alpha, RGBA. */
const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
const DEPTHS = [1, 2, 4, 8, 16];

/** Deflate turns one byte into at most 1032 (zlib's technical notes). */
const DEFLATE_RATIO = 1032;

/** PNG, third edition (W3C 2025): signature, IHDR, chunks of length, type, data and CRC, up to IEND; acTL makes it an animation. */
export function readPng(bytes: Buffer): Header {
  if (bytes.readUInt32BE(8) !== 13 || type(bytes, 8) !== 'IHDR') throw new BrokenHeader('it does not begin with IHDR');
  const width = bytes.readUInt32BE(16);
  const height = bytes.readUInt32BE(20);
  const depth = bytes.readUInt8(24);
  const channels = CHANNELS[bytes.readUInt8(25)];
  if (channels === undefined || !DEPTHS.includes(depth)) throw new BrokenHeader('its colour type does not exist');

  let frames = 1;
  let data = 0;
  for (let at = 8; ; ) {
    const length = bytes.readUInt32BE(at);
    const end = at + 12 + length;
    if (end > bytes.length) throw new BrokenHeader('it is cut off');
    const chunk = type(bytes, at);
    if (chunk === 'IEND') break;
    if (chunk === 'IDAT') data += length;
    if (chunk === 'acTL') frames = Math.max(1, bytes.readUInt32BE(at + 8));
    at = end;
  }
  if (data === 0) throw new BrokenHeader('it has no picture data');
  if (height * Math.ceil((width * channels * depth) / 8) > data * DEFLATE_RATIO) {
    throw new BrokenHeader(`its ${data} bytes of data cannot hold the ${width}x${height} pixels that its header claims`);
  }
  return { width, height, frames, lossless: true };
}

/** What pixels depend on: size, palette, transparency, data, colour space, orientation. */
const OF_PIXELS = ['IHDR', 'PLTE', 'tRNS', 'gAMA', 'cHRM', 'sRGB', 'iCCP', 'eXIf', 'IDAT', 'IEND'];

/**
 * The same picture without its other chunks and without what follows it. A decoder would unpack compressed texts, of which a file of
 * one megabyte can hold gigabytes, and all of them are dropped afterwards. The bytes must have passed readPng.
 */
export function pixelsOfPng(bytes: Buffer): Buffer {
  const kept = [bytes.subarray(0, 8)];
  for (let at = 8, chunk = ''; chunk !== 'IEND'; ) {
    chunk = type(bytes, at);
    const end = at + 12 + bytes.readUInt32BE(at);
    if (OF_PIXELS.includes(chunk)) kept.push(bytes.subarray(at, end));
    at = end;
  }
  return Buffer.concat(kept);
}

function type(bytes: Buffer, chunkAt: number): string {
  return bytes.toString('latin1', chunkAt + 4, chunkAt + 8);
}
