import { fileURLToPath } from 'node:url';
import { readSettings } from '../config.js';
import { runSupervisor } from '../local/supervisor.js';
import { createLogger } from '../log.js';
import { VERSION } from '../version.js';
import { EXIT } from './output.js';

/** Runs the local stack of a data folder until it is ended. Started by clients, detached from them. */
export async function supervise(env: NodeJS.ProcessEnv, workerModule: string | undefined): Promise<number> {
  const settings = readSettings(env);
  const command = fileURLToPath(new URL('../cli.js', import.meta.url));
  await runSupervisor({
    settings,
    version: VERSION,
    env,
    workerCommand: [
      process.execPath,
      command,
      'worker',
      '--stack',
      '--data-dir',
      settings.dataDir,
      ...(workerModule === undefined ? [] : ['--module', workerModule]),
    ],
    logger: createLogger(settings.IMAGE_LOG_LEVEL, 'supervisor'),
  });
  return EXIT.done;
}
