import { execFile } from 'node:child_process';
import { access, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import envPaths from 'env-paths';

const run = promisify(execFile);

/** The last of the line that EFLOWCODE's own server is written for. */
const CLIENT = 'mcp==1.30.0';

/** A Python with the MCP client of PyPI, installed once into the cache folder. */
export async function pythonWithMcp(): Promise<string> {
  const cache = envPaths('durable-image-mcp', { suffix: '' }).cache;
  const folder = join(cache, `test-python-${CLIENT.replace('==', '-')}`);
  const python = join(folder, 'bin', 'python');
  if (await exists(python)) return python;
  await mkdir(cache, { recursive: true });
  const partial = await mkdtemp(`${folder}.partial-`);
  try {
    await run('python3', ['-m', 'venv', partial]);
    await run(join(partial, 'bin', 'python'), ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', CLIENT], { timeout: 300_000 });
    // Another run may have been faster.
    await rename(partial, folder).catch(async (error: unknown) => {
      if (!(await exists(python))) throw error;
    });
    return python;
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
