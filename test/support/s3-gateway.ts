import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from './free-port.js';

/** A versitygw whose buckets are folders of `folder`, on a port that it keeps when it is started again. */
export interface S3Gateway {
  folder: string;
  port: number;
  /** Of the AWS SDK. */
  env: Record<string, string>;
  start(): Promise<void>;
  /** kill -9; resolves when the process is gone. */
  kill(): Promise<void>;
  close(): Promise<void>;
}

const KEYS = { access: 'test-access', secret: 'test-secret-of-the-gateway' };

export async function startS3Gateway(): Promise<S3Gateway> {
  const program = process.env['TEST_VERSITYGW'];
  if (program === undefined) throw new Error('TEST_VERSITYGW is set by the set-up of the jest project');
  const folder = await mkdtemp(join(tmpdir(), 's3-'));
  await mkdir(join(folder, 'data'));
  const port = await freePort();
  let child: ChildProcess | undefined;
  const gateway: S3Gateway = {
    folder: join(folder, 'data'),
    port,
    env: {
      AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${port}`,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: KEYS.access,
      AWS_SECRET_ACCESS_KEY: KEYS.secret,
    },
    async start() {
      const env = { PATH: process.env['PATH'], ROOT_ACCESS_KEY: KEYS.access, ROOT_SECRET_KEY: KEYS.secret };
      child = spawn(program, ['--quiet', '--keep-alive', '--port', `127.0.0.1:${port}`, 'posix', gateway.folder], { env, stdio: 'ignore' });
      await listening(port, child);
    },
    async kill() {
      if (!child || child.exitCode !== null || child.signalCode !== null) return;
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
    },
    async close() {
      await gateway.kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
  await gateway.start();
  return gateway;
}

async function listening(port: number, child: ChildProcess): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`versitygw ended with ${child.exitCode}`);
    const socket = connect(port, '127.0.0.1');
    const [answered] = await Promise.race([once(socket, 'connect').then(() => [true]), once(socket, 'error').then(() => [false])]).catch(() => [false]);
    socket.destroy();
    if (answered === true) return;
    await delay(20);
  }
}
