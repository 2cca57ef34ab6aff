import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from '@jest/globals';
import { openBlobStore } from '../../../src/blobs/open-store.js';
import { sha256 } from '../../../src/contract/canonical.js';
import { snapshotAll, snapshotReference, type SnapshotContext } from '../../../src/references/snapshot.js';
import { parseImageUri } from '../../../src/references/image-uri.js';
import { gif, png, redBlue } from '../../support/hostile-images.js';

const base = realpathSync(mkdtempSync(join(tmpdir(), 'image-snapshots-')));
afterAll(() => rmSync(base, { recursive: true }));
const folder = join(base, 'pictures');
mkdirSync(folder);
const picture = png({ width: 4, height: 4 });
writeFileSync(join(folder, 'cat.png'), picture);
writeFileSync(join(folder, 'cat\u202Egnp.png'), picture);
writeFileSync(join(folder, 'photo.png'), await redBlue(8, 8).jpeg().toBuffer());
writeFileSync(join(folder, 'drawing.png'), '<svg xmlns="http://www.w3.org/2000/svg"/>');
writeFileSync(join(base, 'secret.png'), picture);

const store = await openBlobStore(`file:${join(base, 'store')}`);
const context: SnapshotContext = { store, roots: { folders: [folder], cwd: folder }, allowPrivateUrls: false };
const dataUrl = (bytes: Buffer, type = 'image/png'): string => `data:${type};base64,${bytes.toString('base64')}`;

describe('a reference of a call', () => {
  it.each([
    ['a relative path', 'cat.png'],
    ['an absolute path with blanks around it', ` ${join(folder, 'cat.png')}\n`],
    ['a file URL', pathToFileURL(join(folder, 'cat.png')).href],
  ])('as %s is stored under its digest, with its name', async (_, value) => {
    const snapshot = await snapshotReference(value, context);
    expect(snapshot).toEqual({ reference: { sha256: sha256(picture), name: 'cat.png' }, digest: sha256(picture), sizeBytes: picture.length });
    await expect(store.getBlob(sha256(picture))).resolves.toEqual(picture);
  });

  it('keeps what was read, whatever happens to the file', async () => {
    const path = join(folder, 'edited.png');
    const first = await redBlue(8, 8).png().toBuffer();
    writeFileSync(path, first);
    const { digest } = await snapshotReference(path, context);
    writeFileSync(path, 'gone');
    await expect(store.getBlob(digest)).resolves.toEqual(first);
  });

  it('has a name without hidden characters', async () => {
    const { reference } = await snapshotReference(join(folder, 'cat\u202Egnp.png'), context);
    expect(reference).toMatchObject({ name: 'cat\u{FFFD}gnp.png' });
  });

  it('is what its bytes say, not what its name says', async () => {
    await expect(snapshotReference('photo.png', context)).resolves.toMatchObject({ reference: { name: 'photo.png' } });
    await expect(snapshotReference('drawing.png', context)).rejects.toMatchObject({ code: 'UNSUPPORTED_IMAGE' });
  });

  it('as a data: URL is stored without a name', async () => {
    const animated = gif(3, 3, 2);
    await expect(snapshotReference(dataUrl(animated, 'image/gif'), context)).resolves.toEqual({
      reference: { sha256: sha256(animated) },
      digest: sha256(animated),
      sizeBytes: animated.length,
    });
    await expect(store.getBlob(sha256(animated))).resolves.toEqual(animated);
  });

  it.each(['https://example.com/cat.png?width=10', 'HTTPS://example.com:8443/cat.png', `image://jobs/img-${'0'.repeat(32)}/outputs/0`])(
    'as %s stays as it is',
    async (value) => {
      await expect(snapshotReference(value, context)).resolves.toEqual({ reference: value, digest: value });
    },
  );

  it('as the thumbnail of a job means its picture', async () => {
    await expect(snapshotReference('image://jobs/img-1/outputs/2/thumbnail', context)).resolves.toMatchObject({ reference: 'image://jobs/img-1/outputs/2' });
  });

  it('as a blob must be in the store', async () => {
    const { reference } = await snapshotReference('cat.png', context);
    await expect(snapshotReference(reference, context)).resolves.toMatchObject({ reference, sizeBytes: picture.length });
    await expect(snapshotReference({ sha256: '0'.repeat(64) }, context)).rejects.toMatchObject({ code: 'REFERENCE_UNREADABLE' });
  });

  it.each([
    ['http', 'http://example.com/cat.png', 'PERMISSION_DENIED'],
    ['https with a private address', 'https://0x7f000001/cat.png', 'PERMISSION_DENIED'],
    ['https to this machine', 'https://localhost/cat.png', 'PERMISSION_DENIED'],
    ['https with a password', 'https://me:secret@example.com/', 'PERMISSION_DENIED'],
    ['https without a host', 'https://', 'INVALID_ARGUMENT'],
    ['ftp', 'ftp://example.com/cat.png', 'INVALID_ARGUMENT'],
    ['s3', 's3://bucket/cat.png', 'INVALID_ARGUMENT'],
    ['a job without an output', 'image://jobs/img-1', 'INVALID_ARGUMENT'],
    ['a job with too much', 'image://jobs/img-1/outputs/0/preview', 'INVALID_ARGUMENT'],
    ['a job by another name', 'image:jobs/img-1/outputs/0', 'INVALID_ARGUMENT'],
    ['a path outside', join(base, 'secret.png'), 'PERMISSION_DENIED'],
    ['a missing file', 'dog.png', 'REFERENCE_UNREADABLE'],
    ['a missing file whose name looks like a scheme', 'javascript:alert(1)', 'REFERENCE_UNREADABLE'],
    ['data: without a type', `data:;base64,${picture.toString('base64')}`, 'UNSUPPORTED_IMAGE'],
    ['data: of an SVG', 'data:image/svg+xml;base64,PHN2Zy8+', 'UNSUPPORTED_IMAGE'],
    ['data: of text', 'data:text/html,<b>', 'UNSUPPORTED_IMAGE'],
    ['data: not in base64', 'data:image/png,%89PNG', 'INVALID_ARGUMENT'],
    ['data: in broken base64', 'data:image/png;base64,@@@@', 'INVALID_ARGUMENT'],
    ['data: of nothing', 'data:image/png;base64,', 'INVALID_ARGUMENT'],
    ['data: without a comma', 'data:image/png;base64', 'INVALID_ARGUMENT'],
    ['data: that says PNG and is HTML', dataUrl(Buffer.from('<html>')), 'UNSUPPORTED_IMAGE'],
    ['data: a little over the limit', dataUrl(Buffer.concat([picture, Buffer.alloc(1024 * 1024 + 1 - picture.length)])), 'LIMIT_EXCEEDED'],
    ['data: far over the limit, before it is looked at', `data:image/png;base64,${'@'.repeat(20_000_000)}`, 'LIMIT_EXCEEDED'],
  ])('as %s is refused', async (_, value, code) => {
    await expect(snapshotReference(value, context)).rejects.toMatchObject({ code });
  });

  it('as a data: URL may be as large as the limit, with line breaks in it', async () => {
    const largest = Buffer.concat([picture, Buffer.alloc(1024 * 1024 - picture.length)]);
    const broken = dataUrl(largest).replace(/.{76}/g, '$&\r\n').replaceAll('\r\n', (found, at: number) => (at < 100 ? '' : found));
    await expect(snapshotReference(broken, context)).resolves.toMatchObject({ digest: sha256(largest) });
  });
});

describe('all references of a call', () => {
  it('report every problem together, each with its field, and store nothing', async () => {
    const fresh = await redBlue(9, 9).png().toBuffer();
    writeFileSync(join(folder, 'fresh.png'), fresh);
    const { references, mask, problems } = await snapshotAll(
      { image_paths: ['fresh.png', 'dog.png', join(base, 'secret.png'), 'http://example.com/x.png'] },
      'drawing.png',
      context,
    );
    expect(problems.map(({ field, code }) => [field, code])).toEqual([
      ['image_paths[1]', 'REFERENCE_UNREADABLE'],
      ['image_paths[2]', 'PERMISSION_DENIED'],
      ['image_paths[3]', 'PERMISSION_DENIED'],
      ['mask_path', 'UNSUPPORTED_IMAGE'],
    ]);
    expect(problems[1]?.message).toContain('IMAGE_REFERENCE_ROOTS');
    expect([references, mask]).toEqual([[], undefined]);
    await expect(store.statBlob(sha256(fresh))).resolves.toBeUndefined();
  });

  it('keep their order, the mask apart', async () => {
    const { references, mask, problems } = await snapshotAll({ image_paths: ['cat.png', 'https://example.com/x.png'] }, 'photo.png', context);
    expect(problems).toEqual([]);
    expect(references.map(({ reference }) => (typeof reference === 'string' ? reference : reference.name))).toEqual(['cat.png', 'https://example.com/x.png']);
    expect(mask?.reference).toMatchObject({ name: 'photo.png' });
  });

  it('name the single reference of an edit by its field', async () => {
    const { problems } = await snapshotAll({ image_path: 'dog.png' }, undefined, context);
    expect(problems).toMatchObject([{ field: 'image_path', code: 'REFERENCE_UNREADABLE' }]);
  });

  it('may have 100 MB together', async () => {
    const eighteen = Buffer.concat([picture, Buffer.alloc(18 * 1024 * 1024)]);
    writeFileSync(join(folder, 'eighteen.png'), eighteen);
    const names = (count: number): string[] => Array.from({ length: count }, () => 'eighteen.png');
    await expect(snapshotAll({ image_paths: names(5) }, undefined, context)).resolves.toMatchObject({ problems: [] });
    await expect(snapshotAll({ image_paths: names(6) }, undefined, context)).resolves.toMatchObject({
      problems: [{ field: 'image_paths[5]', code: 'LIMIT_EXCEEDED', message: expect.stringContaining('104857600') }],
    });
  });
});

describe('the URI of a picture', () => {
  it.each([
    ['image://jobs/img-1/outputs/0', { jobId: 'img-1', index: 0, thumbnail: false }],
    ['image://jobs/img-1/outputs/12/thumbnail', { jobId: 'img-1', index: 12, thumbnail: true }],
    ['image://jobs/a%2Fb%20c/outputs/0', { jobId: 'a/b c', index: 0, thumbnail: false }],
    ['image://jobs/img-1', undefined],
    ['image://jobs//outputs/0', undefined],
    ['image://jobs/a/b/outputs/0', undefined],
    ['image://jobs/img-1/outputs/-1', undefined],
    ['image://jobs/img-1/outputs/01', undefined],
    ['image://jobs/img-1/outputs/0x0', undefined],
    ['image://jobs/img-1/outputs/0?x', undefined],
    ['image://jobs/%00/outputs/0', undefined],
    ['image://jobs/%E0%A4%A/outputs/0', undefined],
    [`image://jobs/${'x'.repeat(256)}/outputs/0`, undefined],
  ])('%s', (uri, expected) => {
    expect(parseImageUri(uri)).toEqual(expected);
  });
});

it('the side of the call never loads the decoder', () => {
  const seen = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const [, from = ''] of readFileSync(file, 'utf8').matchAll(/^(?:import|export) (?!type)[^;]*?from '([^']+)'/gms)) {
      expect(from).not.toBe('sharp');
      if (from.startsWith('.')) visit(join(dirname(file), from.replace(/\.js$/, '.ts')));
    }
  };
  for (const name of ['snapshot', 'resolve', 'inspect', 'roots', 'guarded-fetch']) {
    visit(fileURLToPath(new URL(`../../../src/references/${name}.ts`, import.meta.url)));
  }
  expect(seen.size).toBeGreaterThan(10);
});
