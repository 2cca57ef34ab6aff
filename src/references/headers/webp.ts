import { BrokenHeader, type Header } from './header.js';

interface Size {
  width: number;
  height: number;
}

/** RFC 9649: RIFF container; one VP8 (lossy) or VP8L (lossless) chunk, or VP8X with the canvas and, animated, ANMF chunks. */
export function readWebp(bytes: Buffer): Header {
  const end = 8 + bytes.readUInt32LE(4);
  if (end > bytes.length) throw new BrokenHeader('it is cut off');
  let canvas: Size | undefined;
  let still: Size | undefined;
  let lossless = false;
  let animationFrames = 0;
  for (let at = 12; at + 8 <= end; ) {
    const name = bytes.toString('latin1', at, at + 4);
    const length = bytes.readUInt32LE(at + 4);
    const data = at + 8;
    // Chunks are padded to an even length; a last one without its padding byte is common.
    at = data + length + (length % 2);
    if (data + length > end) throw new BrokenHeader('it is cut off');
    if (name === 'VP8X') canvas = canvasSize(bytes, data);
    else if (name === 'ANMF') {
      animationFrames += 1;
      if (!canvas) throw new BrokenHeader('it has frames without a canvas');
      refuseOutside(canvas, frameSize(bytes, data));
    } else if (name === 'VP8 ' && !still) still = lossySize(bytes, data);
    else if (name === 'VP8L' && !still) {
      still = losslessSize(bytes, data);
      lossless = true;
    }
  }
  if (!still && animationFrames === 0) throw new BrokenHeader('it has no picture data');
  if (still && canvas && (still.width !== canvas.width || still.height !== canvas.height)) {
    throw new BrokenHeader('its picture is not as large as its canvas');
  }
  const size = canvas ?? still;
  if (!size) throw new BrokenHeader('it does not state its size');
  return { ...size, frames: Math.max(1, animationFrames), lossless };
}

/** VP8X: flags, 3 reserved bytes, then width - 1 and height - 1 in 24 bits each. */
function canvasSize(bytes: Buffer, at: number): Size {
  return { width: bytes.readUIntLE(at + 4, 3) + 1, height: bytes.readUIntLE(at + 7, 3) + 1 };
}

/** ANMF: half of x and y, then width - 1 and height - 1, in 24 bits each; as the corner that the frame reaches. */
function frameSize(bytes: Buffer, at: number): Size {
  return {
    width: bytes.readUIntLE(at, 3) * 2 + bytes.readUIntLE(at + 6, 3) + 1,
    height: bytes.readUIntLE(at + 3, 3) * 2 + bytes.readUIntLE(at + 9, 3) + 1,
  };
}

function refuseOutside(canvas: Size, reach: Size): void {
  if (reach.width > canvas.width || reach.height > canvas.height) {
    throw new BrokenHeader('a frame is larger than its canvas');
  }
}

/** RFC 6386, 9.1: frame tag (bit 0 clear: key frame), start code, then 14 bits each of width and height. */
function lossySize(bytes: Buffer, at: number): Size {
  if ((bytes.readUInt8(at) & 1) !== 0 || bytes.readUIntBE(at + 3, 3) !== 0x9d012a) {
    throw new BrokenHeader('its picture does not begin with a key frame');
  }
  return { width: bytes.readUInt16LE(at + 6) & 0x3fff, height: bytes.readUInt16LE(at + 8) & 0x3fff };
}

/** RFC 9649, 3.4: signature byte, then width - 1 and height - 1 in 14 bits each. */
function losslessSize(bytes: Buffer, at: number): Size {
  if (bytes.readUInt8(at) !== 0x2f) throw new BrokenHeader('its picture does not begin with a signature');
  const bits = bytes.readUInt32LE(at + 1);
  return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
}
