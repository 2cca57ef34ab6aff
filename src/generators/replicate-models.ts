import type { GenerationRequest, ReferenceImage } from './generator.js';
import { whiteWhereEdited } from './masks.js';
import type { Offered } from './sizes.js';
import { dataUrl } from './spelling.js';

/**
 * How models on Replicate want their input, as data: each has names of its own. Source: the input schemas on the "API" pages
 * of the models (replicate.com/<owner>/<name>/api and .../versions/<id>/api), as stored in autumn 2026.
 */
interface ReplicateModel {
  /** Where references go: one address, or a list of them. Absent: one as `image`, several as `image_input`. */
  references?: { field: string; list: boolean };
  /** `custom`: width and height beside aspect_ratio or size "custom"; else a ratio (and a class of resolution), or nothing. */
  size: 'custom_ratio' | 'custom_size' | 'ratio' | 'none';
  /** It takes a seed, so that a request can be marked by one; `asked`: nobody knows, so only one that was asked for is sent. */
  seed?: 'marked' | 'asked';
  /** Its word for JPEG; absent: it takes no format. */
  jpeg?: 'jpg' | 'jpeg';
  takes?: readonly ('quality' | 'background')[];
  /** What makes it one picture. */
  fixed?: Readonly<Record<string, unknown>>;
}

/** The first that fits. */
const MODELS: readonly [RegExp, ReplicateModel][] = [
  [/^black-forest-labs\/flux-2-/, { references: { field: 'input_images', list: true }, size: 'custom_ratio', seed: 'marked', jpeg: 'jpg' }],
  [/^black-forest-labs\/flux-kontext-/, { references: { field: 'input_image', list: false }, size: 'ratio', seed: 'marked', jpeg: 'jpg' }],
  [/^black-forest-labs\/flux-fill-/, { references: { field: 'image', list: false }, size: 'none', seed: 'marked', jpeg: 'jpg' }],
  [/^black-forest-labs\/flux-1\.1-pro-ultra/, { references: { field: 'image_prompt', list: false }, size: 'ratio', seed: 'marked', jpeg: 'jpg' }],
  [/^black-forest-labs\/flux-(1\.1-)?pro(:|$)/, { references: { field: 'image_prompt', list: false }, size: 'custom_ratio', seed: 'marked', jpeg: 'jpg' }],
  [/^black-forest-labs\/flux-(schnell|dev)(:|$)/, { references: { field: 'image', list: false }, size: 'ratio', seed: 'marked', jpeg: 'jpg', fixed: { num_outputs: 1 } }],
  [/^google\/nano-banana/, { references: { field: 'image_input', list: true }, size: 'ratio', jpeg: 'jpg' }],
  [/^bytedance\/seedream-4/, { references: { field: 'image_input', list: true }, size: 'custom_size', fixed: { sequential_image_generation: 'disabled' } }],
  [
    /^openai\/gpt-image-/,
    { references: { field: 'input_images', list: true }, size: 'ratio', jpeg: 'jpeg', takes: ['quality', 'background'], fixed: { number_of_images: 1 } },
  ],
];

/** A model that is not known gets the names that most have. */
const USUAL: ReplicateModel = { size: 'ratio', seed: 'asked', jpeg: 'jpg', takes: ['quality', 'background'] };

/** The input of a model; `mark` is the seed where nobody asked for one and the model takes it. */
export async function inputOf(model: string, request: GenerationRequest, offered: Offered, mark: number): Promise<Record<string, unknown>> {
  const known = MODELS.find(([match]) => match.test(model))?.[1] ?? USUAL;
  const { picture, references, mask } = request;
  const format = picture.output_format?.toLowerCase().replace(/^jpe?g$/, known.jpeg ?? 'jpeg');
  return {
    prompt: picture.prompt,
    ...imagesOf(references, known),
    ...(mask ? { mask: dataUrl({ mimeType: 'image/png', bytes: await whiteWhereEdited(mask) }) } : {}),
    ...sizeOf(offered, known),
    seed: known.seed && (picture.seed ?? (known.seed === 'marked' ? mark : undefined)),
    output_format: known.jpeg === undefined ? undefined : format,
    ...Object.fromEntries((known.takes ?? []).map((name) => [name, picture[name]])),
    ...known.fixed,
  };
}

function imagesOf(references: readonly ReferenceImage[], { references: given }: ReplicateModel): Record<string, unknown> {
  const urls = references.map(dataUrl);
  if (urls.length === 0) return {};
  const { field, list } = given ?? (urls.length === 1 ? { field: 'image', list: false } : { field: 'image_input', list: true });
  return { [field]: list ? urls : urls[0] };
}

function sizeOf({ width, height, ratio, resolution, word }: Offered, { size }: ReplicateModel): Record<string, unknown> {
  switch (size) {
    case 'none':
      return {};
    case 'ratio':
      return { aspect_ratio: ratio ?? word, resolution };
    case 'custom_ratio':
      return width === undefined ? { aspect_ratio: word } : { aspect_ratio: 'custom', width, height };
    case 'custom_size':
      return width === undefined ? { size: word } : { size: 'custom', width, height };
  }
}
