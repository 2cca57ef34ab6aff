import { Client } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { readSettings } from '../config.js';
import { JobFailure } from '../contract/errors.js';
import { WORKFLOW_TYPE } from '../contract/names.js';
import { createLogger } from '../log.js';
import { readTemporalConfig } from '../temporal-config.js';
import { unavailable } from '../client/temporal.js';
import { installRuntime } from '../worker-runtime.js';
import { WORKFLOW_BUNDLE } from '../worker.js';
import { EXIT, printJson } from './output.js';

/**
 * Before a deployment: replays the newest jobs of the Temporal of the settings with the workflow code of this build, and runs nothing.
 * Exit code 1 when one of them could not go on with it.
 */
export async function replay(env: NodeJS.ProcessEnv, count: number, json: boolean): Promise<number> {
  const settings = readSettings(env);
  if (!settings.remote) {
    throw new JobFailure({
      code: 'INVALID_ARGUMENT',
      message: 'No Temporal is named whose jobs could be replayed.',
      nextStep: 'Set TEMPORAL_ADDRESS or TEMPORAL_PROFILE and call again.',
    });
  }
  installRuntime(createLogger(settings.IMAGE_LOG_LEVEL, 'replay'));
  const { address, namespace, connection: options } = readTemporalConfig(settings, env);
  const connection = await NativeConnection.connect({ ...options, address }).catch((error: unknown) => {
    throw unavailable(address, error);
  });
  try {
    const client = new Client({ connection, namespace });
    const jobs = client.workflow.list({ query: `WorkflowType = '${WORKFLOW_TYPE}'` });
    const failed: { job_id: string; error: string }[] = [];
    let replayed = 0;
    for await (const { workflowId, error } of Worker.runReplayHistories({ workflowBundle: { codePath: WORKFLOW_BUNDLE } }, first(jobs.intoHistories(), count))) {
      replayed += 1;
      if (error) failed.push({ job_id: workflowId, error: error.message });
    }
    if (json) printJson({ ok: failed.length === 0, replayed, failed });
    else {
      for (const { job_id: jobId, error } of failed) process.stdout.write(`${jobId} cannot go on with this build: ${error}\n`);
      process.stdout.write(`${replayed - failed.length} of ${replayed} jobs replayed\n`);
    }
    return failed.length === 0 ? EXIT.done : EXIT.failed;
  } finally {
    await connection.close();
  }
}

async function* first<T>(items: AsyncIterable<T>, count: number): AsyncIterable<T> {
  let taken = 0;
  for await (const item of items) {
    if ((taken += 1) > count) return;
    yield item;
  }
}
