import type { GenerationRequest, ReferenceImage } from './generator.js';
import { readImageList } from './http/image-list.js';
import { readOpenAiError } from './http/openai-errors.js';
import type { Asking, Encoded, Part, Protocol } from './http/protocol.js';
import { maskWithoutReference } from './masks.js';
import { mapSize } from './sizes.js';
import { formatOf } from './spelling.js';

/**
 * OpenAI's Images API: the answer carries the picture, so a request without an answer stays unknown; there is no list of
 * requests and no cancel. Source: the OpenAPI description (`CreateImageRequest`, `CreateImageEditRequest`,
 * `ImagesResponse`, `ErrorResponse`). Edits go as multipart: gateways such as stable-diffusion.cpp take nothing else
 * (its server's api.md), and base64 in JSON is a third larger. `response_format` is never sent: the GPT image models
 * refuse it. One request asks for one picture.
 */
export const openaiImages: Protocol = {
  name: 'openai-images',
  title: 'OpenAI',
  keyVariable: 'OPENAI_API_KEY',
  authorise: (key) => ({ authorization: `Bearer ${key}` }),
  encode,
  // Gateways may name an address of their own instead of the data.
  readSubmit: (answer) => readImageList(answer),
  readError: readOpenAiError,
};

function encode({ request, capabilities }: Asking): Encoded {
  const { picture, references, mask } = request;
  if (mask && references.length === 0) throw maskWithoutReference();
  const fields = {
    model: request.model ?? capabilities.defaultModel,
    prompt: picture.prompt,
    n: 1,
    size: sizeOf(request, capabilities),
    quality: picture.quality,
    output_format: formatOf(picture.output_format),
    background: picture.background,
  };
  if (references.length === 0) return { path: '/images/generations', synchronous: true, body: { json: fields } };
  const named = Object.entries(fields).flatMap(([name, value]): Part[] => (value === undefined ? [] : [{ name, text: String(value) }]));
  const images = references.map((image, index) => filePart('image[]', `image-${index + 1}`, image));
  const masks = mask ? [filePart('mask', 'mask', mask)] : [];
  return { path: '/images/edits', synchronous: true, body: { parts: [...named, ...images, ...masks] } };
}

function sizeOf({ picture }: GenerationRequest, { sizes }: Asking['capabilities']): string | undefined {
  const { width, height, word } = mapSize({ size: picture.size, aspect_ratio: picture.aspect_ratio }, sizes);
  return width === undefined || height === undefined ? word : `${width}x${height}`;
}

function filePart(name: string, stem: string, { bytes, mimeType }: ReferenceImage): Part {
  return { name, filename: `${stem}.${mimeType.replace(/^image\//, '').replace(/^jpeg$/, 'jpg')}`, mimeType, bytes };
}
