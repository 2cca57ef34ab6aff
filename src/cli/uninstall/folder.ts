import { lstat, readdir, realpath } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, relative, sep } from 'node:path';
import { errnoOf } from '../../blobs/store-failure.js';
import { storeFolder } from '../../blobs/open-store.js';
import type { Settings } from '../../config.js';
import { JobFailure } from '../../contract/errors.js';
import { readClaim } from '../../local/claim.js';
import { compareVersions } from '../../local/compare-versions.js';
import { stackFileOf } from '../../local/control-client.js';
import { contains, isWideOrSystemFolder } from '../../references/folders.js';
import { shown } from '../../references/shown.js';
import { VERSION } from '../../version.js';

/** A data folder that is there and may be one of ours. */
export interface DataFolder {
  /** As it was named. */
  path: string;
  /** Without links: what is removed. */
  real: string;
  /** The names in it that are not of this program. */
  foreign: string[];
}

interface Kind {
  name: RegExp;
  /** Only a data folder has it. */
  marker?: true;
  /** It is a folder, and others have such folders too: whether a name in it is ours. */
  inside?: (name: string) => boolean;
}

const LOGS = /^(supervisor|temporal|worker)\.log(\.\d+)?$/;
const STORE = /^(store\.json|sha256|manifests|attempts|requests|accounts|limits|pace|pauses|doctor|tmp|locks|damaged|\..*)$/;

/** What the product puts into the folder for temporal programs. */
export const CACHE = /^(temporal-v[0-9.]+|making-.*|making\.json.*|(over|clock)-[0-9a-f-]{36})$/;

/** What the product puts into a data folder, with the drafts that a killed process leaves behind. */
const KINDS: readonly Kind[] = [
  { name: /^salt$/, marker: true },
  { name: /^(stack|database)\.json$/, marker: true },
  { name: /^temporal\.db/, marker: true },
  { name: /^(ports|stack|database)\.json(\.lock|\.[0-9a-f]{12})?$/ },
  { name: /^salt\.[0-9a-f]{16}$/ },
  { name: /^(over|clock)-[0-9a-f-]{36}$/ },
  { name: /^\.writable-[0-9a-f]{12}$/ },
  { name: /^credentials\.env$/ },
  { name: /^\.DS_Store$/ },
  { name: /^logs$/, marker: true, inside: (name) => LOGS.test(name) },
  { name: /^store$/, marker: true, inside: (name) => STORE.test(name) },
];

/** A first start that was cut short has made no more than these. */
const HARMLESS = /^(logs|store|\.writable-.*|\.DS_Store)$/;

/**
 * Looks at the data folder of the settings; undefined when there is none. INVALID_STATE when it is a folder that nobody
 * wants to lose as a whole, or does not look like one of ours.
 */
export async function examine(settings: Settings): Promise<DataFolder | undefined> {
  const { dataDir: path } = settings;
  const real = await realOf(path);
  if (real === undefined) {
    if (await isLink(path)) throw notOurs(path, 'is a link to what is not there');
    return undefined;
  }
  if (!(await lstat(real)).isDirectory()) throw notOurs(path, 'is no folder');
  const homes = [homedir(), (await realOf(homedir())) ?? homedir()];
  if (homes.some((home) => isWideOrSystemFolder(real, home)) || contains(real, workingFolder())) {
    throw notOurs(path, 'is the system’s, your home folder, the working folder, or one above them');
  }
  const entries = await readdir(real);
  const kinds = await Promise.all(entries.map((entry) => kindOf(real, entry, settings)));
  if (!kinds.includes('marker') && !entries.every((entry, at) => kinds[at] !== undefined && HARMLESS.test(entry))) {
    throw notOurs(path, 'does not look like a data folder of durable-image-mcp');
  }
  return { path, real, foreign: entries.filter((_, at) => kinds[at] === undefined) };
}

/** INVALID_STATE when the folder holds more than our own; `others` are names that are known to be empty. */
export async function refuseForeign({ path, real, foreign }: DataFolder, others: ReadonlySet<string>): Promise<void> {
  const left = foreign.filter((name) => !others.has(name));
  if (left.length === 0 || (await isOfNewerVersion(real))) return;
  const most = 10;
  const names = left.slice(0, most).map((name) => shown(name)).join(', ');
  throw new JobFailure({
    code: 'INVALID_STATE',
    message: `The data folder ${shown(path)} holds what is not of this program: ${names}${left.length > most ? ', …' : ''}; nothing was removed.`,
    nextStep: 'Move that elsewhere and call it again. If a newer version of this program has put it there, call that version’s uninstall.',
  });
}

async function kindOf(real: string, entry: string, settings: Settings): Promise<'marker' | 'plain' | undefined> {
  for (const { name, marker, inside } of KINDS) {
    if (!name.test(entry)) continue;
    if (!inside) return marker ? 'marker' : 'plain';
    const names = await namesIn(join(real, entry));
    if (names?.every(inside)) return names.length > 0 ? 'marker' : 'plain';
  }
  const path = join(real, entry);
  if (await leadsTo(storeFolderOf(settings.blobStore), path, (name) => STORE.test(name))) return 'marker';
  return (await leadsTo(settings.cacheDir, path, (name) => CACHE.test(name))) ? 'plain' : undefined;
}

/** A folder that the settings have put into the data folder: it is ours, and what leads to it holds nothing else. */
async function leadsTo(named: string | undefined, path: string, inside: (name: string) => boolean): Promise<boolean> {
  const folder = named === undefined ? undefined : await realOf(named);
  if (folder === undefined || !contains(path, folder)) return false;
  let at = path;
  for (const name of relative(path, folder).split(sep).filter((part) => part !== '')) {
    if ((await namesIn(at))?.join() !== name) return false;
    at = join(at, name);
  }
  return (await namesIn(folder))?.every(inside) ?? false;
}

/** A folder that was removed under our feet holds nothing. */
function workingFolder(): string {
  try {
    return process.cwd();
  } catch {
    return sep;
  }
}

/** Undefined for a store that is no folder. */
export function storeFolderOf(url: string): string | undefined {
  try {
    return storeFolder(url);
  } catch (error) {
    if (error instanceof JobFailure) return undefined;
    throw error;
  }
}

/** The path without links, or undefined when nothing is there. */
export async function realOf(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errnoOf(error) ?? '')) return undefined;
    throw error;
  }
}

/** Undefined for what is no folder, a link to one included. */
async function namesIn(path: string): Promise<string[] | undefined> {
  return (await lstat(path)).isDirectory() ? await readdir(path) : undefined;
}

async function isLink(path: string): Promise<boolean> {
  return await lstat(path).then(
    (stats) => stats.isSymbolicLink(),
    () => false,
  );
}

/** Its stack says so; a newer version may keep more there. */
async function isOfNewerVersion(real: string): Promise<boolean> {
  const file = await readClaim(stackFileOf(real));
  return file !== undefined && compareVersions(file.version, VERSION) > 0;
}

function notOurs(path: string, why: string): JobFailure {
  return new JobFailure({
    code: 'INVALID_STATE',
    message: `${shown(path)} ${why}; nothing was removed.`,
    nextStep: 'Name the data folder in IMAGE_DATA_DIR or with --data-dir.',
  });
}
