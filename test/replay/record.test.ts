import { mkdir, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, it, jest } from '@jest/globals';
import sharp from 'sharp';
import { COLLECTION_WORKFLOW_TYPE, type CollectionOrder } from '../../src/contract/collection.js';
import { TASK_QUEUES } from '../../src/contract/names.js';
import type { FaultInput } from '../support/fake-openai.js';
import { startEngine, until, type Engine } from '../support/engine.js';
import { historyToJson } from './history-json.js';

/**
 * Records the histories anew from jobs on a real server, with RECORD_HISTORIES=1 and `jest --selectProjects replay`. Meant for
 * new histories beside the old ones (another job, another name) and for the time before a first release: to record over a
 * history that does not replay any more hides that running jobs would stand still.
 */
const recording = process.env['RECORD_HISTORIES'] === '1';
const HISTORIES = fileURLToPath(new URL('histories/', import.meta.url));
/** A folder that says nothing of the machine: paths of it are in the histories. */
const FOLDER = '/tmp/durable-image-replay';

jest.setTimeout(60_000);

(recording ? describe : describe.skip)('recording', () => {
  let engine: Engine;
  beforeAll(async () => {
    await rm(FOLDER, { recursive: true, force: true });
    await mkdir(join(FOLDER, 'references'), { recursive: true });
    await mkdir(HISTORIES, { recursive: true });
    engine = await startEngine({
      IMAGE_DATA_DIR: join(FOLDER, 'data'),
      IMAGE_SAVE_ROOT: join(FOLDER, 'pictures'),
      IMAGE_REFERENCE_ROOTS: join(FOLDER, 'references'),
    });
    engine.startWorker();
  });
  beforeEach(() => engine.fake.reset());
  afterAll(async () => {
    await engine.close();
    await rm(FOLDER, { recursive: true, force: true });
  });

  const paid = { kind: 'image_generate', prompt: 'a lighthouse', provider: 'openai' };

  const plain: [string, Record<string, unknown>, FaultInput[]][] = [
    ['local', { ...paid, provider: 'local' }, []],
    ['openai-in-the-background', paid, []],
    ['three-images', { ...paid, n: 3 }, []],
    ['one-of-three-maybe-billed', { ...paid, n: 3 }, [{ kind: 'reply_lost' }]],
    ['again-after-429', paid, [{ kind: 'rate_limited', retry_after: '1' }]],
    ['maybe-billed', paid, [{ kind: 'reply_lost' }]],
    ['content-refused', paid, [{ kind: 'moderation' }]],
    ['fallback-after-401', { ...paid, fallback: ['local'] }, [{ kind: 'unauthorized' }]],
    ['deadline', { ...paid, deadline_seconds: 1 }, [{ kind: 'never_done' }]],
    ['refused-input', { ...paid, size: '1x1' }, []],
  ];
  it.each(plain)('%s', async (name, input, faults) => {
    engine.fake.fault(...faults);
    await engine.start(name, input);
    await engine.ended(name);
    await record(name);
  });

  it('cancelled-in-submit', async () => {
    engine.fake.fault({ kind: 'hang' });
    await engine.start('cancelled-in-submit', paid);
    await engine.fake.waitForRequest(({ path }) => path === '/v1/responses');
    await cancel('cancelled-in-submit');
    engine.fake.release();
    await engine.ended('cancelled-in-submit');
    await record('cancelled-in-submit');
  });

  it('cancelled-in-collect', async () => {
    engine.fake.fault({ kind: 'never_done' });
    await engine.start('cancelled-in-collect', { ...paid, n: 2 });
    await until(async () => (await engine.read('cancelled-in-collect')).progress?.completed === 1 || undefined, 'one picture');
    await cancel('cancelled-in-collect');
    await engine.ended('cancelled-in-collect');
    await record('cancelled-in-collect');
  });

  it('batch-with-one-unreadable', async () => {
    const path = join(FOLDER, 'references', 'red.png');
    await writeFile(path, await sharp({ create: { width: 64, height: 64, channels: 3, background: 'red' } }).png().toBuffer());
    const image_paths = [path, join(FOLDER, 'references', 'missing.png'), path];
    await engine.start('batch-with-one-unreadable', { ...paid, kind: 'image_batch_edit', image_paths });
    await engine.ended('batch-with-one-unreadable');
    await record('batch-with-one-unreadable');
  });

  it('garbage-collection', async () => {
    const order: CollectionOrder = { store_id: engine.store.id };
    const { client } = engine;
    await client.workflow.execute(COLLECTION_WORKFLOW_TYPE, { workflowId: 'garbage-collection', taskQueue: TASK_QUEUES.jobs, args: [order] });
    await record('garbage-collection');
  });

  it('ping', async () => {
    await engine.client.workflow.start('imagePing', { workflowId: 'ping', taskQueue: 'image-jobs', args: [{ providers: ['local', 'openai'] }] });
    await engine.client.workflow.getHandle('ping').result();
    await record('ping');
  });

  /** A queue that nobody serves. */
  it('ping-unanswered', async () => {
    await engine.client.workflow.start('imagePing', { workflowId: 'ping-unanswered', taskQueue: 'image-jobs', args: [{ providers: ['nobody'] }] });
    await engine.client.workflow.getHandle('ping-unanswered').result();
    await record('ping-unanswered');
  });

  /** Last: the worker remembers of the account that its gateway has no background mode. */
  it('openai-synchronous', async () => {
    engine.fake.settings.background_supported = false;
    await engine.start('openai-synchronous', paid);
    await engine.ended('openai-synchronous');
    await record('openai-synchronous');
  });

  async function cancel(jobId: string): Promise<void> {
    await engine.client.workflow.getHandle(jobId).cancel();
    await until(async () => (await engine.read(jobId)).message.startsWith('Cancelling.') || (await engine.read(jobId)).done || undefined, 'the cancellation');
  }

  async function record(jobId: string): Promise<void> {
    const text = withoutHost(historyToJson(await engine.client.workflow.getHandle(jobId).fetchHistory()));
    const telling = [process.cwd(), engine.folder, engine.account.key].filter((one) => text.includes(one));
    if (telling.length > 0) throw new Error(`the history tells of this machine: ${telling.join(', ')}`);
    await writeFile(join(HISTORIES, `${jobId}.json`), text);
  }
});

/** Workers say in payloads, which are base64, which process and host they are. */
function withoutHost(text: string): string {
  return text.replace(/"data": "([A-Za-z0-9+/]+=*)"/g, (whole, data: string) => {
    const plain = Buffer.from(data, 'base64').toString('utf8');
    const named = plain.replaceAll(`${process.pid}@${hostname()}`, '1@recorder');
    return named === plain ? whole : `"data": "${Buffer.from(named).toString('base64')}"`;
  });
}
