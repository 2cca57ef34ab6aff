import { JobFailure } from '../contract/errors.js';
import { LIMITS } from '../contract/input.js';
import { errorCode } from './error-code.js';
import { readGif } from './headers/gif.js';
import { readJpeg } from './headers/jpeg.js';
import { readPng } from './headers/png.js';
import { readWebp } from './headers/webp.js';
import { BrokenHeader, type Header } from './headers/header.js';

/**
 * What the first bytes say of a reference, without decoding a pixel. No sharp here: the MCP process uses this file.
 *
 * The headers are read by our own few lines: the usual library guesses over some twenty formats (versions of it have looped
 * for ever on crafted bytes of some of them) and tells neither the number of frames nor whether the file is complete.
 */

export const REFERENCE_MIME_TYPES = ['image/png', 'image/jpeg', 'image/webp', 'image/gif'] as const;
export type ReferenceMimeType = (typeof REFERENCE_MIME_TYPES)[number];

export interface InspectedImage {
  mimeType: ReferenceMimeType;
  /** In pixels, as stored: before any EXIF orientation. */
  width: number;
  height: number;
  /** 1 for a still picture. Normalising keeps the first. */
  frames: number;
  /** Whether the pixels were stored without loss (PNG, GIF, lossless WebP). */
  lossless: boolean;
}

export interface InspectLimits {
  bytes: number;
  /** Over all frames. */
  pixels: number;
}

const DEFAULT_LIMITS: InspectLimits = { bytes: LIMITS.referenceBytes, pixels: LIMITS.referencePixels };

interface Format {
  mimeType: ReferenceMimeType;
  name: string;
  matches(bytes: Buffer): boolean;
  read(bytes: Buffer): Header;
}

const FORMATS: readonly Format[] = [
  { mimeType: 'image/png', name: 'PNG', matches: (b) => hasAt(b, 0, '\x89PNG\r\n\x1a\n'), read: readPng },
  { mimeType: 'image/jpeg', name: 'JPEG', matches: (b) => hasAt(b, 0, '\xff\xd8\xff'), read: readJpeg },
  {
    mimeType: 'image/webp',
    name: 'WebP',
    matches: (b) => hasAt(b, 0, 'RIFF') && hasAt(b, 8, 'WEBP'),
    read: readWebp,
  },
  { mimeType: 'image/gif', name: 'GIF', matches: (b) => hasAt(b, 0, 'GIF87a') || hasAt(b, 0, 'GIF89a'), read: readGif },
];

/** Things that people often take for one of the four; only for the message. */
const OTHERS: readonly (readonly [name: string, looksLikeIt: (bytes: Buffer) => boolean])[] = [
  ['a PDF', (b) => hasAt(b, 0, '%PDF')],
  ['a TIFF', (b) => hasAt(b, 0, 'II*\0') || hasAt(b, 0, 'MM\0*')],
  ['a HEIC or AVIF', (b) => hasAt(b, 4, 'ftyp')],
  ['a BMP', (b) => hasAt(b, 0, 'BM')],
  ['an icon (ICO)', (b) => hasAt(b, 0, '\0\0\x01\0')],
  ['an HTML page', (b) => /^\s*(<!doctype html|<html|<head|<body)/i.test(head(b))],
  ['an SVG', (b) => /^\s*</.test(head(b)) && /<svg\b/i.test(head(b))],
];

const BEHIND_THE_END = ['ERR_OUT_OF_RANGE', 'ERR_BUFFER_OUT_OF_BOUNDS'];

const NEXT_STEP = 'Give a PNG, JPEG, WebP or GIF file; convert other formats first.';

/**
 * Type, size and frame count by the file's own bytes; its name and any declared type count for nothing.
 * @throws JobFailure UNSUPPORTED_IMAGE (not one of the four, empty, cut off, or a header that cannot be true),
 *   LIMIT_EXCEEDED (bytes, or pixels over all frames).
 */
export function inspectImage(bytes: Buffer, limits: InspectLimits = DEFAULT_LIMITS): InspectedImage {
  refuseTooManyBytes(bytes.length, limits.bytes);
  const format = FORMATS.find((candidate) => candidate.matches(bytes));
  if (!format) throw unsupported(`This is ${whatElse(bytes)}, not a PNG, JPEG, WebP or GIF picture.`);
  const header = readHeader(format, bytes);
  const { width, height, frames } = header;
  if (width === 0 || height === 0) throw unsupported(`This ${format.name} has no size (${width}x${height}).`);
  const pixels = width * height * frames;
  if (pixels > limits.pixels) {
    const claimed = frames > 1 ? `${frames} frames of ${width}x${height}` : `${width}x${height}`;
    throw new JobFailure({
      code: 'LIMIT_EXCEEDED',
      message: `The picture has ${claimed} = ${pixels} pixels, more than the ${limits.pixels} that a reference may have.`,
      nextStep: frames > 1 ? 'Give one frame of it as a still picture.' : 'Scale the picture down and try again.',
    });
  }
  return { mimeType: format.mimeType, ...header };
}

/** @throws JobFailure LIMIT_EXCEEDED when a reference is larger than it may be. */
export function refuseTooManyBytes(sizeBytes: number, maxBytes: number): void {
  if (sizeBytes <= maxBytes) return;
  throw new JobFailure({
    code: 'LIMIT_EXCEEDED',
    message: `The reference has ${sizeBytes} bytes, more than the ${maxBytes} that one may have.`,
    nextStep: 'Scale the picture down or compress it, and try again.',
  });
}

function readHeader(format: Format, bytes: Buffer): Header {
  try {
    return format.read(bytes);
  } catch (error) {
    if (error instanceof BrokenHeader) throw unsupported(`This ${format.name} is broken: ${error.message}.`);
    // A read behind the end: the file stops where its header says that it goes on.
    if (BEHIND_THE_END.includes(errorCode(error) ?? '')) throw unsupported(`This ${format.name} is broken: it is cut off.`);
    throw error;
  }
}

function unsupported(message: string): JobFailure {
  return new JobFailure({ code: 'UNSUPPORTED_IMAGE', message, nextStep: NEXT_STEP });
}

function whatElse(bytes: Buffer): string {
  if (bytes.length === 0) return 'an empty file';
  return OTHERS.find(([, looksLikeIt]) => looksLikeIt(bytes))?.[0] ?? 'something else';
}

function hasAt(bytes: Buffer, offset: number, text: string): boolean {
  return bytes.toString('latin1', offset, offset + text.length) === text;
}

function head(bytes: Buffer): string {
  return bytes.toString('latin1', 0, 1024);
}
