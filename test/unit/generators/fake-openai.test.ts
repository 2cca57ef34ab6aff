import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import * as z from 'zod';
import { startFakeOpenAi, type FakeOpenAi } from '../../support/fake-openai.js';

const png = async (width: number, height: number, alpha = 1): Promise<string> => {
  const bytes = await sharp({ create: { width, height, channels: 4, background: { r: 200, g: 30, b: 30, alpha } } }).png().toBuffer();
  return `data:image/png;base64,${bytes.toString('base64')}`;
};

const body = (changes: Record<string, unknown> = {}, tool: Record<string, unknown> = {}, parts: unknown[] = []): Record<string, unknown> => ({
  model: 'gpt-5.5',
  background: true,
  store: true,
  max_tool_calls: 1,
  metadata: { attempt: 'nonce-1', job_id: 'img-1', item: '0' },
  input: [{ role: 'user', content: [{ type: 'input_text', text: 'a red fox' }, ...parts] }],
  tools: [{ type: 'image_generation', size: '64x48', ...tool }],
  tool_choice: { type: 'image_generation' },
  ...changes,
});

const replySchema = z.looseObject({
  id: z.string().optional(),
  status: z.string().optional(),
  output: z.array(z.looseObject({ result: z.string().optional(), status: z.string().optional() })).optional(),
  error: z.looseObject({ message: z.string(), code: z.string().nullish(), param: z.string().nullish() }).nullish(),
});

describe('the fake Responses API', () => {
  let fake: FakeOpenAi;
  beforeEach(async () => {
    fake = await startFakeOpenAi();
  });
  afterEach(() => fake.close());

  const call = async (method: string, path: string, json?: unknown, key: string | undefined = 'sk-one'): Promise<{ status: number; reply: z.infer<typeof replySchema>; headers: Headers }> => {
    const response = await fetch(`${fake.url}${path}`, {
      method,
      headers: { ...(key !== '' && { authorization: `Bearer ${key}` }), ...(json !== undefined && { 'content-type': 'application/json' }) },
      ...(json !== undefined && { body: JSON.stringify(json) }),
    });
    const text = await response.text();
    return { status: response.status, reply: replySchema.parse(text.startsWith('{') ? JSON.parse(text) : {}), headers: response.headers };
  };
  const submit = (json: unknown = body(), key?: string): ReturnType<typeof call> => call('POST', '/responses', json, key);

  it('goes from queued over in_progress to completed with a picture of the asked size', async () => {
    const { status, reply } = await submit();
    expect([status, reply.status]).toEqual([200, 'queued']);
    expect((await call('GET', `/responses/${reply.id}`)).reply.status).toBe('in_progress');
    const done = await call('GET', `/responses/${reply.id}`);
    expect(done.reply.status).toBe('completed');
    const image = await sharp(Buffer.from(done.reply.output?.[0]?.result ?? '', 'base64')).metadata();
    expect([image.format, image.width, image.height]).toEqual(['png', 64, 48]);
    expect(done.headers.get('x-request-id')).toMatch(/^req_/);
  });

  it('answers a synchronous request with the picture', async () => {
    const { reply } = await submit(body({ background: undefined, store: undefined }, { output_format: 'webp' }));
    expect(reply.status).toBe('completed');
    expect((await sharp(Buffer.from(reply.output?.[0]?.result ?? '', 'base64')).metadata()).format).toBe('webp');
  });

  it('makes other pictures for other prompts and the same for the same', async () => {
    const result = async (prompt: string): Promise<string | undefined> => {
      const input = [{ role: 'user', content: [{ type: 'input_text', text: prompt }] }];
      return (await submit(body({ background: undefined, store: undefined, input }))).reply.output?.[0]?.result;
    };
    const [one, again, other] = [await result('one'), await result('one'), await result('two')];
    expect(again).toBe(one);
    expect(other).not.toBe(one);
  });

  it('counts what it accepted by key, attempt and prompt, and nothing else', async () => {
    await submit();
    await submit();
    await submit(body({ metadata: { attempt: 'nonce-2' } }), 'sk-two');
    await submit(body({ surprise: 1 }));
    fake.fault({ kind: 'rate_limited' });
    await submit();
    const { total, by_key, by_attempt, by_prompt } = fake.ledger();
    expect({ total, by_key, by_attempt, by_prompt }).toEqual({
      total: 3,
      by_key: { 'sk-one': 2, 'sk-two': 1 },
      by_attempt: { 'nonce-1': 2, 'nonce-2': 1 },
      by_prompt: { 'a red fox': 3 },
    });
    expect(fake.requests).toHaveLength(5);
  });

  const image = async (changes: Record<string, unknown> = {}): Promise<Record<string, unknown>> => ({
    type: 'input_image',
    detail: 'auto',
    image_url: await png(32, 32),
    ...changes,
  });
  it.each<[string, () => Promise<unknown>, string]>([
    ['an unknown top-level field', async () => body({ seed: 1 }), 'seed'],
    ['an unknown field of the tool', async () => body({}, { n: 2 }), 'tools[0].n'],
    ['a wrong type', async () => body({ background: 'true' }), 'background'],
    ['no model', async () => body({ model: undefined }), 'model'],
    ['another tool choice', async () => body({ tool_choice: 'auto' }), 'tool_choice'],
    ['no tool choice', async () => body({ tool_choice: undefined }), 'tool_choice'],
    ['background without store', async () => body({ store: false }), 'store'],
    ['metadata that is no text', async () => body({ metadata: { item: 1 } }), 'metadata.item'],
    ['a size that the tool does not take', async () => body({}, { size: '1000x999' }), 'tools[0].size'],
    ['another size for gpt-image-1', async () => body({}, { model: 'gpt-image-1', size: '64x64' }), 'tools[0].size'],
    ['an edit without a picture', async () => body({}, { action: 'edit' }), 'tools[0].action'],
    ['transparency in JPEG', async () => body({}, { background: 'transparent', output_format: 'jpeg' }), 'background'],
    ['no detail', async () => body({}, {}, [await image({ detail: undefined })]), 'input[0].content[1].detail'],
    ['a bare base64 picture', async () => body({}, {}, [await image({ image_url: (await png(32, 32)).split(',')[1] })]), 'input[0].content[0]'],
    ['a picture of another type than it says', async () => body({}, {}, [await image({ image_url: (await png(32, 32)).replace('png', 'jpeg') })]), 'input[0].content[0]'],
    ['a picture that breaks off', async () => body({}, {}, [await image({ image_url: (await png(32, 32)).slice(0, 122) })]), 'input[0].content[0]'],
    ['a picture of four pixels', async () => body({}, {}, [await image({ image_url: await png(2, 2) })]), 'input[0].content[0]'],
    ['a mask of another size', async () => body({}, { input_image_mask: { image_url: await png(16, 16) } }, [await image()]), 'tools[0].input_image_mask'],
    ['a mask without a picture', async () => body({}, { input_image_mask: { image_url: await png(16, 16) } }), 'tools[0].input_image_mask'],
  ])('refuses %s and bills nothing', async (_name, make, param) => {
    const { status, reply } = await submit(await make());
    expect(status).toBe(400);
    expect(reply.error?.param).toBe(param);
    expect(fake.violations).toHaveLength(1);
    expect(fake.ledger().total).toBe(0);
  });

  it('takes references and a mask and remembers their digests', async () => {
    const tool = { action: 'edit', input_image_mask: { image_url: await png(32, 32, 0.5) } };
    expect((await submit(body({}, tool, [await image(), await image({ image_url: await png(40, 20) })]))).status).toBe(200);
    const [entry] = fake.ledger().entries;
    expect(entry?.images.map(({ width, height }) => [width, height])).toEqual([[32, 32], [40, 20]]);
    expect(entry?.mask?.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(JSON.stringify(fake.requests[0]?.body)).toContain('sha256:');
  });

  it('refuses a missing or unknown key, an unknown model, path and response', async () => {
    expect((await submit(body(), '')).status).toBe(401);
    fake.settings.keys = ['sk-two'];
    expect((await submit()).reply.error?.code).toBe('invalid_api_key');
    delete fake.settings.keys;
    expect((await submit(body({ model: 'missing-model' }))).reply.error?.code).toBe('model_not_found');
    expect((await call('POST', '/images/generations', {})).status).toBe(404);
    expect((await call('GET', '/responses/resp_other')).status).toBe(404);
    expect(fake.ledger().total).toBe(0);
  });

  it("shows a response to its own key only", async () => {
    const { reply } = await submit();
    expect((await call('GET', `/responses/${reply.id}`, undefined, 'sk-two')).status).toBe(404);
  });

  it('cancels once, tells it again, and not what runs in the foreground', async () => {
    const { reply } = await submit();
    expect((await call('POST', `/responses/${reply.id}/cancel`)).reply.status).toBe('cancelled');
    expect((await call('POST', `/responses/${reply.id}/cancel`)).reply.status).toBe('cancelled');
    expect((await call('GET', `/responses/${reply.id}`)).reply.status).toBe('cancelled');
    const foreground = await submit(body({ background: undefined, store: undefined }));
    expect((await call('POST', `/responses/${foreground.reply.id}/cancel`)).status).toBe(400);
  });

  it('forgets results on demand and by their life', async () => {
    fake.settings.complete_after_polls = 1;
    const { reply } = await submit();
    expect((await call('GET', `/responses/${reply.id}`)).status).toBe(200);
    fake.expire();
    expect((await call('GET', `/responses/${reply.id}`)).status).toBe(404);
    fake.settings.result_life_ms = 0;
    const second = await submit();
    expect((await call('GET', `/responses/${second.reply.id}`)).status).toBe(404);
  });

  it.each<[string, number, number]>([
    ['rate_limited', 429, 0],
    ['quota', 429, 0],
    ['unauthorized', 401, 0],
    ['forbidden', 403, 0],
    ['moderation', 400, 0],
    ['background_refused', 400, 0],
    ['server_error', 500, 0],
    ['overloaded', 503, 0],
    ['unreadable', 200, 1],
    ['no_id', 200, 1],
    ['slow_body', 200, 1],
  ])('fault %s answers %i and bills %i, once', async (kind, status, billed) => {
    await control('POST', 'faults', { kind });
    expect((await submit()).status).toBe(status);
    expect(fake.ledger().total).toBe(billed);
    expect((await submit()).reply.status).toBe('queued');
    expect(fake.violations).toEqual([]);
  });

  it.each<[string, number]>([['drop', 0], ['reply_lost', 1], ['truncated_body', 1]])('fault %s breaks the connection and bills %i', async (kind, billed) => {
    await control('POST', 'faults', { kind });
    await expect(submit()).rejects.toThrow();
    expect(fake.ledger().total).toBe(billed);
    expect(fake.requests).toHaveLength(1);
  });

  it('holds a reply until it is released', async () => {
    fake.fault({ kind: 'hang' });
    const pending = submit();
    await fake.waitForRequest((entry) => entry.faults.includes('hang'));
    expect(fake.ledger().total).toBe(1);
    expect(fake.release()).toBe(1);
    expect((await pending).reply.status).toBe('queued');
  });

  it.each<[string, Record<string, unknown>]>([
    ['refusal', { status: 'completed', output: [{ type: 'message' }] }],
    ['empty', { status: 'completed', output: [] }],
    ['failed', { status: 'failed', error: { code: 'server_error' } }],
    ['incomplete', { status: 'incomplete', incomplete_details: { reason: 'content_filter' } }],
    ['item_generating', { status: 'completed', output: [{ status: 'generating', result: expect.any(String) }] }],
    ['never_done', { status: 'in_progress' }],
  ])('outcome %s', async (kind, expected) => {
    fake.settings.complete_after_polls = 1;
    await control('POST', 'faults', { kind });
    const { reply } = await submit();
    expect((await call('GET', `/responses/${reply.id}`)).reply).toMatchObject(expected);
  });

  it('sends given bytes, large pictures and late appearances', async () => {
    fake.settings.complete_after_polls = 1;
    fake.fault({ kind: 'image', image_base64: 'QUJD' }, { kind: 'large_image', bytes: 300_000 }, { kind: 'hidden', polls: 2 });
    const ids = [(await submit()).reply.id, (await submit()).reply.id, (await submit()).reply.id];
    expect((await call('GET', `/responses/${ids[0]}`)).reply.output?.[0]?.result).toBe('QUJD');
    const large = Buffer.from((await call('GET', `/responses/${ids[1]}`)).reply.output?.[0]?.result ?? '', 'base64');
    expect(large.length).toBeGreaterThan(290_000);
    expect((await sharp(large).metadata()).format).toBe('png');
    const poll = async (): Promise<number> => (await call('GET', `/responses/${ids[2]}`)).status;
    expect([await poll(), await poll(), await poll()]).toEqual([404, 404, 200]);
  });

  it('hits polls, and only prompts that match', async () => {
    const { reply } = await submit();
    fake.fault({ kind: 'reply', on: 'poll', status: 502, times: 2, match: 'fox' }, { kind: 'quota', match: 'bear' });
    expect((await submit()).status).toBe(200);
    const polls = [await call('GET', `/responses/${reply.id}`), await call('GET', `/responses/${reply.id}`), await call('GET', `/responses/${reply.id}`)];
    expect(polls.map(({ status }) => status)).toEqual([502, 502, 200]);
  });

  it('reads a fault from a marker in the prompt', async () => {
    const marked = body({ input: [{ role: 'user', content: [{ type: 'input_text', text: 'a fox [[fault:overloaded*2]]' }] }] });
    const statuses = [(await submit(marked)).status, (await submit(marked)).status, (await submit(marked)).status];
    expect(statuses).toEqual([503, 503, 200]);
  });

  const control = async (method: string, name: string, json?: unknown): Promise<Record<string, unknown>> => {
    const response = await fetch(fake.url.replace(/v1$/, `__fake__/${name}`), { method, ...(json !== undefined && { body: JSON.stringify(json) }) });
    return { ...z.looseObject({}).parse(await response.json()), http: response.status };
  };

  it('is driven over HTTP', async () => {
    await control('POST', 'settings', { background_supported: false });
    expect((await submit()).reply.error?.param).toBe('background');
    await control('POST', 'settings', { background_supported: true, complete_after_polls: 1 });
    await control('POST', 'faults', [{ kind: 'hang' }]);
    expect(await control('GET', 'state')).toMatchObject({ faults: [{ kind: 'hang', times: 1 }], held: 0 });
    const pending = submit();
    await fake.waitForRequest((entry) => entry.faults.includes('hang'));
    expect(await control('POST', 'release')).toMatchObject({ released: 1 });
    const { reply } = await pending;
    expect(await control('GET', 'ledger')).toMatchObject({ total: 1, by_attempt: { 'nonce-1': 1 } });
    await control('POST', 'expire', { id: reply.id });
    expect((await call('GET', `/responses/${reply.id}`)).status).toBe(404);
    expect(await control('POST', 'faults', { kind: 'nonsense' })).toMatchObject({ http: 400 });
    await control('POST', 'reset');
    expect(await control('GET', 'state')).toMatchObject({ requests: 0, responses: [] });
  });

  it('says so when an awaited request does not come', async () => {
    await expect(fake.waitForRequest(() => false, 10)).rejects.toThrow('no such request');
  });
});
