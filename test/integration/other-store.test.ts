import { once } from 'node:events';
import { access, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import * as z from 'zod';
import { Manifests } from '../../src/blobs/manifests.js';
import { openBlobStore } from '../../src/blobs/open-store.js';
import { makeBox, startDevServer, until, type Box, type DevServer } from '../support/e2e.js';

jest.setTimeout(120_000);

let temporal: DevServer;
let box: Box;

beforeAll(async () => {
  temporal = await startDevServer();
  box = await makeBox({ TEMPORAL_ADDRESS: temporal.address });
});
afterAll(async () => {
  await box.close();
  await temporal.close();
});

describe('a client whose store is not that of the workers', () => {
  it('is told so by the first call, with both stores, and nothing is started', async () => {
    const early = await box.server({ IMAGE_BLOB_STORE: `file:${box.folder}/early` });
    // Nobody can know before a worker has come.
    const job = await early.start('image_generate_async', { prompt: 'before any worker' });
    box.background(['worker']);
    await until(async () => (await temporal.temporal('schedule', 'list')).stdout.includes('image-garbage-collection-'), 'the worker');
    const server = await box.server({ IMAGE_BLOB_STORE: `file:${box.folder}/own` });
    const { record } = await server.call('image_generate_async', { prompt: 'never made' });
    expect(record).toMatchObject({ ok: false, error: { code: 'STORE_UNAVAILABLE', retryable: true } });
    expect(record.error?.message).toContain(`file:${box.folder}/own`);
    expect(record.error?.message).toContain(`file:${join(box.dataDir, 'store')}`);
    expect((await server.call('image_job_list')).record).toMatchObject({ jobs: [{ job_id: job }] });

    // The job from before waits, and says why.
    const waiting = await until(async () => {
      const { record: seen } = await early.call('image_job_status', { job_id: job });
      return seen.error?.code === 'STORE_UNAVAILABLE' ? seen : undefined;
    }, 'the reason');
    expect(waiting).toMatchObject({ status: 'running', error: { message: expect.stringContaining(`(file:${join(box.dataDir, 'store')})`) } });

    const right = await box.server();
    expect(await right.finished(await right.start('image_generate_async', { prompt: 'with the same store', provider: 'local' }))).toMatchObject({ status: 'completed' });
  });
});

/** What it knew of purchases is lost with it: a new store in its place would let jobs buy again. */
describe('a store that is gone when a worker starts', () => {
  it('is not made anew, until a person says so', async () => {
    const place = join(box.folder, 'lost');
    const env = { IMAGE_BLOB_STORE: `file:${place}` };
    const first = box.background(['worker'], env);
    const listed = async (): Promise<string> => (await temporal.temporal('schedule', 'list', '--long', '--output', 'json')).stdout;
    const id = async (): Promise<string> => `image-garbage-collection-${z.object({ id: z.string() }).parse(JSON.parse(await readFile(join(place, 'store.json'), 'utf8'))).id}`;
    const schedule = await until(async () => ((await listed()).includes(await id().catch(() => 'nothing')) ? await id() : undefined), 'its Schedule');
    const ended = once(first, 'exit');
    first.kill('SIGTERM');
    await ended;
    await rename(place, `${place}.away`);

    const { code, stderr } = await box.cli(['worker'], env);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/STORE_UNAVAILABLE: The store \S+ is gone from file:/);
    expect(stderr).toContain(`temporal schedule delete --schedule-id ${schedule}`);
    await expect(access(place)).rejects.toMatchObject({ code: 'ENOENT' });

    // A client that comes meanwhile makes one, and is refused with it; so is the worker.
    const client = await box.server(env);
    expect((await client.call('image_generate_async', { prompt: 'never made' })).record).toMatchObject({ ok: false, error: { code: 'STORE_UNAVAILABLE', message: expect.stringContaining('is gone from there') } });
    const again = await box.cli(['worker'], env);
    expect(again.code).not.toBe(0);
    expect(again.stderr).toMatch(/is gone from file:.* now there is the new store/);

    await temporal.temporal('schedule', 'delete', '--schedule-id', schedule);
    box.background(['worker'], env);
    await until(async () => (await listed()).includes(await id()), 'the Schedule of the new store');
  });
});

/** What a job bought is recorded by namespace: in another one nothing would be known of it. */
describe('two namespaces with one store', () => {
  it('never run a job of each other, and say where it runs', async () => {
    await temporal.temporal('operator', 'namespace', 'create', '--namespace', 'two');
    const env = { IMAGE_BLOB_STORE: `file:${box.folder}/both` };
    const two = await box.server({ ...env, TEMPORAL_NAMESPACE: 'two' });
    const id = await two.start('image_generate_async', { prompt: 'in the other namespace', provider: 'openai' });
    // As a look after some time finds it.
    const manifests = new Manifests(await openBlobStore(env.IMAGE_BLOB_STORE));
    await manifests.update(id, (now) => ({ ...now, created_at: new Date(Date.now() - 60_000).toISOString() }));
    const one = await box.server(env);
    const { record } = await one.call('image_job_status', { job_id: id });
    expect(record).toMatchObject({ status: 'running', message: expect.stringMatching(/runs in the namespace two, and this client looks into default/) });
    expect((await temporal.temporal('workflow', 'describe', '--workflow-id', id)).code).not.toBe(0);
    expect((await temporal.temporal('workflow', 'describe', '--namespace', 'two', '--workflow-id', id)).code).toBe(0);
  });

  it('an absent namespace is refused, and nothing is left to start later', async () => {
    const env = { IMAGE_BLOB_STORE: `file:${box.folder}/nowhere`, TEMPORAL_NAMESPACE: 'nowhere' };
    const server = await box.server(env);
    const { record } = await server.call('image_generate_async', { prompt: 'nowhere', provider: 'openai' });
    expect(record).toMatchObject({ ok: false, error: { code: 'TEMPORAL_UNAVAILABLE', message: expect.stringContaining('nowhere') } });
    const journals = [];
    for await (const journal of new Manifests(await openBlobStore(env.IMAGE_BLOB_STORE)).list()) journals.push(journal);
    expect(journals).toEqual([]);
    const worker = await box.cli(['worker'], env);
    expect(worker.code).not.toBe(0);
    expect(worker.stderr).toContain('TEMPORAL_UNAVAILABLE: This Temporal has no namespace nowhere.');
  });
});
