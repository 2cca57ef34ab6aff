import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import { makeBox, startDevServer, type AnswerRecord, type Box, type DevServer } from '../support/e2e.js';
import { startS3Gateway, type S3Gateway } from '../support/s3-gateway.js';

jest.setTimeout(120_000);

const CALLS = 300;

let temporal: DevServer;
let gateway: S3Gateway;
let box: Box;

beforeAll(async () => {
  [temporal, gateway] = await Promise.all([startDevServer(), startS3Gateway()]);
  box = await makeBox({ TEMPORAL_ADDRESS: temporal.address, IMAGE_BLOB_STORE: 's3://images/team', ...gateway.env });
});
afterAll(async () => {
  await box.close();
  await gateway.close();
  await temporal.close();
});

it(`${CALLS} starts in one moment: each is answered in time, what was taken is a job, and what was refused is none`, async () => {
  const server = await box.server();
  const first = await server.start('image_generate_async', { prompt: 'before the burst', provider: 'openai' });
  const answers = await Promise.all(
    Array.from({ length: CALLS }, async (_, index) => await server.call('image_generate_async', { prompt: `number ${index}`, provider: 'openai' })),
  );
  expect(answers.filter(({ seconds }) => seconds >= 5)).toEqual([]);
  const taken = [first, ...answers.flatMap(({ record }) => (record.ok ? [record.job_id ?? ''] : []))];
  const isRefusedInForm = ({ error }: AnswerRecord): boolean => error?.code === 'LIMIT_EXCEEDED' && error.retryable && error['retry_after_seconds'] === 2;
  expect(answers.filter(({ record }) => !record.ok && !isRefusedInForm(record))).toEqual([]);
  expect(taken.length).toBeGreaterThan(1);

  const connection = await Connection.connect({ address: temporal.address });
  try {
    const { workflow, workflowService } = new Client({ connection });
    for (const id of taken) expect(await workflow.getHandle(id).describe()).toMatchObject({ type: 'imageJob' });
    const { count } = await workflowService.countWorkflowExecutions({ namespace: 'default' });
    expect(Number(count)).toBe(taken.length);
  } finally {
    await connection.close();
  }
});
