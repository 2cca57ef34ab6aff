import { LIMITS } from '../contract/input.js';
import { JOB_KINDS, type ProviderName } from '../contract/names.js';
import type { Capabilities, Price } from './generator.js';
import type { Overrides } from './overrides.js';
import type { SizeRule } from './sizes.js';

/**
 * What each provider and model can do, as data: the process of the call refuses by it, without loading a provider's code.
 * Unknown models get their provider's general row; IMAGE_PROVIDERS_FILE overrides any of it. Where each number comes from:
 * docs/providers.md.
 */

const OPENAI_SIZES: SizeRule = { by: 'list', sizes: ['1024x1024', '1536x1024', '1024x1536'] };
/** Image generation guide: gpt-image-2 and later. */
const OPENAI_FREE_SIZES: SizeRule = { by: 'pixels', step: 16, minEdge: 16, maxEdge: 3840, minPixels: 640 * 1024, maxPixels: 3840 * 2160, maxRatio: 3 };
/** Model page of gpt-image-2.6-sunburst, November 2026; tokens that were cached are cheaper, and not told apart in the answer. */
const GPT_IMAGE_26_PRICE: Price = {
  currency: 'USD',
  source: 'OpenAI model page, November 2026',
  perMillion: { 'input_tokens_details.text_tokens': 5, 'input_tokens_details.image_tokens': 8, output_tokens: 30 },
};
const WIDE_RATIOS = ['1:1', '2:3', '3:2', '3:4', '4:3', '4:5', '5:4', '9:16', '16:9', '21:9'];
const GEMINI_RATIOS = [...WIDE_RATIOS, '1:4', '4:1', '1:8', '8:1'];
const XAI_RATIOS = ['1:1', '3:4', '4:3', '9:16', '16:9', '2:3', '3:2', '9:19.5', '19.5:9', '9:20', '20:9', '1:2', '2:1'];
const RESOLUTIONS = [
  { name: '1K', pixels: 1024 ** 2 },
  { name: '2K', pixels: 2048 ** 2 },
  { name: '4K', pixels: 4096 ** 2 },
];
const XAI_RESOLUTIONS = [
  { name: '1k', pixels: 1024 ** 2 },
  { name: '2k', pixels: 2048 ** 2 },
];
const FLUX_1_SIZES: SizeRule = { by: 'pixels', step: 32, minEdge: 256, maxEdge: 1440, maxPixels: 1440 ** 2 };
const KONTEXT_RATIOS = ['21:9', '16:9', '4:3', '3:2', '1:1', '2:3', '3:4', '9:16', '9:21'];
const ALL_FORMATS = ['png', 'jpeg', 'webp'];
/** Dollars a million tokens, by the names of usageMetadata. */
const geminiPrice = ({ prompt, picture, thoughts }: { prompt: number; picture: number; thoughts?: number }, source: string): Price => ({
  currency: 'USD',
  source,
  perMillion: { promptTokenCount: prompt, candidatesTokenCount: picture, ...(thoughts === undefined ? {} : { thoughtsTokenCount: thoughts }) },
});
/** One row for several names of a model. */
const named = (names: readonly string[], row: Omit<ModelRow, 'match'>): ModelRow[] => names.map((match) => ({ match, ...row }));
const FREE_SIZES = (step: number, maxPixels: number): SizeRule => ({ by: 'pixels', step, minEdge: 64, maxEdge: 4096, maxPixels });

const OPENAI: Capabilities = {
  kinds: JOB_KINDS,
  maxReferences: 16,
  mask: true,
  seed: false,
  quality: true,
  background: true,
  formats: ['png', 'jpeg', 'webp'],
  // The model scales larger pictures down itself; sending them costs upload time only.
  maxReferenceEdge: 4096,
  queue: true,
  cancel: true,
  generative: true,
  sizes: OPENAI_SIZES,
  resultLifeSeconds: 600,
};

/** A row of a model adds to, or replaces parts of, its provider's. `match`: the whole name, `*` at its end stands for the rest. */
export interface ModelRow extends Partial<Capabilities> {
  match: string;
}

export interface ProviderRow extends Capabilities {
  models?: readonly ModelRow[];
}

export const CAPABILITIES: Readonly<Record<ProviderName, ProviderRow>> = {
  local: {
    kinds: JOB_KINDS,
    maxReferences: LIMITS.references,
    mask: true,
    seed: true,
    quality: false,
    background: false,
    formats: ['png', 'jpeg', 'webp'],
    maxReferenceEdge: LIMITS.maxEdge,
    queue: false,
    cancel: false,
    generative: false,
    sizes: { by: 'pixels', step: 1, minEdge: 1, maxEdge: LIMITS.maxEdge, maxPixels: LIMITS.maxEdge ** 2 },
  },
  // Which model the tool uses is the account's: sizes are mapped when that is known (openai/request.ts).
  openai: { ...OPENAI, sizes: { by: 'any' } },
  'openai-images': {
    ...OPENAI,
    // gpt-image-1.5 and older end on 1 December 2026.
    defaultModel: 'gpt-image-2.6-sunburst',
    sizes: OPENAI_FREE_SIZES,
    price: GPT_IMAGE_26_PRICE,
    queue: false,
    cancel: false,
    resultLifeSeconds: undefined,
    models: [
      { match: 'gpt-image-1*', sizes: OPENAI_SIZES, price: undefined },
      { match: 'gpt-image-2.6-*' },
      { match: 'gpt-image-*', price: undefined },
      // A gateway's own model: sizes go through as they are, as far as a picture of any model can have them.
      { match: '*', sizes: { by: 'pixels', step: 8, minEdge: 64, maxEdge: LIMITS.maxEdge, maxPixels: LIMITS.maxEdge ** 2 }, price: undefined },
    ],
  },
  gemini: {
    kinds: JOB_KINDS,
    maxReferences: 14,
    mask: false,
    seed: true,
    quality: false,
    background: false,
    // The model chooses.
    formats: ['png', 'jpeg'],
    // The whole request is at most 100 MB.
    maxReferenceEdge: 2048,
    queue: false,
    cancel: false,
    generative: true,
    defaultModel: 'gemini-nano-banana-2.1',
    sizes: { by: 'ratio', ratios: GEMINI_RATIOS, resolutions: RESOLUTIONS },
    price: geminiPrice({ prompt: 1.5, picture: 30, thoughts: 7.5 }, 'BerriAI/litellm discussion 44983, October 2026'),
    models: [
      { match: 'gemini-2.5-flash-image*', maxReferences: 3, sizes: { by: 'ratio', ratios: WIDE_RATIOS }, price: geminiPrice({ prompt: 0.3, picture: 30 }, 'pydantic/genai-prices pull request 177, November 2025') },
      ...named(['gemini-3-pro-image*', 'nano-banana-pro*'], { sizes: { by: 'ratio', ratios: WIDE_RATIOS, resolutions: RESOLUTIONS }, price: undefined }),
      // It refuses any imageSize.
      ...named(['gemini-3.1-flash-lite-image*', 'nano-banana-2-lite'], {
        sizes: { by: 'ratio', ratios: WIDE_RATIOS },
        price: geminiPrice({ prompt: 0.25, picture: 30, thoughts: 1.5 }, 'BerriAI/litellm issue 31945, July 2026'),
      }),
      ...named(['gemini-3.1-flash-image*', 'nano-banana-2'], {
        sizes: { by: 'ratio', ratios: GEMINI_RATIOS, resolutions: [{ name: '512', pixels: 512 ** 2 }, ...RESOLUTIONS] },
        price: geminiPrice({ prompt: 0.5, picture: 60 }, 'pollinations/pollinations pull request 8634, February 2026'),
      }),
      // What is not known has no known price.
      ...named(['gemini-nano-banana-2.1*', 'nano-banana', 'nano-banana-2.1'], {}),
      { match: '*', price: undefined },
    ],
  },
  xai: {
    kinds: JOB_KINDS,
    maxReferences: 3,
    mask: false,
    seed: false,
    quality: false,
    background: false,
    formats: ['png', 'jpeg'],
    maxReferenceEdge: 2048,
    queue: false,
    cancel: false,
    generative: true,
    defaultModel: 'grok-imagine-image',
    sizes: { by: 'ratio', ratios: XAI_RATIOS, resolutions: XAI_RESOLUTIONS },
    // Release notes of August 2026: 2.0, which also answers for -quality and -pro.
    models: [
      { match: 'grok-imagine-image-*', maxReferences: 5, quality: true, sizes: { by: 'ratio', ratios: [...XAI_RATIOS, '21:9', '5:2'], resolutions: XAI_RESOLUTIONS } },
    ],
  },
  bfl: {
    kinds: JOB_KINDS,
    maxReferences: 8,
    mask: true,
    seed: true,
    quality: false,
    background: false,
    formats: ['png', 'jpeg'],
    maxReferenceEdge: 2048,
    queue: true,
    cancel: false,
    generative: true,
    defaultModel: 'flux-2-pro',
    sizes: FREE_SIZES(16, 4_000_000),
    resultLifeSeconds: 600,
    // A mask without a model goes to the fill model.
    models: [
      { match: 'flux-2-klein*', maxReferences: 4, mask: false },
      { match: 'flux-2-*', mask: false },
      { match: 'flux-kontext-*', maxReferences: 4, mask: false, sizes: { by: 'ratio', ratios: WIDE_RATIOS } },
      { match: 'flux-pro-1.0-fill*', maxReferences: 1 },
      { match: 'flux-pro-1.1*', maxReferences: 0, mask: false, kinds: ['image_generate'], sizes: FLUX_1_SIZES },
    ],
  },
  fal: {
    kinds: JOB_KINDS,
    // flux-2 leaves more out without a word.
    maxReferences: 4,
    // A mask without a model goes to the fill model.
    mask: true,
    seed: true,
    quality: false,
    background: false,
    formats: ['png', 'jpeg'],
    maxReferenceEdge: 2048,
    queue: true,
    cancel: true,
    generative: true,
    defaultModel: 'fal-ai/flux-2',
    sizes: { by: 'pixels', step: 16, minEdge: 512, maxEdge: 2048, maxPixels: 2048 ** 2 },
    // As long as we ask for; see fal.ts.
    resultLifeSeconds: 7 * 86_400,
    models: [
      { match: 'fal-ai/flux-2-*', maxReferences: 8, mask: false, sizes: FREE_SIZES(16, 4_000_000) },
      { match: 'fal-ai/flux-2*', mask: false, formats: ALL_FORMATS },
      { match: 'fal-ai/gpt-image-1*', maxReferences: 16, seed: false, quality: true, background: true, formats: ALL_FORMATS, sizes: OPENAI_SIZES },
      { match: 'openai/gpt-image-2*', maxReferences: 16, seed: false, quality: true, formats: ALL_FORMATS, sizes: OPENAI_FREE_SIZES },
      ...['fal-ai/nano-banana-2*', 'fal-ai/nano-banana-pro*', 'fal-ai/gemini-3*'].map((match) => ({
        match,
        maxReferences: 14,
        mask: false,
        formats: ALL_FORMATS,
        sizes: { by: 'ratio', ratios: WIDE_RATIOS, resolutions: RESOLUTIONS } as const,
      })),
      ...['fal-ai/nano-banana*', 'fal-ai/gemini-25-flash-image*'].map((match) => ({
        match,
        maxReferences: LIMITS.references,
        mask: false,
        formats: ALL_FORMATS,
        sizes: { by: 'ratio', ratios: WIDE_RATIOS } as const,
      })),
      { match: 'fal-ai/flux-pro/kontext*', mask: false, sizes: { by: 'ratio', ratios: KONTEXT_RATIOS } },
      { match: 'fal-ai/flux-pro/v1/fill*', maxReferences: 1 },
      { match: 'fal-ai/bytedance/seedream/v4.5*', maxReferences: 10, mask: false, sizes: { by: 'pixels', step: 1, minEdge: 1920, maxEdge: 4096, maxPixels: 4096 ** 2 } },
      { match: 'fal-ai/bytedance/seedream/v4*', maxReferences: 10, mask: false, sizes: { by: 'pixels', step: 1, minEdge: 960, maxEdge: 4096, maxPixels: 4096 ** 2 } },
      { match: 'xai/grok-imagine-image*', maxReferences: 3, mask: false, seed: false, formats: ALL_FORMATS, sizes: { by: 'ratio', ratios: XAI_RATIOS, resolutions: XAI_RESOLUTIONS } },
      { match: 'fal-ai/flux/dev*', maxReferences: 1, mask: false, sizes: { by: 'any' } },
      { match: 'fal-ai/flux/schnell', kinds: ['image_generate'], maxReferences: 0, mask: false, sizes: { by: 'any' } },
      { match: '*', maxReferences: LIMITS.references, quality: true, background: true, formats: ALL_FORMATS, sizes: { by: 'any' } },
    ],
  },
  replicate: {
    kinds: JOB_KINDS,
    maxReferences: 8,
    // A mask without a model goes to the fill model.
    mask: true,
    seed: true,
    quality: false,
    background: false,
    formats: ['png', 'jpeg'],
    // A reference travels inside the request as a data: URL.
    maxReferenceEdge: 1536,
    queue: true,
    cancel: true,
    generative: true,
    defaultModel: 'black-forest-labs/flux-2-pro',
    sizes: { by: 'pixels', step: 32, minEdge: 256, maxEdge: 2048, maxPixels: 2048 ** 2 },
    resultLifeSeconds: 3600,
    models: [
      { match: 'black-forest-labs/flux-2-flex*', maxReferences: 10, mask: false, formats: ALL_FORMATS },
      { match: 'black-forest-labs/flux-2-dev*', maxReferences: 4, mask: false, formats: ALL_FORMATS, sizes: FLUX_1_SIZES },
      { match: 'black-forest-labs/flux-2-*', mask: false, formats: ALL_FORMATS },
      { match: 'black-forest-labs/flux-fill-*', maxReferences: 1 },
      { match: 'black-forest-labs/flux-kontext-*', maxReferences: 1, mask: false, sizes: { by: 'ratio', ratios: [...KONTEXT_RATIOS, '4:5', '5:4', '2:1', '1:2'] } },
      { match: 'black-forest-labs/flux-1.1-pro-ultra*', maxReferences: 1, mask: false, sizes: { by: 'ratio', ratios: [...KONTEXT_RATIOS, '4:5', '5:4'] } },
      ...['black-forest-labs/flux-1.1-pro*', 'black-forest-labs/flux-pro*'].map((match) => ({ match, maxReferences: 1, mask: false, formats: ALL_FORMATS, sizes: FLUX_1_SIZES })),
      { match: 'black-forest-labs/flux-dev*', maxReferences: 1, mask: false, formats: ALL_FORMATS, sizes: { by: 'ratio', ratios: [...KONTEXT_RATIOS, '4:5', '5:4'] } },
      {
        match: 'black-forest-labs/flux-schnell*',
        kinds: ['image_generate'],
        maxReferences: 0,
        mask: false,
        formats: ALL_FORMATS,
        sizes: { by: 'ratio', ratios: [...KONTEXT_RATIOS, '4:5', '5:4'] },
      },
      ...['google/nano-banana-2*', 'google/nano-banana-pro*'].map((match) => ({
        match,
        maxReferences: 14,
        mask: false,
        seed: false,
        sizes: { by: 'ratio', ratios: WIDE_RATIOS, resolutions: RESOLUTIONS } as const,
      })),
      { match: 'google/nano-banana*', maxReferences: LIMITS.references, mask: false, seed: false, sizes: { by: 'ratio', ratios: WIDE_RATIOS } },
      { match: 'bytedance/seedream-4*', maxReferences: 10, mask: false, seed: false, sizes: { by: 'pixels', step: 1, minEdge: 1024, maxEdge: 4096, maxPixels: 4096 ** 2 } },
      {
        match: 'openai/gpt-image-*',
        maxReferences: LIMITS.references,
        mask: false,
        seed: false,
        quality: true,
        background: true,
        formats: ALL_FORMATS,
        sizes: { by: 'ratio', ratios: ['1:1', '3:2', '2:3'] },
      },
      {
        match: '*',
        maxReferences: LIMITS.references,
        quality: true,
        background: true,
        formats: ALL_FORMATS,
        sizes: { by: 'ratio', ratios: ['1:1', '16:9', '3:2', '2:3', '4:5', '5:4', '9:16', '3:4', '4:3'] },
      },
    ],
  },
  sdcpp: {
    kinds: JOB_KINDS,
    maxReferences: LIMITS.references,
    mask: true,
    seed: true,
    quality: false,
    background: false,
    // WebP only where it was built in.
    formats: ['png', 'jpeg', 'webp'],
    // The server scales them to the size of the picture.
    maxReferenceEdge: 2048,
    queue: true,
    // While the request waits in its queue.
    cancel: true,
    generative: true,
    // Its limits; what a model and a machine can do is less. Every model takes multiples of 64 as they are.
    sizes: FREE_SIZES(64, 4096 ** 2),
    resultLifeSeconds: 600,
  },
};

/** What a provider can do with a model; without one, with the model that it chooses itself. The overrides are a person's. */
export function capabilitiesOf(provider: ProviderName, model?: string, overrides: Overrides = {}): Capabilities {
  const { models = [], ...general } = CAPABILITIES[provider];
  const mine = overrides[provider];
  const row = model === undefined ? undefined : models.find(({ match }) => matches(match, model));
  const ours = model === undefined ? undefined : mine?.models.find(({ match }) => matches(match, model));
  if (!row && !mine) return general;
  const { match: _match, ...special } = row ?? { match: '' };
  return { ...general, ...special, ...mine?.general, ...ours?.special };
}

function matches(match: string, model: string): boolean {
  const [pattern, name] = [match.toLowerCase(), model.toLowerCase()];
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}
