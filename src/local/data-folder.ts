import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile, realpath, unlink, writeFile } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { promisify } from 'node:util';
import { errnoOf } from '../blobs/store-failure.js';
import { JobFailure } from '../contract/errors.js';
import { makeFolder } from '../blobs/make-folder.js';

/** SQLite's write-ahead log needs memory that processes share, which these do not offer. */
const NETWORK_TYPES = /^(nfs\d?|cifs|smb\d?|smbfs|afpfs|webdav|9p|ceph|lustre|glusterfs|afs|fuse\.(sshfs|glusterfs|rclone|s3fs|davfs\d?|gcsfuse))$/;

/**
 * Makes the data folder, only ours to read, and gives its real path. One sentence and a remedy when it cannot be
 * written or lies on a network file system.
 */
export async function prepareDataFolder(dataDir: string): Promise<string> {
  let real: string;
  try {
    await makeFolder(join(dataDir, 'logs'), 0o700);
    real = await realpath(dataDir);
    const probe = join(real, `.writable-${randomBytes(6).toString('hex')}`);
    await writeFile(probe, '', { flag: 'wx', mode: 0o600 });
    await unlink(probe);
  } catch (error) {
    throw new JobFailure({
      code: 'STORE_UNAVAILABLE',
      message: `The data folder ${dataDir} cannot be written${because(errnoOf(error))}.`,
      nextStep: 'Make it writable for this user, or name another folder in IMAGE_DATA_DIR or with --data-dir.',
      cause: error,
    });
  }
  const type = await networkFileSystemOf(real);
  if (type !== undefined) {
    throw new JobFailure({
      code: 'STORE_UNAVAILABLE',
      message: `The data folder ${dataDir} lies on a network file system (${type}), where the local stack's database would be damaged.`,
      nextStep: 'Name a folder on a disk of this machine in IMAGE_DATA_DIR or with --data-dir, or set TEMPORAL_ADDRESS to a Temporal server.',
    });
  }
  return real;
}

/** Why a folder cannot be written, to be put behind "cannot be written". */
export function because(code: string | undefined): string {
  const reasons: Readonly<Record<string, string>> = {
    EACCES: ' by this user',
    EPERM: ' by this user',
    EROFS: ': its file system is read-only',
    ENOSPC: ': the disk is full',
    EDQUOT: ': the quota is used up',
    ENOTDIR: ': a part of its path is a file',
    EEXIST: ': a file has its name',
  };
  return code === undefined ? '' : (reasons[code] ?? ` (${code})`);
}

/** The type of the file system that holds a path, by a mount table as Linux (/proc/self/mounts) or macOS (mount) prints it. */
export function fileSystemOf(path: string, table: string): string | undefined {
  let best: { folder: string; type: string } | undefined;
  for (const line of table.split('\n')) {
    // Linux: "device folder type options"; macOS: "device on folder (type, options)".
    const match = / on (?<folder>\/.*) \((?<type>[^,)]+)/.exec(line) ?? /^\S+ (?<folder>\/\S*) (?<type>\S+) /.exec(line);
    const type = match?.groups?.['type'];
    // Spaces are written as \040.
    const folder = match?.groups?.['folder']?.replace(/\\(\d{3})/g, (_, code: string) => String.fromCharCode(parseInt(code, 8)));
    if (type === undefined || folder === undefined) continue;
    const inside = path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
    // A later mount over the same folder hides the earlier one.
    if (inside && folder.length >= (best?.folder.length ?? 0)) best = { folder, type };
  }
  return best?.type;
}

/** The type of the network file system that holds a real path, or undefined on a local one. */
export async function networkFileSystemOf(path: string, table = mountTable): Promise<string | undefined> {
  const type = fileSystemOf(path, await table());
  return type !== undefined && NETWORK_TYPES.test(type) ? type : undefined;
}

async function mountTable(): Promise<string> {
  if (process.platform === 'linux') return await readFile('/proc/self/mounts', 'utf8');
  return (await promisify(execFile)('/sbin/mount')).stdout;
}
