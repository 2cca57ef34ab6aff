import { randomBytes } from 'node:crypto';
import { crc32, deflateSync } from 'node:zlib';
import sharp, { type Sharp } from 'sharp';

/** Pictures as an attacker, a broken camera or a wrong file name makes them. Built here byte by byte: no fixture files. */

const PNG_SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');

export function pngChunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  return Buffer.concat([u32be(data.length), body, u32be(crc32(body))]);
}

export interface PngShape {
  width: number;
  height: number;
  /** Pixels really there, when the header lies. */
  actual?: { width: number; height: number };
  /** Sets the acTL chunk of an animation. */
  frames?: number;
  /** Chunks between IHDR and IDAT. */
  extra?: Buffer[];
}

/** An 8-bit greyscale PNG of one colour. */
export function png({ width, height, actual = { width, height }, frames, extra = [] }: PngShape): Buffer {
  const header = Buffer.concat([u32be(width), u32be(height), Buffer.from([8, 0, 0, 0, 0])]);
  const pixels = deflateSync(Buffer.alloc((actual.width + 1) * actual.height));
  return Buffer.concat([
    PNG_SIGNATURE,
    pngChunk('IHDR', header),
    ...(frames === undefined ? [] : [pngChunk('acTL', Buffer.concat([u32be(frames), u32be(0)]))]),
    ...extra,
    pngChunk('IDAT', pixels),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

/**
 * The PNG that costs a decoder most: interlaced, 16 bits a channel, and lying on its side, so that it is held whole, twice.
 * Equal but for `index`, of which nothing is left when it was decoded.
 */
export function costliestPng(width: number, height: number, index: number): Buffer {
  const header = Buffer.concat([u32be(width), u32be(height), Buffer.from([16, 6, 0, 0, 1])]);
  return Buffer.concat([
    PNG_SIGNATURE,
    pngChunk('IHDR', header),
    pngChunk('eXIf', exifWithPlace(6)),
    pngChunk('tEXt', Buffer.from(`index\0${index}`)),
    pngChunk('IDAT', deflateSync(Buffer.alloc(interlacedLength(width, height, 8)), { level: 1 })),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

/** Bytes of an interlaced picture: seven passes [x0, y0, dx, dy], each row with its filter before it. */
function interlacedLength(width: number, height: number, bytesAPixel: number): number {
  const passes = [[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2]] as const;
  return passes.reduce((sum, [x, y, dx, dy]) => {
    const [columns, rows] = [Math.ceil((width - x) / dx), Math.ceil((height - y) / dy)];
    return sum + (columns > 0 ? rows * (1 + columns * bytesAPixel) : 0);
  }, 0);
}

/** A GIF of `frames` frames of one pixel each on a screen of the given size. */
export function gif(width: number, height: number, frames: number, frameWidth = 1): Buffer {
  const screen = Buffer.concat([Buffer.from('GIF89a', 'latin1'), u16le(width), u16le(height), Buffer.from([0x80, 0, 0, 0, 0, 0, 255, 255, 255])]);
  const image = Buffer.concat([
    Buffer.from([0x21, 0xf9, 4, 0, 10, 0, 0, 0]),
    Buffer.from([0x2c, 0, 0, 0, 0]),
    u16le(frameWidth),
    u16le(1),
    Buffer.from([0, 2, 2, 0x4c, 0x01, 0]),
  ]);
  return Buffer.concat([screen, ...Array.from({ length: frames }, () => image), Buffer.from([0x3b])]);
}

/** An animated WebP: canvas and frame headers, and one real lossless pixel in each frame. */
export function animatedWebp(width: number, height: number, frames: number, frameWidth = 1): Buffer {
  const pixel = riffChunk('VP8L', Buffer.from('2f00000010075081540820000a9a02c68888fe07', 'hex'));
  const frame = Buffer.concat([u24le(0), u24le(0), u24le(frameWidth - 1), u24le(0), u24le(100), Buffer.from([0]), pixel]);
  return webpOf([
    canvas(width, height, 0x02),
    riffChunk('ANIM', Buffer.alloc(6)),
    ...Array.from({ length: frames }, () => riffChunk('ANMF', frame)),
  ]);
}

/** A VP8X chunk; flag 0x02 announces an animation. */
export function canvas(width: number, height: number, flags = 0): Buffer {
  return riffChunk('VP8X', Buffer.concat([Buffer.from([flags, 0, 0, 0]), u24le(width - 1), u24le(height - 1)]));
}

/** `missing`: bytes that the file says it has, and does not. */
export function webpOf(chunks: readonly Buffer[], missing = 0): Buffer {
  const body = Buffer.concat([Buffer.from('WEBP', 'latin1'), ...chunks]);
  return Buffer.concat([Buffer.from('RIFF', 'latin1'), u32le(body.length + missing), body]);
}

export function riffChunk(name: string, data: Buffer): Buffer {
  return Buffer.concat([Buffer.from(name, 'latin1'), u32le(data.length), data, Buffer.alloc(data.length % 2)]);
}

/** A real picture: left half red, right half blue, so that a turn can be seen. */
export function redBlue(width: number, height: number): Sharp {
  return leftRight(width, height, [255, 0, 0], [0, 0, 255]);
}

/** A mask: left half to be edited, right half to stay. */
export function leftMask(width: number, height: number): Promise<Buffer> {
  return leftRight(width, height, [0, 0, 0, 0], [0, 0, 0, 255]).png().toBuffer();
}

function leftRight(width: number, height: number, left: number[], right: number[]): Sharp {
  const half = Math.floor(width / 2);
  const row = Buffer.concat(Array.from({ length: width }, (_, x) => Buffer.from(x < half ? left : right)));
  const pixels = Buffer.concat(Array.from({ length: height }, () => row));
  return sharp(pixels, { raw: { width, height, channels: left.length === 4 ? 4 : 3 } });
}

/**
 * A lossless WebP of a few MB whose opaque pixels are over 20 MB as PNG: noise that repeats further apart than PNG's compression looks back.
 */
export function fatAsPng(): Promise<Buffer> {
  const tile = randomBytes(2800 * 100 * 3);
  const pixels = Buffer.concat(Array.from({ length: 28 }, () => tile));
  return sharp(pixels, { raw: { width: 2800, height: 2800, channels: 3 } }).webp({ lossless: true }).toBuffer();
}

/** A JPEG as a phone writes it: lying on its side (orientation 6), with the place where it was taken. */
export function phoneJpeg(width: number, height: number): Promise<Buffer> {
  return redBlue(width, height)
    .jpeg({ quality: 100, chromaSubsampling: '4:4:4' })
    .withExif({
      IFD0: { Orientation: '6', Make: 'PhoneMaker' },
      IFD3: { GPSLatitudeRef: 'N', GPSLatitude: '51/1 30/1 0/1', GPSLongitudeRef: 'W', GPSLongitude: '0/1 7/1 0/1' },
    })
    .withMetadata({ orientation: 6 })
    .toBuffer();
}

/** EXIF data (TIFF, big-endian) with an orientation and the place 51° 30' N. */
export function exifWithPlace(orientation = 1): Buffer {
  const entry = (tag: number, type: number, count: number, value: Buffer): Buffer => Buffer.concat([u16be(tag), u16be(type), u32be(count), value]);
  const folder = (...entries: Buffer[]): Buffer => Buffer.concat([u16be(entries.length), ...entries, u32be(0)]);
  const first = folder(entry(0x0112, 3, 1, Buffer.concat([u16be(orientation), u16be(0)])), entry(0x8825, 4, 1, u32be(38)));
  const place = folder(entry(1, 2, 2, Buffer.from('N\0\0\0')), entry(2, 5, 3, u32be(68)));
  const degrees = Buffer.concat([51, 1, 30, 1, 0, 1].map(u32be));
  return Buffer.concat([Buffer.from('MM\0*', 'latin1'), u32be(8), first, place, degrees]);
}

/**
 * A JPEG whose size depends on who reads it: to a reader that takes 255, 0 for a segment, what lies in it is skipped and the size is the given
 * one; decoders skip the two bytes, find the true size in it, and take the given one for a part of a comment.
 */
export function jpegOfTwoReadings(jpeg: Buffer, width: number, height: number): Buffer {
  const at = frameHeaderOf(jpeg);
  const truth = jpeg.subarray(at, at + 2 + jpeg.readUInt16BE(at + 2));
  const other = jpegClaiming(jpeg, width, height).subarray(at, at + truth.length);
  const commentHead = Buffer.concat([Buffer.from([0xff, 0xfe]), u16be(2 + other.length)]);
  const hidden = Buffer.concat([truth, commentHead]);
  const skipped = Buffer.concat([Buffer.from([0xff, 0x00]), u16be(2 + hidden.length), hidden]);
  return Buffer.concat([jpeg.subarray(0, at), skipped, other, jpeg.subarray(at + truth.length)]);
}

/** Writes another size into the frame header of a JPEG. */
export function jpegClaiming(jpeg: Buffer, width: number, height: number): Buffer {
  const at = frameHeaderOf(jpeg);
  return edited(jpeg, (lying) => {
    lying.writeUInt16BE(height, at + 5);
    lying.writeUInt16BE(width, at + 7);
  });
}

function frameHeaderOf(jpeg: Buffer): number {
  for (let at = 2; at < jpeg.length; at += 2 + jpeg.readUInt16BE(at + 2)) {
    const marker = jpeg.readUInt8(at + 1);
    if (marker >= 0xc0 && marker <= 0xc2) return at;
  }
  throw new Error('no frame header');
}

/** A copy with something changed. */
export function edited(bytes: Buffer, edit: (copy: Buffer) => void): Buffer {
  const copy = Buffer.from(bytes);
  edit(copy);
  return copy;
}

/** The smallest ZIP archive, with a marker in its comment: at the end of a picture it makes a file that is both. */
export function zipWithComment(comment: string): Buffer {
  const end = Buffer.concat([Buffer.from('PK\x05\x06', 'latin1'), Buffer.alloc(16), u16le(comment.length)]);
  return Buffer.concat([end, Buffer.from(comment, 'latin1')]);
}

function u16le(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

function u16be(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function u24le(value: number): Buffer {
  const bytes = Buffer.alloc(3);
  bytes.writeUIntLE(value, 0, 3);
  return bytes;
}

function u32le(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u32be(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
