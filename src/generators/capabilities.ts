import { LIMITS } from '../contract/input.js';
import { PROVIDER_NAMES, type ProviderName } from '../contract/names.js';
import type { Capabilities } from './generator.js';

/**
 * What each provider can do, as data: the process of the call refuses by it, without loading a provider's code.
 * Sources: OpenAI image generation guide (references, mask, formats).
 */
const ALL_KINDS = ['image_generate', 'image_edit', 'image_batch_edit', 'image_multi_reference'] as const;

const CAPABILITIES: Partial<Record<ProviderName, Capabilities>> = {
  local: {
    kinds: ALL_KINDS,
    maxReferences: LIMITS.references,
    mask: true,
    seed: true,
    quality: false,
    background: false,
    formats: ['png', 'jpeg', 'webp'],
    maxReferenceEdge: 8192,
    queue: false,
    cancel: false,
    generative: false,
  },
  openai: {
    kinds: ALL_KINDS,
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
  },
};

/** The providers that this version can use. */
export const AVAILABLE_PROVIDERS: readonly ProviderName[] = PROVIDER_NAMES.filter((name) => CAPABILITIES[name] !== undefined);

export function capabilitiesOf(provider: ProviderName): Capabilities | undefined {
  return CAPABILITIES[provider];
}
