import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it, jest } from '@jest/globals';
import { DeterminismViolationError } from '@temporalio/workflow';
import { Worker, type ReplayResult } from '@temporalio/worker';
import { pino } from 'pino';
import { installRuntime } from '../../src/worker-runtime.js';
import { historyFromJson } from './history-json.js';

/**
 * Jobs that were started with an earlier version of the workflow go on with this one: every recorded history is replayed
 * against the bundle that workers load. A red test means that running jobs would stand still after an update.
 */
const HISTORIES = fileURLToPath(new URL('histories/', import.meta.url));
const BUNDLE = fileURLToPath(new URL('../../dist/workflow-bundle.js', import.meta.url));

jest.setTimeout(60_000);

let histories: { workflowId: string; text: string }[];
let code: string;

beforeAll(async () => {
  installRuntime(pino({ level: 'silent' }));
  code = await readFile(BUNDLE, 'utf8');
  const names = (await readdir(HISTORIES)).filter((name) => name.endsWith('.json')).sort();
  histories = await Promise.all(
    names.map(async (name) => ({
      workflowId: name.replace(/\.json$/, ''),
      text: await readFile(join(HISTORIES, name), 'utf8'),
    })),
  );
});

async function replay(replayed: typeof histories, bundle = code): Promise<Map<string, ReplayResult['error']>> {
  const errors = new Map<string, ReplayResult['error']>();
  const options = { workflowBundle: { code: bundle }, replayName: crypto.randomUUID() };
  const read = replayed.map(({ workflowId, text }) => ({ workflowId, history: historyFromJson(text) }));
  for await (const { workflowId, error } of Worker.runReplayHistories(options, read)) errors.set(workflowId, error);
  return errors;
}

describe('replay', () => {
  it('every recorded history goes on with this workflow', async () => {
    const errors = await replay(histories);
    expect([...errors]).toEqual(histories.map(({ workflowId }) => [workflowId, undefined]));
    expect(histories.length).toBeGreaterThanOrEqual(17);
  });

  it('notices a workflow that takes another step', async () => {
    const errors = await replay(histories, code.replaceAll('collectGeneration', 'fetchGeneration'));
    expect(errors.get('openai-in-the-background')).toBeInstanceOf(DeterminismViolationError);
    expect(errors.get('cancelled-in-collect')).toBeInstanceOf(DeterminismViolationError);
    expect(errors.get('local')).toBeUndefined();
  });

  it('notices a ping that asks for something else', async () => {
    const errors = await replay(histories, code.replace('const { ping } =', 'const { pong: ping } ='));
    expect(errors.get('ping')).toBeInstanceOf(DeterminismViolationError);
    expect(errors.get('ping-unanswered')).toBeInstanceOf(DeterminismViolationError);
    expect(errors.get('local')).toBeUndefined();
  });

  it('notices a history that this workflow did not write', async () => {
    const [local] = histories.filter(({ workflowId }) => workflowId === 'local');
    const text = local?.text.replaceAll('"storeOutputs"', '"keepOutputs"') ?? '';
    expect(text).not.toBe(local?.text);
    const errors = await replay([{ workflowId: 'local', text }]);
    expect(errors.get('local')).toBeInstanceOf(DeterminismViolationError);
  });

  it('no history tells of the machine that recorded it', async () => {
    const home = process.env['HOME'] ?? '/home';
    for (const { workflowId, text } of histories) {
      const telling = decoded(JSON.parse(text)).filter((one) => one.includes(home) || /sk-[a-z]/.test(one));
      expect({ workflowId, telling }).toEqual({ workflowId, telling: [] });
    }
  });
});

/** Every text, and those in payloads, which are base64. */
function decoded(value: unknown): string[] {
  if (typeof value === 'string') return [value, Buffer.from(value, 'base64').toString('utf8')];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(decoded);
}
