import { WORKFLOW_LEFT } from '../../client/delete-job.js';
import { JobFailure } from '../../contract/errors.js';
import { canAsk, confirm } from '../ask.js';
import { EXIT, print, printJson, tell } from '../output.js';
import { plain } from '../plain.js';
import { withJobs } from './open.js';
import { forJob, jobsCommand, unknownJob } from './words.js';

/** Deletes an ended job after a yes. Its exported pictures stay where they are. */
export async function deleteJob(env: NodeJS.ProcessEnv, jobId: string, yes: boolean, json: boolean): Promise<number> {
  return await withJobs(env, async (jobs, settings) => {
    const before = await jobs.status(jobId);
    if (before.status === 'unknown') throw unknownJob(settings, [jobId]);
    if (!yes && before.done && before.status !== 'expired') {
      if (!canAsk()) {
        throw new JobFailure({
          code: 'INVALID_ARGUMENT',
          message: 'There is no terminal to ask on, and --yes was not given; nothing was deleted.',
          nextStep: `To delete it without being asked: ${jobsCommand(settings, 'delete', [jobId], '--yes')}`,
        });
      }
      for (const { path } of before.result?.saved ?? []) if (path !== undefined) tell(`This file stays: ${plain(path)}`);
      if (!(await confirm(plain(`Delete the job ${jobId} (${before.status}) and its pictures in the store?`)))) {
        tell('Nothing was deleted.');
        return EXIT.failed;
      }
    }
    const record = await forJob(settings, jobId, async () => await jobs.delete(jobId));
    // A job that is gone is what was asked for.
    if (json) printJson({ ...record, ok: true });
    else print(plain(`${jobId} is deleted; files that were exported stay.`));
    if (!json && record.message.endsWith(WORKFLOW_LEFT)) tell(WORKFLOW_LEFT);
    return EXIT.done;
  });
}
