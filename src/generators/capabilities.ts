import { LIMITS } from '../contract/input.js';
import { JOB_KINDS, PROVIDER_NAMES, type ProviderName } from '../contract/names.js';
import type { Capabilities } from './generator.js';

/**
 * What each provider can do, as data: the process of the call refuses by it, without loading a provider's code.
 * Sources: OpenAI image generation guide (references, mask, formats).
 */
export const CAPABILITIES = {
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
  },
  openai: {
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
  },
} as const satisfies Partial<Record<ProviderName, Capabilities>>;

const BY_NAME: Partial<Record<ProviderName, Capabilities>> = CAPABILITIES;

/** The providers that this version can use. */
export const AVAILABLE_PROVIDERS: readonly ProviderName[] = PROVIDER_NAMES.filter((name) => BY_NAME[name] !== undefined);

export function capabilitiesOf(provider: ProviderName): Capabilities | undefined {
  return BY_NAME[provider];
}
