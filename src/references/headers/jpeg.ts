import { BrokenHeader, type Header } from './header.js';

const SOS = 0xda;
const EOI = 0xd9;
const END_OF_IMAGE = Buffer.from([0xff, EOI]);

/** Encoders write about ten. Each scan of a few bytes costs a decoder a pass over all pixels, which no timeout interrupts. */
const MAX_SCANS = 100;

/** ITU-T T.81: SOI, marker segments with a length, one SOF with the size, SOS, entropy-coded data, EOI. */
export function readJpeg(bytes: Buffer): Header {
  let size: { width: number; height: number; huffman: boolean } | undefined;
  for (let at = 2; ; ) {
    if (bytes.readUInt8(at) !== 0xff) throw new BrokenHeader('its segments do not follow each other');
    const marker = bytes.readUInt8(at + 1);
    // Fill bytes may precede a marker, and some markers stand alone.
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7)) {
      at += 2;
      continue;
    }
    if (marker === EOI || marker === 0xd8) throw new BrokenHeader('it ends before its picture');
    const length = bytes.readUInt16BE(at + 2);
    if (length < 2) throw new BrokenHeader('a segment has no length');
    if (isFrame(marker)) {
      if (size) throw new BrokenHeader('it states its size twice');
      size = { height: bytes.readUInt16BE(at + 5), width: bytes.readUInt16BE(at + 7), huffman: marker <= 0xc2 };
    }
    at += 2 + length;
    if (at > bytes.length) throw new BrokenHeader('it is cut off');
    if (marker === SOS) {
      if (!size) throw new BrokenHeader('it does not state its size');
      refuseManyScans(bytes, at);
      return { ...checked(size, bytes, at), frames: 1, lossless: false };
    }
  }
}

/** SOF0 to SOF15 without DHT (C4), JPG (C8) and DAC (CC), which share their row of the table. */
function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}

/** Reads markers as decoders do: those of segments have a length, and in the data a byte of 255 is followed by 0. */
function refuseManyScans(bytes: Buffer, firstDataAt: number): void {
  let scans = 1;
  for (let at = firstDataAt; at + 3 < bytes.length; ) {
    const marker = bytes[at] === 0xff ? bytes.readUInt8(at + 1) : 0;
    if (marker === EOI) return;
    if (marker === 0 || marker === 0xff) at += 1;
    else if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) at += 2;
    else {
      if (marker === SOS) scans += 1;
      if (scans > MAX_SCANS) throw new BrokenHeader(`it has more than ${MAX_SCANS} scans`);
      at += 2 + bytes.readUInt16BE(at + 2);
    }
  }
}

function checked(
  size: { width: number; height: number; huffman: boolean },
  bytes: Buffer,
  dataAt: number,
): { width: number; height: number } {
  const { width, height } = size;
  if (bytes.indexOf(END_OF_IMAGE, dataAt) === -1) throw new BrokenHeader('it is cut off');
  // With Huffman codes each block of 8x8 pixels costs at least one bit, progressive or not.
  const blocks = Math.ceil(width / 8) * Math.ceil(height / 8);
  if (size.huffman && blocks > (bytes.length - dataAt) * 8) {
    throw new BrokenHeader(`its data cannot hold the ${width}x${height} pixels that its header claims`);
  }
  return { width, height };
}
