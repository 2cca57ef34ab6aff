import { lstat, opendir, realpath, stat } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { basename, delimiter, dirname, isAbsolute, join, parse, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { distance } from 'fastest-levenshtein';
import { expandHome, type Settings } from '../config.js';
import { JobFailure } from '../contract/errors.js';
import { contains, isWideOrSystemFolder } from './folders.js';
import { shown } from './shown.js';

/** Where references may be read from. */
export interface ReferenceRoots {
  /** Absolute folders; everything below them may be read. */
  folders: readonly string[];
  /** What relative paths are relative to. */
  cwd: string;
}

export interface Surroundings {
  cwd: string;
  /** The roots that the MCP client declared, as paths or file:// URLs; none for a worker. */
  clientRoots: readonly string[];
  home?: string;
}

/**
 * IMAGE_REFERENCE_ROOTS when it is set, and nothing else then; by default home, the temp folders, the save root, the client's
 * roots, and the working folder unless that is a drive root, a system folder or a parent of home (GUI clients start in `/`).
 */
export function referenceRoots(
  settings: Pick<Settings, 'IMAGE_REFERENCE_ROOTS' | 'saveRoot'>,
  { cwd, clientRoots, home = homedir() }: Surroundings,
): ReferenceRoots {
  if (settings.IMAGE_REFERENCE_ROOTS !== undefined) {
    const given = settings.IMAGE_REFERENCE_ROOTS.split(delimiter).filter((folder) => folder.trim() !== '');
    return { folders: given.map((folder) => resolve(cwd, expandHome(folder.trim()))), cwd };
  }
  const folders = [tmpdir(), settings.saveRoot, ...clientFolders(clientRoots)];
  // macOS points TMPDIR elsewhere, and people say /tmp all the same.
  if (process.platform !== 'win32') folders.push('/tmp');
  // A service's home may be `/`.
  if (dirname(home) !== home) folders.push(home);
  if (!isWideOrSystemFolder(cwd, home)) folders.push(cwd);
  return { folders: [...new Set(folders)], cwd };
}

/** A client's root that is not a local folder (another scheme, another host) gives nothing. */
function clientFolders(clientRoots: readonly string[]): string[] {
  return clientRoots.flatMap((root) => {
    try {
      const folder = toLocalPath(root);
      return isAbsolute(folder) ? [folder] : [];
    } catch {
      return [];
    }
  });
}

/** What the systems take (PATH_MAX). Each segment of a path costs a look at the disk: one of megabytes would never end. */
const LONGEST_PATH = 4096;

/**
 * The local path of `~`, `~/x`, a file:// URL (host empty or localhost) or a path, which may stay relative.
 * @throws JobFailure INVALID_ARGUMENT; PERMISSION_DENIED for a Windows network path, whose mere look-up would send credentials.
 */
export function toLocalPath(given: string): string {
  if (given.length > LONGEST_PATH) throw invalid(`The path ${shown(given, 60)} has ${given.length} characters; ${LONGEST_PATH} is the most.`);
  const path = /^file:/i.test(given) ? pathOfFileUrl(given) : expandHome(given);
  if (path.includes('\0')) {
    throw invalid(`The path ${shown(given)} contains a NUL character.`);
  }
  if (process.platform === 'win32' && /^[\\/]{2}/.test(path)) {
    throw new JobFailure({
      code: 'PERMISSION_DENIED',
      message: `${shown(given)} is a network or device path.`,
      nextStep: 'Copy the file to a local folder and give that path.',
    });
  }
  return path;
}

function pathOfFileUrl(given: string): string {
  let url: URL;
  try {
    url = new URL(given);
  } catch {
    throw invalid(`${shown(given)} is not a valid file:// URL.`);
  }
  // The parser turns the host `localhost` into an empty one.
  if (url.hostname !== '') throw invalid(`${shown(given)} names a host; only files of this machine can be read.`);
  try {
    return fileURLToPath(url);
  } catch {
    throw invalid(`${shown(given)} is not a path of this machine.`);
  }
}

/**
 * The real path (no links left) of a reference inside the roots. Nothing is opened.
 * @throws JobFailure PERMISSION_DENIED outside the roots, whether or not it exists there; REFERENCE_UNREADABLE when missing inside
 *   them; INVALID_ARGUMENT for a path that is none.
 */
export async function resolveInsideRoots(given: string, roots: ReferenceRoots): Promise<string> {
  const [target, folders] = await Promise.all([canonical(resolve(roots.cwd, toLocalPath(given))), realFolders(roots.folders)]);
  if (!target || !folders.some((folder) => contains(folder, target.path))) {
    throw new JobFailure({
      code: 'PERMISSION_DENIED',
      message: `${shown(given)} is outside the folders that references may be read from.`,
      nextStep:
        'Copy the picture into one of them (server_info lists them), or add its folder to the setting IMAGE_REFERENCE_ROOTS and restart.',
    });
  }
  if (target.missing.length > 0) throw await missingFile(given, target);
  return target.path;
}

/**
 * The absolute folder for saved pictures. Not given: IMAGE_SAVE_DIR; relative: below IMAGE_SAVE_DIR. It need not exist yet.
 * @throws JobFailure PERMISSION_DENIED when it does not lie under the save root, IMAGE_SAVE_DIR or a client root.
 */
export async function resolveSaveDir(
  saveDir: string | undefined,
  settings: Pick<Settings, 'saveRoot' | 'saveDir'>,
  clientRoots: readonly string[],
): Promise<string> {
  const [target, allowed] = await Promise.all([
    canonical(saveDir === undefined ? settings.saveDir : resolve(settings.saveDir, toLocalPath(saveDir))),
    realFolders([settings.saveRoot, settings.saveDir, ...clientFolders(clientRoots)]),
  ]);
  if (!target || !allowed.some((folder) => contains(folder, target.path))) {
    throw new JobFailure({
      code: 'PERMISSION_DENIED',
      message: `save_dir ${shown(saveDir ?? settings.saveDir)} is outside the folders that pictures may be saved to.`,
      nextStep: `Leave save_dir out, give a folder below ${shown(settings.saveRoot)}, or change the setting IMAGE_SAVE_ROOT and restart.`,
    });
  }
  if (!(await stat(target.nearest)).isDirectory()) {
    throw invalid(`save_dir ${shown(saveDir ?? settings.saveDir)} runs through a file that is not a folder.`);
  }
  return target.path;
}

/** The real paths of folders, each once; one whose place nobody can say is left out. */
async function realFolders(folders: readonly string[]): Promise<string[]> {
  const real = await Promise.all([...new Set(folders)].map((folder) => canonical(folder)));
  return real.flatMap((folder) => (folder === undefined ? [] : [folder.path]));
}

interface CanonicalPath {
  /** The real path of what exists, and the missing segments as they were. */
  path: string;
  /** The part of it that exists. */
  nearest: string;
  missing: string[];
}

/** Undefined when the way leads over a link whose target is missing: where that ends, nobody can say. */
async function canonical(path: string): Promise<CanonicalPath | undefined> {
  const missing: string[] = [];
  for (let current = path; ; ) {
    try {
      const nearest = await realpath(current);
      return { path: join(nearest, ...missing), nearest, missing };
    } catch (error) {
      if (current === parse(current).root) throw error;
      if (await isLink(current)) return undefined;
      missing.unshift(basename(current));
      current = dirname(current);
    }
  }
}

async function isLink(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isSymbolicLink();
  } catch {
    return false;
  }
}

async function missingFile(given: string, target: CanonicalPath): Promise<JobFailure> {
  const similar = await similarName(target.nearest, target.missing[0] ?? '');
  return new JobFailure({
    code: 'REFERENCE_UNREADABLE',
    message: `${shown(given)} does not exist or may not be read.`,
    nextStep:
      similar === undefined
        ? 'Check the path; give an absolute one when in doubt.'
        : `Did you mean ${shown(join(target.nearest, similar))}?`,
  });
}

/** How many names of a folder are looked at for a suggestion. */
const NAMES = 2000;

async function similarName(folder: string, name: string): Promise<string | undefined> {
  let best: { name: string; away: number } | undefined;
  let seen = 0;
  try {
    for await (const entry of await opendir(folder)) {
      if (++seen > NAMES) break;
      const away = distance(entry.name.toLowerCase(), name.toLowerCase());
      if (away <= Math.max(2, name.length / 4) && (!best || away < best.away)) best = { name: entry.name, away };
    }
  } catch {
    // Not a folder, or not readable: no suggestion then.
  }
  return best?.name;
}

function invalid(message: string): JobFailure {
  return new JobFailure({
    code: 'INVALID_ARGUMENT',
    message,
    nextStep: 'Give a plain local path, for instance /home/me/cat.png or ~/cat.png.',
  });
}
