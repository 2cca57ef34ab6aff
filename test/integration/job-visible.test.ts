import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defaultPayloadConverter } from '@temporalio/common';
import type { temporal } from '@temporalio/proto';
import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { startWorkflow } from '../../src/client/start-workflow.js';
import { newJobId } from '../../src/contract/ids.js';
import { checkedInput } from '../../src/activities/plan-job.js';
import { jobRecordSchema, type JobRecord } from '../../src/contract/record.js';
import type { Engine } from '../support/engine.js';
import { holdManifest, picture, seen, useEngine } from './job-support.js';

/** What others see of a job: programs by its query, operators in the Temporal Web UI, and nobody a key. */
const get = useEngine({ IMAGE_SUBMIT_TIMEOUT_SECONDS: '20' });

async function query(engine: Engine, jobId: string): Promise<JobRecord> {
  return jobRecordSchema.parse(await engine.client.workflow.getHandle(jobId).query('job'));
}

describe('the query "job"', () => {
  it('answers in every stage', async () => {
    const engine = get();
    const path = join(engine.folder, 'reference.png');
    await writeFile(path, await sharp({ create: { width: 64, height: 64, channels: 3, background: 'red' } }).png().toBuffer());
    const jobId = newJobId();
    engine.fake.fault({ kind: 'hang' }, { kind: 'hang', on: 'poll' });
    engine.fake.settings.complete_after_polls = 1;
    const uploading = await holdManifest(engine, jobId);
    await engine.start(jobId, picture('a query', { kind: 'image_edit', image_path: path, tags: ['one', 'two'] }));
    await seen(engine, jobId, ({ stage }) => stage === 'uploading');
    const running = { ok: false, job_id: jobId, kind: 'image_edit', status: 'running', done: false, provider: 'openai', tags: ['one', 'two'] };
    expect(await query(engine, jobId)).toMatchObject({ ...running, stage: 'uploading' });
    uploading();

    await engine.fake.waitForRequest(({ method }) => method === 'POST');
    expect(await query(engine, jobId)).toMatchObject({ ...running, stage: 'generating' });
    engine.fake.release();
    await engine.fake.waitForRequest(({ method }) => method === 'GET');
    expect(await query(engine, jobId)).toMatchObject({ ...running, stage: 'generating' });
    const storing = await holdManifest(engine, jobId);
    engine.fake.release();
    await seen(engine, jobId, ({ stage }) => stage === 'storing');
    expect(await query(engine, jobId)).toMatchObject({ ...running, stage: 'storing' });
    storing();

    const { temporal: _, ...ended } = await engine.ended(jobId);
    const answered = await query(engine, jobId);
    expect(answered).toMatchObject({ ok: true, status: 'completed', done: true, result: ended.result ?? {} });
    expect(answered.temporal).toMatchObject({ workflow_id: jobId, namespace: 'default' });
  });

  it('answers for a failed and for a cancelled job', async () => {
    const engine = get();
    engine.fake.fault({ kind: 'reply_lost' }, { kind: 'never_done' });
    const [failed, cancelled] = [newJobId(), newJobId()];
    await engine.start(failed, picture('a failed query'));
    await engine.ended(failed);
    expect(await query(engine, failed)).toMatchObject({ status: 'failed', billing: 'maybe', error: { code: 'MAYBE_BILLED' } });
    await engine.start(cancelled, picture('a cancelled query'));
    await engine.fake.waitForRequest(({ method }) => method === 'GET');
    await engine.client.workflow.getHandle(cancelled).cancel();
    await engine.ended(cancelled);
    expect(await query(engine, cancelled)).toMatchObject({ status: 'cancelled', done: true, error: { code: 'CANCELLED' } });
  });
});

describe('an operator', () => {
  it('finds title, search attributes, details and a summary of each step', async () => {
    const engine = get();
    const jobId = newJobId();
    const prompt = 'A long prompt about a mountain hut in the evening light, with a lamp in its window';
    const input = checkedInput(picture(prompt, { tags: ['hut'], tenant: 'alps', session: 's-1', n: 2 }));
    await startWorkflow(engine.client, { jobId, input, requestDigest: 'digest-of-the-request' });
    await engine.ended(jobId);

    const handle = engine.client.workflow.getHandle(jobId);
    const described = await handle.describe();
    const title = 'A long prompt about a mountain hut in the evening light, wi…';
    expect(described.memo).toEqual({ title, request_digest: 'digest-of-the-request' });
    expect(await described.staticSummary()).toBe(`image_generate: ${title}`);
    const attributes = Object.fromEntries(described.typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value]));
    expect(attributes).toMatchObject({ ImageKind: 'image_generate', ImageProvider: 'openai', ImageTenant: 'alps', ImageSession: 's-1', ImageTags: ['hut'] });

    const metadata = await handle.query<temporal.api.sdk.v1.IWorkflowMetadata>('__temporal_workflow_metadata');
    expect(metadata.currentDetails).toMatch(/^\*\*completed\*\*\n\nProvider: openai\n\nImages: 2 of 2\n\nBilling: billed\n\nImage: `/);
    expect(metadata.currentDetails).not.toContain('mountain');

    const { events } = await handle.fetchHistory();
    const summaries = events?.flatMap((event) => {
      const name = event.activityTaskScheduledEventAttributes?.activityType?.name;
      const summary = event.userMetadata?.summary;
      return name ? [[name, summary ? defaultPayloadConverter.fromPayload(summary) : undefined]] : [];
    });
    expect(summaries).toEqual([
      ['uploadReferences', 'check the input'],
      ['submitGeneration', 'image 1 of 2 at openai'],
      ['submitGeneration', 'image 2 of 2 at openai'],
      ['collectGeneration', expect.stringMatching(/^image [12] of 2 at openai$/)],
      ['collectGeneration', expect.stringMatching(/^image [12] of 2 at openai$/)],
      ['storeOutputs', '2 images'],
    ]);
  });
});

describe('no key', () => {
  it('is in a history, a query, a record or a file of the data folder', async () => {
    const engine = get();
    const { key } = engine.account;
    // Replies that hold the key: an error in the form of the provider, one in no form at all, a poll.
    engine.fake.fault(
      { kind: 'unauthorized' },
      { kind: 'server_error', body: 'the key {key} is odd' },
      { kind: 'moderation', message: `${key} is refused` },
    );
    engine.fake.fault({ kind: 'reply', status: 403, body: 'not with {key}', on: 'poll' });
    const jobIds = [newJobId(), newJobId(), newJobId(), newJobId(), newJobId()];
    for (const jobId of jobIds) {
      await engine.start(jobId, picture(`a secret, ${jobId}`));
      const record = await engine.ended(jobId);
      expect(JSON.stringify([record, await query(engine, jobId)])).not.toContain(key);
      const texts = textsOf(await engine.client.workflow.getHandle(jobId).fetchHistory());
      expect(texts.some((text) => text.includes('a secret'))).toBe(true);
      expect(texts.filter((text) => text.includes(key))).toEqual([]);
    }
    expect(engine.fake.requests.filter((request) => request.key === key)).not.toEqual([]);
    const files = await filesBelow(engine.folder);
    expect(files.length).toBeGreaterThan(10);
    const encoded = Buffer.from(key).toString('base64').slice(0, -4);
    const leaking = await Promise.all(files.map(async (file) => ({ file, bytes: await readFile(file) })));
    expect(leaking.filter(({ bytes }) => bytes.includes(key) || bytes.includes(encoded)).map(({ file }) => file)).toEqual([]);
  });
});

/** Every text of a value: payloads are bytes. */
function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (value instanceof Uint8Array) return [Buffer.from(value).toString('utf8')];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(textsOf);
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}
