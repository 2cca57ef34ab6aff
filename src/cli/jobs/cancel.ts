import { EXIT, print, printJson } from '../output.js';
import { plain } from '../plain.js';
import { whileStarting } from '../preparation.js';
import { stackOf, withJobs } from './open.js';
import { remarks } from './print-job.js';
import { asJson, exitOf, forJob, unknownJob } from './words.js';

/** Asks a job to stop. Done when it is cancelled; for a job that had ended otherwise the exit code tells its state. */
export async function cancel(env: NodeJS.ProcessEnv, jobId: string, reason: string | undefined, json: boolean): Promise<number> {
  return await withJobs(env, async (jobs, settings) => {
    const asked = (): ReturnType<typeof jobs.cancel> => jobs.cancel(jobId, reason);
    const record = await forJob(settings, jobId, async () => await whileStarting(asked, stackOf(settings, env)));
    if (record.status === 'unknown') throw unknownJob(settings, [jobId]);
    if (json) printJson(asJson(record, false));
    else {
      print(plain(`${record.job_id}: ${record.status}`));
      for (const line of remarks(record, settings)) print(line);
    }
    return record.status === 'cancelled' ? EXIT.done : exitOf(record);
  });
}
