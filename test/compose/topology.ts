import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as z from 'zod';
import { startFakeOpenAi, type FakeOpenAi } from '../support/fake-openai.js';
import { makeBox, type Box } from '../support/e2e.js';
import { prepare, ROOT, type Machine } from './machine.js';

const exec = promisify(execFile);
const SECRETS = { POSTGRES_PASSWORD: 'postgres-of-the-test', S3_ACCESS_KEY: 'compose-access', S3_SECRET_KEY: 'compose-secret' };

/** The unchanged docker-compose.yml of this project, running for real, with a provider of ours that its workers can reach. */
export interface Topology {
  fake: FakeOpenAi;
  /** For a stdio server on this machine, as the README says. */
  clientEnv: Record<string, string>;
  /** A place for such servers. */
  box: Box;
  compose(...args: string[]): Promise<string>;
  docker(...args: string[]): Promise<string>;
  up(workers: number): Promise<void>;
  /** Containers of a service, by id. */
  containers(service: string): Promise<string[]>;
  /** Builds the worker anew as another version, and replaces the running ones by it. */
  deploy(version: string): Promise<void>;
  /** Undefined: Docker's own default. */
  dockerHost: string | undefined;
  close(): Promise<void>;
}

export async function startTopology(): Promise<Topology> {
  const machine: Machine = await prepare();
  const folder = await mkdtemp(join(tmpdir(), 'compose-'));
  const fake = await startFakeOpenAi({});
  const docker = async (...args: string[]): Promise<string> => (await exec('docker', args, { env: machine.env, maxBuffer: 1e8 })).stdout;
  // Of the default bridge, where containers of every network find this machine.
  const [, gateway] = /inet ([\d.]+)\//.exec((await exec('ip', ['-4', 'addr', 'show', 'docker0'])).stdout) ?? [];
  if (gateway === undefined) throw new Error('Docker has no bridge docker0');
  const door = await forwarder(gateway, Number(new URL(fake.url).port));
  const envFile = join(folder, 'env');
  const lines = { ...SECRETS, OPENAI_API_KEY: 'test-key', OPENAI_BASE_URL: `http://${gateway}:${door.port}/v1`, IMAGE_LOG_LEVEL: 'info' };
  await writeFile(envFile, Object.entries(lines).map(([name, value]) => `${name}=${value}\n`).join(''));
  const compose = async (...args: string[]): Promise<string> => {
    const all = ['--project-name', 'durable-image-mcp-test', '--file', join(ROOT, 'docker-compose.yml'), '--env-file', envFile, ...args];
    const { stdout } = await exec(machine.compose, all, { env: machine.env, maxBuffer: 1e8 });
    return stdout;
  };
  const clientEnv = {
    TEMPORAL_ADDRESS: '127.0.0.1:7233',
    IMAGE_BLOB_STORE: 's3://images/store',
    AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:7070',
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: SECRETS.S3_ACCESS_KEY,
    AWS_SECRET_ACCESS_KEY: SECRETS.S3_SECRET_KEY,
  };
  const box = await makeBox({ ...clientEnv, IMAGE_REFERENCE_ROOTS: join(ROOT, 'examples/references') });
  return {
    fake,
    clientEnv,
    box,
    compose,
    docker,
    async up(workers) {
      try {
        await compose('up', '--detach', '--build', '--wait', '--wait-timeout', '300', '--scale', `worker=${workers}`);
      } catch (error) {
        throw new Error(await compose('logs', '--tail', '20'), { cause: error });
      }
    },
    containers: async (service) => (await compose('ps', '--quiet', service)).split('\n').filter((id) => id !== ''),
    async deploy(version) {
      const context = join(folder, `build-${version}`);
      for (const name of ['package.json', 'package-lock.json', '.npmrc', 'tsconfig.json', 'tsconfig.build.json', 'Dockerfile', '.dockerignore', 'scripts', 'src', 'assets', 'schemas']) {
        await cp(join(ROOT, name), join(context, name), { recursive: true });
      }
      const manifest = z.looseObject({ version: z.string() }).parse(JSON.parse(await readFile(join(context, 'package.json'), 'utf8')));
      await writeFile(join(context, 'package.json'), JSON.stringify({ ...manifest, version }, null, 2));
      await docker('build', '--quiet', '--tag', 'durable-image-mcp:0.1.0', context);
      await compose('up', '--detach', '--no-build', '--no-deps', '--wait', '--scale', 'worker=2', 'worker');
    },
    dockerHost: machine.env['DOCKER_HOST'],
    async close() {
      await box.close();
      await compose('down', '--volumes', '--timeout', '30').catch(() => undefined);
      door.server.close();
      await fake.close();
      await rm(folder, { recursive: true, force: true });
      await machine.close();
    },
  };
}

/** The fake listens on loopback, which containers cannot reach. */
async function forwarder(host: string, port: number): Promise<{ server: Server; port: number }> {
  const server = createServer((from) => {
    const to = connect(port, '127.0.0.1');
    from.pipe(to).pipe(from);
    for (const socket of [from, to]) socket.on('error', () => [from, to].forEach((each) => each.destroy()));
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { server, port: address.port };
}
