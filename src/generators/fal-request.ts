import { endpointFor, fieldsOf, type FalEndpoint } from './fal-models.js';
import type { GenerationRequest, ReferenceImage } from './generator.js';
import type { Asking, Encoded } from './http/protocol.js';
import { markedBothWays, whiteWhereEdited } from './masks.js';
import { mapSize, type Offered } from './sizes.js';
import { dataUrl, formatOf, modelPath } from './spelling.js';

const FILL_MODEL = 'fal-ai/flux-pro/v1/fill';

/** Sources: fal.ai/docs model-apis common-parameters, media-expiration, platform-apis for-storage; inference-api/queue/result. */
const HEADERS = {
  // One submit is one run: fal itself would start it up to ten times.
  'x-fal-no-retry': '1',
  // Private objects are readable only for users that are named, not for the key, so they expire instead. Payloads are stored
  // as the account has it (30 days): with x-fal-store-io 0 a result of 10 KB, which echoes the prompt, would live 6 minutes.
  'x-fal-object-lifecycle-preference': JSON.stringify({ expiration_duration_seconds: 7 * 86_400 }),
};

/** One picture at the endpoint of the model, with its own names for things. */
export async function encode({ request, capabilities }: Asking): Promise<Encoded> {
  const { picture, references, mask } = request;
  const named = request.model ?? (mask ? FILL_MODEL : (capabilities.defaultModel ?? 'fal-ai/flux-2'));
  const endpoint = endpointFor(named, references.length);
  const fields = fieldsOf(endpoint);
  const offered = mapSize({ size: picture.size, aspect_ratio: picture.aspect_ratio }, capabilities.sizes);
  const values = {
    num_images: 1,
    // Whatever the prompt says of a number.
    limit_generations: true,
    seed: picture.seed,
    output_format: formatOf(picture.output_format),
    quality: picture.quality,
    background: picture.background,
  };
  const taken = Object.fromEntries(fields.takes.map((name) => [name, values[name]]));
  const json = { prompt: picture.prompt, ...imagesOf(references, fields), ...(await maskOf(mask, fields)), ...sizeOf(offered, fields), ...taken };
  return { path: `/${modelPath(endpoint)}`, synchronous: false, headers: HEADERS, body: { json } };
}

function imagesOf(references: readonly ReferenceImage[], { references: field }: FalEndpoint): Record<string, unknown> {
  const urls = references.map(dataUrl);
  if (urls.length === 0) return {};
  const name = field ?? (urls.length === 1 ? 'image_url' : 'image_urls');
  return { [name]: name === 'image_url' ? urls[0] : urls };
}

async function maskOf(mask: GenerationRequest['mask'], { mask: name, alphaMask }: FalEndpoint): Promise<Record<string, string>> {
  if (!mask || name === undefined) return {};
  const bytes = await (alphaMask ? markedBothWays : whiteWhereEdited)(mask);
  return { [name]: dataUrl({ mimeType: 'image/png', bytes }) };
}

function sizeOf({ width, height, ratio, resolution, word }: Offered, { size }: FalEndpoint): Record<string, unknown> {
  switch (size) {
    case 'none':
      return {};
    case 'ratio':
      return { aspect_ratio: ratio ?? word, resolution };
    case 'word':
      return { image_size: word ?? (width === undefined ? undefined : `${width}x${height}`) };
    case 'pixels':
      return { image_size: word ?? (width === undefined ? undefined : { width, height }), aspect_ratio: ratio };
  }
}
