import { describe, expect, it } from '@jest/globals';
import { MAX_ANSWER_BYTES, wireAnswer, type WireAnswer } from '../../../src/mcp/answer.js';
import { JOB_ID } from './fakes.js';

const size = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

function textOf({ content: [block] }: WireAnswer): string {
  return block?.type === 'text' ? block.text : '';
}

describe('a report', () => {
  it('is the same record twice: structured, and as one line of JSON', () => {
    const record = { ok: true, job_id: JOB_ID, message: 'two\nlines' };
    const wire = wireAnswer({ record });
    expect(wire.structuredContent).toEqual(record);
    expect(wire.content).toHaveLength(1);
    expect(textOf(wire)).not.toContain('\n');
    expect(JSON.parse(textOf(wire))).toEqual(record);
    expect(wire).not.toHaveProperty('isError');
  });

  it.each([
    ['one long text', { message: 'é"'.repeat(2_000_000) }],
    ['a long list', { notes: Array.from({ length: 50_000 }, (_, index) => `note ${index} ${'x'.repeat(50)}`) }],
    ['much in depth', { usage: Object.fromEntries(Array.from({ length: 90 }, (_, a) => [`a${a}`, Array.from({ length: 90 }, () => 'y'.repeat(4000))])) }],
  ])('never exceeds 1 MiB: %s', (_name, bulk) => {
    const wire = wireAnswer({ record: { ok: true, job_id: JOB_ID, path: '/home/user/a.png', ...bulk } });
    expect(size(wire)).toBeLessThanOrEqual(MAX_ANSWER_BYTES);
    expect(wire.structuredContent).toMatchObject({ ok: true, job_id: JOB_ID });
    expect(JSON.parse(textOf(wire))).toEqual(wire.structuredContent);
  });

  it('falls back to naming the job when even that is too much', () => {
    const deep = (levels: number): unknown => (levels === 0 ? 'z'.repeat(500) : Array.from({ length: 20 }, () => deep(levels - 1)));
    const wire = wireAnswer({ record: { ok: false, job_id: JOB_ID, status: 'failed', usage: deep(3) } });
    expect(wire.structuredContent).toEqual({ ok: false, job_id: JOB_ID, status: 'failed', message: expect.any(String) });
  });
});

describe('pictures and links', () => {
  const picture = (length: number) => ({ kind: 'image' as const, bytes: Buffer.alloc(length, 7), mimeType: 'image/jpeg' });

  it('follow the one text block', () => {
    const link = { kind: 'link' as const, uri: 'image://jobs/a/outputs/0', name: 'a.png', mimeType: 'image/png', sizeBytes: 12 };
    const wire = wireAnswer({ record: { ok: true }, attachments: [picture(3), link] });
    expect(wire.content).toEqual([
      { type: 'text', text: '{"ok":true}' },
      { type: 'image', data: 'BwcH', mimeType: 'image/jpeg', annotations: { audience: ['user', 'assistant'] } },
      { type: 'resource_link', uri: link.uri, name: 'a.png', mimeType: 'image/png', size: 12 },
    ]);
    expect(wire.structuredContent).toEqual({ ok: true });
  });

  it.each([
    [0, 4 * 48 * 1024, 3],
    [600_000, 48 * 1024, 4],
    [1_000_000, 48 * 1024, 0],
    [0, 700 * 1024, 1],
  ])('never make an answer exceed 1 MiB: %i bytes of text and pictures of %i', (text, each, shown) => {
    const record = { ok: true, message: 'x'.repeat(text / 2 - 100 > 0 ? text / 2 - 100 : 0) };
    const wire = wireAnswer({ record, attachments: Array.from({ length: 4 }, () => picture(each)) });
    expect(size(wire)).toBeLessThanOrEqual(MAX_ANSWER_BYTES);
    expect(wire.content.filter(({ type }) => type === 'image')).toHaveLength(shown);
    expect(wire.structuredContent).toEqual(record);
  });
});

describe('a refusal', () => {
  it('is one line of JSON, nothing structured, and its message begins with the code', () => {
    const wire = wireAnswer({ status: 'unknown', refusal: { code: 'NOT_FOUND', message: 'Unknown job_id: x', next_step: 'Look.', retryable: false } });
    expect(wire).toEqual({ isError: true, content: [{ type: 'text', text: expect.any(String) }] });
    expect(JSON.parse(textOf(wire))).toEqual({
      ok: false,
      status: 'unknown',
      error: { code: 'NOT_FOUND', message: 'NOT_FOUND: Unknown job_id: x', next_step: 'Look.', retryable: false },
    });
  });

  it('stays short enough to be shown whole', () => {
    const problems = Array.from({ length: 200 }, (_, index) => ({ field: `image_paths[${index}]`, code: 'INVALID_ARGUMENT' as const, message: 'p'.repeat(300) }));
    const wire = wireAnswer({ refusal: { code: 'INVALID_ARGUMENT', message: 'm'.repeat(60_000), next_step: 's', retryable: false, problems } });
    expect(size(wire)).toBeLessThan(10_000);
    expect(JSON.parse(textOf(wire))).toMatchObject({ ok: false, error: { code: 'INVALID_ARGUMENT', problems: expect.any(Array) } });
  });
});
