import { lstat, readdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, relative, resolve, sep } from 'node:path';
import * as z from 'zod';
import { jsonOrUndefined } from '../../blobs/json-documents.js';
import { expandHome, type Settings } from '../../config.js';
import { JobFailure } from '../../contract/errors.js';
import { exportName } from '../../images/export-image.js';
import { shellWord } from '../../own-command.js';
import { contains } from '../../references/folders.js';
import { shown } from '../../references/shown.js';
import { realOf, storeFolderOf } from './folder.js';

/** What a manifest says of its pictures. Any version may have written it, so only this much is read of it. */
const manifestSchema = z.looseObject({
  job_id: z.string(),
  state: z.string().catch(''),
  input: z
    .looseObject({
      basename: z.string().optional().catch(undefined),
      save_dir: z.string().optional().catch(undefined),
      frozen: z.looseObject({ save_dir: z.string().optional().catch(undefined) }).optional().catch(undefined),
    })
    .catch({}),
  record: z
    .looseObject({
      result: z.looseObject({ saved: z.array(z.looseObject({ sha256: z.string(), mime_type: z.string() })).catch([]) }).optional().catch(undefined),
    })
    .optional()
    .catch(undefined),
});

export interface SaveFolder {
  path: string;
  /** Of this data folder's jobs. */
  pictures: number;
}

export interface Pictures {
  /** Those that are there. */
  folders: SaveFolder[];
  jobs: number;
  running: number;
  /** Pictures that are in the store and not, or not any more, in their save folder. */
  onlyInStore: number;
}

/** Where the pictures of a data folder's jobs lie: by the manifests of its store, and by the settings. */
export async function findPictures(settings: Settings): Promise<Pictures> {
  const counts = new Map<string, number>([settings.saveRoot, settings.saveDir].map((path) => [path, 0]));
  const found: Pictures = { folders: [], jobs: 0, running: 0, onlyInStore: 0 };
  for await (const { job_id: jobId, state, input, record } of manifestsOf(settings)) {
    if (state === 'deleted') continue;
    found.jobs += 1;
    if (state === 'accepted') found.running += 1;
    const saved = record?.result?.saved ?? [];
    const folder = input.frozen?.save_dir ?? resolve(settings.saveDir, expandHome(input.save_dir ?? ''));
    for (const image of saved) {
      if (await isThere(join(folder, exportName(jobId, input.basename, image)))) counts.set(folder, (counts.get(folder) ?? 0) + 1);
      else found.onlyInStore += 1;
    }
  }
  for (const [path, pictures] of counts) if (await isThere(path)) found.folders.push({ path, pictures });
  return found;
}

/**
 * INVALID_STATE when a save folder lies in the data folder and holds files. Gives the names in the data folder that lead to
 * such folders without any: they may go.
 */
export async function refusePicturesInside(real: string, { folders }: Pictures): Promise<ReadonlySet<string>> {
  const names = new Set<string>();
  for (const { path } of folders) {
    const folder = await realOf(path);
    if (folder === undefined || folder === real || !contains(real, folder)) continue;
    const [name = ''] = relative(real, folder).split(sep);
    if (await holdsFile(join(real, name))) throw picturesInside(folder, real);
    names.add(name);
  }
  return names;
}

function picturesInside(folder: string, real: string): JobFailure {
  const target = join(homedir(), 'Pictures', 'from-durable-image-mcp');
  return new JobFailure({
    code: 'INVALID_STATE',
    message: `Pictures are saved in ${shown(folder)}, inside the data folder ${shown(real)}, and would go with it; nothing was removed.`,
    nextStep: `Move them elsewhere first, for instance: mkdir -p ${shellWord(dirname(target))} && mv ${shellWord(folder)} ${shellWord(target)}`,
  });
}

async function* manifestsOf({ blobStore }: Settings): AsyncIterable<z.output<typeof manifestSchema>> {
  const store = storeFolderOf(blobStore);
  if (store === undefined) return;
  const folder = join(store, 'manifests');
  for (const name of await readdir(folder).catch(() => [])) {
    const text = await readFile(join(folder, name), 'utf8').catch(() => '');
    const { data } = manifestSchema.safeParse(jsonOrUndefined(text));
    if (data) yield data;
  }
}

async function isThere(path: string): Promise<boolean> {
  return await lstat(path).then(
    () => true,
    () => false,
  );
}

/** Whatever is no folder counts, also a link. */
async function holdsFile(folder: string): Promise<boolean> {
  const entries = await readdir(folder, { withFileTypes: true });
  for (const entry of entries) {
    if (!entry.isDirectory() || (await holdsFile(join(folder, entry.name)))) return true;
  }
  return false;
}
