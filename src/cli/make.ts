import { resolve } from 'node:path';
import { expandHome } from '../config.js';
import type { JobKind } from '../contract/names.js';
import { onInterrupt } from './interrupt.js';
import { follow } from './jobs/follow.js';
import { stackOf, withJobs } from './jobs/open.js';
import { printEnd } from './jobs/print-job.js';
import { asJson, exitOf, jobsCommand } from './jobs/words.js';
import { EXIT, print, printJson, tell } from './output.js';
import { plain } from './plain.js';
import { whileStarting } from './preparation.js';

export interface MakeOptions {
  kind: JobKind;
  /** By the names of the tools' arguments; text as it was typed. */
  args: Record<string, unknown>;
  /** False: answers when the job has been taken. */
  wait: boolean;
  json: boolean;
}

/**
 * Starts a job and waits for its end, however long that takes; shows the preparation of the local stack before it. Ctrl-C
 * ends the wait and never the job.
 */
export async function make(env: NodeJS.ProcessEnv, { kind, args, wait, json }: MakeOptions): Promise<number> {
  return await withJobs(env, async (jobs, settings) => {
    const saveDir = folderOf(args['save_dir']);
    // Whoever types a folder's name allows it.
    if (saveDir !== undefined) jobs.setClientRoots([saveDir]);
    const { signal, release } = onInterrupt();
    try {
      const raw = saveDir === undefined ? args : { ...args, save_dir: saveDir };
      const started = await whileStarting(() => jobs.start(kind, raw), stackOf(settings, env), signal);
      const { job_id: jobId } = started;
      if (started.deduplicated === true) tell(`${jobId} was started before; nothing is made twice.`);
      else if (wait) tell(`job ${jobId}`);
      for (const warning of started.done ? [] : (started.warnings ?? [])) tell(plain(`warning: ${warning}`));
      if (!wait && !started.done) {
        if (json) printJson(asJson(started, false));
        else print(jobId);
        tell(`To wait for it: ${jobsCommand(settings, 'wait', [jobId])}`);
        return EXIT.running;
      }
      const { records } = started.done ? { records: [started] } : await follow(jobs, { jobIds: [jobId], until: 'all', signal });
      const record = records[0] ?? started;
      if (json) printJson(asJson(record, false));
      if (record.status === 'running') {
        tell(`Stopped waiting; the job goes on. To wait for it again: ${jobsCommand(settings, 'wait', [jobId])}`);
        return EXIT.running;
      }
      if (!json) printEnd(record, settings);
      return exitOf(record);
    } finally {
      release();
    }
  });
}

/** Absolute; relative to the working folder, as every path that is typed. */
function folderOf(given: unknown): string | undefined {
  return typeof given === 'string' && given.trim() !== '' && !/^file:/i.test(given) ? resolve(expandHome(given.trim())) : undefined;
}
