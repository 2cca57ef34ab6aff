import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { ListedJob } from '../../../src/client/job-api.js';
import { MAX_LIST_BYTES } from '../../../src/mcp/list-rows.js';
import { since } from '../../../src/mcp/since.js';
import { setUp } from './bound.js';
import { fakeJobs, listed } from './fakes.js';

async function list(jobs: ListedJob[], args: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
  const { call } = await setUp(fakeJobs({ list: async () => ({ jobs, nextCursor: 'next' }) }));
  const { result, json } = await call('image_job_list', args);
  expect(result.structuredContent).toEqual(json);
  return json;
}

const rowsOf = (json: Record<string, unknown>): unknown[] => (Array.isArray(json['jobs']) ? json['jobs'] : []);

describe('image_job_list', () => {
  it('answers a row a job, newest first, and the cursor of the next page', async () => {
    const jobs = fakeJobs();
    const { call } = await setUp(jobs);
    const { json } = await call('image_job_list');
    expect(jobs.lists).toEqual([{ limit: 20 }]);
    expect(json).toEqual({
      ok: true,
      jobs: [
        {
          job_id: listed(1).job_id,
          title: 'a red kite over the sea, number 1',
          kind: 'image_generate',
          status: 'completed',
          age_seconds: 101,
          path: listed(1).path,
        },
        { job_id: listed(2).job_id, title: expect.any(String), kind: 'image_generate', status: 'running', stage: 'generating', age_seconds: 102 },
      ],
      next_cursor: 'next',
    });
  });

  it('hands its filters on, read leniently', async () => {
    const jobs = fakeJobs();
    const { call } = await setUp(jobs);
    const args = { status: 'failed', kind: 'image_edit', provider: 'GPT', tag: 'autumn', since: '2026-11-23T08:00:00Z', limit: '100', cursor: 'next' };
    await call('image_job_list', args);
    await call('image_job_list', { status: null, kind: '', provider: null, tag: '', since: '', limit: null, cursor: null });
    expect(jobs.lists).toEqual([
      { status: 'failed', kind: 'image_edit', provider: 'openai', tag: 'autumn', since: new Date('2026-11-23T08:00:00Z'), limit: 100, cursor: 'next' },
      { limit: 20 },
    ]);
  });

  it('names every problem of a call together, and the nearest of an unknown argument', async () => {
    const { call } = await setUp(fakeJobs());
    const { result, json } = await call('image_job_list', { status: 'done', kind: 'image', provider: 'nobody', since: 'yesterday', limit: 101 });
    expect(result.isError).toBe(true);
    const fields = ['status', 'kind', 'provider', 'since', 'limit'];
    expect(json).toMatchObject({ ok: false, error: { code: 'INVALID_ARGUMENT', problems: fields.map((field) => expect.objectContaining({ field })) } });
    expect((await call('image_job_list', { stats: 'failed' })).json).toMatchObject({ warnings: [expect.stringMatching(/"stats" was ignored.*status/)] });
  });

  it('no jobs are an empty list', async () => {
    expect(await list([])).toEqual({ ok: true, jobs: [], next_cursor: 'next' });
  });
});

describe('a hundred rows', () => {
  const hundred = (changes: (index: number) => Partial<ListedJob>) => Array.from({ length: 100 }, (_, index) => listed(index, changes(index)));
  const size = (json: Record<string, unknown>): number => Buffer.byteLength(JSON.stringify(json));

  it.each([
    ['of plain text', 'a red kite over the sea at dawn, long exposure, muted colours'.slice(0, 60)],
    ['of Chinese', '一只红色的风筝在黎明的海面上飞翔'.repeat(4).slice(0, 60)],
    ['of what JSON escapes', '"\\'.repeat(30)],
    ['of emoji', '🪁'.repeat(60)],
  ])('fit into 30 KB with titles %s', async (_name, title) => {
    const jobs = hundred(() => ({ title, kind: 'image_multi_reference' }));
    const json = await list(jobs, { limit: 100 });
    expect(size(json)).toBeLessThanOrEqual(MAX_LIST_BYTES);
    expect(rowsOf(json)).toMatchObject(jobs.map(({ job_id, path }) => ({ job_id, path })));
    expect(json).not.toHaveProperty('note');
    const titles = new Set(rowsOf(json).map((row) => (typeof row === 'object' && row !== null && 'title' in row ? String(row.title) : '')));
    expect(titles.size).toBe(1);
    const [shown = ''] = titles;
    expect(shown.length).toBeGreaterThan(20);
    expect(title.startsWith(shown.replace(/…$/, ''))).toBe(true);
    expect(shown).toBe(shown.toWellFormed());
  });

  it('leave out the paths of the oldest when these are long, whole and told', async () => {
    const path = `/home/user/${'Bilder/'.repeat(40)}`;
    const jobs = hundred((index) => ({ path: `${path}${index}.png`, title: '画'.repeat(60) }));
    const json = await list(jobs, { limit: 100 });
    expect(size(json)).toBeLessThanOrEqual(MAX_LIST_BYTES);
    const rows = rowsOf(json);
    const withPath = rows.filter((row) => typeof row === 'object' && row !== null && 'path' in row);
    expect(withPath).toMatchObject(jobs.slice(0, withPath.length).map(({ job_id, path: whole }) => ({ job_id, path: whole })));
    expect(withPath.length).toBeGreaterThan(0);
    expect(json['note']).toContain(`${100 - withPath.length} oldest`);
    expect(rows).toHaveLength(100);
  });
});

describe('since', () => {
  beforeEach(() => void jest.useFakeTimers({ now: new Date('2026-11-23T12:00:00Z') }));
  afterEach(() => void jest.useRealTimers());

  it.each([
    ['30m', '2026-11-23T11:30:00.000Z'],
    ['24h', '2026-11-22T12:00:00.000Z'],
    ['7d', '2026-11-16T12:00:00.000Z'],
    ['7 D', '2026-11-16T12:00:00.000Z'],
    ['2026-11-23T08:00:00Z', '2026-11-23T08:00:00.000Z'],
    ['2026-11-23T08:00:00.5+02:00', '2026-11-23T06:00:00.500Z'],
    ['2026-11-20', new Date(2026, 10, 20).toISOString()],
    ['2026-11-20T10:30:00', new Date(2026, 10, 20, 10, 30).toISOString()],
    ['2026-11-20 10:30', new Date(2026, 10, 20, 10, 30).toISOString()],
  ])('%s is %s', (text, moment) => {
    expect(since.parse(text).toISOString()).toBe(moment);
  });

  it.each(['yesterday', '7', '1w', '-3d', '2026-02-30', '2026-13-01', '23.11.2026', '999999999d', '2026-11-23T25:00:00Z'])('%s is refused', (text) => {
    expect(since.safeParse(text).success).toBe(false);
  });
});
