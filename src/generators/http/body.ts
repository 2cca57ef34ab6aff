import { randomUUID } from 'node:crypto';
import type { JsonBody, Multipart } from './protocol.js';

/** The bytes of a body and their content type. Multipart is RFC 7578; the boundary is random, so no part can hold it. */
export function encodeBody(given: JsonBody | Multipart): { body: Buffer; contentType: string } {
  if ('json' in given) return { body: Buffer.from(JSON.stringify(given.json), 'utf8'), contentType: 'application/json' };
  const boundary = `durable-image-${randomUUID()}`;
  const chunks: Buffer[] = [];
  for (const part of given.parts) {
    const file = 'bytes' in part;
    const head = [
      `--${boundary}`,
      `content-disposition: form-data; name="${part.name}"${file ? `; filename="${part.filename}"` : ''}`,
      ...(file ? [`content-type: ${part.mimeType}`] : []),
    ];
    chunks.push(Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'utf8'), file ? part.bytes : Buffer.from(part.text, 'utf8'), Buffer.from('\r\n'));
  }
  chunks.push(Buffer.from(`--${boundary}--\r\n`));
  return { body: Buffer.concat(chunks), contentType: `multipart/form-data; boundary=${boundary}` };
}
