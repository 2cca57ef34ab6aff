import { loadClientConnectConfig, type ClientConnectConfig } from '@temporalio/envconfig';
import type { Settings } from './config.js';
import { JobFailure } from './contract/errors.js';

/** Where the Temporal of the settings is, and how it is reached. */
export interface TemporalConfig {
  address: string;
  namespace: string;
  /** TLS, API key and the like. */
  connection: ClientConnectConfig['connectionOptions'];
}

/**
 * Reads TEMPORAL_ADDRESS, TEMPORAL_PROFILE and their kin as every Temporal program does. A file of profiles counts only
 * when a profile or the file was named. Throws INVALID_ARGUMENT when the profile or its file cannot be used.
 */
export function readTemporalConfig(settings: Settings, env: NodeJS.ProcessEnv): TemporalConfig {
  const given: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) if (value !== undefined) given[name] = value;
  try {
    const { connectionOptions: connection, namespace } = loadClientConnectConfig({
      ...(settings.TEMPORAL_PROFILE === undefined ? {} : { profile: settings.TEMPORAL_PROFILE }),
      disableFile: settings.TEMPORAL_PROFILE === undefined && env['TEMPORAL_CONFIG_FILE'] === undefined,
      overrideEnvVars: given,
    });
    return {
      address: connection.address ?? settings.TEMPORAL_ADDRESS ?? 'localhost:7233',
      namespace: namespace ?? settings.TEMPORAL_NAMESPACE,
      connection,
    };
  } catch (error) {
    throw new JobFailure({
      code: 'INVALID_ARGUMENT',
      message: `The Temporal settings cannot be used: ${error instanceof Error ? error.message : String(error)}.`,
      nextStep: 'Correct TEMPORAL_PROFILE, its file (TEMPORAL_CONFIG_FILE) or the other TEMPORAL_ variables, and start again.',
      cause: error,
    });
  }
}
