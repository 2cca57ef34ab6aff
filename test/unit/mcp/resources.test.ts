import { describe, expect, it } from '@jest/globals';
import { McpError } from '@modelcontextprotocol/sdk/types.js';
import * as z from 'zod';
import { JobFailure } from '../../../src/contract/errors.js';
import { MAX_RESOURCE_BYTES } from '../../../src/mcp/resources.js';
import { never, setUp } from './bound.js';
import { JOB_ID, completed, fakeJobs, image, listed, running, saved, unknown } from './fakes.js';

const ODD_ID = 'scène 1/2?#%';
const OUTPUT = 'image://jobs/{job_id}/outputs/{index}';
const refusal = z.object({ code: z.string(), message: z.string(), next_step: z.string() });

/** The refusal of a read: our words after what the client itself puts before them, and our error as data. */
async function refused(reading: Promise<unknown>): Promise<{ rpc: number; message: string; error: z.infer<typeof refusal> }> {
  const error: unknown = await reading.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof McpError)) throw new Error(`no refusal: ${String(error)}`);
  return { rpc: error.code, message: error.message.replace(/^MCP error -?\d+: /, ''), error: refusal.parse(error.data) };
}

describe('resources', () => {
  it('and completion are declared, and templates are listed without opening anything', async () => {
    const { client, connects } = await setUp(never);
    expect(client.getServerCapabilities()).toMatchObject({ tools: {}, resources: {}, completions: {} });
    const { resourceTemplates } = await client.listResourceTemplates();
    expect(resourceTemplates.map(({ uriTemplate }) => uriTemplate)).toEqual(['image://jobs/{job_id}', OUTPUT, `${OUTPUT}/thumbnail`]);
    expect(connects()).toBe(0);
  });

  it('are the jobs that were completed last', async () => {
    const jobs = fakeJobs({ list: async () => ({ jobs: [listed(1), listed(2, { job_id: ODD_ID, title: undefined })] }) });
    const { client } = await setUp(jobs);
    expect((await client.listResources()).resources).toEqual([
      { uri: `image://jobs/${listed(1).job_id}`, name: listed(1).job_id, title: 'a red kite over the sea, number 1', mimeType: 'application/json' },
      { uri: `image://jobs/${encodeURIComponent(ODD_ID)}`, name: ODD_ID, title: ODD_ID, mimeType: 'application/json' },
    ]);
    const asked = fakeJobs();
    await (await setUp(asked)).client.listResources();
    expect(asked.lists).toEqual([{ status: 'completed', limit: 20 }]);
  });

  it('of a job is its whole record', async () => {
    const notes = ['n'.repeat(5000)];
    const seen: string[] = [];
    const { client } = await setUp(
      fakeJobs({
        status: async (id) => {
          seen.push(id);
          return completed(id, { tags: ['a'], created_at: '2026-11-23T08:31:12.345Z', result: { saved: [saved(id, 0)], notes } });
        },
      }),
    );
    const uri = `image://jobs/${encodeURIComponent(ODD_ID)}`;
    const { contents } = await client.readResource({ uri });
    expect(seen).toEqual([ODD_ID]);
    expect(contents).toEqual([{ uri, mimeType: 'application/json', text: expect.any(String) }]);
    const [content] = contents;
    const record: unknown = JSON.parse(content !== undefined && 'text' in content ? content.text : '');
    expect(record).toMatchObject({ ok: true, job_id: ODD_ID, status: 'completed', tags: ['a'], created_at: expect.any(String), result: { notes } });
  });

  it('of a job that runs is its record too', async () => {
    const { client } = await setUp(fakeJobs({ status: async () => running() }));
    expect((await client.readResource({ uri: `image://jobs/${JOB_ID}` })).contents).toHaveLength(1);
  });

  it.each([
    ['', 'full', 'image/png'],
    ['/thumbnail', 'thumbnail', 'image/jpeg'],
  ] as const)('of a picture are its bytes: outputs/3%s', async (suffix, variant, mimeType) => {
    const jobs = fakeJobs();
    const { client } = await setUp(jobs);
    const uri = `image://jobs/${JOB_ID}/outputs/3${suffix}`;
    expect((await client.readResource({ uri })).contents).toEqual([{ uri, mimeType, blob: Buffer.alloc(1000, 4).toString('base64') }]);
    expect(jobs.images).toEqual([{ jobId: JOB_ID, index: 3, variant }]);
  });

  it('of up to 4 MiB are read, larger ones refused with their path and without reading them', async () => {
    const sized = (size: number) => setUp(fakeJobs({ image: async (id, index, variant) => image(id, index, variant, size, size > MAX_RESOURCE_BYTES ? { bytes: never } : {}) }));
    const uri = saved(JOB_ID, 0).uri;
    const { client } = await sized(MAX_RESOURCE_BYTES);
    expect((await client.readResource({ uri })).contents).toHaveLength(1);
    const large = await refused((await sized(MAX_RESOURCE_BYTES + 1)).client.readResource({ uri }));
    expect(large.error).toMatchObject({ code: 'LIMIT_EXCEEDED', next_step: expect.stringContaining(saved(JOB_ID, 0).path ?? 'no path') });
    expect(large.message).toMatch(/^LIMIT_EXCEEDED: .*\/home\/user/);
  });

  it.each([
    'image://jobs/img-nope',
    'image://jobs/img-nope/outputs/0',
    'image://jobs/a/outputs/-1',
    'image://jobs/a/outputs/0/preview',
    'image://jobs/%E0%A4%A',
    'image://jobs/',
    'file:///etc/passwd',
    'nonsense',
  ])('that do not exist are the protocol’s error with our code: %s', async (uri) => {
    const { client } = await setUp(fakeJobs({ status: async (id) => unknown(id) }));
    const { rpc, message, error } = await refused(client.readResource({ uri }));
    expect(rpc).toBe(-32602);
    expect(error.code).toBe('NOT_FOUND');
    expect(message).toMatch(/^NOT_FOUND: /);
  });

  it('that cannot be read now are this server’s trouble, and a defect is only a reference', async () => {
    const away = new JobFailure({ code: 'TEMPORAL_UNAVAILABLE', message: 'Nobody answers.', nextStep: 'Wait.', retryable: true });
    const first = await setUp(fakeJobs({ status: () => Promise.reject(away) }));
    expect(await refused(first.client.readResource({ uri: `image://jobs/${JOB_ID}` }))).toMatchObject({ rpc: -32603, error: { code: 'TEMPORAL_UNAVAILABLE' } });
    const second = await setUp(fakeJobs({ list: () => Promise.reject(new TypeError('boom in /srv/secret')) }));
    const defect = await refused(second.client.listResources());
    expect(defect).toMatchObject({ rpc: -32603, error: { code: 'INTERNAL' } });
    expect(JSON.stringify(defect)).not.toContain('boom');
    expect(second.logged).toEqual([expect.stringContaining('boom')]);
  });
});

describe('completion', () => {
  const complete = async (uri: string, name: string, value: string, known?: Record<string, string>) => {
    const three = completed(JOB_ID, { result: { saved: [0, 1, 2].map((index) => saved(JOB_ID, index)) } });
    const jobs = fakeJobs({ list: async () => ({ jobs: [listed(1), listed(2), listed(3, { job_id: 'mine' })] }), status: async (id) => (id === JOB_ID ? three : unknown(id)) });
    const { client } = await setUp(jobs);
    const { completion } = await client.complete({ ref: { type: 'ref/resource', uri }, argument: { name, value }, ...(known && { context: { arguments: known } }) });
    return completion.values;
  };

  it('of a job_id names recent jobs that begin so', async () => {
    expect(await complete('image://jobs/{job_id}', 'job_id', '')).toEqual([listed(1).job_id, listed(2).job_id, 'mine']);
    expect(await complete(OUTPUT, 'job_id', 'img-')).toEqual([listed(1).job_id, listed(2).job_id]);
    expect(await complete(OUTPUT, 'job_id', 'x')).toEqual([]);
  });

  it('of an index names the places of that job', async () => {
    expect(await complete(OUTPUT, 'index', '', { job_id: JOB_ID })).toEqual(['0', '1', '2']);
    expect(await complete(`${OUTPUT}/thumbnail`, 'index', '2', { job_id: JOB_ID })).toEqual(['2']);
    expect(await complete(OUTPUT, 'index', '')).toEqual([]);
    expect(await complete(OUTPUT, 'index', '', { job_id: 'img-nope' })).toEqual([]);
  });

  it('of what is none of ours names nothing', async () => {
    expect(await complete('file:///{path}', 'path', '')).toEqual([]);
    expect(await complete(OUTPUT, 'size', '')).toEqual([]);
  });
});
