import net from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { GenerationRequest, SubmitOutcome } from '../../../src/generators/generator.js';
import { createOpenAiGenerator } from '../../../src/generators/openai/index.js';
import { startFakeOpenAi, type FakeOpenAi, type FaultInput } from '../../support/fake-openai.js';
import { account, ATTEMPT, KEY, order, reference, SETTINGS, submit } from './openai-helpers.js';

let fake: FakeOpenAi;
beforeEach(async () => {
  fake = await startFakeOpenAi();
});
afterEach(async () => {
  await fake.close();
  expect(fake.violations).toEqual([]);
});

const send = (request?: GenerationRequest, form?: string): Promise<SubmitOutcome> =>
  submit(createOpenAiGenerator(SETTINGS), account(fake.url), request, form);
const raw = (status: number, body: unknown = '', headers: Record<string, string> = {}): FaultInput => ({
  kind: 'reply',
  status,
  body: typeof body === 'string' ? body : JSON.stringify(body),
  headers,
});
const apiError = (fields: Record<string, unknown>): unknown => ({ error: { message: 'It is so.', type: 'invalid_request_error', param: null, code: null, ...fields } });
const notBilled = (code: string, retryable: boolean, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  type: 'not_billed',
  failure: expect.objectContaining({ code, retryable, ...more }),
});

describe('one request, and what it says about the money', () => {
  it.each<[string, FaultInput, Record<string, unknown>]>([
    ['a code without end', raw(403, apiError({ code: `${'insufficient_'.repeat(150_000)}!` })), notBilled('PROVIDER_AUTH', false)],
    ['a wrong key', { kind: 'unauthorized' }, notBilled('PROVIDER_AUTH', false, { providerStatus: 401, message: expect.stringContaining('[key]') })],
    ['401 without a body', raw(401), notBilled('PROVIDER_AUTH', false)],
    ['a key without the right', { kind: 'forbidden' }, notBilled('PROVIDER_AUTH', false, { message: expect.stringContaining('verified') })],
    ['403 of a firewall', raw(403, '<html>blocked</html>'), { type: 'ambiguous', reason: expect.stringContaining('blocked'), providerStatus: 403 }],
    ['no quota', { kind: 'quota' }, notBilled('PROVIDER_QUOTA', false, { retryAfterSeconds: undefined })],
    ["a gateway's empty purse", raw(403, apiError({ type: 'new_api_error', code: 'insufficient_user_quota' })), notBilled('PROVIDER_QUOTA', false)],
    ['a hard limit', raw(400, apiError({ code: 'billing_hard_limit_reached' })), notBilled('PROVIDER_QUOTA', false)],
    ['payment required', raw(402, apiError({ code: 'no_money' })), notBilled('PROVIDER_QUOTA', false)],
    ['a rate limit', { kind: 'rate_limited' }, notBilled('PROVIDER_RATE_LIMITED', true, { retryAfterSeconds: undefined })],
    ['a rate limit with seconds', { kind: 'rate_limited', retry_after: '7' }, notBilled('PROVIDER_RATE_LIMITED', true, { retryAfterSeconds: 7 })],
    ['a rate limit with a date gone by', { kind: 'rate_limited', retry_after: 'Mon, 05 Jan 2015 10:00:00 GMT' }, notBilled('PROVIDER_RATE_LIMITED', true, { retryAfterSeconds: 0 })],
    ['a rate limit in milliseconds', raw(429, apiError({ code: 'rate_limit_exceeded' }), { 'retry-after-ms': '250', 'retry-after': '1' }), notBilled('PROVIDER_RATE_LIMITED', true, { retryAfterSeconds: 0.25 })],
    ['a rate limit of a proxy', raw(429, 'slow down'), notBilled('PROVIDER_RATE_LIMITED', true)],
    ['a bad request', raw(400, apiError({ param: 'tools[0].size' })), notBilled('PROVIDER_REJECTED', false, { message: expect.stringContaining('It is so.') })],
    ['an unknown model', raw(404, apiError({ code: 'model_not_found' })), notBilled('PROVIDER_REJECTED', false)],
    ['too large a request', raw(413, apiError({})), notBilled('PROVIDER_REJECTED', false)],
    ['another media type', raw(415, apiError({})), notBilled('PROVIDER_REJECTED', false)],
    ['an error with a number for its code', raw(422, apiError({ type: null, code: 422 })), notBilled('PROVIDER_REJECTED', false)],
    ['moderation', { kind: 'moderation' }, notBilled('CONTENT_REFUSED', false, { message: expect.stringContaining('safety_violations=[violence]') })],
    ['a content policy', raw(400, apiError({ code: 'content_policy_violation' })), notBilled('CONTENT_REFUSED', false)],
    ['a flagged prompt', raw(400, apiError({ code: 'invalid_prompt', message: 'Your prompt was flagged.' })), notBilled('CONTENT_REFUSED', false)],
    ['an invalid prompt', raw(400, apiError({ code: 'invalid_prompt', message: 'Too long.' })), notBilled('PROVIDER_REJECTED', false)],
    ['moderation of the finished picture', raw(400, apiError({ code: 'moderation_blocked', moderation_details: { moderation_stage: 'output' } })), { type: 'ended', billing: 'maybe', failure: expect.objectContaining({ code: 'CONTENT_REFUSED' }) }],
    ['overload without end', raw(503, apiError({ code: `${'overloaded'.repeat(150_000)}!` })), { type: 'ambiguous', reason: expect.anything(), providerStatus: 503 }],
    ['overload in the documented form', { kind: 'overloaded', retry_after: '3' }, notBilled('PROVIDER_UNAVAILABLE', true, { retryAfterSeconds: 3, providerStatus: 503 })],
    ['503 of something between', raw(503, apiError({ type: 'upstream_error', code: 'bad_response' })), { type: 'ambiguous', providerStatus: 503 }],
    ['503 without a body', raw(503), { type: 'ambiguous', providerStatus: 503 }],
    ['500 without a body', { kind: 'server_error', body: '' }, { type: 'ambiguous', providerStatus: 500 }],
    ['500 with a body', { kind: 'server_error' }, { type: 'ambiguous', providerStatus: 500, reason: expect.stringContaining('The server had an error.') }],
    ['502 of a gateway', raw(502, apiError({ type: 'upstream_error' })), { type: 'ambiguous', providerStatus: 502 }],
    ['400 without a documented form', raw(400, { message: 'no' }), { type: 'ambiguous', providerStatus: 400 }],
    ['400 with a message alone', raw(400, { error: { message: 'upstream failed' } }), { type: 'ambiguous', reason: expect.stringContaining('upstream failed') }],
    ['404 of a web server', raw(404, '<h1>404</h1>'), { type: 'ambiguous', providerStatus: 404 }],
    ['408', raw(408, apiError({})), { type: 'ambiguous', providerStatus: 408 }],
    ['409', raw(409, apiError({})), { type: 'ambiguous', providerStatus: 409 }],
    ['a redirect', raw(307, '', { location: '/v1/responses' }), { type: 'ambiguous', providerStatus: 307, reason: expect.stringContaining('redirect') }],
    ['200 with an error in it', raw(200, apiError({})), { type: 'ambiguous', providerStatus: 200, reason: expect.stringContaining('It is so.') }],
    ['200 with an empty body', raw(200), { type: 'ambiguous', providerStatus: 200 }],
    ['an id that is no id', raw(200, { id: '../files', status: 'queued' }), { type: 'accepted', handle: '../files' }],
    ['an id of dots', raw(200, { id: '..', status: 'queued' }), { type: 'ambiguous' }],
    ['an id with a control character', raw(200, { id: 'resp_\u001b[2J', status: 'queued' }), { type: 'ambiguous' }],
    ['a bare id', raw(201, { id: 'resp_1' }), { type: 'accepted', handle: 'resp_1' }],
    ['an unknown status', raw(200, { id: 'resp_1', status: 'pondering', output: null, error: 'x' }), { type: 'accepted', handle: 'resp_1' }],
    ['a dropped connection', { kind: 'drop' }, { type: 'ambiguous', reason: expect.stringContaining('connection') }],
    ['a lost reply', { kind: 'reply_lost' }, { type: 'ambiguous', reason: expect.stringContaining('connection') }],
    ['a reply that breaks off', { kind: 'truncated_body' }, { type: 'ambiguous', providerStatus: 200 }],
    ['an unreadable reply', { kind: 'unreadable' }, { type: 'ambiguous', providerStatus: 200 }],
    ['a reply without an id', { kind: 'no_id' }, { type: 'ambiguous', providerStatus: 200 }],
    ['a reply over the limit', { kind: 'huge_body' }, { type: 'ambiguous', providerStatus: 200, reason: expect.stringContaining('larger') }],
    ['a slow reply', { kind: 'slow_body' }, { type: 'accepted' }],
    ['a picture at once', { kind: 'done_at_once' }, { type: 'done', images: [{ mimeType: 'image/png' }] }],
  ])('%s', async (_name, fault, expected) => {
    fake.fault(fault);
    expect(await send()).toMatchObject(expected);
    expect(fake.requests).toHaveLength(1);
  });

  it('refused connection: nothing left', async () => {
    const server = net.createServer();
    const port = await new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        resolve(typeof address === 'object' && address ? address.port : 0);
      });
    });
    await new Promise((resolve) => server.close(resolve));
    const outcome = await submit(createOpenAiGenerator(SETTINGS), account(`http://127.0.0.1:${port}/v1`));
    expect(outcome).toMatchObject(notBilled('PROVIDER_UNAVAILABLE', true, { billing: 'none' }));
  });

  it('TLS failure: nothing left', async () => {
    const outcome = await submit(createOpenAiGenerator(SETTINGS), account(fake.url.replace('http:', 'https:')));
    expect(outcome).toMatchObject(notBilled('PROVIDER_UNAVAILABLE', true));
    expect(fake.requests).toEqual([]);
  });

  it('names the request of the provider for its support', async () => {
    fake.fault({ kind: 'server_error' });
    expect(await send()).toMatchObject({ reason: expect.stringMatching(/HTTP 500 \(request req_\d+\)/) });
  });
});

describe('text of the provider', () => {
  it('is cleaned, clipped and without the key, in errors, reasons and notes', async () => {
    const hostile = `bad \u001b[31mkey\u202e {key}\n${'x'.repeat(400)}`;
    fake.fault(raw(400, apiError({ message: hostile })), raw(500, apiError({ message: hostile })), raw(200, 'echo {key} \u0007'));
    fake.fault(
      raw(200, {
        id: 'resp_{key}',
        status: 'completed',
        output: [{ type: 'image_generation_call', result: 'iVBORw0KGgo=', revised_prompt: hostile }],
        usage: { input_tokens: 3, echo: '{key}', nested: { image_tokens: 4 } },
      }),
    );
    const outcomes = [await send(), await send(), await send(), await send()];
    expect(outcomes.map(({ type }) => type)).toEqual(['not_billed', 'ambiguous', 'ambiguous', 'done']);
    const all = JSON.stringify(outcomes.map((outcome) => ('failure' in outcome ? outcome.failure.toJobError() : outcome)));
    // eslint-disable-next-line no-control-regex
    expect(all).not.toMatch(/\\u001b|\u202e|\\n|x{301}/);
    expect(all).toContain('[key]');
    expect(all).not.toContain(KEY);
    expect(outcomes[3]).toMatchObject({ notes: [expect.stringMatching(/^Revised prompt: bad key \[key\] x+…$/)], usage: { input_tokens: 3, nested: { image_tokens: 4 } } });
  });
});

describe('a late reply', () => {
  it('still counts while the socket listens on', async () => {
    fake.fault({ kind: 'hang' });
    const generator = createOpenAiGenerator({ ...SETTINGS, submitTimeoutSeconds: 0.2 });
    const prepared = await generator.prepare(order(), account(fake.url), ATTEMPT, undefined);
    expect(prepared.givesUpAfterSeconds).toBe(0.2);
    const reply = prepared.send(30);
    await fake.waitForRequest((entry) => entry.faults.includes('hang'));
    await new Promise((resolve) => setTimeout(resolve, prepared.givesUpAfterSeconds * 1000));
    fake.release();
    expect(await reply).toMatchObject({ type: 'accepted', handle: fake.ledger().entries[0]?.id });
    expect(fake.requests).toHaveLength(1);
  });

  it('that never comes is ambiguous at the very end', async () => {
    fake.fault({ kind: 'hang' });
    const generator = createOpenAiGenerator({ ...SETTINGS, submitTimeoutSeconds: 0.1 });
    const prepared = await generator.prepare(order(), account(fake.url), ATTEMPT, undefined);
    expect(await prepared.send(0.2)).toMatchObject({ type: 'ambiguous', reason: expect.stringContaining('no complete reply') });
    expect(fake.ledger().total).toBe(1);
  });
});

describe('the synchronous form', () => {
  it('is asked for by a gateway without background mode, and remembered for its account', async () => {
    fake.settings.background_supported = false;
    const generator = createOpenAiGenerator(SETTINGS);
    const gateway = account(fake.url);
    const first = await generator.prepare(order(), gateway, ATTEMPT, undefined);
    expect([first.form, first.givesUpAfterSeconds]).toEqual(['background', 10]);
    expect(await first.send(0)).toMatchObject({ type: 'not_billed', nextForm: 'synchronous', failure: { retryable: true } });
    expect(fake.ledger().total).toBe(0);

    const second = await generator.prepare(order(), gateway, ATTEMPT, 'synchronous');
    expect([second.form, second.givesUpAfterSeconds]).toEqual(['synchronous', 20]);
    expect(await second.send(0)).toMatchObject({
      type: 'done',
      images: [{ mimeType: 'image/png' }],
      usage: { total_tokens: 80, image_gen: { output_tokens: 1568 } },
      notes: ['Revised prompt: a red fox, in detail'],
    });
    expect(fake.requests[1]?.body).not.toHaveProperty('background');
    expect(fake.ledger().total).toBe(1);

    expect((await generator.prepare(order(), gateway, ATTEMPT, undefined)).form).toBe('synchronous');
    expect((await generator.prepare(order(), account(fake.url, {}, 'sk-another'), ATTEMPT, undefined)).form).toBe('background');
    expect((await generator.prepare(order(), gateway, ATTEMPT, 'background')).form).toBe('background');
  });

  const refusal = { kind: 'reply', status: 400 } as const;
  it.each<[string, FaultInput, Partial<GenerationRequest['picture']>]>([
    ["OpenAI's words", { kind: 'background_refused' }, {}],
    ["OpenAI's words, with a background of the picture", { kind: 'background_refused' }, { background: 'opaque' }],
    ['an unknown parameter', raw(400, apiError({ message: "Unknown parameter: 'background'.", code: 'unknown_parameter', param: 'background' })), {}],
    ['a gateway without param', raw(422, apiError({ message: 'background: unknown field; parameter background is not supported' })), {}],
    ['background mode by name', raw(400, apiError({ message: 'Background mode is not enabled for this organization.' })), {}],
    ['the store that it needs', raw(400, apiError({ message: "'store' must be false.", param: 'store' })), {}],
    ["a gateway's detail", raw(400, { detail: 'Unsupported parameter: background' }), {}],
    ['a list of locations', raw(422, { detail: [{ type: 'extra_forbidden', loc: ['body', 'background'], msg: 'Extra inputs are not permitted' }] }), {}],
    ['an image model that is meant', raw(400, apiError({ message: "Parameter 'background' is not supported by the image model", param: 'background' })), {}],
  ])('follows from %s', async (_name, fault, picture) => {
    fake.fault({ ...refusal, ...fault });
    expect(await send(order(picture))).toMatchObject({ type: 'not_billed', nextForm: 'synchronous' });
  });

  it.each<[string, FaultInput, Partial<GenerationRequest['picture']>, string]>([
    ['the background of the picture', raw(400, apiError({ message: 'Transparent background is not supported for JPEG output format', param: 'background' })), { background: 'transparent' }, 'not_billed'],
    ['the field of the tool', raw(400, apiError({ message: "Unknown parameter: 'tools[0].background'.", param: 'tools[0].background' })), { background: 'opaque' }, 'not_billed'],
    ['a background in the prompt', raw(400, apiError({ message: 'A dark background is not allowed here.' })), {}, 'not_billed'],
    ['a refused content with a background', raw(400, apiError({ message: "'background' is not allowed", code: 'moderation_blocked' })), {}, 'not_billed'],
    ['another unknown parameter', raw(400, apiError({ message: "Unknown parameter: 'metadata'.", param: 'metadata' })), {}, 'not_billed'],
    ['a location in the tool', raw(422, { detail: [{ loc: ['body', 'tools', 0, 'background'], msg: 'no' }] }), { background: 'opaque' }, 'ambiguous'],
    ['a server error about it', raw(500, apiError({ message: "Unsupported parameter: 'background'", param: 'background' })), {}, 'ambiguous'],
  ])('does not follow from %s', async (_name, fault, picture, type) => {
    fake.fault(fault);
    const outcome = await send(order(picture));
    expect(outcome.type).toBe(type);
    expect(outcome).not.toHaveProperty('nextForm');
  });

  it('is not asked for a second time', async () => {
    fake.fault({ kind: 'background_refused' });
    const outcome = await send(order(), 'synchronous');
    expect(outcome).toMatchObject(notBilled('PROVIDER_REJECTED', false));
    expect(outcome).not.toHaveProperty('nextForm');
  });

  it('ends at once with a refusal or without a picture', async () => {
    fake.fault({ kind: 'refusal' }, { kind: 'empty' });
    expect(await send(order(), 'synchronous')).toMatchObject({ type: 'ended', billing: 'maybe', failure: { code: 'CONTENT_REFUSED' } });
    expect(await send(order(), 'synchronous')).toMatchObject({ type: 'ended', billing: 'maybe', failure: { code: 'NO_IMAGE' } });
  });

  it('edits with references too', async () => {
    const references = [await reference(32, 32)];
    expect(await send(order({ kind: 'image_edit' }, { references }), 'synchronous')).toMatchObject({ type: 'done' });
  });
});
