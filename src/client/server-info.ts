import type { Account } from '../accounts/account.js';
import type { Settings } from '../config.js';
import { capabilitiesOf } from '../generators/capabilities.js';
import type { Capabilities } from '../generators/generator.js';
import { inWords } from '../generators/sizes.js';
import { LIMITS } from '../contract/input.js';
import { PROVIDER_NAMES } from '../contract/names.js';
import { JobFailure } from '../contract/errors.js';
import { resolveProvider } from '../contract/provider-names.js';
import { referenceRoots } from '../references/roots.js';
import type { StackStatus } from '../local/stack-client.js';
import { VERSION } from '../version.js';
import type { Connected, Temporal } from './temporal.js';

interface ServerInfoContext {
  settings: Settings;
  temporal: Temporal;
  accounts: Account[];
  clientRoots: string[];
  /** Warnings and errors as seen from this process; told what was just seen of the rest. */
  findings: (seen: Seen) => Promise<{ findings: object[]; leftOut: number }>;
}

/** What answers at this moment. */
interface Seen {
  connected: Connected | undefined;
  /** Undefined with a Temporal of the settings. */
  stack: StackStatus | undefined;
}

/** A client may declare any number of roots, and the stack may have seen much: the answer stays small. */
const MOST_ROOTS = 20;
const MOST_MESSAGES = 3;

/** What this process can do and what it sees of the rest. Starts nothing. */
export async function serverInfo(context: ServerInfoContext): Promise<Record<string, unknown>> {
  const { settings, temporal, clientRoots } = context;
  const [connected, stack] = await Promise.all([
    temporal.connectIfRunning().catch(() => undefined),
    temporal.stackState().catch(() => undefined),
  ]);
  const roots = referenceRoots(settings, { cwd: process.cwd(), clientRoots }).folders;
  const [{ findings, leftOut }, state] = await Promise.all([context.findings({ connected, stack }), temporalState(context, { connected, stack })]);
  return {
    version: VERSION,
    providers: providers(context, connected),
    default_provider: defaultProvider(context, connected),
    folders: { save_dir: settings.saveDir, save_root: settings.saveRoot, data_dir: settings.dataDir },
    reference_roots: roots.slice(0, MOST_ROOTS),
    ...(roots.length > MOST_ROOTS ? { more_reference_roots: roots.length - MOST_ROOTS } : {}),
    limits: {
      images: LIMITS.images,
      prompt_characters: LIMITS.promptCharacters,
      reference_bytes: LIMITS.referenceBytes,
      references_bytes: LIMITS.referencesBytes,
      reference_pixels: LIMITS.referencePixels,
      data_url_bytes: LIMITS.dataUrlBytes,
    },
    allowed: {
      agent_double_charge: settings.IMAGE_ALLOW_AGENT_DOUBLE_CHARGE,
      private_reference_urls: settings.IMAGE_ALLOW_PRIVATE_REFERENCE_URLS,
      inline_images: settings.IMAGE_INLINE_IMAGES !== 'never',
    },
    temporal: state,
    ...(findings.length > 0 ? { findings } : {}),
    ...(leftOut > 0 ? { more_findings: leftOut } : {}),
  };
}

/** Whole for those that can be used here; of the others what helps to choose one, so that the answer stays small. */
function providers({ settings, accounts }: ServerInfoContext, connected: Connected | undefined): Record<string, unknown> {
  const configured = new Set<string>([...accounts, ...(connected?.credentials ?? [])].map((account) => account.provider));
  return Object.fromEntries(
    PROVIDER_NAMES.map((name) => {
      const can = capabilitiesOf(name, undefined, settings.overrides);
      const state = name === 'local' ? true : settings.remote ? 'by the workers' : configured.has(name);
      const brief = { configured: state, max_references: can.maxReferences, mask: can.mask };
      return [name, state === true ? { ...brief, ...wholeOf(can) } : brief];
    }),
  );
}

function wholeOf(can: Capabilities): Record<string, unknown> {
  const { perImage, currency, source } = can.price ?? {};
  return {
    generative: can.generative,
    default_model: can.defaultModel,
    kinds: can.kinds,
    seed: can.seed,
    quality: can.quality,
    background: can.background,
    output_formats: can.formats,
    sizes: inWords(can.sizes),
    cancel: can.cancel,
    result_life_seconds: can.resultLifeSeconds,
    ...(perImage === undefined ? {} : { price_per_image: `${perImage} ${currency} (${source})` }),
  };
}

/** Of calls that name none; what cannot be used is among the findings. */
function defaultProvider({ settings, accounts }: ServerInfoContext, connected: Connected | undefined): string {
  const { provider } = resolveProvider(settings.IMAGE_PROVIDER, undefined);
  if (provider !== undefined) return provider;
  if (settings.remote) return 'by the workers';
  const known = [...(connected?.credentials ?? []), ...accounts];
  return known[0]?.provider ?? 'local';
}

async function temporalState({ settings }: ServerInfoContext, { connected, stack }: Seen): Promise<Record<string, unknown>> {
  if (!connected && settings.remote) {
    const { TEMPORAL_ADDRESS: address, TEMPORAL_PROFILE: profile, TEMPORAL_NAMESPACE: namespace } = settings;
    return { mode: 'remote', ...(address === undefined ? { profile } : { address, namespace }), state: 'unreachable' };
  }
  if (!connected) {
    const { state = 'stopped', preparation, error } = stack ?? {};
    return { mode: 'local', state: state === 'stopped' ? 'not running; the first job starts it' : state, preparation, error };
  }
  const worker = await connected.worker().catch((error: unknown) => ({
    state: 'none' as const,
    message: error instanceof JobFailure ? error.message : 'The worker could not be looked at.',
  }));
  return {
    mode: settings.remote ? 'remote' : 'local',
    address: connected.address,
    namespace: connected.namespace,
    state: 'ready',
    worker: worker.state === 'alive' ? 'running' : worker.message,
    ...(connected.uiUrl === undefined ? {} : { ui_url: connected.uiUrl }),
    ...(stack && stack.messages.length > 0 ? { messages: stack.messages.slice(-MOST_MESSAGES) } : {}),
  };
}
