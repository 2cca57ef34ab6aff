import { readdir, readFile } from 'node:fs/promises';
import { dirname, relative } from 'node:path';
import { unlessAbsent, type DurableFolder } from './durable-folder.js';
import { TEMPORARY } from './keys.js';
import { makeFolder } from './make-folder.js';
import { newStoreFile, readStoreFile, STORE_FILE } from './store-file.js';
import { unavailable } from './store-failure.js';

/** The id of the store in a folder, or undefined when there is no store. */
export async function readStoreId(folder: DurableFolder): Promise<string | undefined> {
  const text = await unlessAbsent(readFile(folder.path(STORE_FILE), 'utf8'));
  return text === undefined ? undefined : readStoreFile(text, folder.path(STORE_FILE));
}

/** Opens the store of a folder, making it (owner-only) when the folder is absent or empty; several processes may do so at once. */
export async function openStoreId(folder: DurableFolder): Promise<string> {
  const known = await readStoreId(folder);
  if (known !== undefined) return known;
  const firstMade = await makeFolder(folder.root, 0o700);
  if (await isOccupied(folder.root)) {
    // Between the two looks another process may have made the store and begun to use it.
    const id = await readStoreId(folder);
    if (id !== undefined) return id;
    throw unavailable(
      `The folder ${folder.root} is not empty and has no ${STORE_FILE}, so it is no blob store, or a damaged one.`,
      `Restore ${STORE_FILE} from a backup, or name an empty folder in IMAGE_BLOB_STORE.`,
    );
  }
  const temporary = await folder.writeTemporary(newStoreFile());
  await folder.placeNew(temporary, STORE_FILE);
  if (firstMade !== undefined) await syncUpTo(folder, dirname(firstMade));
  const id = await readStoreId(folder);
  if (id === undefined) throw unavailable(`The blob store ${folder.root} was removed while it was opened.`, 'Start again.');
  return id;
}

/** What a new volume or an interrupted opening leaves behind does not count. */
async function isOccupied(root: string): Promise<boolean> {
  return (await readdir(root)).some((name) => !name.startsWith('.') && name !== TEMPORARY && name !== 'lost+found');
}

/** The folders that were made on the way to the root are entries of their parents. */
async function syncUpTo(folder: DurableFolder, top: string): Promise<void> {
  for (let at = dirname(folder.root); ; at = dirname(at)) {
    await folder.sync(relative(folder.root, at));
    if (at === top || at === dirname(at)) return;
  }
}
