import { ImageJobs } from '../../client/image-jobs.js';
import type { JobApi } from '../../client/job-api.js';
import { readSettings, type Settings } from '../../config.js';
import { LocalStack } from '../../local/stack-client.js';
import { createLogger } from '../../log.js';
import { VERSION } from '../../version.js';

/** Opens the jobs of these settings for one command and closes them after it. */
export async function withJobs<T>(env: NodeJS.ProcessEnv, work: (jobs: JobApi, settings: Settings) => Promise<T>): Promise<T> {
  const settings = readSettings(env);
  const jobs = await ImageJobs.open(settings, env);
  try {
    return await work(jobs, settings);
  } finally {
    await jobs.close();
  }
}

/** Only to look at its preparation: it starts nothing and keeps nothing alive. */
export function stackOf(settings: Settings, env: NodeJS.ProcessEnv): LocalStack {
  return new LocalStack({ settings, env, version: VERSION, logger: createLogger(settings.IMAGE_LOG_LEVEL, 'cli') });
}
