import { JobFailure } from '../contract/errors.js';
import { readError, readGenerated, readHandle, readInteraction } from './gemini-replies.js';
import type { Asking, Encoded, Protocol } from './http/protocol.js';
import { mapSize } from './sizes.js';

/**
 * Google Gemini, "Nano Banana". Two forms: `generate` (generateContent, whose answer carries the picture: a lost one stays
 * unknown) and, for models that a row marks with `interactions`, `interactions`: taken in the background, then polled. No
 * row does so now: Google names only other models as taking it. Sources: ai.google.dev "image-generation",
 * "background-execution", "deprecations"; googleapis/js-genai src/types.ts (ImageConfig) and src/gaos/models/interactions
 * (CreateModelInteraction, ImageResponseFormat). Nothing lists interactions.
 */
const DEFAULT_MODEL = 'gemini-nano-banana-2.1';
/** The names that people use; `nano-banana` alone is the family, so its newest. Others may be the provider's own. */
const ALIASES: Readonly<Record<string, string>> = {
  'nano-banana': DEFAULT_MODEL,
  'nano-banana-2.1': DEFAULT_MODEL,
  'nano-banana-2': 'gemini-3.1-flash-image',
  'nano-banana-2-lite': 'gemini-3.1-flash-lite-image',
  'nano-banana-pro': 'gemini-3-pro-image',
};

export const gemini: Protocol = {
  name: 'gemini',
  title: 'Google Gemini',
  keyVariable: 'GEMINI_API_KEY',
  authorise: (key) => ({ 'x-goog-api-key': key }),
  encode,
  readSubmit: (answer) => (answer.form === 'interactions' ? readHandle(answer) : readGenerated(answer)),
  readError,

  poll: {
    ask: (handle, { baseUrl }) => ({ method: 'GET', at: interaction(baseUrl, handle) }),
    read: (answer) => (answer.reply.status === 200 ? readInteraction(answer) : undefined),
  },

  cancel: {
    ask: (handle, { baseUrl }) => ({ method: 'POST', at: `${interaction(baseUrl, handle)}/cancel` }),
    read(answer) {
      const state = answer.reply.status === 200 ? readInteraction(answer) : undefined;
      const over = state?.type === 'done' || state?.type === 'download';
      return over ? { billing: 'billed', message: 'The picture was finished before the cancellation, so it is billed.' } : undefined;
    },
  },
};

function encode({ request, capabilities, account, form }: Asking): Encoded {
  const { picture, references, mask } = request;
  if (mask) throw noMask();
  const name = (request.model ?? capabilities.defaultModel ?? DEFAULT_MODEL).replace(/^models\//, '');
  const model = ALIASES[name.toLowerCase()] ?? name;
  const { ratio: aspectRatio = picture.aspect_ratio, resolution, word } = mapSize({ size: picture.size, aspect_ratio: picture.aspect_ratio }, capabilities.sizes);
  const imageSize = word !== undefined && word === picture.size ? sizeWord(word) : resolution;
  // Theirs has 31 bits, ours 32.
  const seed = picture.seed === undefined ? undefined : picture.seed % 2 ** 31;
  const images = references.map(({ bytes, mimeType }) => ({ mimeType, data: bytes.toString('base64') }));
  const version = versionOf(account.baseUrl);

  if (form === 'interactions' || (form === undefined && capabilities.interactions === true)) {
    const pictures = images.map(({ mimeType, data }) => ({ type: 'image', mime_type: mimeType, data }));
    const json = {
      model,
      input: [{ type: 'user_input', content: [{ type: 'text', text: picture.prompt }, ...pictures] }],
      background: true,
      store: true,
      response_format: { type: 'image', aspect_ratio: aspectRatio, image_size: imageSize, delivery: 'inline' },
      generation_config: seed === undefined ? undefined : { seed },
    };
    return { path: `${version}/interactions`, form: 'interactions', synchronous: false, body: { json } };
  }
  const parts = [{ text: picture.prompt }, ...images.map((inlineData) => ({ inlineData }))];
  const imageConfig = aspectRatio === undefined && imageSize === undefined ? undefined : { aspectRatio, imageSize };
  const json = { contents: [{ role: 'user', parts }], generationConfig: { responseModalities: ['IMAGE'], imageConfig, seed } };
  return { path: `${version}/models/${encodeURIComponent(model)}:generateContent`, form: 'generate', synchronous: true, body: { json } };
}

/** Their words for a size: 512, 1K, 2K, 4K. */
function sizeWord(word: string): string | undefined {
  return word.toLowerCase() === 'auto' ? undefined : word.toUpperCase();
}

/** Many configurations have the version in their base URL. */
function versionOf(baseUrl: string): string {
  return /\/v\d+(alpha|beta)?\d*$/.test(baseUrl) ? '' : '/v1beta';
}

function interaction(baseUrl: string, handle: string): string {
  return `${versionOf(baseUrl)}/interactions/${encodeURIComponent(handle)}`;
}

function noMask(): JobFailure {
  return new JobFailure({
    code: 'INVALID_ARGUMENT',
    message: 'Google Gemini takes no mask.',
    nextStep: 'Say in the prompt what is to be changed, and leave mask_path out; or choose a provider that takes masks.',
    billing: 'none',
  });
}
