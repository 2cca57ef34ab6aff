import type { Account } from '../accounts/account.js';
import type { Settings } from '../config.js';
import { AVAILABLE_PROVIDERS, capabilitiesOf } from '../generators/capabilities.js';
import { LIMITS } from '../contract/input.js';
import { JobFailure } from '../contract/errors.js';
import { referenceRoots } from '../references/roots.js';
import { VERSION } from '../version.js';
import type { Connected, Temporal } from './temporal.js';

interface ServerInfoContext {
  settings: Settings;
  temporal: Temporal;
  accounts: Account[];
  clientRoots: string[];
}

/** What this process can do and what it sees of the rest. Starts nothing. */
export async function serverInfo(context: ServerInfoContext): Promise<Record<string, unknown>> {
  const { settings, temporal, clientRoots } = context;
  const connected = await temporal.connectIfRunning().catch(() => undefined);
  return {
    version: VERSION,
    providers: providers(context, connected),
    folders: { save_dir: settings.saveDir, save_root: settings.saveRoot, data_dir: settings.dataDir },
    reference_roots: referenceRoots(settings, { cwd: process.cwd(), clientRoots }).folders,
    limits: {
      reference_bytes: LIMITS.referenceBytes,
      references_bytes: LIMITS.referencesBytes,
      reference_pixels: LIMITS.referencePixels,
    },
    temporal: await temporalState(context, connected),
    ...(settings.remote && context.accounts.length > 0
      ? { warnings: ['With a remote Temporal the keys live with the workers; those in this environment are ignored.'] }
      : {}),
  };
}

function providers({ settings, accounts }: ServerInfoContext, connected: Connected | undefined): Record<string, unknown> {
  const configured = new Set<string>([...accounts, ...(connected?.credentials ?? [])].map((account) => account.provider));
  return Object.fromEntries(
    AVAILABLE_PROVIDERS.map((name) => {
      const can = capabilitiesOf(name);
      const state = name === 'local' ? true : settings.remote ? 'by the workers' : configured.has(name);
      return [
        name,
        {
          configured: state,
          generative: can?.generative,
          max_references: can?.maxReferences,
          mask: can?.mask,
          seed: can?.seed,
          output_formats: can?.formats,
        },
      ];
    }),
  );
}

async function temporalState({ settings, temporal }: ServerInfoContext, connected: Connected | undefined): Promise<Record<string, unknown>> {
  const stack = await temporal.stackState().catch(() => undefined);
  if (!connected && settings.remote) {
    return { mode: 'remote', address: settings.TEMPORAL_ADDRESS ?? settings.TEMPORAL_PROFILE, state: 'unreachable' };
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
    ...(stack && stack.messages.length > 0 ? { messages: stack.messages } : {}),
  };
}
