import { expect, it } from '@jest/globals';
import { encodeBody } from '../../../src/generators/http/body.js';

it('a multipart body, byte for byte (RFC 7578)', () => {
  const { body, contentType } = encodeBody({
    parts: [
      { name: 'prompt', text: 'ein süßer Otter' },
      { name: 'image[]', filename: 'image-1.png', mimeType: 'image/png', bytes: Buffer.from([0x89, 0x0d, 0x0a, 0x00]) },
      { name: 'image[]', filename: 'image-2.jpg', mimeType: 'image/jpeg', bytes: Buffer.alloc(0) },
    ],
  });
  const boundary = /^multipart\/form-data; boundary=([\w-]{20,70})$/.exec(contentType)?.[1] ?? '';
  const expected = [
    '--B\r\ncontent-disposition: form-data; name="prompt"\r\n\r\nein süßer Otter\r\n',
    '--B\r\ncontent-disposition: form-data; name="image[]"; filename="image-1.png"\r\ncontent-type: image/png\r\n\r\n',
    Buffer.from([0x89, 0x0d, 0x0a, 0x00]),
    '\r\n--B\r\ncontent-disposition: form-data; name="image[]"; filename="image-2.jpg"\r\ncontent-type: image/jpeg\r\n\r\n\r\n--B--\r\n',
  ].map((part) => (typeof part === 'string' ? Buffer.from(part.replaceAll('--B', `--${boundary}`)) : part));
  expect(body.equals(Buffer.concat(expected))).toBe(true);
});

it('no two bodies have the same boundary', () => {
  const boundary = (): string => encodeBody({ parts: [] }).contentType;
  expect(boundary()).not.toBe(boundary());
});
