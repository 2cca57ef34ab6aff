import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TEMPORARY } from './keys.js';
import { errnoOf } from './store-failure.js';

/** More folders than this are not remembered as safely on the disk. */
const REMEMBERED_FOLDERS = 10_000;

/**
 * Files in one folder tree that are complete or absent, also after a power cut: written beside, fsynced, put into place by
 * one call of the system, and the folder fsynced. Paths are relative to the root and trusted. Errors are the system's own.
 */
export class DurableFolder {
  readonly root: string;
  readonly #beforeNewFolder: () => Promise<void>;
  /** Folders whose own entries are known to be on the disk. */
  readonly #durable = new Set<string>();

  /** beforeNewFolder may refuse: it keeps a store that is not mounted from being begun anew in the empty mount point. */
  constructor(root: string, beforeNewFolder: () => Promise<void>) {
    this.root = root;
    this.#beforeNewFolder = beforeNewFolder;
  }

  path(relative: string): string {
    return join(this.root, relative);
  }

  /** Makes a folder and those above it (never the root); each entry is on the disk when this returns. */
  async ensure(folder: string): Promise<void> {
    const missing: string[] = [];
    for (let at = folder; at !== '.' && !this.#durable.has(at); at = dirname(at)) missing.unshift(at);
    if (missing.length === 0) return;
    await this.#beforeNewFolder();
    for (const each of missing) await makeFolder(this.path(each));
    // Another process may have made a folder and died before its fsync, so those that existed count as well.
    await Promise.all(missing.map((each) => this.sync(dirname(each))));
    if (this.#durable.size > REMEMBERED_FOLDERS) this.#durable.clear();
    for (const each of missing) this.#durable.add(each);
  }

  /** Looks at every folder again: somebody removed one. */
  forgetFolders(): void {
    this.#durable.clear();
  }

  /** A name for a new file in the folder of temporary files, which then exists. */
  async #temporaryName(): Promise<string> {
    await this.ensure(TEMPORARY);
    return `${TEMPORARY}/${randomUUID()}`;
  }

  /** Writes a temporary file, fsynced unless nobody relies on it, and gives its name. */
  async writeTemporary(bytes: Uint8Array, fsync = true): Promise<string> {
    const temporary = await this.#temporaryName();
    const file = await open(this.path(temporary), 'wx', 0o600);
    try {
      await file.writeFile(bytes);
      if (fsync) await file.sync();
    } catch (error) {
      await this.#discard(temporary);
      throw error;
    } finally {
      await file.close();
    }
    return temporary;
  }

  /** Removes a temporary file, if it is still there. */
  async #discard(temporary: string): Promise<void> {
    await unlessAbsent(unlink(this.path(temporary)));
  }

  /** Puts a temporary file into place unless the name is taken; either way the name's entry is on the disk afterwards. */
  async placeNew(temporary: string, relative: string): Promise<boolean> {
    let placed = true;
    try {
      await link(this.path(temporary), this.path(relative));
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') {
        await this.#discard(temporary);
        throw error;
      }
      placed = false;
    }
    // The second name of the file may stand a moment longer: nobody reads it.
    await Promise.all([this.#discard(temporary), this.sync(dirname(relative))]);
    return placed;
  }

  /** Puts a temporary file into place, over what is there. */
  async placeOver(temporary: string, relative: string): Promise<void> {
    await rename(this.path(temporary), this.path(relative));
    await this.sync(dirname(relative));
  }

  /** The same for what a power cut may take. */
  async placeLightly(temporary: string, relative: string): Promise<void> {
    await rename(this.path(temporary), this.path(relative));
  }

  /** Removes a file; false when there was none. */
  async remove(relative: string): Promise<boolean> {
    if (!(await removed(this.path(relative)))) return false;
    await this.sync(dirname(relative));
    return true;
  }

  /** Makes a folder's entries durable. */
  async sync(folder: string): Promise<void> {
    const handle = await open(this.path(folder), 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  /** Removes temporary files last written before then, the remains of killed processes, and gives their number. */
  async sweepTemporary(olderThan: Date): Promise<number> {
    let count = 0;
    for (const name of (await unlessAbsent(readdir(this.path(TEMPORARY)))) ?? []) {
      const path = this.path(`${TEMPORARY}/${name}`);
      const modified = (await unlessAbsent(stat(path)))?.mtime;
      if (modified !== undefined && modified < olderThan && (await removed(path))) count += 1;
    }
    return count;
  }
}

/** The value, or undefined when the file is not there. */
export async function unlessAbsent<T>(value: Promise<T>): Promise<T | undefined> {
  try {
    return await value;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function removed(path: string): Promise<boolean> {
  return (await unlessAbsent(unlink(path).then(() => true))) ?? false;
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
}
