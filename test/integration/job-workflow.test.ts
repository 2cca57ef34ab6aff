import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { cancelled, heartbeat } from '@temporalio/activity';
import { ApplicationFailure, WorkflowFailedError } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { newJobId } from '../../src/contract/ids.js';
import { submitQueue, TASK_QUEUES } from '../../src/contract/names.js';
import type { Accepted, Generated, GenerationOrder, JobActivities, Plan, Target } from '../../src/contract/plan.js';
import type { JobRecord } from '../../src/contract/record.js';
import { runtimeForTests } from '../support/engine.js';
import { temporalBinary } from '../support/temporal-binary.js';

/** The workflow alone, with steps that fail as told: whatever they do, it ends, and as it should. */
jest.setTimeout(30_000);

const BUNDLE = fileURLToPath(new URL('../../dist/workflow-bundle.js', import.meta.url));
let env: TestWorkflowEnvironment;
let running: Promise<unknown>;
let workers: Worker[];
/** What the steps of the current test do; without a word they succeed. */
let told: Partial<JobActivities> = {};
let calls: string[] = [];

const target = (provider: Target['provider']): Target => ({ provider, free: provider === 'local', input_digest: provider, warnings: [] });
const timing: Plan['timing'] = {
  submitStartToCloseSeconds: 10,
  submitHeartbeatSeconds: 1,
  collectStartToCloseSeconds: 10,
  collectHeartbeatSeconds: 1,
  storeStartToCloseSeconds: 10,
  retryInitialSeconds: 0.05,
  retryMaximumSeconds: 0.05,
};
const plan: Plan = {
  picture: { kind: 'image_generate', prompt: 'a lamp' },
  targets: [target('openai'), target('local')],
  items: [{ item: 0, references: [] }],
  n_references: 0,
  timing,
  warnings: [],
};
const generated: Generated = { state: 'done', outputs: [], generative: true };

const steps: JobActivities = {
  uploadReferences: async () => plan,
  submitGeneration: async () => ({ state: 'accepted', handle: 'resp_1', attempt: 0 }),
  collectGeneration: async () => generated,
  cancelGeneration: async () => ({ billing: 'maybe', message: 'Told to stop.' }),
  storeOutputs: async ({ record }) => record,
  recordEnd: async () => undefined,
};

/** What the steps do now. */
function now(): JobActivities {
  return { ...steps, ...told };
}

/** A failure as the activities' boundary makes it. */
function failing(code: string, billing: 'none' | 'maybe' | 'billed', nonRetryable = true): ApplicationFailure {
  const error = { code, message: `It is ${code}.`, next_step: 'Do something.', retryable: !nonRetryable };
  return ApplicationFailure.create({ type: code, message: error.message, nonRetryable, details: [{ error, billing }] });
}

function fails(code: string, billing: 'none' | 'maybe' | 'billed'): () => Promise<never> {
  return () => Promise.reject(failing(code, billing));
}

beforeAll(async () => {
  runtimeForTests();
  env = await TestWorkflowEnvironment.createLocal({ server: { executable: { type: 'existing-path', path: await temporalBinary() } } });
  const activities: JobActivities = {
    uploadReferences: async (input) => (calls.push('upload'), now().uploadReferences(input)),
    submitGeneration: async (order) => (calls.push(`submit at ${order.target.provider}`), now().submitGeneration(order)),
    collectGeneration: async (accepted) => (calls.push('collect'), now().collectGeneration(accepted)),
    cancelGeneration: async (order) => (calls.push('cancel'), now().cancelGeneration(order)),
    storeOutputs: async (order) => (calls.push(`store ${order.record.status}`), now().storeOutputs(order)),
    recordEnd: async (order) => (calls.push(`end ${order.record.status}`), now().recordEnd(order)),
  };
  const connection = env.nativeConnection;
  const queues = [TASK_QUEUES.upload, TASK_QUEUES.collect, TASK_QUEUES.store, submitQueue('openai'), submitQueue('local')];
  const workflowBundle = { code: await readFile(BUNDLE, 'utf8') };
  workers = await Promise.all([
    Worker.create({ connection, taskQueue: TASK_QUEUES.jobs, workflowBundle }),
    ...queues.map((taskQueue) => Worker.create({ connection, taskQueue, activities, maxHeartbeatThrottleInterval: '50ms' })),
  ]);
  running = Promise.all(workers.map((worker) => worker.run()));
});
afterEach(() => {
  told = {};
  calls = [];
});
afterAll(async () => {
  for (const worker of workers) worker.shutdown();
  await running;
  await env.teardown();
});

interface End {
  status: string;
  type?: string | null | undefined;
  record?: JobRecord;
}

async function end(jobId: string): Promise<End> {
  const handle = env.client.workflow.getHandle(jobId);
  const failure: unknown = await handle.result().catch((error: unknown) => error);
  const { status } = await handle.describe();
  const cause = failure instanceof WorkflowFailedError ? failure.cause : undefined;
  const record = await handle.query<JobRecord>('job');
  return { status: status.name, record, ...(cause instanceof ApplicationFailure ? { type: cause.type } : {}) };
}

async function start(): Promise<string> {
  const workflowId = newJobId();
  await env.client.workflow.start('imageJob', { workflowId, taskQueue: TASK_QUEUES.jobs, args: [{ kind: 'image_generate', prompt: 'a lamp' }] });
  return workflowId;
}

describe('the workflow', () => {
  it('takes the steps in order', async () => {
    expect(await end(await start())).toMatchObject({ status: 'COMPLETED', record: { status: 'completed', billing: 'billed' } });
    expect(calls).toEqual(['upload', 'submit at openai', 'collect', 'store completed']);
  });

  it('goes to the fallback only when nothing was paid', async () => {
    const submit = (code: string, billing: 'none' | 'maybe' | 'billed') => async (order: GenerationOrder): Promise<Accepted | Generated> => {
      if (order.target.provider === 'local') return generated;
      throw failing(code, billing);
    };
    told = { submitGeneration: submit('PROVIDER_AUTH', 'none') };
    expect(await end(await start())).toMatchObject({ status: 'COMPLETED', record: { billing: 'none' } });
    expect(calls).toEqual(['upload', 'submit at openai', 'submit at local', 'store completed']);
    for (const [code, billing] of [['MAYBE_BILLED', 'maybe'], ['CONTENT_REFUSED', 'maybe'], ['NO_IMAGE', 'billed']] as const) {
      calls = [];
      told = { submitGeneration: submit(code, billing) };
      expect(await end(await start())).toMatchObject({ status: 'FAILED', type: code, record: { billing } });
      expect(calls).toEqual(['upload', 'submit at openai', 'end failed']);
    }
  });

  it('an accepted request that ends unpaid may be made elsewhere; the next target knows none after it', async () => {
    const orders: GenerationOrder[] = [];
    told = {
      submitGeneration: async (order) => (orders.push(order), order.target.free ? generated : steps.submitGeneration(order)),
      collectGeneration: fails('CONTENT_REFUSED', 'none'),
    };
    expect(await end(await start())).toMatchObject({ status: 'COMPLETED' });
    expect(orders.map(({ fallbacks }) => fallbacks.map(({ provider }) => provider))).toEqual([['local'], []]);
  });

  it('ends as FAILED with the record when the pictures cannot be stored', async () => {
    told = { storeOutputs: fails('RESULT_EXPIRED', 'billed') };
    expect(await end(await start())).toMatchObject({ status: 'FAILED', type: 'RESULT_EXPIRED', record: { status: 'failed', billing: 'billed', error: { code: 'RESULT_EXPIRED' } } });
    expect(calls.slice(3)).toEqual(['store completed', 'store failed', 'end failed']);
  });

  it('ends although nothing can be written any more', async () => {
    told = { collectGeneration: fails('NO_IMAGE', 'billed'), recordEnd: fails('STORE_UNAVAILABLE', 'none') };
    expect(await end(await start())).toMatchObject({ status: 'FAILED', type: 'NO_IMAGE', record: { status: 'failed', billing: 'billed' } });
  });

  it('a failure without details is INTERNAL', async () => {
    told = { uploadReferences: () => Promise.reject(ApplicationFailure.nonRetryable('odd')) };
    expect(await end(await start())).toMatchObject({ status: 'FAILED', type: 'INTERNAL', record: { billing: 'maybe' } });
  });
});

describe('a cancelled workflow', () => {
  /** A step that goes on until it learns of the cancellation, and then ends so. */
  async function until(ending: () => Promise<never>): Promise<never> {
    const beats = setInterval(heartbeat, 50);
    try {
      return await cancelled().catch(ending);
    } finally {
      clearInterval(beats);
    }
  }

  async function cancelWhen(step: string, jobId: string): Promise<End> {
    while (!calls.includes(step)) await new Promise((resolve) => setTimeout(resolve, 10));
    await env.client.workflow.getHandle(jobId).cancel();
    return end(jobId);
  }

  it('asks what became of a submit that failed meanwhile: not failed, no fallback, no lost handle', async () => {
    for (const final of [false, true]) {
      calls = [];
      told = { submitGeneration: () => until(() => Promise.reject(failing('PROVIDER_RATE_LIMITED', 'none', final))) };
      const ended = await cancelWhen('submit at openai', await start());
      expect(ended).toMatchObject({ status: 'CANCELLED', record: { status: 'cancelled', billing: 'maybe', warnings: ['Told to stop.'] } });
      expect(calls).toEqual(['upload', 'submit at openai', 'cancel', 'end cancelled']);
    }
  });

  it('ends when the provider cannot be asked, after three attempts', async () => {
    told = {
      collectGeneration: () => until(() => Promise.reject(failing('PROVIDER_UNAVAILABLE', 'maybe', false))),
      cancelGeneration: () => Promise.reject(failing('PROVIDER_UNAVAILABLE', 'maybe', false)),
    };
    const ended = await cancelWhen('collect', await start());
    expect(ended).toMatchObject({ status: 'CANCELLED', record: { billing: 'maybe', warnings: ['openai could not be asked to stop; it may still bill.'] } });
    expect(calls.slice(3)).toEqual(['cancel', 'cancel', 'cancel', 'end cancelled']);
  });

  it('ends although nothing can be written any more', async () => {
    told = {
      collectGeneration: () => until(() => Promise.reject(failing('PROVIDER_UNAVAILABLE', 'maybe', false))),
      recordEnd: fails('STORE_UNAVAILABLE', 'none'),
    };
    expect(await cancelWhen('collect', await start())).toMatchObject({ status: 'CANCELLED' });
  });
});
