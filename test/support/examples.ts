import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Run } from './e2e.js';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const PAGE = join(ROOT, 'docs', 'other-languages.md');

/**
 * The folder of a user who has the examples and, as `npm install` leaves it, the package. Kept between runs for its
 * Python environment: installing what the examples need takes far longer than the examples.
 */
export async function examplesFolder(): Promise<string> {
  const [python] = await Promise.all([
    needs('python3', ['-c', 'import ensurepip, platform, venv; print(platform.python_version())'], 'Python 3.10 or newer with venv'),
    needs('go', ['version'], 'Go'),
    needs('npx', ['--version'], 'npx'),
  ]);
  const folder = join(tmpdir(), `durable-image-mcp-examples-${userInfo().uid}-${python}`);
  await mkdir(join(folder, 'node_modules'), { recursive: true, mode: 0o700 });
  const link = join(folder, 'node_modules', 'durable-image-mcp');
  await rm(link, { force: true });
  await symlink(ROOT, link);
  for (const name of await readdir(join(ROOT, 'examples'))) {
    const copy = join(folder, 'examples', name);
    if (name !== 'python') await rm(copy, { recursive: true, force: true });
    await cp(join(ROOT, 'examples', name), copy, { recursive: true, filter: (path) => !path.endsWith('.venv') });
  }
  return folder;
}

async function needs(program: string, args: readonly string[], what: string): Promise<string> {
  return await new Promise((resolve, reject) => {
    execFile(program, [...args], (error, stdout) => {
      if (error === null) resolve(stdout.trim());
      else reject(new Error(`The examples cannot be tested without ${what}: install it so that ${program} is found on the PATH.`));
    });
  });
}

/** What pip, Go and npm read, and nothing that the product reads: no key of this environment is ever used. */
const TOOLS = /^(HOME|PIP_\w+|GO[A-Z]+|npm_config_\w+|NODE_EXTRA_CA_CERTS|SSL_CERT_\w+|(https?|no)_proxy)$/i;

export function toolEnvironment(): Record<string, string> {
  return Object.fromEntries(Object.entries(process.env).flatMap(([name, value]) => (value !== undefined && TOOLS.test(name) ? [[name, value]] : [])));
}

/** The commands that the page gives under a name, by `<!-- run: name -->`. */
export async function commandsOf(name: string): Promise<string> {
  const page = await readFile(PAGE, 'utf8');
  const found = page.split(`<!-- run: ${name} -->\n\`\`\`sh\n`)[1]?.split('\n```')[0];
  if (found === undefined) throw new Error(`${PAGE} has no commands for ${name}`);
  return found;
}

/** Runs them as a person would paste them. Installing for the first time takes minutes. */
export async function paste(commands: string, cwd: string, env: Record<string, string>): Promise<Run> {
  return await new Promise((resolve) => {
    execFile('/bin/sh', ['-e', '-c', commands], { cwd, env, timeout: 540_000, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : null, stdout, stderr });
    });
  });
}
