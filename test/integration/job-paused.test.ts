import { isDeepStrictEqual } from 'node:util';
import type { temporal } from '@temporalio/proto';
import { describe, expect, it } from '@jest/globals';
import { newJobId } from '../../src/contract/ids.js';
import type { Engine } from '../support/engine.js';
import { picture, seen, states, submits, until, useEngine } from './job-support.js';

/** An operator pauses a step in the Web UI: what was sent is not taken back, and nothing is bought twice. */
const get = useEngine({ IMAGE_SUBMIT_TIMEOUT_SECONDS: '30' });

/** Temporal's PendingActivityState. */
const PAUSED = 4;

async function step({ client }: Engine, jobId: string): Promise<temporal.api.workflow.v1.IPendingActivityInfo | undefined> {
  const execution = { workflowId: jobId };
  return (await client.workflowService.describeWorkflowExecution({ namespace: 'default', execution })).pendingActivities?.[0];
}

/** Pauses the step that is under way, as the button in the Web UI does; gives how it goes on. */
async function pause(engine: Engine, jobId: string): Promise<() => Promise<unknown>> {
  const { workflowService } = engine.client;
  const request = { namespace: 'default', execution: { workflowId: jobId }, id: (await step(engine, jobId))?.activityId ?? '' };
  await workflowService.pauseActivity(request);
  return () => workflowService.unpauseActivity(request);
}

/** The worker learns by its answer what became of the step. */
async function nextHeartbeat(engine: Engine, jobId: string): Promise<void> {
  const before = (await step(engine, jobId))?.lastHeartbeatTime;
  await until(async () => (isDeepStrictEqual((await step(engine, jobId))?.lastHeartbeatTime, before) ? undefined : true), 'a heartbeat');
}

describe('a paused step', () => {
  it('polls for the same picture when it goes on', async () => {
    const engine = get();
    engine.fake.settings.complete_after_polls = 1_000_000;
    const jobId = newJobId();
    await engine.start(jobId, picture('a paused harbour'));
    await engine.fake.waitForRequest(({ method }) => method === 'GET');
    const unpause = await pause(engine, jobId);
    await until(async () => ((await step(engine, jobId))?.state === PAUSED ? true : undefined), 'the pause');
    expect(await engine.read(jobId)).toMatchObject({ status: 'running', message: 'The step collectGeneration was paused in Temporal; unpause it there.' });

    engine.fake.settings.complete_after_polls = 1;
    await unpause();
    expect(await engine.ended(jobId)).toMatchObject({ status: 'completed', billing: 'billed' });
    expect(engine.fake.ledger().total).toBe(1);
  });

  it('that has sent its request hears the reply first, and the job goes on with it', async () => {
    const engine = get();
    engine.fake.fault({ kind: 'hang' });
    const jobId = newJobId();
    await engine.start(jobId, picture('a paused sender'));
    await engine.fake.waitForRequest(({ method }) => method === 'POST');
    await pause(engine, jobId);
    await nextHeartbeat(engine, jobId);
    const { message } = await seen(engine, jobId, (record) => record.message.includes('paused'));
    expect(message).toBe('The step submitGeneration was paused in Temporal; unpause it there.');
    expect(await states(engine, jobId)).toEqual(['open']);

    engine.fake.release();
    expect(await engine.ended(jobId)).toMatchObject({ status: 'completed', billing: 'billed' });
    expect(submits(engine)).toHaveLength(1);
  });
});

describe('a step that was reset', () => {
  it.each([
    ['while it polls', 'GET'],
    ['while it sends', 'POST'],
  ])('%s buys nothing again', async (_, method) => {
    const engine = get();
    if (method === 'POST') engine.fake.fault({ kind: 'hang' });
    else engine.fake.settings.complete_after_polls = 20;
    const jobId = newJobId();
    await engine.start(jobId, picture(`a reset harbour, ${method}`));
    await engine.fake.waitForRequest((request) => request.method === method);
    const id = (await step(engine, jobId))?.activityId ?? '';
    await engine.client.workflowService.resetActivity({ namespace: 'default', execution: { workflowId: jobId }, id, resetHeartbeat: true });
    await nextHeartbeat(engine, jobId);
    engine.fake.release();
    expect(await engine.ended(jobId)).toMatchObject({ status: 'completed', billing: 'billed' });
    expect(submits(engine)).toHaveLength(1);
  });
});
