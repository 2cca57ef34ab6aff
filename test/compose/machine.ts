/**
 * What `npm run test:compose` needs and no registry of images gives: a Docker daemon (Debian's docker.io), Compose v2 from its Go module, and
 * stand-ins under the very names and tags that docker-compose.yml pins, made of Debian's packages, Go modules and the npm registry.
 * Kept in the cache folder, so that the second run takes minutes less. Needs root on a Debian machine with Go and Node.
 */
import { execFileSync, spawn, type ExecFileSyncOptions } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import envPaths from 'env-paths';
import * as z from 'zod';
import { temporalBinary } from '../support/temporal-binary.js';
import { versitygw, VERSITYGW_VERSION } from '../support/versitygw.js';

const here = fileURLToPath(new URL('.', import.meta.url));
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const cache = join(envPaths('durable-image-mcp', { suffix: '' }).cache, 'compose');
const SERVER = '1.29.1';
const UI = '2.42.1';
const NODE = '20.20.2';

const say = (line: string): void => void process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`);

function run(program: string, args: readonly string[], options: ExecFileSyncOptions = {}): string {
  return String(execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 1e8, ...options }) ?? '');
}

const has = (program: string): boolean => {
  try {
    run('sh', ['-c', `command -v ${program}`]);
    return true;
  } catch {
    return false;
  }
};

interface Daemon {
  /** For `docker` and Compose. */
  env: NodeJS.ProcessEnv;
  /** Stops the daemon if it is ours. */
  close(): Promise<void>;
}

export interface Machine extends Daemon {
  /** The path of Compose. */
  compose: string;
}

export async function prepare(): Promise<Machine> {
  mkdirSync(cache, { recursive: true });
  const missing = [has('dockerd') ? '' : 'docker.io', has('debootstrap') ? '' : 'debootstrap'].filter((name) => name !== '');
  if (missing.length > 0) {
    say(`installing ${missing.join(', ')} from Debian`);
    run('apt-get', ['update', '-qq']);
    run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing, 'iptables'], { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
  }
  const daemon = await dockerDaemon();
  try {
    const compose = buildCompose();
    await makeImages(daemon.env);
    return { ...daemon, compose };
  } catch (error) {
    await daemon.close();
    throw error;
  }
}

/** The daemon that runs, or one of our own on a socket of its own, which close() ends. */
async function dockerDaemon(): Promise<Daemon> {
  const answers = (env: NodeJS.ProcessEnv): boolean => {
    try {
      run('docker', ['info'], { env, stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  };
  if (answers(process.env)) return { env: process.env, close: () => Promise.resolve() };
  const folder = mkdtempSync(join(tmpdir(), 'dockerd-'));
  const host = `unix://${join(folder, 'docker.sock')}`;
  const log = openSync(join(folder, 'dockerd.log'), 'w');
  const args = ['-H', host, '--data-root', join(cache, 'docker'), '--exec-root', join(folder, 'exec'), '--pidfile', join(folder, 'pid')];
  const child = spawn('/usr/sbin/dockerd', args, { stdio: ['ignore', log, log] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const env = { ...process.env, DOCKER_HOST: host, DOCKER_BUILDKIT: '0', COMPOSE_BAKE: 'false' };
  for (let tries = 0; !answers(env); tries += 1) {
    if (child.exitCode !== null || tries > 300) throw new Error(`dockerd does not start:\n${readFileSync(join(folder, 'dockerd.log'), 'utf8').slice(-3000)}`);
    await delay(200);
  }
  say(`dockerd ${child.pid} at ${host}`);
  return {
    env,
    async close() {
      // Each build leaves the image before it, and its stages, without a name.
      run('docker', ['image', 'prune', '--force'], { env });
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Its module has exclude directives, which `go install` refuses; a module with it as its tool builds it. */
function buildCompose(): string {
  const { version } = /docker\/compose\/v2 v(?<version>\S+)/.exec(readFileSync(join(here, 'compose-tool/go.mod'), 'utf8'))?.groups ?? {};
  const path = join(cache, `docker-compose-v${version}`);
  if (!existsSync(path)) {
    say(`building Compose v${version} (about three minutes, once)`);
    run('go', ['build', '-o', path, 'github.com/docker/compose/v2/cmd'], { cwd: join(here, 'compose-tool'), env: { ...process.env, GOFLAGS: '-mod=mod', CGO_ENABLED: '0' } });
  }
  return path;
}

/** A program of a Go module, built once. */
function goProgram(name: string, packageAt: string, as = name): string {
  const path = join(cache, 'bin', as);
  if (existsSync(path)) return path;
  say(`building ${packageAt}`);
  const bin = mkdtempSync(join(cache, 'go-'));
  run('go', ['install', packageAt], { env: { ...process.env, GOBIN: bin, GOFLAGS: '-mod=mod', CGO_ENABLED: '0' } });
  mkdirSync(join(cache, 'bin'), { recursive: true });
  renameSync(join(bin, name), path);
  rmSync(bin, { recursive: true });
  return path;
}

/** The folder of a Go module of this version. */
function goModule(at: string): string {
  return z.object({ Dir: z.string() }).parse(JSON.parse(run('go', ['mod', 'download', '-json', at], { cwd: homedir() }))).Dir;
}

async function makeImages(env: NodeJS.ProcessEnv): Promise<void> {
  const isThere = (name: string): boolean => run('docker', ['images', '-q', name], { env }).trim() !== '';
  if (!isThere('stand-in-base:1')) makeBase(env);
  const image = (name: string, folder: string, fill: (context: string) => void): void => {
    if (isThere(name)) return;
    const context = mkdtempSync(join(tmpdir(), 'stand-in-'));
    try {
      cpSync(join(here, 'stand-ins', folder), context, { recursive: true });
      fill(context);
      // Programs and modules may be their owner's only; the users of the images are others.
      run('chmod', ['-R', 'u+rwX,a+rX', context]);
      say(`making the stand-in ${name}`);
      run('docker', ['build', '-q', '-t', name, context], { env });
    } finally {
      rmSync(context, { recursive: true, force: true });
    }
  };
  const put = (from: string, context: string, name: string): void => {
    cpSync(from, join(context, name), { recursive: true });
  };
  const gateway = await versitygw();
  const temporal = await temporalBinary();
  const server = goModule(`go.temporal.io/server@v${SERVER}`);
  image(`node:${NODE}-bookworm-slim`, 'node', (context) => {
    const packages = mkdtempSync(join(tmpdir(), 'node-'));
    run('npm', ['install', '--no-audit', '--no-fund', '--prefix', packages, `node@${NODE}`, 'npm@10'], { cwd: packages });
    put(join(packages, 'node_modules/node/bin/node'), context, 'node');
    put(join(packages, 'node_modules/npm'), context, 'npm');
    rmSync(packages, { recursive: true, force: true });
  });
  image('postgres:15.15-bookworm', 'postgres', (context) => chmodSync(join(context, 'docker-entrypoint.sh'), 0o755));
  image(`temporalio/server:${SERVER}`, 'temporal-server', (context) => {
    put(goProgram('server', `go.temporal.io/server/cmd/server@v${SERVER}`, 'temporal-server'), context, 'temporal-server');
    put(temporal, context, 'temporal');
    run('go', ['build', '-o', join(context, 'render'), '.'], { cwd: join(here, 'render'), env: { ...process.env, CGO_ENABLED: '0' } });
    put(join(server, 'config/dynamicconfig'), context, 'dynamicconfig');
    put(join(server, 'docker/config_template.yaml'), context, 'config_template.yaml');
    chmodSync(join(context, 'entrypoint.sh'), 0o755);
  });
  image(`temporalio/admin-tools:${SERVER}-tctl-1.18.4-cli-1.5.0`, 'temporal-admin-tools', (context) => {
    put(temporal, context, 'temporal');
    put(goProgram('sql', `go.temporal.io/server/cmd/tools/sql@v${SERVER}`, 'temporal-sql-tool'), context, 'temporal-sql-tool');
    put(join(server, 'schema'), context, 'schema');
  });
  image(`temporalio/ui:${UI}`, 'temporal-ui', (context) => {
    put(goProgram('server', `github.com/temporalio/ui-server/v2/cmd/server@v${UI}`, 'ui-server'), context, 'ui-server');
    put(join(goModule(`github.com/temporalio/ui-server/v2@v${UI}`), 'config/docker.yaml'), context, 'docker.yaml');
  });
  image(`versity/versitygw:v${VERSITYGW_VERSION}`, 'versitygw', (context) => put(gateway, context, 'versitygw'));
}

/** Debian with the packages that the images need, and the certificates of this machine, whose way to the registries may need them. */
function makeBase(env: NodeJS.ProcessEnv): void {
  say('making the base of the stand-ins with debootstrap');
  const folder = mkdtempSync(join(tmpdir(), 'base-'));
  try {
    const packages = 'ca-certificates,bash,wget,netcat-openbsd,postgresql-15';
    run('debootstrap', ['--variant=minbase', `--include=${packages}`, 'bookworm', folder, 'http://deb.debian.org/debian'], { stdio: ['ignore', 'ignore', 'inherit'] });
    cpSync('/etc/ssl/certs/ca-certificates.crt', join(folder, 'etc/ssl/certs/ca-certificates.crt'));
    run('sh', ['-c', `tar -C '${folder}' -c . | docker import --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' - stand-in-base:1`], { env });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
