import { spawn } from 'node:child_process';
import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import sharp from 'sharp';
import { jobRecordSchema, type JobRecord } from '../../src/contract/record.js';
import { CLI, makeBox, run, until, type Box, type Run } from '../support/e2e.js';
import { startFakeOpenAi, type FakeOpenAi } from '../support/fake-openai.js';
import { temporalBinary } from '../support/temporal-binary.js';

jest.setTimeout(120_000);

const LOCAL = ['--provider', 'local', '--size', '512x512'];
const OPENAI = ['--provider', 'openai', '--size', '512x512'];

let box: Box;
let fake: FakeOpenAi;
let red: string;
let blue: string;
let mask: string;

beforeAll(async () => {
  fake = await startFakeOpenAi();
  box = await makeBox({ OPENAI_API_KEY: 'sk-canary-of-the-cli', OPENAI_BASE_URL: fake.url });
  const paint = async (name: string, background: string | { r: number; g: number; b: number; alpha: number }, channels: 3 | 4 = 3): Promise<string> => {
    const path = join(box.folder, `${name}.png`);
    await sharp({ create: { width: 64, height: 64, channels, background } }).png().toFile(path);
    return path;
  };
  red = await paint('red', 'red');
  blue = await paint('blue', 'blue');
  mask = await paint('mask', { r: 0, g: 0, b: 0, alpha: 0 }, 4);
});
afterAll(async () => {
  await box.close();
  await fake.close();
});

function recordOf({ stdout }: Run): JobRecord {
  return jobRecordSchema.parse(JSON.parse(stdout));
}

async function sha256Of(path: string): Promise<string> {
  return createHash('sha256').update(await readFile(path)).digest('hex');
}

/** The command in a message, as a shell runs it. */
async function paste(message: string): Promise<Run> {
  const command = /\S+ \S+cli\.js .*$/m.exec(message)?.[0];
  if (command === undefined) throw new Error(`no command in: ${message}`);
  return await run('/bin/sh', ['-c', command], box.env);
}

/** A command in a process of its own, to be interrupted. */
function start(args: readonly string[], env: Record<string, string> = {}): { interrupt(): void; stderr(): string; ended: Promise<Run> } {
  const child = spawn(process.execPath, [CLI, ...args], { env: { ...box.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = new Promise<Run>((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr })));
  return { interrupt: () => void child.kill('SIGINT'), stderr: () => stderr, ended };
}

describe('generate', () => {
  it('waits for the end and prints path, size and digest of each picture', async () => {
    const { code, stdout, stderr } = await box.cli(['generate', 'a red kite', ...LOCAL, '--n', '2', '--basename', 'kite', '--tag', 'one', '--tag', 'two']);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    const lines = stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(4);
    for (const at of [0, 2]) {
      const path = lines[at] ?? '';
      expect(path.startsWith(join(box.pictures, 'kite-'))).toBe(true);
      expect(lines[at + 1]).toMatch(new RegExp(`^  512x512 image/png, [\\d.]+ kB, sha256 ${await sha256Of(path)}$`));
    }
    // A log has a line a change, and no cursor is moved.
    expect(stderr).toMatch(/^job img-[0-9a-f]{32}$/m);
    expect(stderr).toMatch(/^img-[0-9a-f]{32}: completed/m);
    expect(stderr).toMatch(/PREVIEW, no image model is configured/);
    // eslint-disable-next-line no-control-regex
    expect(stderr).not.toMatch(/[\u001b\r]/);
  });

  it('gives the record as JSON, with every argument in it', async () => {
    const args = ['--aspect-ratio', '2:1', '--output-format', 'jpeg', '--seed', '7', '--priority', '1', '--deadline-seconds', '60', '--tag', 'poster'];
    const ended = await box.cli(['generate', 'a red kite', '--provider', 'local', ...args, '--idempotency-key', 'cli-json', '--json']);
    expect(ended.code).toBe(0);
    const record = recordOf(ended);
    expect(record).toMatchObject({ ok: true, status: 'completed', done: true, kind: 'image_generate', provider: 'local', tags: ['poster'] });
    const [saved] = record.result?.saved ?? [];
    expect(saved).toMatchObject({ mime_type: 'image/jpeg' });
    expect((saved?.width ?? 0) / (saved?.height ?? 1)).toBeCloseTo(2, 1);

    const again = await box.cli(['generate', 'a red kite', '--provider', 'local', ...args, '--idempotency-key', 'cli-json', '--json']);
    expect(again.code).toBe(0);
    expect(again.stderr).toMatch(/was started before/);
    expect(recordOf(again)).toMatchObject({ job_id: record.job_id, deduplicated: true });
    const other = await box.cli(['generate', 'a blue kite', '--provider', 'local', ...args, '--idempotency-key', 'cli-json']);
    expect(other).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/^IDEMPOTENCY_CONFLICT/m) });
  });

  it('saves where it is told, relative to the working folder', async () => {
    const args = [CLI, 'generate', 'a red kite', ...LOCAL, '--save-dir', 'elsewhere/deep', '--json'];
    const script = `cd '${box.folder}' && '${process.execPath}' ${args.map((arg) => `'${arg}'`).join(' ')}`;
    const ended = await run('/bin/sh', ['-c', script], box.env);
    expect(ended.code).toBe(0);
    const path = recordOf(ended).result?.saved[0]?.path ?? '';
    expect(path.startsWith(join(box.folder, 'elsewhere', 'deep', 'image-'))).toBe(true);
    expect((await stat(path)).isFile()).toBe(true);
  });

  it('names every problem at once, by the arguments’ names, and starts nothing', async () => {
    const before = fake.requests.length;
    const args = ['generate', 'x', '--provider', 'nobody', '--size', '1x1', '--n', 'many', '--priority', '9', '--fallback', 'nobody'];
    const { code, stdout, stderr } = await box.cli(args);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^INVALID_ARGUMENT: 5 problems$/m);
    for (const field of ['provider', 'size', 'n', 'priority', 'fallback[0]']) expect(stderr).toContain(`  ${field}: `);

    const asked = await box.cli([...args, '--json']);
    expect(asked.code).toBe(2);
    expect(JSON.parse(asked.stdout)).toMatchObject({ ok: false, error: { code: 'INVALID_ARGUMENT', retryable: false } });
    expect(fake.requests).toHaveLength(before);
  });

  it('answers at once with --no-wait, and the command that it names waits', async () => {
    const started = await box.cli(['generate', 'a red kite', ...LOCAL, '--no-wait']);
    expect(started).toMatchObject({ code: 3, stdout: expect.stringMatching(/^img-[0-9a-f]{32}\n$/) });
    const waited = await paste(started.stderr);
    expect(waited.code).toBe(0);
    expect((await stat(waited.stdout.split('\n')[0] ?? '')).isFile()).toBe(true);

    const asJson = await box.cli(['generate', 'a red kite', ...LOCAL, '--no-wait', '--json']);
    expect(asJson.code).toBe(3);
    expect(recordOf(asJson)).toMatchObject({ ok: true, status: 'running', done: false });
  });

  it('stops waiting on Ctrl-C, never the job, and says how to go on', async () => {
    fake.fault({ kind: 'never_done' });
    const generating = start(['generate', 'never done', ...OPENAI, '--json']);
    await until(() => /: generating/.test(generating.stderr()), 'the job to be at work');
    generating.interrupt();
    const stopped = await generating.ended;
    expect(stopped.code).toBe(3);
    expect(recordOf(stopped)).toMatchObject({ status: 'running', done: false });
    expect(stopped.stderr).toMatch(/Stopped waiting; the job goes on/);
    const { job_id: jobId } = recordOf(stopped);

    const short = await box.cli(['jobs', 'wait', jobId, '--timeout', '1']);
    expect(short.code).toBe(3);
    const cancelled = await box.cli(['jobs', 'cancel', jobId, '--json']);
    expect(recordOf(cancelled)).toMatchObject({ status: 'cancelled' });
    expect(cancelled.code).toBe(0);
    expect((await box.cli(['jobs', 'wait', jobId])).code).toBe(1);
  });

  it('pays once, and a failed job is exit code 1 with what to do', async () => {
    const paid = await box.cli(['generate', 'paid for', ...OPENAI, '--json']);
    expect(paid.code).toBe(0);
    expect(recordOf(paid)).toMatchObject({ ok: true, provider: 'openai', billing: 'billed' });
    expect(fake.ledger().by_prompt['paid for']).toBe(1);

    fake.fault({ kind: 'moderation', match: 'refused \u001b[31mred' });
    const refused = await box.cli(['generate', 'refused \u001b[31mred', ...OPENAI]);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch(/^CONTENT_REFUSED: /m);
    for (const { stdout, stderr } of [paid, refused]) {
      expect(stdout + stderr).not.toContain('sk-canary');
      expect(stdout + stderr).not.toContain('\u001b');
    }
  });
});

describe('edit', () => {
  it.each<[string, string[], string, string, object]>([
    ['one image', [], 'image_edit', 'grayscale', {}],
    ['several', ['blue'], 'image_multi_reference', 'side by side', { n_references: 2 }],
    ['a batch', ['blue', '--batch'], 'image_batch_edit', 'grayscale', { results: [{ ok: true }, { ok: true }] }],
  ])('takes %s', async (_, more, kind, prompt, result) => {
    const images = ['--image', red, ...(more.includes('blue') ? ['--image', blue] : []), ...more.filter((word) => word !== 'blue')];
    const ended = await box.cli(['edit', prompt, ...images, '--provider', 'local', '--json']);
    expect(ended.code).toBe(0);
    expect(recordOf(ended)).toMatchObject({ kind, status: 'completed', result });
  });

  it('takes paths as they are typed in the working folder, and a mask', async () => {
    const script = `cd '${box.folder}' && '${process.execPath}' '${CLI}' edit 'a new sky' --image red.png --mask ./${basename(mask)} --provider openai --json`;
    const ended = await run('/bin/sh', ['-c', script], box.env);
    expect(ended.code).toBe(0);
    const [entry] = fake.ledger().entries.filter(({ prompt }) => prompt.includes('a new sky'));
    expect(entry?.images).toHaveLength(1);
    expect(entry?.mask).toBeDefined();
  });

  it('refuses what is missing, outside or no picture, all together', async () => {
    expect(await box.cli(['edit', 'grayscale'])).toMatchObject({ code: 2, stderr: expect.stringMatching(/image_path: is required/) });
    const text = join(box.folder, 'text.png');
    await writeFile(text, 'no picture');
    const { code, stdout } = await box.cli(['edit', 'x', '--image', join(box.folder, 'missing.png'), '--image', text, '--image', '/etc/hostname', '--json']);
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({
      error: {
        code: 'INVALID_ARGUMENT',
        problems: [
          { field: 'image_paths[0]', code: 'REFERENCE_UNREADABLE' },
          { field: 'image_paths[1]', code: 'UNSUPPORTED_IMAGE' },
          { field: 'image_paths[2]', code: 'PERMISSION_DENIED' },
        ],
      },
    });
  });
});

describe('while the local stack is being prepared', () => {
  /** The Temporal server, some seconds later. */
  async function slowServer(folder: string, seconds: number): Promise<string> {
    const path = join(folder, 'slow-temporal');
    await writeFile(path, `#!/bin/sh\n[ "$1" = server ] && sleep ${seconds}\nexec '${await temporalBinary()}' "$@"\n`);
    await chmod(path, 0o755);
    return path;
  }

  it('generate shows the preparation and then does its work; an interrupt before that starts nothing', async () => {
    const slow = await makeBox();
    try {
      const TEMPORAL_CLI = await slowServer(slow.folder, 8);
      const env = { ...slow.env, TEMPORAL_CLI };
      const waiting = start(['generate', 'a red kite', ...LOCAL], env);
      await until(() => waiting.stderr().includes('The local stack is being prepared: starting the Temporal server'), 'the preparation');
      waiting.interrupt();
      const stopped = await waiting.ended;
      expect(stopped).toMatchObject({ code: 3, stdout: '', stderr: expect.stringMatching(/^STARTING: .*nothing was started/m) });

      const made = await slow.cli(['generate', 'a red kite', ...LOCAL, '--json'], env);
      expect(made.code).toBe(0);
      expect(recordOf(made)).toMatchObject({ status: 'completed' });
      const listed = await slow.cli(['jobs', 'list', '--json']);
      expect(JSON.parse(listed.stdout)).toMatchObject({ jobs: [{ status: 'completed' }] });
      expect(listed.stdout.match(/"job_id"/g)).toHaveLength(1);
    } finally {
      await slow.close();
    }
  });
});
