import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as z from 'zod';
import { sha256 } from '../../src/contract/canonical.js';
import { until, type AnswerRecord, type Mcp } from '../support/e2e.js';
import { startTopology, type Topology } from './topology.js';
import { ROOT } from './machine.js';
import { figures, usageOf } from './usage.js';

const PHOTOGRAPHS = ['chelsea.png', 'coffee.png', 'rocket.jpg'].map((name) => join(ROOT, 'examples/references', name));

let topology: Topology;

beforeAll(async () => {
  topology = await startTopology();
  await topology.up(2);
}, 3_600_000);
afterAll(() => topology?.close(), 600_000);


function savedOf(record: AnswerRecord): { path: string; sha256: string } {
  const [saved] = record.result?.saved ?? [];
  if (saved?.path === undefined) throw new Error(`nothing saved: ${JSON.stringify(record)}`);
  return { path: saved.path, sha256: saved.sha256 };
}

describe('the topology of docker-compose.yml', () => {
  let jobId: string;

  it('runs with two healthy workers', async () => {
    const workers = await topology.containers('worker');
    expect(workers).toHaveLength(2);
    const states = await Promise.all(workers.map((id) => topology.docker('inspect', '--format', '{{.State.Health.Status}}', id)));
    expect(states.map((state) => state.trim())).toEqual(['healthy', 'healthy']);
  });

  it('opens no port beyond 127.0.0.1', async () => {
    const published = await topology.docker('ps', '--format', '{{.Ports}}');
    expect(published).toContain('127.0.0.1:7233');
    expect(published).not.toMatch(/0\.0\.0\.0:\d+->|:::\d+->/);
  });

  it('runs image_multi_reference_async of a client on this machine, whose path opens here', async () => {
    const server = await topology.box.server();
    jobId = await server.start('image_multi_reference_async', { prompt: 'all three in one picture', image_paths: PHOTOGRAPHS });
    const { record } = await server.call('image_job_status', { job_id: jobId });
    expect(record).toMatchObject({ job_id: jobId });
    const done = await server.finished(jobId);
    expect(done).toMatchObject({ ok: true, status: 'completed' });
    const saved = savedOf(done);
    expect(sha256(await readFile(saved.path))).toBe(saved.sha256);
    expect(topology.fake.ledger().total).toBe(1);
  }, 120_000);

  it('shows the job in the Web UI', async () => {
    const answer = await fetch(`http://127.0.0.1:8233/api/v1/namespaces/default/workflows/${jobId}`);
    expect(answer.status).toBe(200);
    expect(JSON.stringify(await answer.json())).toContain('imageJob');
    expect((await fetch('http://127.0.0.1:8233/')).status).toBe(200);
  });

  it('refuses a client with another store, and nothing is paid', async () => {
    const before = topology.fake.ledger().total;
    const server = await topology.box.server({ IMAGE_BLOB_STORE: `file:${join(topology.box.folder, 'own-store')}` });
    const { record } = await server.call('image_generate_async', { prompt: 'never made' });
    expect(record).toMatchObject({ ok: false, error: { code: 'STORE_UNAVAILABLE', message: expect.stringMatching(/own-store.*s3:\/\/images\/store/) } });
    expect(topology.fake.ledger().total).toBe(before);
  });

  it('still has the job after down and up', async () => {
    await topology.compose('down', '--timeout', '30');
    await topology.up(2);
    const server = await topology.box.server();
    const record = await until(async () => {
      const answer = await server.call('image_job_status', { job_id: jobId });
      return answer.record.status === 'completed' ? answer.record : undefined;
    }, 'the job');
    expect(sha256(await readFile(savedOf(record).path))).toBe(savedOf(record).sha256);
  }, 400_000);
});

/** Each job as it ended, asked for until all have. */
async function ends(server: Mcp, jobs: readonly string[]): Promise<AnswerRecord[]> {
  const records: AnswerRecord[] = [];
  for (const id of jobs) {
    for (;;) {
      const { record } = await server.call('image_job_wait', { job_id: id, timeout_seconds: 20 });
      if (record.done !== true) continue;
      records.push(record);
      break;
    }
  }
  return records;
}

/** So many calls of one client at a time. */
const AT_ONCE = 20;

async function submit(server: Mcp, count: number, prompt: string): Promise<string[]> {
  const jobs: string[] = [];
  let next = 0;
  const one = async (): Promise<void> => {
    while (next < count) jobs.push(await server.start('image_generate_async', { prompt: `${prompt} ${(next += 1)}` }));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  return jobs;
}

describe('a part that is killed', () => {
  it.each([
    ['postgres', 1],
    ['temporal', 1],
    ['worker', 1],
    ['worker', 2],
    ['s3', 1],
  ])('%s %i, at work on 100 jobs: each ends, none is paid twice, and calls fail only retryably', async (service, number) => {
    const meanwhile = `while ${service} ${number} is killed`;
    topology.fake.settings.complete_after_ms = 4000;
    const server = await topology.box.server();
    const jobs = await submit(server, 100, meanwhile);
    const failures: string[] = [];
    const asked = async (tool: string, args: Record<string, unknown>): Promise<AnswerRecord> => {
      const { record } = await server.call(tool, args);
      if (record.error && !record.error.retryable && record.done !== true) failures.push(`${tool}: ${JSON.stringify(record.error)}`);
      return record;
    };
    const over = new AbortController();
    const looking = (async () => {
      while (!over.signal.aborted) await Promise.all([asked('image_job_status', { job_id: jobs[0] }), asked('image_job_wait', { job_id: jobs[99], timeout_seconds: 1 }), asked('image_job_list', {})]);
    })();
    await until(() => topology.fake.ledger().entries.some(({ prompt }) => prompt.includes(meanwhile)), 'the first request');
    const victim = (await topology.containers(service))[number - 1] ?? '';
    await topology.docker('kill', victim);
    expect((await topology.docker('inspect', '--format', '{{.State.ExitCode}}', victim)).trim()).toBe('137');
    const late = await Promise.all([1, 2, 3].map((index) => asked('image_generate_async', { prompt: `${meanwhile}, late ${index}` })));
    await delay(3000);
    await topology.docker('start', victim);
    // What was taken while a part was away is a job like any other.
    const taken = late.flatMap(({ ok, job_id: id }) => (ok && id !== undefined ? [id] : []));
    const records = await ends(server, [...jobs, ...taken]);
    over.abort();
    await looking;
    expect(failures).toEqual([]);
    for (const record of records) if (record.status !== 'completed') expect(record.error?.code).toBe('MAYBE_BILLED');
    const completed = records.filter(({ status }) => status === 'completed').length;
    process.stderr.write(`${service} ${number} killed: ${completed} of ${records.length} completed, ${taken.length} of them submitted meanwhile\n`);
    const paid = Object.entries(topology.fake.ledger().by_prompt).filter(([prompt]) => prompt.includes(meanwhile));
    expect(paid.filter(([, times]) => times > 1)).toEqual([]);
  }, 600_000);
});

describe('a rolling deployment in the middle of 40 jobs', () => {
  it('replaces the workers by a newer build: all complete, none is paid twice, and histories replay on it', async () => {
    topology.fake.settings.complete_after_ms = 8000;
    const server = await topology.box.server();
    const jobs = await submit(server, 40, 'during the deployment');
    await until(() => topology.fake.ledger().entries.filter(({ prompt }) => prompt.includes('deployment')).length > 10, 'requests');
    const before = await topology.containers('worker');
    await topology.deploy('0.1.1');
    const after = await topology.containers('worker');
    expect(after.filter((id) => before.includes(id))).toEqual([]);
    expect((await topology.docker('exec', after[0] ?? '', 'node', '-p', "require('/app/package.json').version")).trim()).toBe('0.1.1');
    for (const record of await ends(server, jobs)) expect(record).toMatchObject({ status: 'completed' });
    const paid = Object.entries(topology.fake.ledger().by_prompt).filter(([prompt]) => prompt.includes('deployment'));
    expect(paid.map(([, times]) => times)).toEqual(jobs.map(() => 1));
    expect(await topology.compose('run', '--rm', '--no-deps', 'worker', 'worker', '--replay', '100')).toContain('100 of 100 jobs replayed');
  }, 600_000);
});

describe('500 jobs', () => {
  it.each([1, 2])('with %i workers: how many a second, and what bounds them', async (workers) => {
    topology.fake.settings.complete_after_ms = 0;
    await topology.up(workers);
    const server = await topology.box.server();
    const before = await usageOf(topology, server.pid);
    const jobs = await submit(server, 500, `throughput of ${workers}`);
    for (const record of await ends(server, jobs)) expect(record).toMatchObject({ status: 'completed' });
    const after = await usageOf(topology, server.pid);
    process.stderr.write(`${workers} worker(s): ${figures(before, after, 500)}\n`);
    expect(topology.fake.ledger().entries.filter(({ prompt }) => prompt.includes(`throughput of ${workers}`))).toHaveLength(500);
  }, 900_000);

  it('and all that came before are looked through by a collection', async () => {
    const from = performance.now();
    const { stdout } = await topology.box.cli(['gc', '--json']);
    const seconds = (performance.now() - from) / 1000;
    const { examined } = z.object({ ok: z.literal(true), examined: z.number() }).parse(JSON.parse(stdout));
    expect(examined).toBeGreaterThan(1000);
    process.stderr.write(`a collection: ${examined} blobs of ${topology.fake.ledger().total} jobs in ${seconds.toFixed(1)} s\n`);
  }, 300_000);
});
