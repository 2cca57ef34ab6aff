import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { Manifests } from '../../../src/blobs/manifests.js';
import { openBlobStore } from '../../../src/blobs/open-store.js';
import { JobFailure } from '../../../src/contract/errors.js';
import { newJobId } from '../../../src/contract/ids.js';
import type { PingedQueue } from '../../../src/contract/ping.js';
import { manifests } from '../../../src/doctor/checks/manifests.js';
import { workers } from '../../../src/doctor/checks/workers.js';
import type { DoctorContext } from '../../../src/doctor/context.js';
import type { Pinged } from '../../../src/doctor/ping.js';
import { VERSION } from '../../../src/version.js';
import { contextOf, levels, look, useFolder } from './support.js';

const folder = useFolder();
const remote = { TEMPORAL_ADDRESS: 'localhost:7233' };

async function withStore(env: Record<string, string> = {}): Promise<DoctorContext & { jobs: Manifests }> {
  const context = contextOf(folder(), env);
  const store = await openBlobStore(context.settings.blobStore);
  return { ...context, store, jobs: new Manifests(store) };
}

async function accept(jobs: Manifests): Promise<void> {
  const input = { kind: 'image_generate', prompt: 'a red kite' } as const;
  await jobs.create({ job_id: newJobId(), state: 'accepted', created_at: new Date().toISOString(), created_by: 'client', namespace: 'default', input });
}

describe('the journals of jobs', () => {
  it('that can be read are counted', async () => {
    const context = await withStore(remote);
    await accept(context.jobs);
    const seen = { ...context, temporal: { state: 'away', finding: { id: 'temporal', level: 'error', message: 'm' } } } as const;
    expect(await look(manifests, seen)).toMatchObject([{ level: 'ok', message: expect.stringContaining('1 job ') }]);
  });

  it('that cannot be read are counted, with what to do', async () => {
    const context = await withStore();
    for (let count = 0; count < 3; count += 1) await accept(context.jobs);
    const place = join(folder(), 'data', 'store', 'manifests');
    const [first, second] = await readdir(place);
    await writeFile(join(place, first ?? ''), '{"job_id": ');
    await writeFile(join(place, second ?? ''), '{}');
    const findings = await look(manifests, context);
    expect(findings[0]).toMatchObject({ level: 'error', message: expect.stringContaining('journals of 2 jobs'), remedy: expect.stringContaining('Restore') });
  });

  it('of open jobs are told while nothing runs them', async () => {
    const context = await withStore();
    await accept(context.jobs);
    expect((await look(manifests, context))[1]).toMatchObject({ level: 'warning', message: expect.stringContaining('1 job is open'), remedy: expect.stringMatching(/ up --data-dir /) });
  });

  it('are nobody’s without a store', async () => {
    expect(await look(manifests, contextOf(folder()))).toEqual([]);
    const failure = new JobFailure({ code: 'STORE_UNAVAILABLE', message: 'm', nextStep: 'n' });
    expect(await look(manifests, contextOf(folder(), {}, { store: failure }))).toEqual([]);
  });
});

describe('the answer of the workers', () => {
  const answered: PingedQueue = { queue: 'image-store', round_trip_ms: 12, worker: '13@here', version: VERSION, providers: ['openai'] };
  const pinged = (...queues: PingedQueue[]): Pinged => ({ report: { queues }, misunderstood: false, clockAheadSeconds: 0 });
  const seen = async (result: Pinged, env: Record<string, string> = {}): Promise<DoctorContext> => ({
    ...(await withStore(env)),
    workers: async () => ({ by: 'ping', pinged: result }),
  });

  it('from every queue is in order', async () => {
    expect(await look(workers, await seen(pinged(answered)))).toMatchObject([{ level: 'ok', message: expect.stringContaining('image-store 12 ms') }]);
  });

  it('missing from all is an error with the command that starts one', async () => {
    const silent = { misunderstood: false, clockAheadSeconds: 0 };
    expect(await look(workers, await seen(silent, remote))).toMatchObject([{ level: 'error', remedy: expect.stringMatching(/TEMPORAL_ADDRESS=localhost:7233 .* worker --data-dir /) }]);
    expect(await look(workers, await seen(silent))).toMatchObject([{ level: 'error', remedy: expect.stringMatching(/worker\.log.* down .* && .* up /) }]);
  });

  it('missing from one queue is an error, or a warning where all slots may be in use', async () => {
    const error = 'no worker answered within 5 seconds';
    const findings = await look(workers, await seen(pinged(answered, { queue: 'image-upload', error }, { queue: 'image-submit-openai', error }, { queue: 'image-submit-local', error })));
    expect(findings.map(({ level, message }) => `${level} ${/queue (\S+)/.exec(message)?.[1] ?? ''}`)).toEqual(['ok ', 'error image-upload', 'warning image-submit-openai', 'error image-submit-local']);
  });

  it('from another store is an error', async () => {
    expect((await look(workers, await seen(pinged({ ...answered, store_id: 'another' }))))[1]).toMatchObject({ level: 'error', message: expect.stringContaining('13@here'), remedy: expect.stringContaining('IMAGE_BLOB_STORE') });
    const context = await withStore();
    const store_id = context.store !== undefined && 'id' in context.store ? context.store.id : '';
    expect(levels(await look(workers, { ...context, workers: async () => ({ by: 'ping', pinged: pinged({ ...answered, store_id }) }) }))).toEqual(['ok']);
  });

  it('from another version is a warning', async () => {
    expect((await look(workers, await seen(pinged({ ...answered, version: '99.0.0' }))))[1]).toMatchObject({ level: 'warning', message: expect.stringContaining('99.0.0') });
    expect(await look(workers, await seen({ misunderstood: true, clockAheadSeconds: 0 }))).toMatchObject([{ level: 'warning', message: expect.stringContaining('could not run it') }]);
  });

  it('tells with a remote Temporal which providers have a key', async () => {
    expect((await look(workers, await seen(pinged(answered), remote)))[1]).toMatchObject({ level: 'ok', message: expect.stringContaining('openai') });
    expect((await look(workers, await seen(pinged({ ...answered, providers: [] }), remote)))[1]).toMatchObject({ level: 'warning', remedy: expect.stringContaining('OPENAI_API_KEY') });
  });
});
