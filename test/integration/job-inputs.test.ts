import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { newJobId } from '../../src/contract/ids.js';
import { jobRecordSchema } from '../../src/contract/record.js';
import { picture, states, useEngine } from './job-support.js';

/** What programs hand to the workflow themselves: checked whole, whoever started it. */
const get = useEngine();

describe('an input that cannot be', () => {
  const generate = picture('a hedge');
  const bad: [string, unknown, string][] = [
    ['null', null, 'INVALID_ARGUMENT'],
    ['a string', 'a hedge', 'INVALID_ARGUMENT'],
    ['a list', [generate], 'INVALID_ARGUMENT'],
    ['no kind', { prompt: 'a hedge' }, 'INVALID_ARGUMENT'],
    ['another kind', { ...generate, kind: 'video_generate' }, 'INVALID_ARGUMENT'],
    ['fields of wrong types', { kind: 7, prompt: {}, provider: [], model: 5, tags: 'x', deadline_seconds: 'soon', image_paths: 'y' }, 'INVALID_ARGUMENT'],
    ['a key', { ...generate, api_key: 'sk-in-the-input' }, 'INVALID_ARGUMENT'],
    ['an unknown field', { ...generate, promt: 'x' }, 'INVALID_ARGUMENT'],
    ['no prompt', { ...generate, prompt: '  ' }, 'INVALID_ARGUMENT'],
    ['a prompt of 40,000 characters', { ...generate, prompt: 'x'.repeat(40_000) }, 'INVALID_ARGUMENT'],
    ['300 KB', { ...generate, prompt: 'x'.repeat(300_000) }, 'LIMIT_EXCEEDED'],
    ['a size of one pixel', { ...generate, size: '1x1' }, 'INVALID_ARGUMENT'],
    ['a provider that does not exist', { ...generate, provider: 'nobody' }, 'INVALID_ARGUMENT'],
    ['a fallback that does not exist', { ...generate, fallback: ['nobody'] }, 'INVALID_ARGUMENT'],
    ['a data: URL', { ...generate, kind: 'image_edit', image_path: 'data:image/png;base64,iVBORw0KGgo=' }, 'INVALID_ARGUMENT'],
    ['a relative path', { ...generate, kind: 'image_edit', image_path: 'picture.png' }, 'INVALID_ARGUMENT'],
    ['a path outside the roots', { ...generate, kind: 'image_edit', image_path: '/etc/hostname' }, 'PERMISSION_DENIED'],
    ['a save_dir outside the roots', { ...generate, save_dir: '/etc' }, 'PERMISSION_DENIED'],
    ['a reference that no store has', { ...generate, kind: 'image_edit', image_path: { sha256: 'a'.repeat(64) } }, 'REFERENCE_UNREADABLE'],
  ];
  it.each(bad)('%s ends the job at once; nothing is opened or sent', async (_name, input, code) => {
    const engine = get();
    const jobId = newJobId();
    await engine.client.workflow.start('imageJob', { workflowId: jobId, taskQueue: 'image-jobs', args: [input] });
    const record = await engine.ended(jobId);
    expect(jobRecordSchema.parse(record)).toMatchObject({ ok: false, status: 'failed', billing: 'none', error: { code, retryable: false } });
    expect(record.error?.message.length).toBeLessThan(1000);
    expect(record.error?.next_step).not.toBe('');
    expect(JSON.stringify(record)).not.toContain('sk-in-the-input');
    expect(await engine.records(jobId)).toEqual([]);
    expect(engine.fake.requests).toEqual([]);
  });

  it('that is refused is no manifest either', async () => {
    const engine = get();
    const jobId = newJobId();
    await engine.start(jobId, { ...generate, api_key: 'sk-in-the-input' });
    await engine.ended(jobId);
    expect(await engine.manifests.read(jobId)).toBeUndefined();
  });
});

describe('a batch', () => {
  it('with one unreadable input: its siblings are made, and it alone is bought when it can be read', async () => {
    const engine = get();
    const paths = await Promise.all(['red', 'green', 'blue'].map((colour) => pictureFile(join(engine.folder, `${colour}.png`), colour)));
    const [red, green, blue] = paths;
    const missing = join(engine.folder, 'missing.png');
    const input = picture('at night', { kind: 'image_batch_edit', image_paths: [red, missing, green, blue] });
    const jobId = newJobId();
    await engine.start(jobId, input);
    const record = await engine.ended(jobId);
    expect(record).toMatchObject({ ok: true, status: 'completed', billing: 'billed', message: '3 images ready, 1 failed.' });
    expect(record.progress).toEqual({ completed: 4, total: 4 });
    const results = record.result?.results ?? [];
    expect(results.map(({ index, ok }) => [index, ok])).toEqual([[0, true], [1, false], [2, true], [3, true]]);
    expect(results[1]).toMatchObject({ error: { code: 'REFERENCE_UNREADABLE' } });
    expect(record.result?.saved.map(({ uri }) => uri.split('/').at(-1))).toEqual(['0', '1', '2']);
    expect(results.flatMap(({ saved }) => saved ?? [])).toEqual(record.result?.saved);
    expect(engine.fake.ledger().total).toBe(3);
    expect(await states(engine, jobId)).toEqual(['done', 'done', 'done']);

    await pictureFile(missing, 'white');
    await engine.start(jobId, input);
    const whole = await engine.ended(jobId);
    expect(whole).toMatchObject({ status: 'completed', message: '4 images ready.' });
    const [first, , third, fourth] = whole.result?.results ?? [];
    expect([first, third, fourth].map((one) => one?.saved?.[0]?.sha256)).toEqual(record.result?.saved.map(({ sha256 }) => sha256));
    expect(engine.fake.ledger().total).toBe(4);
    expect(engine.fake.violations).toEqual([]);
  });

  it('none of whose inputs can be read fails, unpaid', async () => {
    const engine = get();
    const jobId = newJobId();
    const gone = [join(engine.folder, 'gone-1.png'), join(engine.folder, 'gone-2.png')];
    await engine.start(jobId, picture('by day', { kind: 'image_batch_edit', image_paths: gone }));
    expect(await engine.ended(jobId)).toMatchObject({ status: 'failed', billing: 'none', error: { code: 'REFERENCE_UNREADABLE' } });
    expect(engine.fake.requests).toEqual([]);
  });

  it('keeps what it was submitted with: a file that is changed afterwards changes no picture of the same job', async () => {
    const engine = get();
    const path = await pictureFile(join(engine.folder, 'changing.png'), 'yellow');
    const input = picture('in snow', { kind: 'image_batch_edit', image_paths: [path] });
    const jobId = newJobId();
    await engine.start(jobId, input);
    const first = await engine.ended(jobId);
    await pictureFile(path, 'black');
    await engine.start(jobId, input);
    expect((await engine.ended(jobId)).result?.saved[0]?.sha256).toBe(first.result?.saved[0]?.sha256);
    expect(engine.fake.ledger().total).toBe(1);
  });
});

async function pictureFile(path: string, background: string): Promise<string> {
  await writeFile(path, await sharp({ create: { width: 64, height: 64, channels: 3, background } }).png().toBuffer());
  return path;
}
