import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { isExecutable } from './executable.js';
import { spawnGuarded } from './guarded-process.js';
import type { Progress } from './protocol.js';
import { PINNED_CLI_VERSION } from './temporal-version.js';

const MODULE = 'github.com/temporalio/cli';
/** `go list -deps ./cmd/temporal` of the pinned version, standard library included. */
const PACKAGES = 1300;
/** Measured on two cores with empty caches (research: 285 s). */
const EXPECTED_SECONDS = 285;
/** The pinned module is a megabyte: whoever has a network has it by then, and it needs none when it is cached. */
const PROBE_MS = 20_000;
const GO_FOLDERS = ['/usr/local/go/bin', '/opt/homebrew/bin', '/usr/local/bin', '/usr/lib/go/bin', '/snap/bin', join(homedir(), 'go', 'bin')];

export interface GoInstallOptions {
  env: NodeJS.ProcessEnv;
  /** An empty folder of ours. */
  folder: string;
  onProgress: (progress: Progress) => void;
  signal: AbortSignal;
}

/** Builds the pinned version from its module. Returns the path of the program; throws an Error in one short sentence. */
export async function goInstall(options: GoInstallOptions): Promise<string> {
  const go = await findGo(options.env['PATH'] ?? '');
  if (go === undefined) throw new Error(`there is no Go on PATH, nor in ${GO_FOLDERS.join(', ')}`);
  const bin = join(options.folder, 'bin');
  await mkdir(bin);
  const env = {
    ...options.env,
    GOBIN: bin,
    GOWORK: 'off',
    GO111MODULE: 'on',
    // A person's own flags, of `go env -w` too, would be used otherwise; -mod=vendor cannot install.
    GOFLAGS: '-mod=mod',
  };
  await probe(go, env);
  const lines: string[] = [];
  const progress = startProgress(options.onProgress);
  const build = await spawnGuarded(go, ['install', '-v', `${MODULE}/cmd/temporal@v${PINNED_CLI_VERSION}`], {
    env,
    output(line) {
      lines.push(line);
      if (lines.length > 20) lines.shift();
      progress.line(line);
    },
  });
  const stop = (): void => void build.stop();
  options.signal.addEventListener('abort', stop, { once: true });
  const how = await build.ended;
  options.signal.removeEventListener('abort', stop);
  progress.end();
  if (how !== 'exit code 0') throw new Error(`go install ended with ${how}: ${lines.at(-1) ?? 'no output'}`);
  return join(bin, 'temporal');
}

/** The Go on this PATH or in the usual folders. */
export async function findGo(path: string): Promise<string | undefined> {
  for (const folder of [...path.split(delimiter), ...GO_FOLDERS]) {
    const candidate = join(folder, 'go');
    if (folder !== '' && (await isExecutable(candidate))) return candidate;
  }
  return undefined;
}

/** Says quickly, and in Go's own way through its proxies and caches, whether the module can be had. */
async function probe(go: string, env: NodeJS.ProcessEnv): Promise<void> {
  try {
    await promisify(execFile)(go, ['mod', 'download', `${MODULE}@v${PINNED_CLI_VERSION}`], { env, cwd: '/', timeout: PROBE_MS });
  } catch (error) {
    const words = error instanceof Error && 'stderr' in error ? String(error.stderr).trim().split('\n').at(-1) : '';
    throw new Error(`Go cannot get the module: ${words === '' || words === undefined ? 'no answer' : words}`, { cause: error });
  }
}

interface BuildProgress {
  line(line: string): void;
  end(): void;
}

/**
 * Go prints "go: downloading …" and then each package that it compiles. What its cache holds is not printed, and linking
 * the program, about a minute, prints nothing: so the time counts too, and the larger share of the two is told.
 */
function startProgress(onProgress: (progress: Progress) => void): BuildProgress {
  const since = Date.now();
  let packages = 0;
  const tell = (): void => {
    const elapsed = (Date.now() - since) / 1000;
    const share = Math.min(Math.max(packages / PACKAGES, elapsed / EXPECTED_SECONDS), 0.99);
    const left = packages / PACKAGES > 0.2 ? (elapsed * PACKAGES) / packages - elapsed : EXPECTED_SECONDS - elapsed;
    onProgress({
      step: 'building the Temporal server with Go',
      percent: Math.floor(share * 100),
      seconds_left: Math.ceil(Math.max(left, 15)),
    });
  };
  const timer = setInterval(tell, 1000);
  tell();
  return {
    line(line) {
      if (/^[\w.~-]+(?:\/[\w.~-]+)*$/.test(line.trim())) packages += 1;
    },
    end: () => clearInterval(timer),
  };
}
