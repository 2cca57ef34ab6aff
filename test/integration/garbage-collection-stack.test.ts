import { link, mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import * as z from 'zod';
import { Manifests } from '../../src/blobs/manifests.js';
import { openBlobStore } from '../../src/blobs/open-store.js';
import { sha256 } from '../../src/contract/canonical.js';
import { collectionScheduleId, type CollectionReport } from '../../src/contract/collection.js';
import { signal } from '../../src/local/processes.js';
import { makeBox, run, until, type Box, type Mcp } from '../support/e2e.js';

jest.setTimeout(180_000);

const PICTURE = { prompt: 'a red kite', provider: 'local', size: '64x64' };
const DAY_MS = 24 * 3_600_000;

const gcSchema = z.looseObject({
  ok: z.boolean(),
  dry_run: z.boolean(),
  removed: z.number(),
  expired_jobs: z.number(),
  workflows_deleted: z.number(),
  workflows_left: z.number(),
  unreadable: z.number(),
  would_remove: z.object({ blobs: z.array(z.object({ sha256: z.string() })), jobs: z.array(z.string()) }).optional(),
});

/** More than goes between a look and a signal. */
const SOME_LITTER = 8_000;
/** More than goes while the worker is told to end. */
const LITTER = 20_000;

let box: Box;
let mcp: Mcp;

function store() {
  return openBlobStore(`file:${join(box.dataDir, 'store')}`);
}

/** The folder of blobs that begin with these digits. */
function shelf(first: string): string {
  return join(box.dataDir, 'store', 'sha256', first);
}

const long = new Date(Date.now() - 3 * DAY_MS);

/** So many names of blobs that nothing needs, of one file that was stored three days ago. */
async function litter(count: number, name: string): Promise<void> {
  const folders = Array.from({ length: 256 }, (_, index) => index.toString(16).padStart(2, '0'));
  await Promise.all(folders.map((first) => mkdir(shelf(first), { recursive: true })));
  const file = join(box.folder, 'tmp', name);
  await writeFile(file, 'litter');
  await utimes(file, long, long);
  const digests = Array.from({ length: count }, (_, index) => sha256(`${name} ${index}`));
  for (let from = 0; from < count; from += 500) {
    await Promise.all(digests.slice(from, from + 500).map((digest) => link(file, join(shelf(digest.slice(0, 2)), digest.slice(2)))));
  }
}

async function blobs(): Promise<string[]> {
  const folders = await readdir(shelf(''));
  const names = await Promise.all(folders.map(async (first) => (await readdir(shelf(first))).map((rest) => `${first}${rest}`)));
  return names.flat();
}

/** Everything in the store looks as if it had been stored three days ago. */
async function age(): Promise<void> {
  for (const digest of await blobs()) await utimes(join(shelf(digest.slice(0, 2)), digest.slice(2)), long, long);
}

async function gc(...args: string[]): Promise<z.infer<typeof gcSchema>> {
  const { code, stdout, stderr } = await box.cli(['gc', '--json', ...args]);
  if (code !== 0) throw new Error(`gc ended with ${code}: ${stdout}${stderr}`);
  return gcSchema.parse(JSON.parse(stdout));
}

async function temporal(...args: string[]): Promise<string> {
  const { temporal_binary: binary = '', address = '' } = await box.ready();
  const { code, stdout, stderr } = await run(binary, [...args, '--address', address], box.env);
  if (code !== 0) throw new Error(`temporal ${args.join(' ')}: ${stderr}`);
  return stdout;
}

async function scheduleId(): Promise<string> {
  return collectionScheduleId((await store()).id);
}

interface Run {
  workflowId: string;
  runId: string;
}

/** Triggers the Schedule as an operator does and gives the run that it starts. */
async function trigger(): Promise<Run> {
  const id = await scheduleId();
  await until(async () => (await temporal('schedule', 'list')).includes(id) || undefined, 'the Schedule');
  const before = (await collections()).map(({ runId }) => runId);
  await temporal('schedule', 'trigger', '--schedule-id', id);
  return until(async () => (await collections()).find(({ runId }) => !before.includes(runId)), 'the collection');
}

async function withClient<T>(work: (client: Client) => Promise<T>): Promise<T> {
  const { address = '' } = await box.ready();
  const connection = await Connection.connect({ address });
  try {
    return await work(new Client({ connection }));
  } finally {
    await connection.close();
  }
}

function collections(): Promise<Run[]> {
  return withClient(async (client) => {
    const found: Run[] = [];
    for await (const { workflowId, runId } of client.workflow.list({ query: 'WorkflowType = "imageGarbageCollection"' })) {
      found.push({ workflowId, runId });
    }
    return found;
  });
}

function resultOf({ workflowId, runId }: Run): Promise<CollectionReport> {
  return withClient((client) => client.workflow.getHandle<() => Promise<CollectionReport>>(workflowId, runId).result());
}

async function completed(prompt = PICTURE.prompt): Promise<{ jobId: string; digest: string }> {
  const jobId = await mcp.start('image_generate_async', { ...PICTURE, prompt });
  const { status, result } = await mcp.finished(jobId);
  expect(status).toBe('completed');
  return { jobId, digest: result?.saved[0]?.sha256 ?? '' };
}

/** Whether its picture is in the store, whole. */
async function reads(digest: string): Promise<boolean> {
  const bytes = await (await store()).getBlob(digest);
  return bytes !== undefined && sha256(bytes) === digest;
}

describe('the local stack', () => {
  beforeAll(async () => {
    box = await makeBox();
    mcp = await box.server();
  });
  afterAll(() => box?.close());

  it('collects when its Schedule is triggered, and the jobs keep what is theirs', async () => {
    const { jobId, digest } = await completed();
    await litter(20, 'garbage');
    await age();
    const collection = await trigger();
    const { workflowId } = collection;
    expect(await resultOf(collection)).toMatchObject({ removed: 20, expired_jobs: 0, unreadable: 0 });
    expect(await reads(digest)).toBe(true);
    expect((await mcp.call('image_job_status', { job_id: jobId })).record.status).toBe('completed');

    // It is no image job, to any tool.
    expect((await mcp.call('image_job_status', { job_id: workflowId })).record).toMatchObject({ status: 'unknown' });
    expect((await mcp.call('image_job_delete', { job_id: workflowId })).record.error?.code).toBe('NOT_FOUND');
    expect(JSON.stringify((await mcp.call('image_job_list')).record)).not.toContain('garbage');
  });

  it('gc collects beside it, and tells before what it would do', async () => {
    const { digest } = await completed('another kite');
    await litter(3, 'more');
    await age();
    const dry = await gc('--dry-run');
    expect(dry).toMatchObject({ ok: true, dry_run: true, removed: 3 });
    expect(dry.would_remove?.blobs).toHaveLength(3);
    expect(await gc()).toMatchObject({ ok: true, dry_run: false, removed: 3 });
    expect(await gc()).toMatchObject({ removed: 0 });
    expect(await reads(digest)).toBe(true);
    const { stdout } = await box.cli(['gc', '--dry-run']);
    expect(stdout).toMatch(/^examined +\d+ blobs\nblobs +0 would be removed, 0 bytes\n$/);
  });

  it('keeps its Schedule paused over a restart of the worker', async () => {
    const id = await scheduleId();
    await temporal('schedule', 'toggle', '--schedule-id', id, '--pause', '--reason', 'by an operator');
    const { pids } = await box.ready();
    signal(pids.worker ?? 0, 'SIGKILL');
    await until(async () => ((await box.ready()).pids.worker === pids.worker ? undefined : true), 'another worker');
    await completed('after the restart');
    const state = await withClient(async (client) => (await client.schedule.getHandle(id).describe()).state);
    expect(state).toMatchObject({ paused: true, note: 'by an operator' });
    await temporal('schedule', 'toggle', '--schedule-id', id, '--unpause', '--reason', '');
  });

  it('has a whole store when its worker is killed in the middle of a collection, which then goes on', async () => {
    const jobs = await Promise.all(['one', 'two', 'three'].map((prompt) => completed(prompt)));
    await litter(SOME_LITTER, 'litter');
    await age();
    const needed = jobs.map(({ digest }) => digest);
    const before = (await blobs()).length;
    const { pids } = await box.ready();
    const collection = await trigger();
    await until(async () => (await blobs()).length < before - 100 || undefined, 'the first removals');
    signal(pids.worker ?? 0, 'SIGKILL');
    expect((await blobs()).length).toBeGreaterThan(before - SOME_LITTER);
    for (const digest of needed) expect(await reads(digest)).toBe(true);
    expect((await box.cli(['gc', '--dry-run', '--json'])).code).toBe(0);

    // The retry finds the rest.
    const { removed, unreadable } = await resultOf(collection);
    expect(unreadable).toBe(0);
    expect(removed).toBeLessThan(SOME_LITTER);
    expect((await blobs()).length).toBe(before - SOME_LITTER);
    for (const digest of needed) expect(await reads(digest)).toBe(true);
    for (const { jobId } of jobs) expect((await mcp.call('image_job_status', { job_id: jobId })).record.status).toBe('completed');
  });

  it('ends in the middle of a collection when it is told to, and goes on with it when it is up again', async () => {
    await litter(LITTER, 'again');
    const before = (await blobs()).length;
    const collection = await trigger();
    await mcp.close();
    await until(async () => (await blobs()).length < before - 100 || undefined, 'the first removals');
    expect(await box.cli(['down'])).toMatchObject({ code: 0 });
    const left = (await blobs()).length - (before - LITTER);
    expect(left).toBeGreaterThan(0);
    expect((await box.cli(['up'])).code).toBe(0);
    expect(await resultOf(collection)).toMatchObject({ removed: left });
    mcp = await box.server();
  });

  it('may be down while gc collects, which starts nothing', async () => {
    const { jobId } = await completed('to be deleted');
    await mcp.close();
    expect((await box.cli(['down'])).code).toBe(0);
    const manifests = new Manifests(await store());
    await manifests.update(jobId, (stands) => ({ ...stands, ended_at: new Date(Date.now() - 40 * DAY_MS).toISOString() }));
    await litter(5, 'while it is down');
    await age();
    const env = { IMAGE_RETENTION_DAYS: '30' };
    const dry = await box.cli(['gc', '--dry-run'], env);
    expect(dry.stdout).toContain('1 would be expired by IMAGE_RETENTION_DAYS');
    expect(dry.stdout).toContain(JSON.stringify(jobId));
    const { code, stdout, stderr } = await box.cli(['gc', '--json'], env);
    expect(code).toBe(0);
    expect(gcSchema.parse(JSON.parse(stdout))).toMatchObject({ expired_jobs: 1, workflows_deleted: 0, workflows_left: 1 });
    expect(stderr).toContain('Temporal does not answer; a later collection deletes these workflows there.');
    expect(await box.processes()).toEqual([]);

    mcp = await box.server();
    const { record } = await mcp.call('image_job_status', { job_id: jobId });
    expect(record).toMatchObject({ status: 'expired', done: true });
    expect(record.message).toMatch(/longer ago than IMAGE_RETENTION_DAYS .* exported files stay/);
    expect((await box.cli(['up'])).code).toBe(0);
    expect(await gc()).toMatchObject({ expired_jobs: 0, workflows_deleted: 1, workflows_left: 0 });
  });

  it('cannot be collected while a document is damaged, and gc says which', async () => {
    const name = `manifests/${sha256('damaged')}.json`;
    await writeFile(join(box.dataDir, 'store', name), '{');
    await litter(2, 'kept');
    const { code, stdout, stderr } = await box.cli(['gc']);
    expect(code).toBe(1);
    expect(stdout).toContain(name);
    expect(stderr).toContain('no blob was removed');
    expect((await blobs()).filter((digest) => digest === sha256('kept 0'))).toHaveLength(1);
  });
});

describe('a local stack with a retention', () => {
  beforeAll(async () => {
    // Seventeen seconds.
    box = await makeBox({ IMAGE_RETENTION_DAYS: '0.0002' });
    mcp = await box.server();
  });
  afterAll(() => box?.close());

  it('lets a job expire; another one with the same picture still reads, and exported files stay', async () => {
    const old = await completed();
    const same = await completed();
    expect(same.digest).toBe(old.digest);
    const files = await readdir(box.pictures, { recursive: true });
    const manifests = new Manifests(await store());
    await manifests.update(same.jobId, (stands) => ({ ...stands, ended_at: new Date(Date.now() + DAY_MS).toISOString() }));
    await age();
    const status = async () => (await mcp.call('image_job_status', { job_id: old.jobId })).record;
    await until(async () => {
      await resultOf(await trigger());
      return (await status()).status === 'expired' || undefined;
    }, 'the job to expire');
    expect((await status()).message).toContain('IMAGE_RETENTION_DAYS');
    expect((await mcp.call('image_job_status', { job_id: same.jobId })).record.status).toBe('completed');
    expect(await reads(same.digest)).toBe(true);
    expect((await mcp.call('image_job_get_image', { job_id: same.jobId })).refused).toBe(false);
    expect((await mcp.call('image_job_get_image', { job_id: old.jobId })).refused).toBe(true);
    expect((await mcp.call('image_job_retry', { job_id: old.jobId })).record.error?.code).toBe('INVALID_STATE');
    expect(await readdir(box.pictures, { recursive: true })).toEqual(files);
  });
});
