import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { compareVersions } from '../../local/compare-versions.js';
import { isExecutable } from '../../local/executable.js';
import type { Check, Machine } from '../context.js';
import { ok, warning, type Finding } from '../finding.js';
import { LEAST_NODE } from './node-version.js';

/** What a desktop session gives to programs that no shell has started. */
const SESSION_PATHS: Partial<Record<NodeJS.Platform, readonly string[]>> = {
  darwin: ['/usr/bin', '/bin', '/usr/sbin', '/sbin'],
  linux: ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'],
};

/** A client with a window starts its servers with the PATH of the desktop session, which has no Node of a version manager. */
export const windowPath: Check<Machine> = {
  id: 'window-path',
  area: 'This machine',
  look: async ({ platform }) => await lookAtFolders(SESSION_PATHS[platform] ?? []),
};

/** The finding for these folders as the PATH. */
export async function lookAtFolders(folders: readonly string[]): Promise<Finding[]> {
  if (folders.length === 0) return [];
  const found = await firstNode(folders);
  const version = found && (await versionOf(found));
  if (found && version !== undefined && compareVersions(version, LEAST_NODE) >= 0) {
    return [ok('window-path', `MCP clients with a window find Node ${version} as ${found}.`)];
  }
  const what = found ? `find Node ${version ?? 'of an unknown version'} as ${found}, which is too old` : `find no node in ${folders.join(', ')}`;
  const program = fileURLToPath(new URL('../../cli.js', import.meta.url));
  const block = `"command": ${JSON.stringify(process.execPath)}, "args": [${JSON.stringify(program)}]`;
  return [warning('window-path', `MCP clients with a window ${what}.`, `Give the path of node in the client's configuration: ${block}`)];
}

async function firstNode(folders: readonly string[]): Promise<string | undefined> {
  for (const folder of folders) {
    const candidate = join(folder, 'node');
    if (await isExecutable(candidate)) return candidate;
  }
  return undefined;
}

async function versionOf(node: string): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)(node, ['--version'], { timeout: 5_000, env: {} });
    return /^v(\d+\.\d+\.\d+)/.exec(stdout)?.[1];
  } catch {
    return undefined;
  }
}
