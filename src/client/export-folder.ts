import type { Settings } from '../config.js';
import type { JobInput } from '../contract/input.js';
import { resolveSaveDir } from '../references/roots.js';
import { isSealed } from './seal.js';

export interface FolderContext {
  /** Of the data folder. */
  salt: Buffer;
  settings: Settings;
  /** Folders that the MCP client declares; none for a worker. */
  clientRoots: string[];
}

/**
 * The folder of a job's exported files. A sealed input names the one that its client allowed; the save_dir of any
 * other is checked against the roots of this process: PERMISSION_DENIED outside them.
 */
export async function exportFolder(jobId: string, input: JobInput, context: FolderContext): Promise<string> {
  const frozen = input.frozen?.save_dir;
  if (frozen !== undefined && isSealed(context.salt, jobId, input)) return frozen;
  return resolveSaveDir(input.save_dir, context.settings, context.clientRoots);
}
