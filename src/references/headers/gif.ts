import { BrokenHeader, type Header } from './header.js';

const EXTENSION = 0x21;
const IMAGE = 0x2c;

/** GIF89a: screen descriptor, then extensions and images, each a chain of sub-blocks, up to a trailer that some writers leave out. */
export function readGif(bytes: Buffer): Header {
  const width = bytes.readUInt16LE(6);
  const height = bytes.readUInt16LE(8);
  let frames = 0;
  for (let at = 13 + colourTable(bytes.readUInt8(10)); at < bytes.length; ) {
    const block = bytes.readUInt8(at);
    if (block === EXTENSION) at = afterSubBlocks(bytes, at + 2, frames);
    else if (block === IMAGE) {
      if (
        bytes.readUInt16LE(at + 1) + bytes.readUInt16LE(at + 5) > width ||
        bytes.readUInt16LE(at + 3) + bytes.readUInt16LE(at + 7) > height
      ) {
        throw new BrokenHeader('a frame is larger than its screen');
      }
      // Descriptor, local colours, one byte of code size, data.
      at = afterSubBlocks(bytes, at + 10 + colourTable(bytes.readUInt8(at + 9)) + 1, frames);
      frames += 1;
    } else break;
  }
  if (frames === 0) throw new BrokenHeader('it has no picture data');
  return { width, height, frames, lossless: true };
}

function colourTable(flags: number): number {
  return (flags & 0x80) === 0 ? 0 : 3 * 2 ** ((flags & 7) + 1);
}

/** Only the first frame is used: one that is cut off after it does no harm. */
function afterSubBlocks(bytes: Buffer, from: number, framesBefore: number): number {
  let at = from;
  while (at < bytes.length) {
    const length = bytes.readUInt8(at);
    at += 1 + length;
    if (length === 0) return at;
  }
  if (framesBefore === 0) throw new BrokenHeader('it is cut off');
  return bytes.length;
}
