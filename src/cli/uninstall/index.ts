import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readSettings, type Settings } from '../../config.js';
import { JobFailure } from '../../contract/errors.js';
import { LocalStack } from '../../local/stack-client.js';
import { createLogger } from '../../log.js';
import { commandFor } from '../../own-command.js';
import { contains } from '../../references/folders.js';
import { VERSION } from '../../version.js';
import { canAsk, confirm } from '../ask.js';
import { EXIT, print, printJson, tell } from '../output.js';
import { plain } from '../plain.js';
import { inBytes } from '../units.js';
import { findCache, removeCache, type BinaryCache } from './cache.js';
import { examine, realOf, refuseForeign, storeFolderOf, type DataFolder } from './folder.js';
import { findPictures, refusePicturesInside, type Pictures } from './pictures.js';
import { endEverything, type Place } from './processes.js';
import { explained, removeDataFolder, sizeOf } from './remove.js';

export interface UninstallOptions {
  yes: boolean;
  /** The binary cache goes as well, without asking. */
  cache: boolean;
  json: boolean;
}

interface Part {
  path: string;
  size_bytes: number;
}

/** What is left afterwards, for a person to know of. */
interface Remainder {
  path: string;
  why: string;
  pictures?: number;
}

/**
 * Ends everything of the data folder, shows what goes and what stays, asks, and removes it; then, asked for by itself, the
 * shared binary cache. Pictures in the save folders stay. Exit code 1 when the answer is no.
 */
export async function uninstall(env: NodeJS.ProcessEnv, options: UninstallOptions): Promise<number> {
  const settings = readSettings(env);
  try {
    return await uninstallFolder(settings, options);
  } catch (error) {
    throw explained(error, settings.dataDir);
  }
}

async function uninstallFolder(settings: Settings, { yes, cache: cacheToo, json }: UninstallOptions): Promise<number> {
  const folder = await examine(settings);
  const pictures = await findPictures(settings);
  if (folder) await refuseForeign(folder, await refusePicturesInside(folder.real, pictures));
  if (folder && !yes && !canAsk()) throw needsYes(settings);

  const place = { path: settings.dataDir, real: folder?.real ?? settings.dataDir, isDefault: settings.IMAGE_DATA_DIR === undefined };
  const clients = folder ? await clientsOf(settings) : 0;
  await endEverything(place);
  const parts = folder ? await partsOf(folder) : [];
  const stays = await remaindersOf(settings, folder, pictures);

  for (const line of overview(settings, folder, parts, pictures, stays, clients)) tell(line);
  if (folder) {
    if (!yes && !(await confirm(plain(`Remove ${folder.path} and everything in it?`)))) {
      if (json) printJson({ ok: false, state: 'kept', data_dir: folder.path });
      tell('Nothing was removed; the local stack starts again with the next job.');
      return EXIT.failed;
    }
    await removeUnlessRestarted(folder, place, settings);
  }
  // One inside the data folder has gone with it.
  const cache = await findCache(settings.cacheDir);
  const cacheRemoved = cache !== undefined && (await removeCacheIfWanted(cache, cacheToo, settings));
  if (json) {
    printJson({
      ok: true,
      state: 'removed',
      data_dir: settings.dataDir,
      removed: parts,
      stays,
      ...(cache ? { cache: { path: cache.path, size_bytes: cache.sizeBytes, removed: cacheRemoved } } : {}),
    });
  } else {
    print(plain(folder ? `Removed ${folder.path}.` : `There is no data folder ${settings.dataDir}.`));
    if (cache && cacheRemoved) print(plain(`Removed ${cache.path}.`));
  }
  return EXIT.done;
}

function needsYes(settings: Settings): JobFailure {
  return new JobFailure({
    code: 'INVALID_ARGUMENT',
    message: 'There is no terminal to ask on, and --yes was not given; nothing was ended or removed.',
    nextStep: `To remove ${settings.dataDir} without being asked: ${commandFor(settings, ['uninstall', '--yes'])}`,
  });
}

/** Connected MCP clients; none when no stack runs. */
async function clientsOf(settings: Settings): Promise<number> {
  const stack = new LocalStack({ settings, version: VERSION, logger: createLogger('silent', 'cli') });
  const { clients } = await stack.state();
  return clients;
}

async function partsOf({ real }: DataFolder): Promise<Part[]> {
  const names = (await readdir(real)).toSorted();
  return await Promise.all(names.map(async (name) => ({ path: join(real, name), size_bytes: await sizeOf(join(real, name)) })));
}

/** Save folders, and what the settings have put elsewhere. */
async function remaindersOf(settings: Settings, folder: DataFolder | undefined, { folders }: Pictures): Promise<Remainder[]> {
  const isOutside = async (path: string): Promise<boolean> => {
    const real = await realOf(path);
    return real !== undefined && (folder === undefined || !contains(folder.real, real));
  };
  const stays: Remainder[] = [];
  for (const { path, pictures } of folders) if (await isOutside(path)) stays.push({ path, why: 'save folder', pictures });
  const store = storeFolderOf(settings.blobStore);
  if (settings.IMAGE_BLOB_STORE !== undefined && (store === undefined || (await isOutside(store)))) {
    stays.push({ path: store ?? 'the store of IMAGE_BLOB_STORE', why: 'blob store, which others may use' });
  }
  if (await isOutside(settings.credentialsFile)) stays.push({ path: settings.credentialsFile, why: 'credentials file' });
  return stays;
}

function overview(
  settings: Settings,
  folder: DataFolder | undefined,
  parts: readonly Part[],
  { jobs, running, onlyInStore }: Pictures,
  stays: readonly Remainder[],
  clients: number,
): string[] {
  const lines: string[] = [];
  if (folder) {
    const total = parts.reduce((sum, part) => sum + part.size_bytes, 0);
    lines.push(`To be removed: ${folder.path}${folder.path === folder.real ? '' : ` (${folder.real})`}, ${inBytes(total)}`);
    lines.push(...parts.map(({ path, size_bytes }) => `  ${inBytes(size_bytes).padStart(11)}  ${path}`));
    if (jobs > 0) lines.push(`What it knows of ${count(jobs, 'job')} goes with it.`);
    if (running > 0) lines.push(`${count(running, 'job')} had not ended; what was ordered for them may still be charged.`);
    const storeGoes = stays.every(({ why }) => !why.startsWith('blob store'));
    if (onlyInStore > 0 && storeGoes) lines.push(`${count(onlyInStore, 'picture')} of it can be found only in its store, not in a save folder, and will be gone.`);
    if (clients > 0) lines.push(`${count(clients, 'MCP client')} used it, and would make it again with the next job: take the server out of their configuration.`);
  }
  if (settings.remote) lines.push(`Jobs in the Temporal of TEMPORAL_ADDRESS or TEMPORAL_PROFILE stay there.`);
  if (stays.length > 0) lines.push('Stays:');
  for (const { path, why, pictures } of stays) {
    lines.push(`  ${path} (${why}${pictures === undefined ? '' : `, with ${count(pictures, 'picture')} of these jobs`})`);
  }
  return lines.map(plain);
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

const TRIES = 3;

/** An MCP client may have started the stack again while the question stood. */
async function removeUnlessRestarted(folder: DataFolder, place: Place, settings: Settings): Promise<void> {
  for (let left = TRIES; left > 0; left--) {
    await endEverything(place);
    if (await removeDataFolder(folder)) return;
  }
  throw new JobFailure({
    code: 'INVALID_STATE',
    message: `The local stack of ${folder.path} is started again and again by an MCP client; nothing was removed.`,
    nextStep: `End the MCP clients that use this folder, then call it again: ${commandFor(settings, ['uninstall'])}`,
  });
}

async function removeCacheIfWanted(cache: BinaryCache, wanted: boolean, settings: Settings): Promise<boolean> {
  const what = plain(`The cached Temporal program ${cache.path} (${inBytes(cache.sizeBytes)}), which other data folders may use,`);
  if (cache.maker !== undefined) {
    tell(`${what} stays: process ${cache.maker} is making it.`);
    return false;
  }
  const agreed = wanted || (canAsk() && (await confirm(`${what} can be fetched again. Remove it?`)));
  if (agreed) await removeCache(cache);
  else tell(`${what} stays. To remove it: ${commandFor(settings, ['uninstall', '--yes', '--cache'])}`);
  return agreed;
}
