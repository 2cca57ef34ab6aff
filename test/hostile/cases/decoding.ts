import { deflateSync } from 'node:zlib';
import { sha256 } from '../../../src/contract/canonical.js';
import type { ErrorCode } from '../../../src/contract/errors.js';
import { edited, jpegOfTwoReadings, leftMask, png, pngChunk, redBlue } from '../../support/hostile-images.js';
import type { HostileCase, JobAttempt, Look } from '../case.js';
import type { GuardId } from '../guards/index.js';
import { CAT } from '../run/place.js';

/** Pictures whose header is in order: what is wrong shows only when the worker decodes them. */

interface Row {
  id: string;
  what: string;
  guard: GuardId;
  bytes: () => Buffer | Promise<Buffer>;
  code?: ErrorCode;
  look?: Look;
  says?: RegExp;
}

/** A job that edits this picture, given as a blob. */
export function editing(picture: Buffer, mask?: Buffer): JobAttempt {
  return {
    door: 'job',
    blobs: mask ? [picture, mask] : [picture],
    input: { kind: 'image_edit', prompt: 'brighter', provider: 'local', image_path: { sha256: sha256(picture) }, ...(mask ? { mask_path: { sha256: sha256(mask) } } : {}) },
  };
}

const INFLATED = deflateSync(Buffer.alloc(7_900_000, 65), { level: 9 });
/** Ten texts, together 79 MB in 80 kB, for which a decoder takes six times as much. */
const bombs = (type: string, head: string): Buffer[] => Array.from({ length: 10 }, () => pngChunk(type, Buffer.concat([Buffer.from(head, 'latin1'), INFLATED])));

const small: Look = ({ grownMegabytes }) => (grownMegabytes < 100 ? undefined : `${Math.round(grownMegabytes)} MB were taken for it`);

const DAMAGED: readonly Row[] = [
  { id: 'wrong-checksum', what: 'a PNG whose header has a wrong checksum', guard: 'whole-pixels', bytes: () => edited(png({ width: 16, height: 16 }), (b) => b.writeUInt8(b.readUInt8(29) ^ 0xff, 29)) },
  { id: 'missing-pixels', what: 'a PNG with an eighth of its pixels', guard: 'whole-pixels', bytes: () => png({ width: 64, height: 64, actual: { width: 64, height: 8 } }) },
  {
    id: 'noise',
    what: 'a PNG whose data is noise',
    guard: 'decoder-faults',
    bytes: () => {
      const whole = png({ width: 48, height: 48 });
      return edited(whole, (b) => b.fill(0xa5, b.indexOf('IDAT') + 6, b.indexOf('IDAT') + 24));
    },
  },
  { id: 'two-readings', what: 'a JPEG that we read as 8x8 and the decoder as 64x48', guard: 'one-reading', bytes: async () => jpegOfTwoReadings(await redBlue(64, 48).jpeg().toBuffer(), 8, 8) },
];

const BOMBS: readonly Row[] = [
  { id: 'compressed-texts', what: 'a PNG with 79 MB of compressed texts', guard: 'no-compressed-text', bytes: () => png({ width: 9, height: 8, extra: bombs('zTXt', 'Comment\0\0') }), look: small },
  { id: 'international-texts', what: 'a PNG with 79 MB of international texts', guard: 'no-international-text', bytes: () => png({ width: 9, height: 9, extra: bombs('iTXt', 'Comment\0\x01\0\0\0') }), look: small },
];

const MASKS: readonly HostileCase<GuardId>[] = [
  {
    id: 'mask-without-alpha',
    what: 'a mask without alpha',
    where: 'mask_path',
    guard: 'mask-has-alpha',
    make: async () => editing(await redBlue(50, 40).png().toBuffer(), await redBlue(50, 40).png().toBuffer()),
    code: 'UNSUPPORTED_IMAGE',
    says: /no alpha channel/,
  },
  {
    id: 'mask-opaque',
    what: 'a mask that is opaque everywhere',
    where: 'mask_path',
    guard: 'mask-is-open',
    make: async () => editing(await redBlue(50, 40).png().toBuffer(), await redBlue(50, 40).ensureAlpha().png().toBuffer()),
    code: 'UNSUPPORTED_IMAGE',
  },
  {
    id: 'mask-of-another-shape',
    what: 'a mask of another shape',
    where: 'mask_path',
    guard: 'mask-fits',
    make: async () => editing(await redBlue(50, 40).png().toBuffer(), await leftMask(40, 50)),
    code: 'INVALID_ARGUMENT',
  },
  {
    id: 'slow-needle',
    what: 'a picture of one pixel by 49 million, seconds of work',
    where: 'program input',
    guard: 'decode-time',
    make: () => ({ ...editing(png({ width: 1, height: 49_000_000 })), decoder: { concurrency: 1, timeoutSeconds: 1 } }),
    code: 'LIMIT_EXCEEDED',
    says: /longer than 1 seconds/,
  },
  {
    id: 'nine-at-once',
    what: 'nine pictures of a job at once',
    where: 'image_paths',
    guard: 'decode-places',
    async make() {
      const blobs = await Promise.all(Array.from({ length: 9 }, (_, index) => redBlue(400 + index, 300).png().toBuffer()));
      const image_paths = blobs.map((bytes) => ({ sha256: sha256(bytes) }));
      return { door: 'job', blobs, decoder: { concurrency: 1 }, input: { kind: 'image_multi_reference', prompt: 'together', provider: 'local', image_paths } };
    },
    look: ({ decodedAtOnce }) => (decodedAtOnce <= 1 ? undefined : `${decodedAtOnce} were decoded at a time`),
  },
];

const LARGE: HostileCase<GuardId> = {
  id: 'three-large-at-once',
  what: 'three pictures of 30 megapixels at once, where two small ones may be',
  where: 'image_paths',
  guard: 'places-of-large',
  make() {
    const blobs = [0, 1, 2].map((index) => png({ width: 6000 + index, height: 5000 }));
    const image_paths = blobs.map((bytes) => ({ sha256: sha256(bytes) }));
    return { door: 'job', blobs, decoder: { concurrency: 2 }, input: { kind: 'image_multi_reference', prompt: 'together', provider: 'local', image_paths } };
  },
  look: ({ decodedAtOnce }) => (decodedAtOnce <= 1 ? undefined : `${decodedAtOnce} were decoded at a time`),
};

export const DECODING_CASES: readonly HostileCase<GuardId>[] = [
  ...DAMAGED.map(
    ({ id, what, guard, bytes, code = 'UNSUPPORTED_IMAGE' }): HostileCase<GuardId> => ({
      id,
      what,
      where: 'program input',
      guard,
      make: async () => editing(await bytes()),
      code,
      look: ({ bytes: stored }) => (stored.length === 0 || stored.equals(CAT) ? undefined : 'it was stored'),
    }),
  ),
  ...BOMBS.map(
    ({ id, what, guard, bytes, look = small }): HostileCase<GuardId> => ({ id, what, where: 'program input', guard, make: async () => editing(await bytes()), look }),
  ),
  ...MASKS,
  LARGE,
];
