import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Attempts, type AttemptRecord } from '../../src/blobs/attempts.js';
import type { BlobStore } from '../../src/blobs/blob-store.js';
import { Manifests } from '../../src/blobs/manifests.js';
import { openBlobStore } from '../../src/blobs/open-store.js';
import { startFakeOpenAi, type FakeOpenAi } from '../support/fake-openai.js';
import { startMcpServer, type Answer, type McpServer } from '../support/mcp-client.js';
import { CLI, endStack, logOf, runCli, runningPids, until, type StackPids } from '../support/stack-process.js';
import { temporalBinary } from '../support/temporal-binary.js';
import { startReferenceServer, type ReferenceServer } from './reference-server.js';

/** Seconds until the record of a lost reply is judged, and until a silent worker counts as dead. */
export const GIVES_UP_SECONDS = 6;
export const HEARTBEAT_SECONDS = 2;

/** Waits of minutes become seconds. Nothing else differs from what a user has. */
const SHORT_WAITS = {
  IMAGE_SUBMIT_TIMEOUT_SECONDS: String(GIVES_UP_SECONDS),
  IMAGE_SYNC_SUBMIT_TIMEOUT_SECONDS: String(GIVES_UP_SECONDS),
  IMAGE_SUBMIT_LISTEN_SECONDS: '60',
  IMAGE_SUBMIT_HEARTBEAT_SECONDS: String(HEARTBEAT_SECONDS),
  IMAGE_COLLECT_HEARTBEAT_SECONDS: String(HEARTBEAT_SECONDS),
  IMAGE_POLL_SECONDS: '0.2',
  IMAGE_RETRY_INITIAL_SECONDS: '0.2',
  IMAGE_RETRY_MAX_SECONDS: '1',
  IMAGE_WAITING_POLL_SECONDS: '0.5',
  // A run that was broken off leaves nothing behind for long.
  IMAGE_STACK_IDLE_MINUTES: '1',
};

/** The built product on a data folder of its own, and the outside world that it talks to, which is this process. */
export interface Scene {
  /** Everything that the product writes in this scene lies in it. */
  folder: string;
  dataDir: string;
  saveRoot: string;
  fake: FakeOpenAi;
  references: ReferenceServer;
  /** Read by this process from the files of the product. */
  store: BlobStore;
  manifests: Manifests;
  /** The jobs that were started, by their prompts. */
  jobs: Map<string, string>;
  /** Answers about a job that were no record of it. */
  refusals: string[];
  /** What may still hold a job when its row is over. */
  held: (() => Promise<void>)[];
  /** Lets go of all of it. */
  letGo(): Promise<void>;
  readonly mcp: McpServer;
  restartMcp(): Promise<void>;
  pids(): Promise<StackPids>;
  /** Starts a job by an `*_async` tool and gives its job_id. */
  submit(tool: string, args: { prompt: string } & Record<string, unknown>): Promise<string>;
  status(jobId: string): Promise<Answer>;
  ended(jobId: string): Promise<Answer>;
  records(jobId: string): Promise<AttemptRecord[]>;
  /** The logs of the stack and of the MCP servers, for a row that failed. */
  logs(): Promise<string>;
  /** `durable-image-mcp down`, after the MCP server is gone: it would start the stack again. */
  down(): Promise<void>;
  close(): Promise<void>;
}

/** `accounts`: keys and URLs of further providers; without, the one fake of this scene. */
export async function openScene(accounts: Record<string, string> = {}): Promise<Scene> {
  await temporalBinary();
  const folder = await mkdtemp(join(tmpdir(), 'durable-image-faults-'));
  const [dataDir, saveRoot] = [join(folder, 'data'), join(folder, 'pictures')];
  await mkdir(saveRoot);
  const [fake, references] = await Promise.all([startFakeOpenAi(), startReferenceServer()]);
  const env: Record<string, string> = {
    ...SHORT_WAITS,
    PATH: process.env['PATH'] ?? '',
    HOME: process.env['HOME'] ?? folder,
    ...(process.env['TEMPORAL_CLI'] === undefined ? {} : { TEMPORAL_CLI: process.env['TEMPORAL_CLI'] }),
    IMAGE_DATA_DIR: dataDir,
    IMAGE_SAVE_ROOT: saveRoot,
    IMAGE_LOG_LEVEL: 'info',
    IMAGE_ALLOW_PRIVATE_REFERENCE_URLS: '1',
    OPENAI_API_KEY: 'sk-canary-of-the-faults',
    OPENAI_BASE_URL: fake.url,
    ...accounts,
  };
  let mcpLog = '';
  const startMcp = (): Promise<McpServer> => startMcpServer(CLI, env, (text) => (mcpLog += text));
  let mcp = await startMcp();
  // The first start takes as long as it takes; from then on a call has to be answered.
  await until(async () => (await mcp.call('image_job_wait', { job_id: 'none' })).status === 'unknown', 'the first answer');
  const store = await openBlobStore(`file:${join(dataDir, 'store')}`);
  const attempts = new Attempts(store);
  const jobs = new Map<string, string>();

  const scene: Scene = {
    folder,
    dataDir,
    saveRoot,
    fake,
    references,
    store,
    manifests: new Manifests(store),
    jobs,
    refusals: [],
    held: [],
    async letGo() {
      fake.clearFaults();
      fake.release();
      references.release();
      for (const go of scene.held.splice(0)) await go();
    },
    get mcp() {
      return mcp;
    },
    async restartMcp() {
      await mcp.close();
      mcp = await startMcp();
    },
    pids: () => until(() => runningPids(dataDir), 'the stack with its three processes'),
    async submit(tool, args) {
      const jobId = await until(async () => {
        const answer = await mcp.call(tool, args);
        if (answer.ok) return answer.job_id;
        if (answer.error?.code !== 'STARTING') throw new Error(`${tool} was refused: ${JSON.stringify(answer)}`);
        return undefined;
      }, `the start of ${args.prompt}`);
      jobs.set(args.prompt, jobId);
      return jobId;
    },
    status: (jobId) => mcp.call('image_job_status', { job_id: jobId }),
    async ended(jobId) {
      return until(async () => {
        const answer = await mcp.call('image_job_wait', { job_id: jobId, timeout_seconds: 5 });
        if (answer.job_id === undefined) scene.refusals.push(JSON.stringify(answer));
        return answer.done ? answer : undefined;
      }, `the end of ${jobId}`);
    },
    records: (jobId) => attempts.list({ namespace: 'default', workflowId: jobId }),
    async logs() {
      const names = ['supervisor', 'temporal', 'worker'] as const;
      const logs = await Promise.all(names.map(async (name) => `--- ${name}\n${lastLines(await logOf(dataDir, name))}`));
      return [...logs, `--- mcp\n${lastLines(mcpLog)}`].join('\n');
    },
    async down() {
      await mcp.close();
      await runCli(['down'], env);
    },
    async close() {
      await scene.letGo();
      await mcp.close();
      await endStack(dataDir, env);
      await Promise.all([fake.close(), references.close()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
  return scene;
}

function lastLines(text: string): string {
  return text.split('\n').slice(-60).join('\n');
}
