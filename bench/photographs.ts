import { readFile, writeFile } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { ROOT } from './processes.js';

/** The three photographs of the examples: two PNG, one JPEG, 0.8 MB together. */
export const PHOTOGRAPHS = ['chelsea.png', 'coffee.png', 'rocket.jpg'].map((name) => join(ROOT, 'examples/references', name));

/** Copies of the photographs with a comment inside: the same pictures, and bytes that no store has seen. */
export async function commented(comment: string, folder: string): Promise<string[]> {
  return Promise.all(
    PHOTOGRAPHS.map(async (path) => {
      const bytes = await readFile(path);
      const copy = join(folder, `${comment}-${basename(path)}`);
      await writeFile(copy, extname(path) === '.png' ? inPng(bytes, comment) : inJpeg(bytes, comment));
      return copy;
    }),
  );
}

/** A tEXt chunk before the last one, IEND, which has 12 bytes. */
function inPng(bytes: Buffer, comment: string): Buffer {
  const data = Buffer.from(`tEXtComment\0${comment}`, 'latin1');
  const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length - 4);
  checksum.writeUInt32BE(crc32(data));
  return Buffer.concat([bytes.subarray(0, -12), length, data, checksum, bytes.subarray(-12)]);
}

/** A comment segment right behind the start of the image. */
function inJpeg(bytes: Buffer, comment: string): Buffer {
  const head = Buffer.from([0xff, 0xfe, 0, comment.length + 2]);
  return Buffer.concat([bytes.subarray(0, 2), head, Buffer.from(comment, 'latin1'), bytes.subarray(2)]);
}
