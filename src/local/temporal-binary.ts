import { access, constants, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';
import { isRunning, thisProcess } from '../blobs/process-identity.js';
import type { Settings } from '../config.js';
import { JobFailure } from '../contract/errors.js';
import type { Logger } from '../log.js';
import { claimFile, releaseClaim, writeWhole, type Claim } from './claim.js';
import { downloadRelease } from './download.js';
import { goInstall } from './go-install.js';
import { progressSchema, type Progress } from './protocol.js';
import { minorOf, PINNED_CLI_VERSION, PINNED_SERVER_MINOR, readTemporalVersion, type TemporalVersion } from './temporal-version.js';
import { makeFolder } from '../blobs/make-folder.js';

export interface TemporalBinary {
  path: string;
  version: TemporalVersion;
}

export interface FindOptions {
  settings: Settings;
  /** Already cleaned: it is given to Go and searched for PATH. */
  env: NodeJS.ProcessEnv;
  logger: Logger;
  onProgress: (progress: Progress) => void;
  /** A sentence that a person should see. */
  onMessage: (message: string) => void;
  signal: AbortSignal;
}

/** Who downloads or builds now, and how far it is. */
const makerSchema = z.object({
  pid: z.int(),
  host: z.string(),
  start: z.string(),
  progress: progressSchema.optional(),
});

type Maker = z.infer<typeof makerSchema>;

/** GUI programs pass a PATH of four system folders, so these are looked through as well. */
const USUAL_FOLDERS = [
  '/usr/local/bin',
  '/opt/homebrew/bin',
  join(homedir(), '.temporalio', 'bin'),
  join(homedir(), 'go', 'bin'),
  join(homedir(), '.local', 'bin'),
];

/**
 * The temporal program: TEMPORAL_CLI, the pinned version in the cache, one of the same server minor that is installed,
 * the official release, a build with Go. A step that fails is logged with its reason and the next is tried;
 * when none is left, one TEMPORAL_UNAVAILABLE names all five. Only one process downloads or builds at a time.
 */
export async function findTemporalBinary(options: FindOptions): Promise<TemporalBinary> {
  const { settings, logger } = options;
  const pinned = pinnedPath(settings);
  const failures: string[] = [];
  const failed = (step: string, reason: string): void => {
    failures.push(`${step}: ${reason}`);
    logger.info({ step, reason }, 'No Temporal server from this step');
    if (step === 'TEMPORAL_CLI' && settings.TEMPORAL_CLI !== undefined) options.onMessage(`TEMPORAL_CLI was passed over: ${reason}.`);
  };
  const ready = await installedTemporal({
    ...options,
    onFailed: failed,
    onOther: ({ path, version }) => logger.info({ path, server: version.server }, 'A temporal program of another version was passed over'),
  });
  if (ready) return ready.binary;
  try {
    await makeFolder(settings.cacheDir, 0o700);
    await access(settings.cacheDir, constants.W_OK);
  } catch {
    failed('downloading and building', `the cache folder ${settings.cacheDir} cannot be written`);
    return refuse(failures);
  }
  return await alone(options, async (onProgress) => {
    // Whoever was waited for may have made it.
    const made = await usable(pinned).catch(() => undefined);
    await removeRemains(settings.cacheDir);
    return made ?? (await make(pinned, { ...options, onProgress }, failed)) ?? refuse(failures);
  });
}

export interface LookOptions extends Pick<FindOptions, 'settings' | 'env'> {
  /** Why a step gave nothing, in a few words. */
  onFailed?: (step: string, reason: string) => void;
  /** An installed program whose server is of another minor. */
  onOther?: (other: TemporalBinary) => void;
}

/** The program where it is there already, and the step that finds it: nothing is downloaded or built. */
export async function installedTemporal(options: LookOptions): Promise<{ step: string; binary: TemporalBinary } | undefined> {
  const { settings, env, onFailed: failed = () => undefined, onOther = () => undefined } = options;
  const named = settings.TEMPORAL_CLI;
  for (const [step, path] of [['TEMPORAL_CLI', named], ['the cache', pinnedPath(settings)]] as const) {
    try {
      if (path === undefined) throw new Error('not set');
      return { step, binary: await usable(path) };
    } catch (error) {
      failed(step, wordsOf(error));
    }
  }
  const folders = [...new Set([...(env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== ''), ...USUAL_FOLDERS])];
  for (const folder of folders) {
    const found = await usable(join(folder, 'temporal')).catch(() => undefined);
    if (found && minorOf(found.version.server) === PINNED_SERVER_MINOR) return { step: 'an installed one', binary: found };
    if (found) onOther(found);
  }
  failed('an installed one', `no temporal program with server ${PINNED_SERVER_MINOR} on PATH or in ${USUAL_FOLDERS.join(', ')}`);
  return undefined;
}

function pinnedPath({ cacheDir }: Settings): string {
  return join(cacheDir, `temporal-v${PINNED_CLI_VERSION}`, 'temporal');
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function make(
  pinned: string,
  options: FindOptions,
  failed: (step: string, reason: string) => void,
): Promise<TemporalBinary | undefined> {
  const { settings, env, onProgress, signal } = options;
  const step = 'downloading the Temporal server';
  onProgress({ step, percent: 0 });
  try {
    return await install(pinned, settings, (folder) =>
      downloadRelease({
        baseUrl: settings.IMAGE_TEMPORAL_DOWNLOAD_URL,
        folder,
        onPercent: (percent) => onProgress({ step, percent: Math.floor(percent) }),
      }),
    );
  } catch (error) {
    failed(`the release ${PINNED_CLI_VERSION}`, wordsOf(error));
  }
  try {
    return await install(pinned, settings, (folder) => goInstall({ env, folder, onProgress, signal }));
  } catch (error) {
    failed('go install', wordsOf(error));
  }
  return undefined;
}

/** Makes the program in a folder of its own and moves it into the cache only when it runs and is the right one. */
async function install(pinned: string, settings: Settings, produce: (folder: string) => Promise<string>): Promise<TemporalBinary> {
  const folder = await mkdtemp(join(settings.cacheDir, 'making-'));
  try {
    const made = await usable(await produce(folder));
    if (minorOf(made.version.server) !== PINNED_SERVER_MINOR) throw new Error(`it holds server ${made.version.server}`);
    await makeFolder(join(pinned, '..'), 0o700);
    await rename(made.path, pinned);
    return { path: pinned, version: made.version };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Folders of makers that were killed; whoever is alone may remove them. */
async function removeRemains(cacheDir: string): Promise<void> {
  for (const name of await readdir(cacheDir)) {
    if (name.startsWith('making-')) await rm(join(cacheDir, name), { recursive: true, force: true });
  }
}

async function usable(path: string): Promise<TemporalBinary> {
  return { path, version: await readTemporalVersion(path) };
}

/** Runs the work in one process at a time; the others show its progress and run theirs when it has ended or died. */
async function alone<T>(options: FindOptions, work: (onProgress: (progress: Progress) => void) => Promise<T>): Promise<T> {
  const claim: Claim<Maker> = { path: join(options.settings.cacheDir, 'making.json'), schema: makerSchema };
  const self: Maker = await thisProcess();
  for (;;) {
    const result = await claimFile(claim, self, async (owner) => owner.host === self.host && (await isRunning(owner)));
    if (!result.claimed) {
      if (result.owner.progress) options.onProgress(result.owner.progress);
      await delay(500, undefined, { signal: options.signal });
      continue;
    }
    let writing = Promise.resolve();
    let writtenAt = 0;
    try {
      return await work((progress) => {
        options.onProgress(progress);
        if (Date.now() - writtenAt < 500) return;
        writtenAt = Date.now();
        writing = writing.then(() => writeWhole(claim.path, { ...self, progress })).catch(() => undefined);
      });
    } finally {
      await writing;
      await releaseClaim(claim, (content) => content.pid === self.pid && content.start === self.start);
    }
  }
}

function refuse(failures: readonly string[]): never {
  throw new JobFailure({
    code: 'TEMPORAL_UNAVAILABLE',
    message: `No Temporal server can be had; tried ${failures.map((words, index) => `(${index + 1}) ${words}`).join('; ')}.`,
    nextStep:
      `Do one of these and try again: connect to the internet; install Go 1.25 or newer; install the Temporal CLI ${PINNED_CLI_VERSION} ` +
      'and set TEMPORAL_CLI to its path; or set TEMPORAL_ADDRESS to a Temporal server that runs elsewhere.',
  });
}
