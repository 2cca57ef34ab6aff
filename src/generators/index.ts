import type { Settings } from '../config.js';
import type { ProviderName } from '../contract/names.js';
import { bfl } from './bfl.js';
import { capabilitiesOf } from './capabilities.js';
import { fal } from './fal.js';
import { gemini } from './gemini.js';
import type { Generator } from './generator.js';
import { createHttpGenerator } from './http/http-generator.js';
import type { Protocol } from './http/protocol.js';
import { createLocalGenerator } from './local/index.js';
import { createOpenAiGenerator } from './openai/index.js';
import { openaiImages } from './openai-images.js';
import { replicate } from './replicate.js';
import { sdcpp } from './sdcpp.js';
import { xai } from './xai.js';

/** A new provider is one file with its protocol, a line here and a row in capabilities.ts; see docs/providers.md. */
const PROTOCOLS: readonly Protocol[] = [openaiImages, gemini, xai, bfl, fal, replicate, sdcpp];

/** Every provider that this version can use. */
export function createGenerators(settings: Settings): Map<ProviderName, Generator> {
  const times = {
    submitTimeoutSeconds: settings.IMAGE_SUBMIT_TIMEOUT_SECONDS,
    syncSubmitTimeoutSeconds: settings.IMAGE_SYNC_SUBMIT_TIMEOUT_SECONDS,
    connectTimeoutSeconds: settings.IMAGE_CONNECT_TIMEOUT_SECONDS,
  };
  const overHttp = PROTOCOLS.map((protocol) => createHttpGenerator(protocol, times, (model) => capabilitiesOf(protocol.name, model, settings.overrides)));
  const all = [createLocalGenerator(), createOpenAiGenerator(times), ...overHttp];
  return new Map(all.map((generator) => [generator.name, generator]));
}
