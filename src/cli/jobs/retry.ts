import { print, printJson, tell } from '../output.js';
import { plain } from '../plain.js';
import { whileStarting } from '../preparation.js';
import { stackOf, withJobs } from './open.js';
import { asJson, exitOf, forJob, jobsCommand, unknownJob } from './words.js';

/** Runs a job again under its ID and answers when that has begun. The flag is a person's word here. */
export async function retry(env: NodeJS.ProcessEnv, jobId: string, acknowledged: boolean, json: boolean): Promise<number> {
  return await withJobs(env, async (jobs, settings) => {
    // What nobody knows needs no stack.
    if ((await jobs.status(jobId)).status === 'unknown') throw unknownJob(settings, [jobId]);
    const again = (): ReturnType<typeof jobs.retry> => jobs.retry(jobId, { acknowledgePossibleDoubleCharge: acknowledged });
    const record = await forJob(settings, jobId, async () => await whileStarting(again, stackOf(settings, env)));
    if (json) printJson(asJson(record, false));
    else print(plain(`${record.job_id}: ${record.message}`));
    if (!record.done) tell(`To wait for it: ${jobsCommand(settings, 'wait', [jobId])}`);
    return exitOf(record);
  });
}
