/**
 * How the endpoints of fal want a request, as data: each model has names of its own, and fal leaves out a field that it
 * does not know without a word. Source: the input types of the vendor's client (fal-ai/fal-js,
 * libs/client/src/types/endpoints.ts, August 2026).
 */
export interface FalEndpoint {
  /** Where references go: one address, or a list of them. Absent: one as `image_url`, several as `image_urls`. */
  references?: 'image_url' | 'image_urls';
  mask?: 'mask_url' | 'mask_image_url';
  /** The model is OpenAI's: what is transparent is edited. Elsewhere white is. */
  alphaMask?: true;
  /** A size as {width, height}, as the word WxH, as a ratio (and a class of resolution), or not at all. */
  size: 'pixels' | 'word' | 'ratio' | 'none';
  /** The fields, besides the prompt, that it takes. */
  takes: readonly FalField[];
}

export type FalField = 'num_images' | 'limit_generations' | 'seed' | 'output_format' | 'quality' | 'background';

const COMMON = ['num_images', 'seed', 'output_format'] as const;
const GEMINI: FalEndpoint = { references: 'image_urls', size: 'ratio', takes: [...COMMON, 'limit_generations'] };

/** The first that fits. */
const ENDPOINTS: readonly [RegExp, FalEndpoint][] = [
  [/^fal-ai\/flux-2-(pro|max|flex)(\/|$)/, { references: 'image_urls', size: 'pixels', takes: ['seed', 'output_format'] }],
  [/^fal-ai\/flux-2(\/|$)/, { references: 'image_urls', size: 'pixels', takes: COMMON }],
  [
    /^fal-ai\/gpt-image-1/,
    { references: 'image_urls', mask: 'mask_image_url', alphaMask: true, size: 'word', takes: ['num_images', 'output_format', 'quality', 'background'] },
  ],
  [/^openai\/gpt-image-2/, { references: 'image_urls', mask: 'mask_url', alphaMask: true, size: 'pixels', takes: ['num_images', 'output_format', 'quality'] }],
  [/^(fal-ai|google)\/(nano-banana|gemini-)/, GEMINI],
  [/^fal-ai\/flux-pro\/kontext\/(max\/)?multi$/, { references: 'image_urls', size: 'ratio', takes: COMMON }],
  [/^fal-ai\/flux-pro\/kontext(\/|$)/, { references: 'image_url', size: 'ratio', takes: COMMON }],
  [/^fal-ai\/flux-pro\/v1\/fill/, { references: 'image_url', mask: 'mask_url', size: 'none', takes: COMMON }],
  [/^(fal-ai\/)?bytedance\/seedream\//, { references: 'image_urls', size: 'pixels', takes: ['num_images', 'seed'] }],
  [/^xai\/grok-imagine-image/, { references: 'image_urls', size: 'ratio', takes: ['num_images', 'output_format'] }],
  [/^fal-ai\/flux\/[^/]+\/image-to-image$/, { references: 'image_url', size: 'none', takes: COMMON }],
];

/** A model that is not known gets the names that most have. */
const USUAL: FalEndpoint = { mask: 'mask_url', size: 'pixels', takes: [...COMMON, 'quality', 'background'] };

/** Text alone and references go to two endpoints of one model; several references sometimes to a third. */
const FAMILIES: readonly { text: string; one: string; many?: string }[] = [
  ...[
    'fal-ai/flux-2',
    'fal-ai/flux-2-pro',
    'fal-ai/flux-2-max',
    'fal-ai/flux-2-flex',
    'fal-ai/flux-2/flash',
    'fal-ai/flux-2/turbo',
    'fal-ai/flux-2/klein/4b',
    'fal-ai/flux-2/klein/9b',
    'fal-ai/gpt-image-1-mini',
    'fal-ai/gpt-image-1.5',
    'openai/gpt-image-2',
    'fal-ai/nano-banana',
    'fal-ai/nano-banana-2',
    'fal-ai/nano-banana-pro',
    'fal-ai/gemini-25-flash-image',
    'fal-ai/gemini-3-pro-image-preview',
    'fal-ai/gemini-3.1-flash-image-preview',
    'xai/grok-imagine-image',
  ].map((text) => ({ text, one: `${text}/edit` })),
  { text: 'fal-ai/gpt-image-1/text-to-image', one: 'fal-ai/gpt-image-1/edit-image' },
  { text: 'fal-ai/bytedance/seedream/v4/text-to-image', one: 'fal-ai/bytedance/seedream/v4/edit' },
  { text: 'fal-ai/bytedance/seedream/v4.5/text-to-image', one: 'fal-ai/bytedance/seedream/v4.5/edit' },
  { text: 'fal-ai/flux-pro/kontext/text-to-image', one: 'fal-ai/flux-pro/kontext', many: 'fal-ai/flux-pro/kontext/multi' },
  { text: 'fal-ai/flux-pro/kontext/max/text-to-image', one: 'fal-ai/flux-pro/kontext/max', many: 'fal-ai/flux-pro/kontext/max/multi' },
  { text: 'fal-ai/flux/dev', one: 'fal-ai/flux/dev/image-to-image' },
];

/** The endpoint of the named model for so many references; a model that is not known is its own. */
export function endpointFor(model: string, references: number): string {
  const family = FAMILIES.find((one) => Object.values(one).includes(model));
  if (!family) return model;
  if (references === 0) return family.text;
  return references > 1 ? (family.many ?? family.one) : family.one;
}

export function fieldsOf(endpoint: string): FalEndpoint {
  return ENDPOINTS.find(([match]) => match.test(endpoint))?.[1] ?? USUAL;
}
