#!/usr/bin/env node
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import * as z from 'zod';
import { jobErrorSchema, jobRecordSchema, type JobRecord } from './contract/record.js';

/** The main job on real input, as an MCP client runs it: the three photographs of examples/references become one image. */

const REFERENCES = ['chelsea.png', 'coffee.png', 'rocket.jpg'];
const PROMPT = 'The cat of the first picture drinks the coffee of the second and watches the rocket of the third lift off.';

/** One call may hold this long; the client's own limit is above it. */
const WAIT_SECONDS = 25;

const answerSchema = z.object({ content: z.array(z.object({ type: z.string(), text: z.string().optional() })) });
const refusalSchema = z.object({
  error: jobErrorSchema.extend({
    step: z.string().optional(),
    percent: z.number().optional(),
    seconds_left: z.number().optional(),
  }),
});

type Answer = { record: JobRecord } | { refusal: z.infer<typeof refusalSchema>['error'] };

async function main(): Promise<number> {
  const client = new Client({ name: 'durable-image-mcp-demo', version: '1' });
  const cli = fileURLToPath(new URL('./cli.js', import.meta.url));
  const env = Object.fromEntries(Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
  await client.connect(new StdioClientTransport({ command: process.execPath, args: [cli, 'stdio'], env, stderr: 'inherit' }));
  try {
    return await run(client);
  } finally {
    await client.close();
  }
}

async function run(client: Client): Promise<number> {
  const references = REFERENCES.map((name) => fileURLToPath(new URL(`../examples/references/${name}`, import.meta.url)));
  say('calling image_multi_reference_async with three photographs');
  const started = await startWhenReady(client, { prompt: PROMPT, image_paths: references, size: '1024x1024' });
  if (!started) return 1;
  say(`job_id ${started.job_id} (${started.message})`);

  for (;;) {
    const waited = await call(client, 'image_job_wait', { job_id: started.job_id, timeout_seconds: WAIT_SECONDS });
    if ('refusal' in waited) return refused(waited.refusal);
    if (waited.record.done) break;
    say(`${waited.record.stage ?? 'running'}: ${waited.record.message}`);
    if (waited.record.stage === 'waiting_for_key') await sleep(5000);
  }
  const ended = await call(client, 'image_job_status', { job_id: started.job_id });
  return 'refusal' in ended ? refused(ended.refusal) : report(ended.record);
}

/** STARTING is the answer while the local stack is prepared for the first time; its progress is shown. */
async function startWhenReady(client: Client, args: Record<string, unknown>): Promise<JobRecord | undefined> {
  for (;;) {
    const answer = await call(client, 'image_multi_reference_async', args);
    if ('record' in answer) return answer.record;
    const { code, message, retry_after_seconds: pause = 2 } = answer.refusal;
    if (code !== 'STARTING') {
      refused(answer.refusal);
      return undefined;
    }
    say(message);
    await sleep(pause * 1000);
  }
}

async function call(client: Client, name: string, args: Record<string, unknown>): Promise<Answer> {
  const onprogress = ({ message }: { message?: string | undefined }): void => {
    if (message !== undefined) say(`  ${message}`);
  };
  const raw = await client.callTool({ name, arguments: args }, undefined, { timeout: (WAIT_SECONDS + 30) * 1000, onprogress });
  const text = answerSchema.parse(raw).content.find((block) => block.type === 'text')?.text ?? '{}';
  const value: unknown = JSON.parse(text);
  return raw['isError'] === true ? { refusal: refusalSchema.parse(value).error } : { record: jobRecordSchema.parse(value) };
}

function report(record: JobRecord): number {
  say(record.message);
  for (const image of record.result?.saved ?? []) {
    say(`image   ${image.path ?? image.uri}`);
    say(`        ${image.width}x${image.height} pixels, ${image.size_bytes} bytes`);
    say(`        SHA-256 ${image.sha256}`);
  }
  if (record.error) say(`${record.error.code}: ${record.error.message} Next: ${record.error.next_step}`);
  if (record.temporal?.ui_url !== undefined) say(`Web UI  ${record.temporal.ui_url}`);
  return record.status === 'completed' ? 0 : 1;
}

function refused(error: { code: string; message: string; next_step: string }): number {
  say(`${error.message} Next: ${error.next_step}`);
  return 1;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

process.exitCode = await main();
