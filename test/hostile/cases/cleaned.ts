import { createHash } from 'node:crypto';
import sharp from 'sharp';
import { animatedWebp, exifWithPlace, gif, leftMask, phoneJpeg, png, pngChunk, redBlue, riffChunk, webpOf, canvas, zipWithComment } from '../../support/hostile-images.js';
import type { HostileCase, Look, Seen } from '../case.js';
import type { GuardId } from '../guards/index.js';
import { editing } from './decoding.js';

/** Pictures that are taken, and of which nothing but the pixels may be kept. */

const HIDDEN = 'HIDDEN-PAYLOAD';

interface Row {
  id: string;
  what: string;
  guard: GuardId;
  bytes: () => Buffer | Promise<Buffer>;
  look: Look;
}

/** Neither the marker nor any metadata is in what is stored. */
const nothingHidden: Look = async ({ bytes }) => {
  if (bytes.includes(HIDDEN)) return 'what was hidden is stored';
  const { exif, xmp, iptc, icc, comments, orientation } = await sharp(bytes).metadata();
  const left = Object.entries({ exif, xmp, iptc, icc, comments, orientation }).filter(([, value]) => value !== undefined);
  return left.length === 0 ? undefined : `it still has ${left.map(([name]) => name).join()}`;
};

async function pixel({ bytes }: Seen, left: number, top: number): Promise<number[]> {
  return [...(await sharp(bytes).extract({ left, top, width: 1, height: 1 }).raw().toBuffer())];
}

const sized =
  (width: number, height: number): Look =>
  async ({ bytes }) => {
    const found = await sharp(bytes).metadata();
    return found.width === width && found.height === height ? undefined : `it is ${found.width}x${found.height}`;
  };

const jpeg = (): Promise<Buffer> => redBlue(64, 48).jpeg().toBuffer();
const comment = Buffer.concat([Buffer.from([0xff, 0xfe, 0, HIDDEN.length + 10]), Buffer.from(`<script>${HIDDEN}`)]);

const METADATA: readonly Row[] = [
  { id: 'gps', what: 'a photograph that says where it was taken', guard: 'no-metadata', bytes: () => phoneJpeg(60, 40), look: nothingHidden },
  {
    id: 'gps-in-webp',
    what: 'a WebP that says where it was taken',
    guard: 'no-metadata',
    bytes: async () => webpOf([canvas(64, 48, 0x08), (await redBlue(64, 48).webp().toBuffer()).subarray(12), riffChunk('EXIF', exifWithPlace())]),
    look: nothingHidden,
  },
  { id: 'gps-in-png', what: 'a PNG that says where it was taken', guard: 'no-metadata', bytes: () => png({ width: 20, height: 10, extra: [pngChunk('eXIf', exifWithPlace())] }), look: nothingHidden },
  {
    id: 'xmp',
    what: 'a JPEG with the history of its edits',
    guard: 'no-metadata',
    bytes: () => redBlue(64, 47).jpeg().withXmp(`<x:xmpmeta xmlns:x="adobe:ns:meta/"><a>${HIDDEN}</a></x:xmpmeta>`).toBuffer(),
    look: nothingHidden,
  },
  { id: 'comment-of-png', what: 'a script in the comment of a PNG', guard: 'no-metadata', bytes: () => png({ width: 10, height: 8, extra: [pngChunk('tEXt', Buffer.from(`Comment\0<script>${HIDDEN}`))] }), look: nothingHidden },
  { id: 'wide-profile', what: 'a picture with a colour profile', guard: 'no-metadata', bytes: () => redBlue(16, 16).png().withIccProfile('p3').toBuffer(), look: nothingHidden },
];

const POLYGLOTS: readonly Row[] = [
  { id: 'archive-behind-png', what: 'a PNG that is an archive, too', guard: 'encoded-anew', bytes: () => Buffer.concat([png({ width: 11, height: 8 }), zipWithComment(HIDDEN)]), look: nothingHidden },
  { id: 'archive-behind-jpeg', what: 'a JPEG that is an archive, too', guard: 'encoded-anew', bytes: async () => Buffer.concat([await jpeg(), zipWithComment(HIDDEN)]), look: nothingHidden },
  { id: 'page-in-jpeg', what: 'a JPEG that is a page, too', guard: 'encoded-anew', bytes: async () => Buffer.concat([(await jpeg()).subarray(0, 2), comment, (await jpeg()).subarray(2)]), look: nothingHidden },
  { id: 'pdf-in-png', what: 'a PNG that is a PDF, too', guard: 'encoded-anew', bytes: () => png({ width: 12, height: 8, extra: [pngChunk('tEXt', Buffer.from(`a\0\n%PDF-1.4\n${HIDDEN}`))] }), look: nothingHidden },
  { id: 'script-in-gif', what: 'a GIF that is a script, too', guard: 'encoded-anew', bytes: () => Buffer.concat([gif(10, 8, 1), Buffer.from(`*/=1;alert("${HIDDEN}")`)]), look: nothingHidden },
  { id: 'program-in-webp', what: 'a WebP with a program in a chunk of its own', guard: 'encoded-anew', bytes: async () => webpOf([canvas(64, 48), (await redBlue(64, 48).webp().toBuffer()).subarray(12), riffChunk('EVIL', Buffer.from(HIDDEN))]), look: nothingHidden },
  { id: 'second-picture', what: 'a JPEG with another one behind its end', guard: 'encoded-anew', bytes: async () => Buffer.concat([await jpeg(), await jpeg(), Buffer.from(HIDDEN)]), look: nothingHidden },
];

const PIXELS: readonly Row[] = [
  { id: 'turned', what: 'a photograph that lies on its side', guard: 'upright', bytes: () => phoneJpeg(62, 40), look: sized(40, 62) },
  {
    id: 'turned-png',
    what: 'a PNG that lies on its side',
    guard: 'upright',
    bytes: () => png({ width: 30, height: 10, extra: [pngChunk('eXIf', exifWithPlace(6))] }),
    look: sized(10, 30),
  },
  { id: 'animated-gif', what: 'a GIF of five frames', guard: 'first-frame', bytes: () => gif(10, 10, 5), look: sized(10, 10) },
  { id: 'animated-webp', what: 'a WebP of five frames', guard: 'first-frame', bytes: () => animatedWebp(10, 12, 5), look: sized(10, 12) },
  { id: 'cmyk', what: 'a JPEG for printers', guard: 'one-colour-space', bytes: () => redBlue(32, 32).toColourspace('cmyk').jpeg().toBuffer(), look: eightBits },
  { id: 'sixteen-bits', what: 'a PNG of 16 bits', guard: 'one-colour-space', bytes: () => redBlue(32, 31).toColourspace('rgb16').png().toBuffer(), look: eightBits },
  { id: 'beyond-the-provider', what: 'a picture longer than the provider takes', guard: 'longest-edge', bytes: () => png({ width: 9000, height: 9 }), look: sized(8192, 8) },
  { id: 'needle', what: 'a picture of one pixel by 60,000', guard: 'longest-edge', bytes: () => png({ width: 1, height: 60_000 }), look: sized(1, 8192) },
  {
    id: 'half-transparent',
    what: 'a WebP that one can see through',
    guard: 'transparency-kept',
    bytes: () => redBlue(32, 32).ensureAlpha(0.5).webp().toBuffer(),
    look: async (seen) => (Math.abs(((await pixel(seen, 3, 3))[3] ?? 0) - 128) < 3 ? undefined : 'its transparency is gone'),
  },
];

async function eightBits({ bytes }: Seen): Promise<string | undefined> {
  const { space, depth } = await sharp(bytes).metadata();
  return space === 'srgb' && depth === 'uchar' ? undefined : `it is ${space} of ${depth}`;
}

/** Noise, which no quality makes small. */
function noise(edge: number): Buffer {
  const blocks = Array.from({ length: Math.ceil((edge * edge * 3) / 32) }, (_, index) => createHash('sha256').update(String(index)).digest());
  return Buffer.concat(blocks).subarray(0, edge * edge * 3);
}

const OUTPUTS: readonly HostileCase<GuardId>[] = [
  {
    id: 'vast-output',
    what: 'a picture of a provider of 144 megapixels has no thumbnail',
    where: 'output',
    guard: 'preview-pixels',
    make: () => ({ door: 'output', bytes: png({ width: 12_000, height: 12_000 }) }),
    look: ({ second }) => (second.length === 0 ? undefined : 'it was decoded'),
  },
  {
    id: 'noisy-output',
    what: 'noise of a provider has a thumbnail that fits into an answer',
    where: 'output',
    guard: 'thumbnail-size',
    make: async () => ({ door: 'output', bytes: await sharp(noise(256), { raw: { width: 256, height: 256, channels: 3 } }).png().toBuffer() }),
    look: ({ second }) => (second.length > 0 && second.length <= 48 * 1024 ? undefined : `it has ${second.length} bytes`),
  },
  {
    id: 'large-output',
    what: 'a large picture of a provider has a small thumbnail',
    where: 'output',
    guard: 'thumbnail-edge',
    make: async () => ({ door: 'output', bytes: await redBlue(3000, 1000).png().toBuffer() }),
    look: async ({ second }) => ((await sharp(second).metadata()).width === 256 ? undefined : 'it is larger'),
  },
];

export const CLEANED_CASES: readonly HostileCase<GuardId>[] = [
  ...[...METADATA, ...POLYGLOTS, ...PIXELS].map(
    ({ id, what, guard, bytes, look }): HostileCase<GuardId> => ({ id, what, where: 'program input', guard, make: async () => editing(await bytes()), look }),
  ),
  {
    id: 'mask-with-place',
    what: 'a mask that says where it was taken',
    where: 'mask_path',
    guard: 'no-metadata',
    make: async () => editing(await redBlue(50, 41).png().toBuffer(), await sharp(await leftMask(50, 41)).png().withXmp(`<x:xmpmeta xmlns:x="adobe:ns:meta/"><a>${HIDDEN}</a></x:xmpmeta>`).toBuffer()),
    look: (seen, place) => nothingHidden({ ...seen, bytes: seen.second }, place),
  },
  ...OUTPUTS,
];
