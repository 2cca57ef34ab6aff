import type { ReferenceImage } from './generator.js';

/** What several providers spell alike in their requests. */

/** A picture inside a JSON body. */
export function dataUrl({ mimeType, bytes }: Pick<ReferenceImage, 'mimeType' | 'bytes'>): string {
  return `data:${mimeType};base64,${bytes.toString('base64')}`;
}

/** The APIs know lower case and no "jpg"; people write both. */
export function formatOf(asked: string | undefined): string | undefined {
  return asked?.toLowerCase().replace(/^jpg$/, 'jpeg');
}

/** A model's name in a path; its slashes stay slashes. */
export function modelPath(model: string): string {
  return model.split('/').map(encodeURIComponent).join('/');
}
