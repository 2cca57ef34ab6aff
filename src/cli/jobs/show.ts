import { printJson } from '../output.js';
import { withJobs } from './open.js';
import { printWhole } from './print-job.js';
import { asJson, exitOf, unknownJob } from './words.js';

/** Shows everything that is known of a job. Its exit code tells its state. */
export async function show(env: NodeJS.ProcessEnv, jobId: string, json: boolean): Promise<number> {
  return await withJobs(env, async (jobs, settings) => {
    const record = await jobs.status(jobId);
    if (record.status === 'unknown') throw unknownJob(settings, [jobId]);
    if (json) printJson(asJson(record, true));
    else printWhole(record, settings);
    return exitOf(record);
  });
}
